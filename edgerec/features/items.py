"""Items to tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.items import Items
from edgerec.errors import InvalidInput
from edgerec.features.hashing import buckets
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import hash_texts, ngram_ids

__all__ = ["brand_ids", "category_ids", "item_dense", "item_inputs"]

UNKNOWN = 1


def item_inputs(spec: FeatureSpec, items: Items) -> dict[str, NDArray[np.generic]]:
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
    """Return number attributes as they are, (n, m) float32: models standardise them."""
    columns = []
    for name in spec.dense:
        column = _column(items, name)
        if not isinstance(column, np.ndarray):
            raise InvalidInput(f"feature {name!r} wants a number attribute, the items have text")
        columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1) if columns else np.zeros((len(items), 0), np.float32)


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


def _column(items: Items, name: str) -> NDArray[np.generic] | tuple[str, ...]:
    if name not in items.columns:
        raise InvalidInput(
            f"the features want an attribute {name!r}; the items have "
            f"{', '.join(sorted(items.columns))}"
        )
    return items.columns[name]
