"""``edgerec verify``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.bundle.reader import open_bundle
from edgerec.cli.options import output_format
from edgerec.cli.output import echo_json
from edgerec.engine.indexing import INDEX_KIND
from edgerec.engine.opening import open
from edgerec.engine.vector_index import open_index

__all__ = ["verify_command"]


@click.command("verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@output_format
def verify_command(bundle: Path, output_format: str) -> None:
    """Check a BUNDLE's hashes, then ask its golden requests again.

    \b
    Example:
      edgerec verify shop.bundle
    """
    with open_bundle(bundle) as opened:
        version, kind = opened.version, opened.manifest.sections.get("kind")
    if kind == INDEX_KIND:
        _show_index(bundle, version, output_format)
        return
    with open(bundle) as engine:  # every hash is checked before anything is parsed
        replay = engine.verify()
        data = {
            "version": engine.version,
            "golden_requests": replay.requests,
            "overlap": replay.overlap,
        }
    if output_format == "json":
        echo_json(data)
        return
    click.echo(f"{bundle}: every hash is right; version {engine.version}")
    click.echo(f"{replay.requests} golden requests answered, {replay.overlap:.1%} the same items")


def _show_index(bundle: Path, version: str, output_format: str) -> None:
    """An index has no golden requests: it is right if its hashes are and its parts fit."""
    with open_index(bundle) as index:
        items = len(index)
    if output_format == "json":
        echo_json({"version": version, "golden_requests": 0, "overlap": 1.0, "items": items})
        return
    click.echo(f"{bundle}: every hash is right; version {version}")
    click.echo(f"an index of {items:,} items; its parts fit together")
