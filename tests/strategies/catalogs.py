"""Items of a small shop, filters on them, and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.attributes import Attribute

__all__ = ["SCHEMA", "attributes", "ids", "patient", "queries", "records", "vectors", "wheres"]

SCHEMA = (
    Attribute("title", "text"),
    Attribute("brand", "keyword"),
    Attribute("price", "number"),
    Attribute("stock", "number"),
    Attribute("in_stock", "boolean"),
    Attribute("tags", "set"),
    Attribute("released", "timestamp"),
)
BRANDS = ("Acme", "Bolt", "", "Ünïcode", "日本", *(f"brand {n}" for n in range(12)))
TAGS = ("new", "sale", "red", "", "Ünïcode")
TIMES = {  # nanoseconds since 1970, and the same in ISO 8601
    0: "1970-01-01T00:00:00Z",
    -1_000: "1969-12-31T23:59:59.999999+00:00",
    946_684_800_000_000_000: "2000-01-01",
    1_764_045_000_123_456_000: "2025-11-25T05:30:00.123456+01:00",
    2**63 - 1: None,
    1 - 2**63: None,
}
PRICES = (0.0, -1.5, 9.99, 49.99, 50.0, 2.0**53, 1e300, 5e-324)

# A busy machine is no failure.
patient = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
brands = st.sampled_from(BRANDS)
prices = st.sampled_from(PRICES) | st.floats(allow_nan=False, allow_infinity=False)
stocks = st.integers(-1, 3)
tags = st.lists(st.sampled_from(TAGS), unique=True, max_size=3).map(lambda t: tuple(sorted(t)))
times = st.sampled_from(sorted(TIMES)) | st.integers(-(10**18), 2 * 10**18)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4) | st.sampled_from("abcde")


def attributes() -> st.SearchStrategy[dict[str, Any]]:
    """All attributes of one item, ``in_stock`` sometimes left to be derived."""
    return st.fixed_dictionaries(
        {"title": st.text(st.characters(codec="utf-8")), "brand": brands}
        | {"price": prices, "stock": stocks, "tags": tags, "released": times},
        optional={"in_stock": st.booleans()},
    )


@st.composite
def records(
    draw: st.DrawFn, min_size: int = 1, max_size: int = 40, pool: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Records with ids of their own, from ``pool`` if given."""
    source = ids if pool is None else st.sampled_from(list(pool))
    names = draw(st.lists(source, min_size=min_size, max_size=max_size, unique=True))
    return [{"id": name, **draw(attributes())} for name in names]


def vectors(rows: int, dim: int, dtype: str = "float32") -> st.SearchStrategy[NDArray[Any]]:
    """(rows, dim) vectors: small integers, which make ties, or normally distributed."""

    def make(seed: int, grid: bool) -> NDArray[Any]:
        rng = np.random.default_rng(seed)
        x = rng.integers(-2, 3, (rows, dim)) if grid else rng.standard_normal((rows, dim))
        return x.astype(dtype)

    return st.builds(make, st.integers(0, 2**32 - 1), st.booleans())


def queries(dim: int) -> st.SearchStrategy[NDArray[np.float32]]:
    """(dim,) queries, also all zeros."""
    return vectors(1, dim).map(lambda x: x[0]) | st.just(np.zeros(dim, np.float32))


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """One comparison that suits its attribute, in canonical form."""
    number = prices | stocks | st.sampled_from([np.inf, -np.inf])
    comparisons = st.sampled_from(["eq", "gte", "gt", "lte", "lt"])
    unseen = brands | st.just("never seen")
    tag = st.sampled_from([*TAGS, "never seen"])
    time = times | st.sampled_from([text for text in TIMES.values() if text])
    return st.one_of(
        st.builds(
            lambda field, op, value: {"field": field, op: value},
            st.sampled_from(["price", "stock"]),
            comparisons,
            number,
        ),
        st.builds(
            lambda field, values: {"field": field, "in": values},
            st.sampled_from(["price", "stock"]),
            st.lists(number, max_size=12),
        ),
        st.builds(lambda low, high: {"field": "price", "gte": low, "lt": high}, prices, prices),
        st.builds(lambda value: {"field": "brand", "eq": value}, unseen),
        st.builds(lambda values: {"field": "brand", "in": values}, st.lists(unseen, max_size=14)),
        st.builds(lambda value: {"field": "in_stock", "eq": value}, st.booleans()),
        st.builds(lambda v: {"field": "in_stock", "in": v}, st.lists(st.booleans(), max_size=3)),
        st.builds(lambda tag: {"field": "tags", "eq": tag}, tag),
        st.builds(lambda found: {"field": "tags", "in": found}, st.lists(tag, max_size=3)),
        st.builds(lambda op, time: {"field": "released", op: time}, comparisons, time),
        st.builds(lambda found: {"field": "released", "in": found}, st.lists(time, max_size=12)),
    )


def wheres() -> st.SearchStrategy[dict[str, Any]]:
    """Filters in canonical form."""
    return st.recursive(
        leaves(),
        lambda child: st.one_of(
            st.lists(child, min_size=1, max_size=3).map(lambda c: {"and": c}),
            st.lists(child, min_size=1, max_size=3).map(lambda c: {"or": c}),
            child.map(lambda c: {"not": c}),
        ),
        max_leaves=6,
    )
