"""Items to tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import Attribute, check_number
from edgerec.catalog.item_columns import check_column
from edgerec.catalog.items import Items
from edgerec.errors import InvalidInput, ValueRangeError
from edgerec.features.hashing import buckets
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import hash_texts, ngram_ids

__all__ = [
    "brand_ids",
    "category_ids",
    "check_columns",
    "check_numbers",
    "check_values",
    "item_dense",
    "item_inputs",
]

UNKNOWN = 1
LARGEST = float(np.finfo(np.float32).max)


def item_inputs(spec: FeatureSpec, items: Items) -> dict[str, NDArray[Any]]:
    """Prepare ``items`` for an item tower.

    Returns
    -------
    dict
        ``title`` (n, length) int64, ``category`` (n,) int64, ``brand`` (n,) int64,
        ``dense`` (n, m) float32.

    Raises
    ------
    InvalidInput
        The items lack an attribute that the features are made of.
    """
    return {
        "title": ngram_ids(_texts(items, "title"), spec.text),
        "category": category_ids(spec, _texts(items, "category")),
        "brand": brand_ids(spec, _texts(items, "brand")),
        "dense": item_dense(spec, items),
    }


def item_dense(spec: FeatureSpec, items: Items) -> NDArray[np.float32]:
    """Return number attributes as they are, (n, m) float32: models standardise them.

    Numbers that :func:`check_numbers` would refuse become infinite.
    """
    columns = []
    for name in spec.dense:
        column = _column(items, name)
        if not isinstance(column, np.ndarray):
            raise InvalidInput(f"feature {name!r} wants a number attribute, the items have text")
        columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1) if columns else np.zeros((len(items), 0), np.float32)


def check_numbers(spec: FeatureSpec, items: Items) -> None:
    """Raise unless models can be given the numbers of every item.

    Raises
    ------
    ValueRangeError
        A price is negative, or a number does not fit float32; the message names the item.
    """
    check_columns(spec, items.columns, items.ids, "item")


def check_columns(
    spec: FeatureSpec,
    columns: Mapping[str, Any],
    ids: Sequence[str],
    where: str = "update of",
) -> None:
    """:func:`check_numbers` for columns alone, whose values need not be numbers yet.

    ``where`` and an id begin the message.
    """
    for name in sorted({"price", *spec.dense} & set(columns)):
        column = np.asarray(check_column(Attribute(name, "number"), columns[name], ids, where))
        low = 0.0 if name == "price" else -LARGEST
        wrong = np.flatnonzero(~((column >= low) & (column <= LARGEST)))
        if wrong.size:
            place = int(wrong[0])
            check_values(spec, {name: float(column[place])}, f"{where} {ids[place]!r}")


def check_values(spec: FeatureSpec, values: Mapping[str, object], where: str) -> None:
    """:func:`check_numbers` for some attributes of one item; ``where`` begins the message."""
    for name in {"price", *spec.dense} & set(values):
        value = check_number(values[name], f"{where}: {name}")
        if abs(value) > LARGEST or (name == "price" and value < 0):
            low = "0" if name == "price" else f"{-LARGEST:.3g}"
            raise ValueRangeError(
                f"{where}: {name} must lie in [{low}, {LARGEST:.3g}], got {value:g}"
            )


def category_ids(spec: FeatureSpec, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the id of each category, (n,) int64 in [1, len(spec.categories) + 2)."""
    ids = {name: place + 2 for place, name in enumerate(spec.categories)}
    return np.fromiter((ids.get(name, UNKNOWN) for name in names), np.int64, len(names))


def brand_ids(spec: FeatureSpec, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the bucket of each brand, (n,) int64 in [1, spec.brand_buckets); 1 for no name."""
    distinct = {name: place for place, name in enumerate(dict.fromkeys(names))}
    hashes = hash_texts(list(distinct))
    ids = np.where(hashes == 0, UNKNOWN, buckets(hashes, spec.brand_buckets))
    return ids[np.fromiter(map(distinct.__getitem__, names), np.int64, len(names))]


def _texts(items: Items, name: str) -> Sequence[str]:
    column = _column(items, name)
    if isinstance(column, np.ndarray):
        raise InvalidInput(f"feature {name!r} wants text, the items have {column.dtype}")
    return column


def _column(items: Items, name: str) -> NDArray[Any] | tuple[str, ...]:
    if name not in items.columns:
        raise InvalidInput(
            f"the features want an attribute {name!r}; the items have "
            f"{', '.join(sorted(items.columns))}"
        )
    return items.columns[name]
