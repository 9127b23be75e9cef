"""``edgerec verify``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.options import output_format
from edgerec.cli.output import echo_json
from edgerec.engine.engine import open

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
