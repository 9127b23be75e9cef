"""What tensors inside a model hold while it answers requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.errors import ValueRangeError
from edgerec.graph.exposure import expose
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["observe"]

OBSERVER = "onnxruntime"


def observe(
    model: Model, tensors: Iterable[str], requests: Sequence[Arrays]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the values of ``tensors``, and of the outputs, for each request in turn.

    Memory stays that of one request. Names may be those of inputs too.

    Raises
    ------
    ValueRangeError
        There are no requests.
    """
    if not requests:
        raise ValueRangeError("calibration needs at least one request, got none")
    fed = {tensor.name for tensor in model.signature.inputs}
    wanted = list(dict.fromkeys(tensors))
    visible = expose(model, [name for name in wanted if name not in fed])
    session = backend(OBSERVER).open(visible.graph, visible.signature, threads=1)
    try:
        for inputs in requests:
            found = session.run(inputs)
            yield {**found, **{name: inputs[name] for name in wanted if name in fed}}
    finally:
        session.close()
