"""A catalogue of five lamps, for tests that change it and look."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from tests.strategies import catalogs

__all__ = ["DIM", "five_items", "items_of", "vectors_of"]

DIM = 6


def items_of(*names: str, **change: Any) -> Items:
    """Lamps of these ids, all alike but for ``change``."""
    record = {"title": "Lamp", "brand": "Acme", "price": 10.0, "stock": 2}
    record |= {"tags": ("red", "sale"), "released": 5} | change
    return Items.from_records([{"id": name, **record} for name in names], catalogs.SCHEMA)


def vectors_of(count: int, seed: int = 0, dtype: str = "float32") -> Any:
    """Vectors (count, DIM), drawn."""
    return np.random.default_rng(seed).standard_normal((count, DIM)).astype(dtype)


def five_items() -> Catalog:
    """A new catalogue of ``a`` to ``e``."""
    return Catalog(items_of(*"abcde"), vectors_of(5))
