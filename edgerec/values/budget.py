"""What a compiled model may cost and may lose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgerec.errors import ValueRangeError

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Accuracy and latency are constraints; the cheapest variant inside them wins.

    Parameters
    ----------
    metric : str
        What the evaluation measures, such as ``ndcg@10``; printed, and compared with the
        evaluation's own.
    margin : float in [0, 1)
        Relative loss that is tolerated: the lower bound of the paired relative difference must
        lie above ``-margin``.
    confidence : float in (0.5, 1)
        One-sided confidence of that bound.
    p99_ms : float > 0, optional
        Upper bound of the 99th percentile of the latency of one request.
    size_bytes : int > 0, optional
        Upper bound of the serialised model.
    threads : int >= 1
        Intra-op threads of one session.
    """

    metric: str = "ndcg@10"
    margin: float = 0.02
    confidence: float = 0.95
    p99_ms: float | None = None
    size_bytes: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        _within("margin", self.margin, 0.0, 1.0, low_open=False)
        _within("confidence", self.confidence, 0.5, 1.0)
        if self.p99_ms is not None and not self.p99_ms > 0:
            raise ValueRangeError(f"budget.p99_ms must be above 0, got {self.p99_ms}")
        if self.size_bytes is not None and self.size_bytes < 1:
            raise ValueRangeError(f"budget.size_bytes must be at least 1, got {self.size_bytes}")
        if self.threads < 1:
            raise ValueRangeError(f"budget.threads must be at least 1, got {self.threads}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def _within(name: str, value: float, low: float, high: float, *, low_open: bool = True) -> None:
    inside = (low < value if low_open else low <= value) and value < high
    if not inside:
        raise ValueRangeError(
            f"budget.{name} must lie in {'(' if low_open else '['}{low}, {high}), got {value}"
        )
