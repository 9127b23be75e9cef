"""How a store is shown: the version to serve, where it lies, and what it can go back to."""

from __future__ import annotations

import click

from edgerec.bundle.store import Store
from edgerec.cli.output import echo_json

__all__ = ["show_store"]


def show_store(store: Store, output_format: str) -> None:
    """Print what a store serves."""
    path = store.current()
    version, *before = store.history()
    if output_format == "json":
        echo_json({"version": version, "path": str(path), "before": before})
        return
    click.echo(f"current  {version}")
    for earlier in before:
        click.echo(f"before   {earlier}")
    click.echo(f"\nserve {path}")
