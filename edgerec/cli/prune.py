"""``edgerec prune``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.files import write_model_file
from edgerec.cli.options import force
from edgerec.compression.pruning import prune
from edgerec.evaluation.example_files import load_examples
from edgerec.importers.importer import import_model

__all__ = ["prune_command"]


@click.command("prune")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--calibration",
    required=True,
    type=click.Path(path_type=Path),
    help="Requests (.npz) to measure sensitivity on and to re-fit with.",
)
@click.option("--keep", type=float, required=True, help="Share of hidden width to keep, above 0.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The ONNX to write.")
@force
def prune_command(model: Path, calibration: Path, keep: float, out: Path, force: bool) -> None:
    """Remove hidden width that MODEL does not need, and re-fit the layers behind it.

    \b
    Example:
      edgerec prune ranker.onnx --calibration ranker.npz --keep 0.5 --out ranker.half.onnx
    """
    source = import_model(model)
    requests = [*load_examples(calibration, source.signature)]
    pruned = prune(source, requests, keep=keep)
    write_model_file(pruned.model, out, force=force)
    click.echo(str(pruned.report))
