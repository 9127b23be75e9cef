"""``edgerec recommend``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.answers import show_results
from edgerec.cli.options import asking, parse_conditions
from edgerec.engine.opening import open

__all__ = ["recommend_command"]


@click.command("recommend")
@click.argument("bundle", type=click.Path(path_type=Path))
@asking
def recommend_command(
    bundle: Path,
    user: str | None,
    history: str | None,
    k: int,
    conditions: tuple[str, ...],
    deadline_ms: float | None,
    threads: int,
    output_format: str,
) -> None:
    """Recommend items of a BUNDLE.

    \b
    Example:
      edgerec recommend shop.bundle --user u17 --where in_stock=true --where price=..50
    """
    with open(bundle, threads=threads) as engine:
        engine.warm()
        results = engine.recommend(
            user,
            history=history.split(",") if history else None,
            k=k,
            where=parse_conditions(conditions),
            deadline_ms=deadline_ms,
        )
        show_results(engine, results, output_format)
