"""Parity: what was imported computes what its source computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.errors import BackendError, InvalidInput, ParityError, UnsupportedOperator
from edgerec.graph.editor import Editor
from edgerec.graph.exposure import expose
from edgerec.graph.load import parse_graph
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["Definition", "OnBackend", "Parity", "Source", "check_parity", "difference"]


class Source(Protocol):
    """What a model was before it was imported."""

    name: str

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by the signature's names; InvalidInput where it refuses these."""
        ...


@dataclass(frozen=True, slots=True)
class Parity:
    """How far each backend is from the source.

    ``differences`` holds the largest relative difference of each backend that runs the model,
    ``unsupported`` the reason of each that does not.
    """

    source: str
    requests: int
    differences: Mapping[str, float]
    unsupported: Mapping[str, str] = field(default_factory=dict)

    @property
    def largest(self) -> float:
        """Largest relative difference over the backends."""
        return max(self.differences.values())


class Definition:
    """An ONNX graph by the definition of its operators: ONNX's own evaluator, in NumPy.

    Raises
    ------
    UnsupportedOperator
        The evaluator lacks an operator, or this version of it.
    """

    name = "onnx"

    def __init__(self, graph: bytes) -> None:
        model = parse_graph(graph)
        self._outputs = [value.name for value in model.graph.output]
        try:
            self._evaluator = ReferenceEvaluator(model)
        except RuntimeError as error:  # NotImplementedError is one
            raise UnsupportedOperator(f"ONNX's evaluator: {error}") from error

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by name; InvalidInput where the definition has no answer."""
        try:
            with np.errstate(all="ignore"):  # some operators compute branches they do not take
                values = self._evaluator.run(None, dict(inputs))
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise InvalidInput(f"ONNX's evaluator refuses a request: {error}") from error
        return dict(zip(self._outputs, values, strict=True))


class OnBackend:
    """A model as one backend runs it: the source where nothing else can run it."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self._model = model

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by name."""
        (found,) = _run(self.name, self._model, [inputs])
        return found


def check_parity(
    model: Model,
    source: Source,
    requests: Sequence[Arrays],
    *,
    guesses: Sequence[Arrays] = (),
    tolerance: float,
) -> Parity:
    """Run ``source`` and the model on every backend, and compare.

    Parameters
    ----------
    model : Model
    source : Source
    requests : sequence of inputs
    guesses : sequence of inputs
        Requests that nobody vouches for: those that the source refuses are left out, such as a
        sequence that is longer than its table of positions.
    tolerance : float > 0
        Largest relative difference allowed; see :func:`difference`.

    Raises
    ------
    InvalidInput
        The source refuses one of ``requests``, or all there are.
    ParityError
        A backend differs by more; the message names the first node that does.
    UnsupportedOperator
        No backend runs the model.
    """
    requests, wanted = _answered(source, requests, guesses)
    differences: dict[str, float] = {}
    unsupported: dict[str, str] = {}
    for name in BACKEND_NAMES:
        try:
            found = _run(name, model, requests)
        except BackendError as error:
            unsupported[name] = str(error)
            continue
        pairs = zip(requests, wanted, found, strict=True)
        worst = [(difference(want, have), inputs) for inputs, want, have in pairs]
        differences[name], inputs = max(worst, key=lambda pair: pair[0])
        if not differences[name] <= tolerance:
            raise _diverged(name, model, source, inputs, differences[name], tolerance)
    if not differences:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unsupported.items())
        raise UnsupportedOperator(f"no backend runs model {model.name!r}. {reasons}")
    return Parity(source.name, len(requests), differences, unsupported)


def difference(wanted: Arrays, found: Arrays) -> float:
    """Find the largest difference over all outputs, relative to the largest value (at least 1).

    Infinite where shapes or the places of NaN differ.
    """
    return max(_difference(wanted[name], found[name]) for name in wanted)


def _difference(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    if wanted.shape != found.shape:
        return float("inf")
    if not np.array_equal(np.isfinite(wanted), np.isfinite(found)):
        return float("inf")
    finite = np.isfinite(wanted)
    want, have = wanted[finite].astype(np.float64), found[finite].astype(np.float64)
    largest = float(np.abs(want).max(initial=1.0))
    return float(np.abs(want - have).max(initial=0.0)) / largest


def _answered(
    source: Source, requests: Sequence[Arrays], guesses: Sequence[Arrays]
) -> tuple[list[Arrays], list[dict[str, NDArray[Any]]]]:
    """Requests and what the source makes of them, without guesses that it refuses."""
    pairs = [(inputs, source.run(inputs)) for inputs in requests]
    refusal = InvalidInput("no requests to compare on")
    for inputs in guesses:
        try:
            pairs.append((inputs, source.run(inputs)))
        except InvalidInput as error:
            refusal = error
    if not pairs:
        raise refusal
    return [inputs for inputs, _ in pairs], [outputs for _, outputs in pairs]


def _run(name: str, model: Model, requests: Sequence[Arrays]) -> list[dict[str, NDArray[Any]]]:
    session = backend(name).open(model.graph, model.signature, threads=1)
    try:
        return [dict(session.run(inputs)) for inputs in requests]
    finally:
        session.close()


def _diverged(
    name: str, model: Model, source: Source, inputs: Arrays, found: float, tolerance: float
) -> ParityError:
    return ParityError(
        f"model {model.name!r}: {name} differs from {source.name} by {found:.2g}, "
        f"allowed are {tolerance:.2g}; {_first_node(name, model, inputs, tolerance)}"
    )


def _first_node(name: str, model: Model, inputs: Arrays, tolerance: float) -> str:
    """Say where the graph's definition and the backend part."""
    editor = Editor(model.graph)
    made = [
        (node, output)
        for node in editor.nodes
        for output in node.output
        if editor.is_float(output) and editor.rank(output) is not None
    ]
    visible = expose(model, [output for _, output in made])
    try:
        wanted = Definition(visible.graph).run(inputs)
    except UnsupportedOperator as error:
        return f"the node cannot be told ({error})"
    (have,) = _run(name, visible, [inputs])
    for node, output in made:
        if output in wanted and _difference(wanted[output], have[output]) > tolerance:
            return f"the first node that differs is {node.name!r} ({node.op_type})"
    return f"no single node of the graph does: {name} agrees with its definition, node by node"
