"""The shop as data: items and visits, in memory and as files that a recipe reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgerec.catalog.attributes import Attribute
from edgerec.catalog.items import Items
from edgerec.events.visits import Visit
from edgerec.shop.generator import Shop, make_shop

__all__ = ["ITEMS", "SCHEMA", "VISITS", "item_records", "items_of", "visits_of", "write"]

ITEMS, VISITS = "items.jsonl", "visits.jsonl"
SCHEMA = (
    Attribute("title", "text"),
    Attribute("brand", "keyword"),
    Attribute("category", "keyword"),
    Attribute("price", "number"),
    Attribute("stock", "number"),
    Attribute("popularity", "number"),
)


def items_of(shop: Shop) -> Items:
    """Products as a catalogue takes them."""
    products = shop.products
    return Items(
        products.ids,
        {
            "title": products.titles,
            "brand": products.brands,
            "category": products.categories,
            "price": products.cents / 100,
            "stock": products.stock,
            "popularity": products.sold,
        },
        SCHEMA,
    )


def visits_of(shop: Shop) -> Iterator[Visit]:
    """Visits in time order."""
    ids, visits = np.array([*shop.products.ids, ""]), shop.visits
    rows = zip(
        visits.shopper.tolist(),
        visits.time_ns.tolist(),
        shop.queries,
        ids[visits.clicked].tolist(),
        visits.purchased.tolist(),
        strict=True,
    )
    for shopper, time_ns, query, clicked, bought in rows:
        yield Visit(
            user=f"user-{shopper}",
            time_ns=time_ns,
            query=query,
            clicked=tuple(item for item in clicked if item),
            purchased=tuple(item for item, taken in zip(clicked, bought, strict=True) if taken),
        )


def item_records(shop: Shop) -> Iterator[dict[str, Any]]:
    """Products as ``items.jsonl`` has them."""
    products = shop.products
    rows = zip(
        products.ids,
        products.titles,
        products.brands,
        products.categories,
        (products.cents / 100).tolist(),
        products.stock.tolist(),
        products.sold.tolist(),
        strict=True,
    )
    names = ("id", *(attribute.name for attribute in SCHEMA))
    return (dict(zip(names, row, strict=True)) for row in rows)


def write(
    directory: Path, progress: Callable[[str], None] | None = None, *, shop: Shop | None = None
) -> None:
    """Write ``items.jsonl`` and ``visits.jsonl`` into ``directory``, which is made.

    ``shop`` is what is written; the one that ships where it is left out.
    """
    shop = make_shop(progress=progress) if shop is None else shop
    directory.mkdir(parents=True, exist_ok=True)
    if progress is not None:
        progress("writing items and visits")
    _write_lines(directory / ITEMS, item_records(shop))
    _write_lines(directory / VISITS, map(_record, visits_of(shop)))


def _record(visit: Visit) -> Mapping[str, Any]:
    return {
        "user": visit.user,
        "time": visit.time_ns,
        "query": visit.query,
        "clicked": visit.clicked,
        "purchased": visit.purchased,
    }


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
