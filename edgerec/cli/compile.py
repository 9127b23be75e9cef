"""``edgerec compile``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.built import show_plan
from edgerec.cli.options import force, output_format, seed, threads
from edgerec.cli.output import Bar
from edgerec.compiler.compilation import compile as compile_bundle
from edgerec.compiler.search import steps
from edgerec.compiler.variants import Space
from edgerec.evaluation.example_files import load_examples
from edgerec.importers.importer import import_model
from edgerec.values.budget import Budget

__all__ = ["compile_command"]


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--examples",
    required=True,
    type=click.Path(path_type=Path),
    help="Requests with candidates and labels (.npz): they calibrate, judge and are timed.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The bundle to write.")
@click.option("--metric", default="ndcg@10", show_default=True)
@click.option("--margin", type=float, default=0.02, show_default=True, help="Tolerated loss.")
@click.option("--p99-ms", type=float, help="Upper bound of the latency of one request.")
@click.option(
    "--keep", "keeps", type=float, multiple=True, default=(1.0, 0.5), help="Widths to try."
)
@threads
@seed
@force
@output_format
def compile_command(
    model: Path,
    examples: Path,
    out: Path,
    metric: str,
    margin: float,
    p99_ms: float | None,
    keeps: tuple[float, ...],
    threads: int,
    seed: int,
    force: bool,
    output_format: str,
) -> None:
    """Choose by measurement how MODEL runs here within a budget, and bundle it.

    \b
    Example:
      edgerec compile ranker.onnx --examples ranker.npz --p99-ms 2 --out ranker.bundle
    """
    source = import_model(model)
    given = load_examples(examples, source.signature)
    with Bar(steps(Space(keeps=keeps))) as bar:
        plan = compile_bundle(
            source,
            calibration=given,
            evaluation=given,
            budget=Budget(metric=metric, margin=margin, p99_ms=p99_ms, threads=threads),
            out=out,
            force=force,
            keeps=keeps,
            seed=seed,
            progress=bar,
        )
    show_plan(plan, output_format)
