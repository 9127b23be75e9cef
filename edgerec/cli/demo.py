"""``edgerec demo``: the main job, on the shop that ships with edgerec."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click
import numpy as np

from edgerec.cli.answers import show_results
from edgerec.cli.built import show_built
from edgerec.cli.options import force, output_format, seed
from edgerec.cli.output import Bar
from edgerec.engine.engine import Engine
from edgerec.engine.opening import open
from edgerec.errors import InvalidInput, OutputExists
from edgerec.events.visits import Visit, read_visits
from edgerec.recipe.builder import build, build_steps
from edgerec.recipe.recipe import read_recipe
from edgerec.shop import files

__all__ = ["demo_command"]

SHOP_STEPS = 5
"""Of making the shop, and of verifying its bundle."""
ASKED = 1000


@click.command("demo")
@click.option(
    "--out",
    default="edgerec-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Directory for the shop's data, recipe, models and bundle.",
)
@force
@seed
@output_format
def demo_command(out: Path, force: bool, seed: int, output_format: str) -> None:
    """Make a shop, compress and compile its models, and answer from them. Offline.

    \b
    Example:
      edgerec demo --out demo
    """
    _make_room(out, force=force)
    steps = build_steps(read_recipe(Path(files.__file__).with_name("shop.toml")))
    with Bar(SHOP_STEPS + steps) as bar:
        files.write_shop(out, progress=bar)
        built = build(
            read_recipe(out / "shop.toml"),
            out / "shop.bundle",
            seed=seed,
            examples=out / "examples",
            progress=bar,
        )
        bar("verifying the bundle")
        engine = open(out / "shop.bundle").warm()
        replay = engine.verify()
    with engine:
        show_built(built, output_format)
        if output_format == "text":
            click.echo(
                f"Verified: every hash, and {replay.requests} golden requests "
                f"({replay.overlap:.0%} the same items).\n"
            )
            _answer(engine, out / "shop.bundle")


def _make_room(out: Path, *, force: bool) -> None:
    """Remove an earlier demo; anything else that stands there is somebody's and stays."""
    if not out.exists():
        return
    if not force:
        raise OutputExists(f"{out} exists; give --force to replace it, or another --out")
    if out.is_dir() and not (out / "shop.toml").is_file() and any(out.iterdir()):
        raise InvalidInput(f"{out} was not made by `edgerec demo`: give another --out")
    if not out.is_dir():
        raise InvalidInput(f"{out} is a file: give another --out")
    shutil.rmtree(out)


def _answer(engine: Engine, bundle: Path) -> None:
    """A few answers that a person can judge."""
    visits = read_visits(bundle.parent / "data" / "visits.jsonl")[-ASKED:]
    click.echo(_times(engine, visits))
    user = visits[-1].user
    liked = engine.history(user)[-4:]
    click.echo(f"\nShopper {user} lately looked at:")
    for record in engine.items(liked):
        click.echo(f"  {record['title']} ({record['price']:.2f})")
    click.echo("\nrecommend, in stock:")
    show_results(engine, engine.recommend(user, k=5, where={"in_stock": True}), "text")
    (last,) = engine.items(liked[-1:])
    query, limit = _typed(last["title"]), round(1.5 * last["price"])
    click.echo(f"\nsearch {query!r} (typed with a slip), in stock, at most {limit}:")
    where = {"in_stock": True, "price": (None, limit)}
    show_results(engine, engine.search(query, user=user, k=5, where=where), "text")
    click.echo("\nTry next:")
    for command in _next(user, query, bundle):
        click.echo(f"  {command}")


def _times(engine: Engine, visits: list[Visit]) -> str:
    """How long the engine takes to answer what its last visitors asked, one after another."""
    taken: dict[str, list[float]] = {"recommend": [], "search": []}
    for visit in visits:
        if visit.query is None:
            taken["recommend"].append(sum(engine.recommend(visit.user).stages_us.values()))
        else:
            results = engine.search(visit.query, user=visit.user)
            taken["search"].append(sum(results.stages_us.values()))
    lines = [
        f"  {task:10} p50 {np.percentile(us, 50) / 1000:.2f} ms, "
        f"p99 {np.percentile(us, 99) / 1000:.2f} ms ({len(us)} requests)"
        for task, us in taken.items()
        if us
    ]
    return "\n".join(["A request, end to end, one at a time:", *lines])


def _typed(title: str) -> str:
    """What a hurried shopper types for an item: what it is, with two letters swapped."""
    words = title.lower().partition(" with ")[0].split()[-3:]
    return " ".join([*words[:-1], f"{words[-1][:-2]}{words[-1][-1]}{words[-1][-2]}"])


def _next(user: str, query: str, bundle: Path) -> list[str]:
    home = Path(shlex.quote(str(bundle.parent)))
    bundle = home / bundle.name
    ranker, requests = home / "models" / "ranker.onnx", home / "examples" / "ranker.npz"
    return [
        f"edgerec recommend {bundle} --user {user} --where price=..50",
        f"edgerec search {bundle} {shlex.quote(query)} --format json",
        f"edgerec inspect {bundle}",
        f"edgerec verify {bundle}",
        f"edgerec prune {ranker} --calibration {requests} --keep 0.5 --out {home}/half.onnx",
        f"edgerec compile {ranker} --examples {requests} --out {home}/ranker.bundle",
        f"edgerec build {home}/shop.toml --out {home}/again.bundle",
        "edgerec doctor",
    ]
