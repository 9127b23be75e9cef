"""``edgerec build``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.cli.built import show_built
from edgerec.cli.options import force, output_format, seed
from edgerec.cli.output import Bar
from edgerec.recipe.builder import build, build_steps
from edgerec.recipe.recipe import read_recipe

__all__ = ["build_command"]


@click.command("build")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The bundle to write.")
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    help="Also write each model's requests there, for prune, quantize and compile.",
)
@force
@seed
@output_format
def build_command(
    recipe: Path, out: Path, examples: Path | None, force: bool, seed: int, output_format: str
) -> None:
    """Build a shop's bundle from a RECIPE.

    \b
    Example:
      edgerec build shop.toml --out shop.bundle
    """
    source = read_recipe(recipe)
    with Bar(build_steps(source)) as bar:
        built = build(source, out, force=force, seed=seed, examples=examples, progress=bar)
    show_built(built, output_format)
