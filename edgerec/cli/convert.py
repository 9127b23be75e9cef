"""``edgerec convert``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.files import read_json, write_model_file
from edgerec.cli.options import force
from edgerec.importers.importer import import_checked
from edgerec.values.signature import Signature

__all__ = ["convert_command"]


@click.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--signature",
    type=click.Path(path_type=Path),
    help="JSON of roles, kinds and shapes; not needed where the file carries one.",
)
@click.option("--name", help="Name of the model; the file's name if absent.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The ONNX to write.")
@force
def convert_command(
    source: Path, signature: Path | None, name: str | None, out: Path, force: bool
) -> None:
    """Import a trained model from SOURCE, an ONNX file.

    PyTorch modules come in through ``edgerec.import_model``, which takes them as they are.

    Source and result are run on the same inputs and must agree.

    \b
    Example:
      edgerec convert ranker.onnx --signature ranker.json --out ranker.edge.onnx
    """
    roles = None if signature is None else Signature.from_dict(read_json(signature))
    imported = import_checked(source, signature=roles, name=name)
    write_model_file(imported.model, out, force=force)
    inputs = ", ".join(f"{i.name} ({i.role.value})" for i in imported.model.signature.inputs)
    click.echo(f"{out}: {imported.model.size_bytes:,} bytes; inputs {inputs}")
    click.echo(f"largest difference to {imported.parity.source}: {imported.parity.largest:.2g}")
