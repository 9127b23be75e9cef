"""How a choice of an index is shown: what was measured, and why this one."""

from __future__ import annotations

import click

from edgerec.cli.output import table
from edgerec.retrieval.strategy import Measured, Strategy

__all__ = ["show_strategy"]

HEADER = ("index", "settings", "recall", "median", "p90", "bytes an item")


def show_strategy(strategy: Strategy) -> None:
    """Print the searches without a filter that were measured, and the reason."""
    rows = [_row(one) for one in strategy.evidence if one.filter == "none"]
    if rows:
        click.echo(table(HEADER, rows, right=frozenset({2, 3, 4, 5})))
        click.echo()
    target = strategy.target
    click.echo(f"Chosen: {strategy.kind}. {strategy.reason}")
    click.echo(f"Asked: recall@{target.k} {target.recall:g}, index {target.index}.")
    if strategy.exact_below == 1:
        click.echo("Searches with a filter are scanned exactly.")
    elif strategy.exact_below:
        click.echo(f"Filters that leave less than {strategy.exact_below:.0%} are scanned exactly.")


def _row(one: Measured) -> tuple[str, ...]:
    return (
        one.kind,
        one.settings,
        f"{one.recall:.4f}",
        f"{one.median_us:,.0f} µs",
        f"{one.p90_us:,.0f} µs",
        f"{one.bytes_an_item:,.1f}",
    )
