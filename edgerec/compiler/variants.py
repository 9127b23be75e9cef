"""The points of the selector's space, and the models that stand at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerec.compression.pruning import prune
from edgerec.compression.quantization import quantize
from edgerec.errors import UnsupportedOperator, ValueRangeError
from edgerec.values.model import Model
from edgerec.values.plan import Precision, Variant
from edgerec.values.signature import Arrays

__all__ = ["PRECISIONS", "Made", "VariantMaker", "unpruned", "with_width"]

PRECISIONS = {
    "onnxruntime": (Precision.FP32, Precision.INT8),
    "openvino": (Precision.FP32, Precision.WEIGHT_INT8),
}
"""What is tried on each backend by default. FP32 is always in: INT8 is often the slower one."""


@dataclass(frozen=True, slots=True)
class Made:
    """A variant and its model, or why there is none."""

    variant: Variant
    model: Model | None
    problem: str = ""


def unpruned(
    backends: Sequence[str], precisions: Sequence[Precision] | None, threads: int
) -> tuple[Variant, ...]:
    """Every backend with every precision it is tried with, at full width."""
    return tuple(
        Variant(backend, precision, 1.0, threads)
        for backend in backends
        for precision in _precisions(backend, precisions)
    )


def with_width(variant: Variant, keep: float) -> Variant:
    """The same point with another share of hidden width."""
    return Variant(variant.backend, variant.precision, keep, variant.threads)


def _precisions(backend: str, wanted: Sequence[Precision] | None) -> tuple[Precision, ...]:
    if backend not in PRECISIONS:
        raise ValueRangeError(f"no backend {backend!r}; use one of {', '.join(PRECISIONS)}")
    if wanted is None:
        return PRECISIONS[backend]
    return (Precision.FP32, *(p for p in wanted if p is not Precision.FP32))


class VariantMaker:
    """Makes the models of one original's variants; what two variants share is made once."""

    def __init__(self, model: Model, calibration: Sequence[Arrays]) -> None:
        self._calibration = calibration
        self._pruned: dict[float, Model] = {1.0: model}

    def make(self, variant: Variant) -> Made:
        """The model at ``variant``; that there is none is a valid answer."""
        wide = self._width(variant.keep)
        if variant.keep < 1.0 and wide.graph == self._pruned[1.0].graph:
            return Made(variant, None, "no hidden width can be pruned")
        if variant.precision is Precision.FP32:
            return Made(variant, wide)
        try:
            narrow = quantize(
                wide,
                self._calibration,
                precision=variant.precision,
                backend=variant.backend,
                seven_bit=True,  # the same artifact is right on a CPU without VNNI
            )
        except UnsupportedOperator as error:
            return Made(variant, None, str(error))
        return Made(variant, narrow)

    def _width(self, keep: float) -> Model:
        if keep not in self._pruned:
            self._pruned[keep] = prune(self._pruned[1.0], self._calibration, keep=keep).model
        return self._pruned[keep]
