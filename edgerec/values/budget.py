"""What a compiled model may cost and may lose."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from edgerec.errors import ValueRangeError
from edgerec.values.metric import MetricName

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Accuracy and latency are constraints; the cheapest variant inside them wins.

    Parameters
    ----------
    metric : str
        What the evaluation measures, such as ``ndcg@10``; see :mod:`edgerec.values.metric`.
    margin : float in [0, 1)
        Relative loss that is tolerated: the lower bound of the paired relative difference must
        lie at or above ``-margin``.
    confidence : float in (0.5, 1)
        One-sided confidence of that bound.
    p99_ms : float > 0, optional
        Upper bound of the 99th percentile of the latency of one request.
    size_bytes : int >= 1, optional
        Upper bound of the serialised model.
    threads : int >= 1
        Intra-op threads of one session.

    Raises
    ------
    ValueRangeError
        A limit has the wrong type or lies outside its range.
    InvalidInput
        There is no such metric.
    """

    metric: str = "ndcg@10"
    margin: float = 0.02
    confidence: float = 0.95
    p99_ms: float | None = None
    size_bytes: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        MetricName.parse(self.metric)
        margin, confidence = _number("margin", self.margin), _number("confidence", self.confidence)
        if not 0 <= margin < 1:
            raise ValueRangeError(f"budget.margin must lie in [0, 1), got {margin}")
        if not 0.5 < confidence < 1:
            raise ValueRangeError(f"budget.confidence must lie in (0.5, 1), got {confidence}")
        if self.p99_ms is not None and _number("p99_ms", self.p99_ms) <= 0:
            raise ValueRangeError(f"budget.p99_ms must be above 0, got {self.p99_ms}")
        if self.size_bytes is not None:
            _count("size_bytes", self.size_bytes)
        _count("threads", self.threads)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; the keyword arguments that make it again."""
        return asdict(self)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueRangeError(f"budget.{name} must be a finite number, got {value!r}")
    return value


def _count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueRangeError(f"budget.{name} must be an integer of at least 1, got {value!r}")
