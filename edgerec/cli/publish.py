"""``edgerec publish``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store
from edgerec.cli.options import output_format, store
from edgerec.cli.output import Bar
from edgerec.cli.published import show_store

__all__ = ["publish_command"]


@click.command("publish")
@click.argument("bundle", type=click.Path(path_type=Path))
@store
@output_format
def publish_command(bundle: Path, store: Path, output_format: str) -> None:
    """Copy BUNDLE into a store and make it the version to serve, in one step.

    \b
    Example:
      edgerec publish shop.bundle --store shop.store
    """
    with open_bundle(bundle, lazy=True) as opened:
        parts = len(opened.manifest.parts)
    target = Store(store)
    with Bar(2 * parts) as bar:  # each is checked, then copied
        target.publish(bundle, progress=bar)
    show_store(target, output_format)
