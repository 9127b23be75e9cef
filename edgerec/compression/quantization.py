"""INT8 forms of a model, written by one writer for both backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgerec.compression.calibration import calibrate
from edgerec.compression.codes import weight_limit
from edgerec.compression.equalization import equalize
from edgerec.compression.naive_int8 import find_roundable, round_everything
from edgerec.compression.qdq import Rounding, require_opset
from edgerec.compression.sensitivity import Probe
from edgerec.compression.static_int8 import Product, find_products, round_products, spell_out_clips
from edgerec.compression.weight_int8 import (
    block_weights,
    compress_tables,
    compress_weights,
    find_tables,
)
from edgerec.errors import UnsupportedOperator, ValueRangeError
from edgerec.graph.editor import Editor
from edgerec.values.model import Model
from edgerec.values.plan import Precision
from edgerec.values.signature import Arrays

__all__ = ["QuantizationReport", "Quantized", "quantize", "quantize_reported"]

LEAST_OUTPUTS = 32
WEIGHT_FORMS: Mapping[str, Callable[[Editor, Sequence[Product]], None]] = {
    "onnxruntime": block_weights,
    "openvino": compress_weights,
}
"""How each backend wants weights that are stored as int8."""


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """What was rounded, and what it did to the outputs on the calibration requests.

    Parameters
    ----------
    precision : Precision
    rounded : tuple of str
        Names of the nodes that compute in the new form.
    size_bytes : tuple of int
        Before and after.
    error : float
        Root mean square difference of the outputs relative to their spread, on ONNX Runtime.
    largest_error : float
        Largest difference of one output value, relative to the largest value.
    """

    precision: Precision
    rounded: tuple[str, ...]
    size_bytes: tuple[int, int]
    error: float
    largest_error: float

    def __str__(self) -> str:
        return (
            f"{self.precision.value}: {len(self.rounded)} nodes; {self.size_bytes[0]:,} → "
            f"{self.size_bytes[1]:,} bytes; the outputs moved by {self.error:.2%} of their spread"
        )


@dataclass(frozen=True, slots=True)
class Quantized:
    """The rounded model and the report."""

    model: Model
    report: QuantizationReport


def quantize(
    model: Model,
    calibration: Sequence[Arrays],
    *,
    precision: Precision | str,
    backend: str = "onnxruntime",
    seven_bit: bool = True,
    exclude: frozenset[str] = frozenset(),
    least_outputs: int = LEAST_OUTPUTS,
) -> Model:
    """Write a model's INT8 form.

    Parameters
    ----------
    model : Model
        FP32, opset 13 or later.
    calibration : sequence of inputs
        Single requests to measure activations on; at least one. Weight-only forms ignore them.
    precision : Precision or str
        ``INT8``, or ``"int8"``: products with stored weights take uint8 activations (one range a
        tensor) and int8 weights (one scale an output), summed in int32. ``WEIGHT_INT8``: weights
        and embedding tables int8, activations as the engine likes. ``INT8_ALL``: everything, one
        scale a tensor.
    backend : str
        Where it will run. ``INT8`` and ``INT8_ALL`` are the same for both.
    seven_bit : bool
        Weight codes of ``INT8`` in [-63, 63]: right on CPUs with and without VNNI.
    exclude : frozenset of str
        Names of nodes to leave in FP32.
    least_outputs : int >= 1
        Products with fewer outputs stay in FP32: rounding their inputs costs more than integers
        save. Not for ``INT8_ALL``.

    Returns
    -------
    Model
        Deterministic: the same arguments give the same bytes. A row's answer does not depend on
        the rows beside it nor on padding, bit by bit where everything that is rounded depends on
        the row alone and FP32 products are not among it; else within the engine's FP32 rounding,
        carried through one code of an activation at most.

    Raises
    ------
    UnsupportedOperator
        Nothing in the graph can take this form, or its opset is too old.
    ValueRangeError
        No requests, an activation that is not finite, an unknown backend or precision, FP32.
    """
    settings = _Settings(backend, weight_limit(seven_bit), exclude, least_outputs)
    return _write(model, calibration, Precision.parse(precision), settings)[0]


def quantize_reported(
    model: Model,
    calibration: Sequence[Arrays],
    *,
    precision: Precision | str,
    backend: str = "onnxruntime",
    seven_bit: bool = True,
    exclude: frozenset[str] = frozenset(),
    least_outputs: int = LEAST_OUTPUTS,
) -> Quantized:
    """Write a model's INT8 form as :func:`quantize` does, and measure what it did."""
    precision = Precision.parse(precision)
    settings = _Settings(backend, weight_limit(seven_bit), exclude, least_outputs)
    rounded, nodes = _write(model, calibration, precision, settings)
    probe = Probe(model, calibration)
    return Quantized(
        rounded,
        QuantizationReport(
            precision=precision,
            rounded=nodes,
            size_bytes=(model.size_bytes, rounded.size_bytes),
            error=probe.perturbation(rounded),
            largest_error=probe.largest(rounded),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    backend: str
    limit: int
    exclude: frozenset[str]
    least_outputs: int


def _write(
    model: Model, calibration: Sequence[Arrays], precision: Precision, settings: _Settings
) -> tuple[Model, tuple[str, ...]]:
    if settings.backend not in WEIGHT_FORMS:
        known = ", ".join(WEIGHT_FORMS)
        raise ValueRangeError(f"no backend {settings.backend!r}; use one of {known}")
    require_opset(Editor(model.graph))
    if precision is Precision.INT8:
        rounded, nodes = _static(model, calibration, settings)
    elif precision is Precision.WEIGHT_INT8:
        rounded, nodes = _weights(model, settings)
    elif precision is Precision.INT8_ALL:
        rounded, nodes = _everything(model, calibration)
    else:
        raise ValueRangeError(f"nothing to round in {precision.value}")
    if not nodes:
        raise UnsupportedOperator(
            f"model {model.name!r} has nothing that is worth storing as {precision.value}"
        )
    return rounded, nodes


def _static(
    model: Model, calibration: Sequence[Arrays], settings: _Settings
) -> tuple[Model, tuple[str, ...]]:
    def products_of(graph: bytes) -> tuple[Product, ...]:
        return find_products(Editor(graph), settings.exclude, least_outputs=settings.least_outputs)

    even = equalize(model, products_of(model.graph), calibration, settings.limit)
    products = products_of(even.graph)
    ranges = calibrate(even, [product.tensor for product in products], calibration)
    editor = Editor(even.graph)
    round_products(editor, products, Rounding(editor, ranges), settings.limit)
    spell_out_clips(editor, products)
    return replace(model, graph=editor.finish()), tuple(product.node for product in products)


def _weights(model: Model, settings: _Settings) -> tuple[Model, tuple[str, ...]]:
    editor = Editor(model.graph)
    products = find_products(editor, settings.exclude, least_outputs=settings.least_outputs)
    tables = find_tables(editor, settings.exclude)
    nodes = (*(product.node for product in products), *(table.name for table in tables))
    WEIGHT_FORMS[settings.backend](editor, products)
    compress_tables(editor, tables)
    return replace(model, graph=editor.finish()), nodes


def _everything(model: Model, calibration: Sequence[Arrays]) -> tuple[Model, tuple[str, ...]]:
    editor = Editor(model.graph)
    nodes = round_everything(editor, calibrate(model, find_roundable(editor), calibration))
    return replace(model, graph=editor.finish()), nodes
