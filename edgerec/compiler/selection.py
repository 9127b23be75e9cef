"""From trials to a choice: the cheapest variant inside the budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgerec.errors import NothingFeasible
from edgerec.values.budget import Budget
from edgerec.values.plan import Measurement, Precision, Status, Trial, Variant

__all__ = ["broken_constraint", "choose", "nearest", "preferred"]

TIE = 1.03
"""Costs within three percent of the cheapest are a tie: two runs of one variant differ as much."""


def broken_constraint(measured: Measurement, budget: Budget) -> tuple[Status, str] | None:
    """The first limit of latency or size that is not kept, or None."""
    if budget.p99_ms is not None and measured.p99_us > budget.p99_ms * 1000:
        return (
            Status.LATENCY,
            f"p99 {measured.p99_us / 1000:.2f} ms is above {budget.p99_ms:g} ms",
        )
    if budget.size_bytes is not None and measured.size_bytes > budget.size_bytes:
        return (
            Status.SIZE,
            f"{measured.size_bytes:,} bytes are above {budget.size_bytes:,}",
        )
    return None


def preferred(costs: Mapping[Variant, float]) -> list[Variant]:
    """Variants in the order in which they should win.

    Cheapest first; what ties with the cheapest is ordered by how little it changes the original,
    so that nothing is pruned or quantised for a gain that was not measured.
    """
    if not costs:
        return []
    limit = TIE * min(costs.values())

    def key(variant: Variant) -> tuple[float, bool, float, float]:
        cost = costs[variant]
        if cost > limit:
            return (cost, False, 0.0, 0.0)
        return (0.0, *_changes(variant), cost)

    return sorted(costs, key=key)


def choose(trials: Iterable[Trial], winner: Trial) -> tuple[Trial, ...]:
    """The trials with ``winner`` marked, and why it won in its reason."""
    trials = tuple(trials)
    chosen = replace(winner, status=Status.CHOSEN, reason=_why(winner, trials))
    return tuple(chosen if trial is winner else trial for trial in trials)


def nearest(trials: Iterable[Trial], budget: Budget) -> NothingFeasible:
    """The error for a budget that nothing meets: names the closest trial and its limit."""
    trials = tuple(trials)
    measured = [trial for trial in trials if trial.measured is not None]
    if not measured:
        reasons = "; ".join(f"{trial.variant.label}: {trial.reason}" for trial in trials)
        return NothingFeasible(f"no variant ran on this machine. {reasons}")
    best = min(measured, key=lambda trial: _excess(trial, budget))
    return NothingFeasible(
        f"nothing meets the budget. Nearest: {best.variant.label} ({best.reason}). "
        f"It would meet {_budget_met(best)}"
    )


def _why(winner: Trial, trials: tuple[Trial, ...]) -> str:
    rest = [trial for trial in trials if trial is not winner and trial.status is Status.FEASIBLE]
    if not rest:
        return f"the only one inside the budget; {winner.reason}"
    second = min(rest, key=_cost)
    ratio = _cost(second) / _cost(winner)
    if ratio >= TIE:
        return f"{ratio:.2f}x cheaper than {second.variant.label}; {winner.reason}"
    less = " and changes less" if _changes(winner.variant) < _changes(second.variant) else ""
    return f"as cheap as {second.variant.label}{less}; {winner.reason}"


def _changes(variant: Variant) -> tuple[bool, float]:
    """How much a variant changes the original; the more, the larger."""
    return (variant.precision is not Precision.FP32, 1.0 - variant.keep)


def _cost(trial: Trial) -> float:
    return trial.measured.cpu_s_per_1000 if trial.measured else float("inf")


def _excess(trial: Trial, budget: Budget) -> float:
    """How far outside the budget, as the sum of relative excesses."""
    measured = trial.measured
    assert measured is not None
    excess = max(0.0, -budget.margin - measured.difference.low) * 10
    if budget.p99_ms is not None:
        excess += max(0.0, measured.p99_us / (budget.p99_ms * 1000) - 1)
    if budget.size_bytes is not None:
        excess += max(0.0, measured.size_bytes / budget.size_bytes - 1)
    return excess


def _budget_met(trial: Trial) -> str:
    measured = trial.measured
    assert measured is not None
    return (
        f"margin {max(0.0, -measured.difference.low):.4f}, p99_ms {measured.p99_us / 1000:.3f}, "
        f"size_bytes {measured.size_bytes}"
    )
