"""``edgerec recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgerec.cli.answers import show_results
from edgerec.cli.options import asking
from edgerec.engine.opening import open

__all__ = ["recommend_command"]


@click.command("recommend")
@click.argument("bundle", type=click.Path(path_type=Path))
@asking
def recommend_command(
    bundle: Path, asked: dict[str, Any], threads: int, output_format: str
) -> None:
    """Recommend items of a BUNDLE.

    \b
    Example:
      edgerec recommend shop.bundle --user u17 --where in_stock=true --where price=..50
    """
    with open(bundle, threads=threads) as engine:
        engine.warm()
        results = engine.recommend(**asked)
        show_results(engine, results, output_format)
