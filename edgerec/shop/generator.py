"""The shop, all of it: the same on every machine, for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edgerec.shop.products import Products, make_products
from edgerec.shop.queries import typed_queries
from edgerec.shop.shoppers import Shoppers, make_shoppers
from edgerec.shop.visits import Visits, make_visits
from edgerec.shop.words import read_words

__all__ = ["PRODUCTS", "SHOPPERS", "Shop", "make_shop"]

PRODUCTS = 50_000
SHOPPERS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """Products, shoppers, their visits, and what was typed in each (None where nothing was)."""

    products: Products
    shoppers: Shoppers
    visits: Visits
    queries: tuple[str | None, ...]

    def digest(self) -> str:
        """SHA-256 of everything that a shop shows, in hex."""
        digest = hashlib.sha256()
        products, visits = self.products, self.visits
        for texts in (products.titles, products.brands, products.categories, self.queries):
            digest.update(_lines(texts))
        for column in (
            products.cents,
            products.stock,
            products.sold,
            visits.shopper,
            visits.time_ns,
            visits.clicked,
            visits.purchased,
        ):
            digest.update(np.ascontiguousarray(column, "<i8").tobytes())
        return digest.hexdigest()


def make_shop(
    products: int = PRODUCTS,
    shoppers: int = SHOPPERS,
    *,
    progress: Callable[[str], None] | None = None,
) -> Shop:
    """Invent a shop.

    Parameters
    ----------
    products, shoppers : int >= 1
        A smaller shop has the first products and shoppers of a larger one; its visits differ.
    progress : callable, optional
        Hears a line before each step.
    """
    words = read_words()
    if progress is not None:
        progress(f"inventing {products:,} products")
    goods = make_products(words, products)
    people = make_shoppers(words, shoppers)
    if progress is not None:
        progress(f"letting {shoppers:,} shoppers visit")
    visits = make_visits(goods, people)
    return Shop(goods, people, visits, typed_queries(words, visits))


def _lines(texts: Iterable[str | None]) -> bytes:
    return "".join(f"{text or ''}\n" for text in texts).encode()
