"""``edgerec rollback``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.bundle.store import Store
from edgerec.cli.options import output_format, store
from edgerec.cli.published import show_store

__all__ = ["rollback_command"]


@click.command("rollback")
@store
@click.option("--to", metavar="VERSION", help="Its first digits; else the one before this one.")
@output_format
def rollback_command(store: Path, to: str | None, output_format: str) -> None:
    """Make an earlier version of a store the one to serve again.

    \b
    Example:
      edgerec rollback --store shop.store
    """
    target = Store(store)
    target.rollback(to)
    show_store(target, output_format)
