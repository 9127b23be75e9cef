"""INT8 forms of a model, written by one writer for both backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgerec.compression.calibration import calibrate
from edgerec.compression.codes import weight_limit
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
    precision: Precision,
    backend: str = "onnxruntime",
    seven_bit: bool = True,
    exclude: frozenset[str] = frozenset(),
) -> Model:
    """Write a model's INT8 form.

    Parameters
    ----------
    model : Model
        FP32, opset 13 or later.
    calibration : sequence of inputs
        Single requests to measure activations on; at least one. Weight-only forms ignore them.
    precision : Precision
        ``INT8``: products with stored weights take uint8 activations (one range a tensor) and int8
        weights (one scale an output), summed in int32. ``WEIGHT_INT8``: weights and embedding
        tables int8, activations as the engine likes. ``INT8_ALL``: everything, one scale a tensor.
    backend : str
        Where it will run. ``INT8`` and ``INT8_ALL`` are the same for both.
    seven_bit : bool
        Weight codes of ``INT8`` in [-63, 63]: right on CPUs with and without VNNI.
    exclude : frozenset of str
        Names of nodes to leave in FP32.

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
        No requests, an activation that is not finite, an unknown backend, FP32.
    """
    return _write(model, calibration, precision, backend, seven_bit, exclude)[0]


def quantize_reported(
    model: Model,
    calibration: Sequence[Arrays],
    *,
    precision: Precision,
    backend: str = "onnxruntime",
    seven_bit: bool = True,
    exclude: frozenset[str] = frozenset(),
) -> Quantized:
    """Write a model's INT8 form as :func:`quantize` does, and measure what it did."""
    rounded, nodes = _write(model, calibration, precision, backend, seven_bit, exclude)
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


def _write(
    model: Model,
    calibration: Sequence[Arrays],
    precision: Precision,
    backend: str,
    seven_bit: bool,
    exclude: frozenset[str],
) -> tuple[Model, tuple[str, ...]]:
    if backend not in WEIGHT_FORMS:
        raise ValueRangeError(f"no backend {backend!r}; use one of {', '.join(WEIGHT_FORMS)}")
    editor = Editor(model.graph)
    require_opset(editor)
    if precision is Precision.INT8:
        rounded = _static(editor, model, calibration, exclude, weight_limit(seven_bit))
    elif precision is Precision.WEIGHT_INT8:
        rounded = _weights(editor, exclude, WEIGHT_FORMS[backend])
    elif precision is Precision.INT8_ALL:
        rounded = round_everything(editor, calibrate(model, find_roundable(editor), calibration))
    else:
        raise ValueRangeError(f"nothing to round in {precision.value}")
    if not rounded:
        raise UnsupportedOperator(
            f"model {model.name!r} has nothing that can be stored as {precision.value}"
        )
    return replace(model, graph=editor.finish()), rounded


def _static(
    editor: Editor,
    model: Model,
    calibration: Sequence[Arrays],
    exclude: frozenset[str],
    limit: int,
) -> tuple[str, ...]:
    products = find_products(editor, exclude)
    ranges = calibrate(model, [product.tensor for product in products], calibration)
    round_products(editor, products, Rounding(editor, ranges), limit)
    spell_out_clips(editor, products)
    return tuple(product.node for product in products)


def _weights(
    editor: Editor, exclude: frozenset[str], write: Callable[[Editor, Sequence[Product]], None]
) -> tuple[str, ...]:
    products, tables = find_products(editor, exclude), find_tables(editor, exclude)
    write(editor, products)
    compress_tables(editor, tables)
    return (*(product.node for product in products), *(table.name for table in tables))
