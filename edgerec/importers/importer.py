"""Every way in: a source and its signature to a checked model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerec.backends.registry import BACKEND_NAMES
from edgerec.errors import InvalidInput, SignatureError, UnsupportedOperator
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.ids import table_rows
from edgerec.graph.load import parse_graph
from edgerec.graph.metadata import signature_of
from edgerec.importers.onnx import read_onnx
from edgerec.importers.parity import Definition, OnBackend, Parity, Source, check_parity
from edgerec.importers.pytorch import TorchSource, export_torch, is_torch
from edgerec.values.model import Model
from edgerec.values.signature import Arrays, Signature

__all__ = ["Imported", "import_checked", "import_model"]

SIZES = (1, None, 17)
"""Of free dimensions in the random requests of the parity check; None: each by chance."""
ONE_CODE = 0.05
"""Tolerance where the graph itself rounds: engines may differ by a code of uint8, carried on."""
ROUNDING = ("quantize", "qlinear", "nbits", "integer")
"""Parts of the names of operators that round, or let an engine round, activations."""
log = logging.getLogger("edgerec.importers")


@dataclass(frozen=True, slots=True)
class Imported:
    """A model and how far the backends are from its source."""

    model: Model
    parity: Parity


def import_model(
    source: Any,
    *,
    signature: Signature | None = None,
    name: str | None = None,
    example: Arrays | Sequence[Arrays] | None = None,
    tolerance: float = 1e-4,
) -> Model:
    """Bring a model in, and check that every backend computes what its source computes.

    Parameters
    ----------
    source : bytes, path, torch.nn.Module or torch.export.ExportedProgram
        ONNX as bytes or file (external data beside the file is read in), or PyTorch.
    signature : Signature, optional
        What its tensors mean. An ONNX file may carry one; a module cannot.
    name : str, optional
        The model's; by default the file's.
    example : inputs, or sequence of inputs, optional
        Requests to check parity on, besides random ones. Give one where the model refuses sizes
        that its signature allows: random ones that it refuses are left out.
    tolerance : float > 0
        Largest difference allowed, relative to the output's largest value (at least 1). At least
        0.05 where the graph itself rounds to uint8.

    Raises
    ------
    InvalidInput
        Not a model, one with external data elsewhere than beside it, or one that refuses an
        example.
    SignatureError
        No signature, or one that does not fit.
    ShapeError, ValueRangeError
        An example does not fit the signature.
    ParityError
        A backend disagrees with the source; the message names the first node that differs.
    UnsupportedOperator
        No backend runs it.
    MissingDependency
        The framework is not installed.

    Examples
    --------
    >>> model = import_model("ranker.onnx")  # doctest: +SKIP
    """
    return import_checked(
        source, signature=signature, name=name, example=example, tolerance=tolerance
    ).model


def import_checked(
    source: Any,
    *,
    signature: Signature | None = None,
    name: str | None = None,
    example: Arrays | Sequence[Arrays] | None = None,
    tolerance: float = 1e-4,
) -> Imported:
    """Bring a model in as :func:`import_model` does, and say what the parity check found."""
    rng = np.random.default_rng(0)
    examples = [example] if isinstance(example, Mapping) else list(example or ())
    framework = next((f for f in FRAMEWORKS if f.accepts(source)), None)
    if framework is None:
        raise InvalidInput(
            "a source is ONNX (bytes or a path), a torch.nn.Module or an ExportedProgram, got "
            f"{type(source).__name__}"
        )
    graph = framework.convert(source, signature, rng)
    model = Model(name or _name_of(source), graph, _signature(graph))
    for inputs in examples:
        model.signature.check(inputs)
    parity = check_parity(
        model,
        framework.origin(source, model),
        examples,
        guesses=_requests(model, rng),
        tolerance=max(tolerance, ONE_CODE) if _rounds(model) else tolerance,
    )
    log.info("%s: largest difference to %s %.2g", model.name, parity.source, parity.largest)
    return Imported(model, parity)


def _convert_onnx(source: Any, signature: Signature | None, _: np.random.Generator) -> bytes:
    return read_onnx(source, signature)


def _convert_torch(source: Any, signature: Signature | None, rng: np.random.Generator) -> bytes:
    if signature is None:
        raise SignatureError("a PyTorch module needs signature=: it says what its inputs mean")
    return export_torch(source, signature, random_inputs(signature, rng=rng))


def _defined(_: Any, model: Model) -> Source:
    """Take the definition of the operators; where ONNX cannot run them, the first backend."""
    try:
        return Definition(model.graph)
    except UnsupportedOperator:
        return OnBackend(BACKEND_NAMES[0], model)


def _is_onnx(source: object) -> bool:
    return isinstance(source, bytes | str | os.PathLike)


@dataclass(frozen=True, slots=True)
class Framework:
    """Where models come from: what is accepted, how it becomes a graph, what it is held against."""

    name: str
    accepts: Callable[[object], bool]
    convert: Callable[[Any, Signature | None, np.random.Generator], bytes]
    origin: Callable[[Any, Model], Source]


FRAMEWORKS = (
    Framework("onnx", _is_onnx, _convert_onnx, _defined),
    Framework(
        "pytorch", is_torch, _convert_torch, lambda source, m: TorchSource(source, m.signature)
    ),
)


def _requests(model: Model, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = table_rows(model.graph)
    free = {
        size for tensor in model.signature.inputs for size in tensor.shape if isinstance(size, str)
    }
    return [
        random_inputs(
            model.signature,
            rng=rng,
            sizes=None if size is None else dict.fromkeys(free, size),
            high=rows,
        )
        for size in SIZES
    ]


def _rounds(model: Model) -> bool:
    nodes = parse_graph(model.graph).graph.node
    return any(part in node.op_type.lower() for node in nodes for part in ROUNDING)


def _signature(graph: bytes) -> Signature:
    signature = signature_of(parse_graph(graph))
    if signature is None:
        raise SignatureError("the graph lost its signature")
    return signature


def _name_of(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        stem = Path(source).stem
    elif isinstance(source, bytes):
        stem = "model"
    else:
        stem = type(source).__name__
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem) or "model"
