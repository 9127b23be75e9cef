"""``edgerec search``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgerec.cli.answers import show_results
from edgerec.cli.options import asking
from edgerec.engine.opening import open

__all__ = ["search_command"]


@click.command("search")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("query")
@asking
def search_command(
    bundle: Path, query: str, asked: dict[str, Any], threads: int, output_format: str
) -> None:
    """Search the catalogue of a BUNDLE for what was typed.

    \b
    Example:
      edgerec search shop.bundle "walnut queen bed" --where brand=Acme,Bolt
    """
    with open(bundle, threads=threads) as engine:
        engine.warm()
        results = engine.search(query, **asked)
        show_results(engine, results, output_format)
