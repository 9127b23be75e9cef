"""``edgerec inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store
from edgerec.cli.built import show_plan
from edgerec.cli.options import output_format
from edgerec.cli.output import echo_json, table
from edgerec.cli.published import show_store
from edgerec.cli.strategies import show_strategy
from edgerec.engine.models import read_models
from edgerec.engine.tables import ItemTables, item_tables
from edgerec.retrieval.strategy import Strategy

__all__ = ["inspect_command"]


@click.command("inspect")
@click.argument("path", type=click.Path(path_type=Path))
@output_format
def inspect_command(path: Path, output_format: str) -> None:
    """Show what the model file, bundle or store at PATH holds.

    \b
    Example:
      edgerec inspect shop.bundle --format json
    """
    if path.is_file():
        _show_model(path, output_format)
    elif (store := Store(path)).history():
        show_store(store, output_format)
    else:
        _show_bundle(path, output_format)


def _show_bundle(path: Path, output_format: str) -> None:
    with open_bundle(path) as bundle:
        parts = bundle.manifest.parts
        sections = bundle.manifest.sections
        models = read_models(bundle) if "models" in sections else {}  # an index has none
        version = bundle.version
        strategy: Any = sections.get("retrieval")
        items = item_tables(bundle.manifest)
    if output_format == "json":
        plans = {name: model.plan.to_dict() for name, model in models.items()}
        listed = [
            {"name": p.name, "kind": p.kind, "bytes": p.bytes, "sha256": p.sha256} for p in parts
        ]
        echo_json(
            {
                "version": version,
                "parts": listed,
                "items": None if items is None else items.to_dict(),
                "plans": plans,
                "retrieval": strategy,
            }
        )
        return
    click.echo(f"version {version}, {sum(p.bytes for p in parts):,} bytes\n")
    rows = [(p.name, p.kind, f"{p.bytes:,}", p.sha256[:12]) for p in parts]
    click.echo(table(("part", "kind", "bytes", "sha256"), rows, right=frozenset({2})))
    if items is not None:
        _show_items(items)
    if strategy is not None:
        click.echo("\nretrieval")
        show_strategy(Strategy.from_dict({k: v for k, v in strategy.items() if k != "index"}))
    for name, model in models.items():
        click.echo(f"\n{name}")
        show_plan(model.plan, "text")


def _show_items(items: ItemTables) -> None:
    click.echo(
        f"\n{items.rows:,} items of {items.bytes_an_item:,.1f} bytes, "
        f"{items.hot_bytes_an_item:,.1f} of them hot: searches read these"
    )
    rows = [
        (
            one.name,
            ", ".join(one.dtypes) or "not kept",
            "hot" if one.hot else "",
            f"{one.bytes:,}",
            f"{one.bytes_an_item:,.2f}",
        )
        for one in items.tables
    ]
    header = ("table", "kept as", "", "bytes", "bytes an item")
    click.echo(table(header, rows, right=frozenset({3, 4})))


def _show_model(path: Path, output_format: str) -> None:
    from edgerec.graph.flops import multiply_adds  # onnx loads only where a graph is read
    from edgerec.importers.importer import import_model

    model = import_model(path)
    flops = multiply_adds(model.graph)
    if output_format == "json":
        signature = model.signature.to_dict()
        size = {"bytes": model.size_bytes, "multiply_adds": flops}
        echo_json({"name": model.name, **size, "signature": signature})
        return
    click.echo(f"{model.name}: {model.size_bytes:,} bytes, {flops:,} multiply-adds a row\n")
    rows: list[tuple[str, ...]] = [
        (t.name, t.role.value, t.kind.value, t.dtype, str(t.shape)) for t in model.signature.inputs
    ]
    rows += [
        (t.name, "output", t.meaning.value, t.dtype, str(t.shape)) for t in model.signature.outputs
    ]
    click.echo(table(("tensor", "role", "kind", "dtype", "shape"), rows, right=frozenset()))
