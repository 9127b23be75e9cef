"""``edgerec index``."""

from __future__ import annotations

from pathlib import Path

import click

from edgerec.catalog.vectors import KEPT, METRICS, Kept, Metric
from edgerec.cli.arrays import read_attributes, read_ids, read_queries, read_vectors
from edgerec.cli.options import force, output_format, parse_bytes, seed
from edgerec.cli.output import Bar, echo_json
from edgerec.cli.strategies import show_strategy
from edgerec.engine.indexing import INDEX_STEPS, Indexed, build_index
from edgerec.errors import InvalidInput
from edgerec.retrieval.strategy import Target

__all__ = ["index_command"]

path = click.Path(path_type=Path)


@click.command("index")
@click.argument("vectors", type=path)
@click.option("-o", "--out", required=True, type=path, help="The bundle to write.")
@click.option("--recall", default=0.95, show_default=True, help="Share of the true best to find.")
@click.option("-k", "--k", default=100, show_default=True, help="How many are asked for.")
@click.option("--max-memory", metavar="BYTES", help="Most that the index may take, such as 2GB.")
@click.option("--metric", type=click.Choice(METRICS), default="inner", show_default=True)
@click.option("--ids", "ids_file", type=path, help="One id a line, or .npy; else row numbers.")
@click.option(
    "--attributes",
    "attributes_file",
    type=path,
    help="For filters: one JSON object a line, a line a vector; an id in it is the item's.",
)
@click.option("--queries", "queries_file", type=path, help="Vectors such as will be asked, .npy.")
@click.option("--originals", type=click.Choice(KEPT), help="Kept beside the codes; else as is.")
@click.option(
    "--index",
    default="auto",
    show_default=True,
    help="auto, exact, sketch, lists, or what FAISS is asked for, such as HNSW32.",
)
@force
@seed
@output_format
def index_command(
    vectors: Path,
    out: Path,
    recall: float,
    k: int,
    max_memory: str | None,
    metric: Metric,
    ids_file: Path | None,
    attributes_file: Path | None,
    queries_file: Path | None,
    originals: Kept | None,
    index: str,
    force: bool,
    seed: int,
    output_format: str,
) -> None:
    """Turn VECTORS, a .npy file with a row an item, into an index.

    The fastest index is taken that reaches the recall within the memory, measured here and now.

    \b
    Example:
      edgerec index vectors.npy -o items.index --recall .95 --k 100 --max-memory 2GB
    """
    target = Target(
        k=k,
        recall=recall,
        max_memory=None if max_memory is None else parse_bytes(max_memory),
        index=index,
    )
    rows = read_vectors(vectors)
    attributes = {} if attributes_file is None else read_attributes(attributes_file)
    ids = attributes.pop("id", None)
    if ids_file is not None:
        if ids is not None:
            raise InvalidInput(f"ids stand in {ids_file} and in {attributes_file}: give one")
        ids = read_ids(ids_file)
    with Bar(INDEX_STEPS) as bar:
        made = build_index(
            rows,
            out,
            ids=ids,
            attributes=attributes,
            target=target,
            metric=metric,
            originals=originals,
            queries=None if queries_file is None else read_queries(queries_file),
            seed=seed,
            force=force,
            progress=bar,
        )
    if output_format == "json":
        echo_json(made.to_dict())
    else:
        _show(made, out)


def _show(made: Indexed, out: Path) -> None:
    show_strategy(made.strategy)
    found = made.measured
    click.echo(
        f"\n{out}: {made.rows:,} items of {made.dim} dimensions, {made.strategy.kind}, "
        f"recall@{made.strategy.target.k} {found.recall:.3f}, median {found.median_us:,.0f} µs, "
        f"{made.bytes_an_item:,.1f} bytes an item ({made.hot_bytes_an_item:,.1f} hot), "
        f"built in {made.build_s:,.1f} s"
    )
