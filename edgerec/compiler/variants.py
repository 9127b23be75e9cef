"""The points of the selector's space, and the models that stand at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgerec.compression.pruning import prune
from edgerec.compression.quantization import quantize
from edgerec.compression.sensitivity import Sensitivity, sensitivity
from edgerec.errors import EdgerecError, ValueRangeError
from edgerec.values.model import Model
from edgerec.values.plan import Precision, Variant
from edgerec.values.signature import Arrays

__all__ = ["PRECISIONS", "Made", "Space", "VariantMaker"]

PRECISIONS = {
    "onnxruntime": (Precision.FP32, Precision.INT8),
    "openvino": (Precision.FP32, Precision.WEIGHT_INT8),
}
"""What is tried on each backend by default. FP32 is always in: INT8 is often the slower one."""


@dataclass(frozen=True, slots=True)
class Space:
    """What is tried.

    Parameters
    ----------
    backends : tuple of str
        At least one; FP32 on the first that runs it is what all others are compared with.
    precisions : tuple of Precision or str, optional
        Beside FP32; None means each backend's defaults.
    keeps : tuple of float in (0, 1]
        Shares of hidden width. Full width is always in.

    Raises
    ------
    ValueRangeError
        Nothing of that name, or a share outside its range.
    """

    backends: tuple[str, ...] = tuple(PRECISIONS)
    precisions: tuple[Precision, ...] | None = None
    keeps: tuple[float, ...] = (1.0, 0.5)

    def __post_init__(self) -> None:
        unknown = [name for name in self.backends if name not in PRECISIONS]
        if unknown or not self.backends:
            raise ValueRangeError(
                f"backends: no {', '.join(map(repr, unknown)) or 'backend at all'}; use some of "
                f"{', '.join(PRECISIONS)}"
            )
        for keep in self.keeps:
            given: object = keep
            number = isinstance(given, int | float) and not isinstance(given, bool)
            if not number or not 0.0 < keep <= 1.0:
                raise ValueRangeError(f"keeps are shares of width in (0, 1], got {keep!r}")

    @classmethod
    def of(
        cls,
        backends: Iterable[str],
        precisions: Iterable[Precision | str] | None,
        keeps: Iterable[float],
    ) -> Space:
        """A space of what was asked for, each once; precisions may be given by their values."""
        return cls(
            tuple(dict.fromkeys(backends)),
            None if precisions is None else tuple(dict.fromkeys(map(Precision.parse, precisions))),
            tuple(dict.fromkeys(keeps)),
        )

    def full_width(self, threads: int) -> tuple[Variant, ...]:
        """Every backend with every precision it is tried with."""
        return tuple(
            Variant(backend, precision, 1.0, threads)
            for backend in self.backends
            for precision in self._precisions(backend)
        )

    @property
    def narrower(self) -> tuple[float, ...]:
        """The smaller widths, widest first."""
        return tuple(sorted((keep for keep in self.keeps if keep < 1.0), reverse=True))

    def _precisions(self, backend: str) -> tuple[Precision, ...]:
        if self.precisions is None:
            return PRECISIONS[backend]
        return (Precision.FP32, *(p for p in self.precisions if p is not Precision.FP32))


@dataclass(frozen=True, slots=True)
class Made:
    """A variant and its model, or why there is none."""

    variant: Variant
    model: Model | None
    problem: str = ""


class VariantMaker:
    """Makes the models of one original's variants; what two variants share is made once."""

    def __init__(self, model: Model, calibration: Sequence[Arrays]) -> None:
        self._calibration = calibration
        self._widths: dict[float, Model] = {1.0: model}
        self._sensitivity: Sensitivity | None = None

    def make(self, variant: Variant) -> Made:
        """The model at ``variant``; that there is none is a valid answer."""
        try:
            return self._make(variant)
        except EdgerecError as error:
            return Made(variant, None, str(error))

    def _make(self, variant: Variant) -> Made:
        original, wide = self._widths[1.0], self._width(variant.keep)
        if variant.keep < 1.0 and wide.graph == original.graph:
            return Made(variant, None, "no hidden width can be pruned")
        if variant.precision is Precision.FP32:
            return Made(variant, wide)
        narrow = quantize(
            wide,
            self._calibration,
            precision=variant.precision,
            backend=variant.backend,
            seven_bit=True,  # the same artifact is right on a CPU without VNNI
        )
        return Made(variant, narrow)

    def _width(self, keep: float) -> Model:
        if keep not in self._widths:
            original = self._widths[1.0]
            if self._sensitivity is None:
                self._sensitivity = sensitivity(original, self._calibration)
            pruned = prune(
                original, self._calibration, keep=keep, sensitivity=self._sensitivity
            ).model
            self._widths[keep] = pruned
        return self._widths[keep]
