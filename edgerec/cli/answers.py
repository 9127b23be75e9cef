"""How answers are shown: titles a person can judge, and what was noticed on the way."""

from __future__ import annotations

from typing import Any

import click

from edgerec.cli.output import echo_json, table
from edgerec.engine.engine import Engine
from edgerec.values.results import Results

__all__ = ["show_results"]


def show_results(engine: Engine, results: Results, output_format: str) -> None:
    """Print ranked items."""
    records = engine.items(results.ids)
    if output_format == "json":
        echo_json(_as_dict(results, records))
        return
    if not records:
        click.echo("Nothing is eligible: loosen the filter.")
        return
    rows = [
        (
            str(place),
            str(record.get("title", record["id"])),
            str(record.get("brand", "")),
            f"{record['price']:.2f}" if "price" in record else "",
            str(record["id"]),
        )
        for place, record in enumerate(records, 1)
    ]
    click.echo(table(("", "title", "brand", "price", "id"), rows, right=frozenset({0, 3})))
    click.echo(_notes(results))


def _notes(results: Results) -> str:
    total = sum(results.stages_us.values()) / 1000
    stages = ", ".join(f"{name} {us / 1000:.2f}" for name, us in results.stages_us.items())
    notes = [f"{total:.2f} ms ({stages})"]
    notes += [f"unknown {name}: {count}" for name, count in results.unknown.items()]
    notes += [f"answered from {name}" for name in results.fallback]
    notes += [f"cut: {text}" for text in results.cut]
    return "\n" + "; ".join(notes)


def _as_dict(results: Results, records: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "ids": list(results.ids),
        "scores": [float(score) for score in results.scores],
        "items": records,
        "version": results.version,
        "sequence": results.sequence,
        "stages_us": dict(results.stages_us),
        "cut": list(results.cut),
        "fallback": list(results.fallback),
        "unknown": dict(results.unknown),
    }
