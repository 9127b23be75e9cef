"""``edgerec bench``: what a bundle answers with, measured beside its peers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import click

from edgerec.bundle.reader import open_bundle
from edgerec.catalog.catalog import Catalog
from edgerec.cli.arrays import read_queries
from edgerec.cli.curve_plot import as_html, as_svg
from edgerec.cli.files import check_new, write_text_file
from edgerec.cli.options import force, output_format, seed
from edgerec.cli.output import Bar, echo_json, table
from edgerec.errors import BundleError, InvalidInput
from edgerec.machine.cpu import cpu
from edgerec.machine.threads import thread_budget
from edgerec.retrieval.curves import Comparison, compare
from edgerec.retrieval.peers.known import peers_named
from edgerec.retrieval.retriever import Retriever

__all__ = ["bench_command"]

PLOTS = {".svg": as_svg, ".html": as_html}
HEADER = ("index", "effort", "recall", "median", "p99", "build")
path = click.Path(path_type=Path)


@click.group("bench")
def bench_command() -> None:
    """Measure what a bundle answers with beside its peers.

    \b
    Example:
      edgerec bench index items.index --plot curves.html
    """


@bench_command.command("index")
@click.argument("bundle", type=path)
@click.option("--queries", "queries_file", type=path, help="Vectors such as will be asked, .npy.")
@click.option("-k", "--k", default=100, show_default=True, help="How many are asked for.")
@click.option("--against", metavar="NAMES", help="Such as faiss,hnswlib; else all installed.")
@click.option("--build-limit", default=120.0, show_default=True, help="Seconds a peer may build.")
@click.option("--out", "out", type=path, help="Also write the figures there, as JSON.")
@click.option("--plot", type=path, help="Draw the curves, .svg or .html.")
@force
@seed
@output_format
def index_command(
    bundle: Path,
    queries_file: Path | None,
    k: int,
    against: str | None,
    build_limit: float,
    out: Path | None,
    plot: Path | None,
    force: bool,
    seed: int,
    output_format: str,
) -> None:
    """Recall over latency of the index in BUNDLE, of the exact scan and of peers, on one thread.

    Peers are built on the spot over the same vectors; one that would take too long is left out.

    \b
    Example:
      edgerec bench index items.index --against faiss,hnswlib --plot curves.html
    """
    if plot is not None and plot.suffix not in PLOTS:
        raise InvalidInput(f"a plot is written as {' or '.join(PLOTS)}, got {plot}")
    for target in filter(None, (out, plot)):
        check_new(target, force=force)
    if out is not None and plot is not None and out.resolve() == plot.resolve():
        raise InvalidInput(f"--out and --plot are both {out}: give two files")
    peers = peers_named(against)
    queries = None if queries_file is None else read_queries(queries_file)
    thread_budget(1)
    with open_bundle(bundle) as opened, Bar(2 + 2 * len(peers)) as bar:
        if "catalog" not in opened.manifest.sections:
            raise BundleError(f"{bundle} holds no index: make one with `edgerec index`")
        catalog = Catalog.read(opened)
        found = compare(
            catalog.snapshot(),
            Retriever.read(opened, catalog),
            k=k,
            queries=queries,
            peers=peers,
            build_limit_s=build_limit,
            seed=seed,
            progress=bar,
        )
        about = _about(opened.version, seed, {peer.package for peer in peers})
    for name, reason in found.left_out.items():
        click.echo(f"{name} is left out: {reason}", err=True)
    data = {**about, **found.to_dict()}
    if out is not None:
        write_text_file(out, json.dumps(data, indent=2) + "\n", force=force)
    if plot is not None:
        write_text_file(plot, PLOTS[plot.suffix](found), force=force)
    if output_format == "json":
        echo_json(data)
    else:
        _show(found)


def _about(bundle: str, seed: int, packages: Iterable[str]) -> dict[str, Any]:
    """What the figures belong to: the bundle, the machine, the versions, the time."""
    machine, owners = cpu(), packages_distributions()
    return {
        "version": bundle,
        "seed": seed,
        "threads": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": {"model": machine.model, "isas": list(machine.isas)},
        "packages": {
            owner: version(owner)
            for package in sorted({"edgerec", "numpy", *packages})
            for owner in owners.get(package, ())[:1]
        },
    }


def _show(found: Comparison) -> None:
    click.echo(
        f"{found.rows:,} items of {found.dim} dimensions, {found.metric}; recall@{found.k} of "
        f"{found.queries} queries, one thread\n"
    )
    rows = [
        (
            curve.name,
            point.settings,
            f"{point.recall:.4f}",
            f"{point.median_us:,.0f} µs",
            f"{point.p99_us:,.0f} µs",
            f"{curve.build_s:,.1f} s" if curve.build_s else "",
        )
        for curve in found.curves
        for point in curve.points
    ]
    click.echo(table(HEADER, rows, right=frozenset({2, 3, 4, 5})))
