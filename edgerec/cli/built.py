"""How a build is shown: one row a model, what was chosen and why, and the whole end to end."""

from __future__ import annotations

import click

from edgerec.cli.output import echo_json, table
from edgerec.recipe.builder import Built
from edgerec.values.plan import Interval, Plan, Trial

__all__ = ["plan_rows", "show_built", "show_plan"]

HEADER = ("model", "chosen", "{metric}", "change [95 % bounds]", "p50", "p99", "size")


def show_built(built: Built, output_format: str) -> None:
    """Print a build."""
    if output_format == "json":
        echo_json(
            {
                "version": built.version,
                "metric": built.metric,
                "visits": built.visits,
                "before": built.before,
                "after": built.after,
                "difference": _interval_dict(built.difference),
                "plans": {name: plan.to_dict() for name, plan in built.plans.items()},
            }
        )
        return
    header = tuple(cell.format(metric=built.metric.upper()) for cell in HEADER)
    rows = [_row(name, plan, built.original_bytes[name]) for name, plan in built.plans.items()]
    click.echo(table(header, rows, right=frozenset({4, 5, 6})))
    click.echo("\nWhy:")
    for name, plan in built.plans.items():
        click.echo(f"  {name:12} {plan.chosen.reason}")
    refused = [
        f"  {name:12} {trial.variant.label}: {trial.reason}"
        for name, plan in built.plans.items()
        for trial in plan.trials
        if trial.status.value not in ("chosen", "feasible")
    ]
    if refused:
        click.echo("\nRefused:")
        click.echo("\n".join(refused))
    tried = sum(len(plan.trials) for plan in built.plans.values())
    click.echo(
        f"\nEnd to end, {built.visits:,} held-out visits over the whole catalogue: "
        f"{built.metric.upper()} {built.before:.4f} before, {built.after:.4f} after, "
        f"{built.difference}; {tried} variants tried."
    )


def show_plan(plan: Plan, output_format: str) -> None:
    """Print one model's plan: every trial."""
    if output_format == "json":
        echo_json(plan.to_dict())
        return
    header = (
        "variant",
        "outcome",
        plan.budget.metric,
        "change",
        "p50",
        "p99",
        "CPU s/1000",
        "size",
    )
    click.echo(table(header, plan_rows(plan), right=frozenset({4, 5, 6, 7})))
    click.echo(f"\nChosen: {plan.chosen.variant.label}. {plan.chosen.reason}")


def plan_rows(plan: Plan) -> list[tuple[str, ...]]:
    """One row a trial."""
    return [_trial_row(trial) for trial in plan.trials]


def _trial_row(trial: Trial) -> tuple[str, ...]:
    measured = trial.measured
    if measured is None:
        return (trial.variant.label, trial.status.value, "", trial.reason[:60], "", "", "", "")
    return (
        trial.variant.label,
        trial.status.value,
        f"{measured.quality:.4f}",
        str(measured.difference),
        _time(measured.p50_us),
        _time(measured.p99_us),
        f"{measured.cpu_s_per_1000:.3f}",
        _size(measured.size_bytes),
    )


def _row(name: str, plan: Plan, original_bytes: int) -> tuple[str, ...]:
    before, after = plan.original.measured, plan.chosen.measured
    assert before is not None
    assert after is not None
    return (
        name,
        plan.chosen.variant.label,
        f"{before.quality:.4f} → {after.quality:.4f}",
        str(after.difference),
        f"{_time(before.p50_us)} → {_time(after.p50_us)}",
        f"{_time(before.p99_us)} → {_time(after.p99_us)}",
        f"{_size(original_bytes)} → {_size(after.size_bytes)}",
    )


def _interval_dict(difference: Interval) -> dict[str, float]:
    return {"low": difference.low, "point": difference.point, "high": difference.high}


def _time(us: float) -> str:
    return f"{us:.0f} µs" if us < 10_000 else f"{us / 1000:.1f} ms"


def _size(count: int) -> str:
    return f"{count / 1024:.0f} kB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MB"
