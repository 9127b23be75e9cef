"""Variants of a model, what was measured for each, and which one was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edgerec.errors import BundleCorruptError, InvalidInput, ValueRangeError
from edgerec.values.budget import Budget

__all__ = ["Interval", "Measurement", "Plan", "Precision", "Status", "Trial", "Variant"]


class Precision(StrEnum):
    """Arithmetic of a variant."""

    FP32 = "fp32"
    INT8 = "int8"
    """Static: uint8 activations, int8 weights, one scale an output channel."""
    WEIGHT_INT8 = "weight-int8"
    """Weights int8, activations float32 (or scaled row by row)."""
    INT8_ALL = "int8-all"
    """Every operator that can be quantised, tables too: the naive form, kept for comparison."""

    @classmethod
    def parse(cls, given: Precision | str) -> Precision:
        """Return the precision of this name, such as ``"int8"``.

        Raises
        ------
        ValueRangeError
            There is none; the message has all names.
        """
        try:
            return cls(given)
        except ValueError:
            known = ", ".join(precision.value for precision in cls)
            raise ValueRangeError(f"no precision {given!r}; use some of {known}") from None


@dataclass(frozen=True, slots=True)
class Variant:
    """One point of the selector's space.

    ``keep`` is the share of hidden width that pruning kept (1.0: not pruned).
    """

    backend: str
    precision: Precision
    keep: float = 1.0
    threads: int = 1

    @property
    def original(self) -> bool:
        """Whether this is the model as it came: FP32 at full width."""
        return self.precision is Precision.FP32 and self.keep == 1.0

    @property
    def label(self) -> str:
        """Short text for tables, such as ``openvino weight-int8, 50 % width``."""
        width = "" if self.keep == 1.0 else f", {self.keep:.0%} width"
        return f"{self.backend} {self.precision.value}{width}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate between its confidence bounds."""

    low: float
    point: float
    high: float

    def __str__(self) -> str:
        return f"{self.point:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one variant costs and delivers.

    Parameters
    ----------
    quality : float
        Mean of the metric over requests.
    difference : Interval
        Paired difference to the original over the same requests, relative to the original's mean;
        ``low`` is the bound that the gate compares with the margin.
    p50_us, p99_us : float
        Percentiles of the times of single requests, in microseconds.
    samples : int
        Number of those times.
    cpu_s_per_1000 : float
        CPU seconds a thousand requests.
    size_bytes : int
        Of the serialised model.
    confirmed : bool
        Whether ``quality`` and ``difference`` are of requests that the search has not seen: so for
        the original and for what ships. Else they are of those that were searched on, where the
        best of many looks better than it is.
    """

    quality: float
    difference: Interval
    p50_us: float
    p99_us: float
    samples: int
    cpu_s_per_1000: float
    size_bytes: int
    confirmed: bool = False


class Status(StrEnum):
    """How a trial ended."""

    CHOSEN = "chosen"
    FEASIBLE = "feasible"
    QUALITY = "quality"
    """The gate refused it."""
    LATENCY = "latency"
    SIZE = "size"
    UNSUPPORTED = "unsupported"
    """The backend cannot run it, or the writer cannot make it: a valid row."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A variant, how it ended and why; ``measured`` is None where it could not run."""

    variant: Variant
    status: Status
    reason: str
    measured: Measurement | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The chosen variant of one model, the others, and the machine it was measured on.

    ``isa`` (the CPU features of the machine) must match where the plan is used; ``cpu``, ``cores``
    and ``versions`` only warn.

    Raises
    ------
    ValueRangeError
        Not exactly one of ``trials`` was chosen, or none is the original.
    """

    model: str
    budget: Budget
    trials: tuple[Trial, ...]
    cpu: str
    isa: tuple[str, ...]
    cores: int
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        chosen = sum(trial.status is Status.CHOSEN for trial in self.trials)
        if chosen != 1 or not any(trial.variant.original for trial in self.trials):
            raise ValueRangeError(
                f"a plan wants one chosen trial and that of the original, got {chosen} chosen of "
                f"{', '.join(trial.variant.label for trial in self.trials) or 'none'}"
            )

    @property
    def chosen(self) -> Trial:
        """The trial that won."""
        return next(trial for trial in self.trials if trial.status is Status.CHOSEN)

    @property
    def original(self) -> Trial:
        """The unpruned FP32 trial that all others are compared with."""
        return next(trial for trial in self.trials if trial.variant.original)

    @property
    def runners_up(self) -> tuple[Trial, ...]:
        """Feasible trials that were not chosen, cheapest first."""
        feasible = [trial for trial in self.trials if trial.status is Status.FEASIBLE]
        return tuple(sorted(feasible, key=_cost))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Read what :meth:`to_dict` wrote; BundleCorruptError says what is wrong."""
        try:
            return cls(
                model=data["model"],
                budget=Budget(**data["budget"]),
                trials=tuple(_trial(entry) for entry in data["trials"]),
                cpu=data["cpu"],
                isa=tuple(data["isa"]),
                cores=data["cores"],
                versions=dict(data["versions"]),
            )
        except (KeyError, TypeError, ValueError, InvalidInput) as error:
            raise BundleCorruptError(f"not a plan: {error}") from error


def _trial(data: Mapping[str, Any]) -> Trial:
    variant = dict(data["variant"])
    measured = data["measured"]
    return Trial(
        variant=Variant(**{**variant, "precision": Precision(variant["precision"])}),
        status=Status(data["status"]),
        reason=data["reason"],
        measured=None
        if measured is None
        else Measurement(**{**measured, "difference": Interval(**measured["difference"])}),
    )


def _cost(trial: Trial) -> float:
    return trial.measured.cpu_s_per_1000 if trial.measured else float("inf")
