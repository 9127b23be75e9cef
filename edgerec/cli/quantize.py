"""``edgerec quantize``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.files import write_model_file
from edgerec.cli.options import force
from edgerec.compression.quantization import quantize_reported
from edgerec.evaluation.example_files import load_examples
from edgerec.importers.importer import import_model
from edgerec.values.plan import Precision

__all__ = ["quantize_command"]


@click.command("quantize")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--calibration",
    required=True,
    type=click.Path(path_type=Path),
    help="Requests (.npz) to measure activations on.",
)
@click.option(
    "--precision",
    type=click.Choice([p.value for p in Precision if p is not Precision.FP32]),
    default=Precision.INT8.value,
    show_default=True,
)
@click.option(
    "--backend",
    type=click.Choice(["onnxruntime", "openvino"]),
    default="onnxruntime",
    show_default=True,
    help="Where it will run.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The ONNX to write.")
@force
def quantize_command(
    model: Path, calibration: Path, precision: str, backend: str, out: Path, force: bool
) -> None:
    """Write the INT8 form of MODEL: safe without VNNI, and batch-invariant.

    \b
    Example:
      edgerec quantize ranker.onnx --calibration ranker.npz --out ranker.int8.onnx
    """
    source = import_model(model)
    requests = [*load_examples(calibration, source.signature)]
    quantized = quantize_reported(source, requests, precision=precision, backend=backend)
    write_model_file(quantized.model, out, force=force)
    click.echo(str(quantized.report))
