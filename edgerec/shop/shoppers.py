"""The shop's shoppers and what they like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.draws import Stream, draw, pick
from edgerec.shop.products import TIERS
from edgerec.shop.words import Words

__all__ = ["NEEDS", "Shoppers", "make_shoppers"]

NEEDS = (46, 27, 17, 10)
"""How often a shopper looks for each of the liked categories, in percent."""

CATEGORIES_OF_DEPARTMENT = (3, 1)
LIKED_BRANDS, LIKED_STYLES, LIKED_MATERIALS = 2, 2, 2
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Shoppers:
    """``n`` shoppers; shopper ``i`` has id ``user-i``.

    Parameters
    ----------
    departments : (n, 2) int64
        The department that a shopper likes most, and another one.
    categories : (n, 4) int64
        Liked categories, looked for as :data:`NEEDS` says: three of the first department, one of
        the second.
    brands, styles, materials : (n, 2, 2) int64
        What a shopper likes in each of the two departments, most liked first.
    tier : (n,) int64 in [0, TIERS)
        Price tier that suits.
    """

    departments: Ints
    categories: Ints
    brands: Ints
    styles: Ints
    materials: Ints
    tier: Ints

    def __len__(self) -> int:
        return len(self.tier)

    @property
    def ids(self) -> tuple[str, ...]:
        """External ids."""
        return tuple(f"user-{i}" for i in range(len(self)))


def make_shoppers(words: Words, count: int) -> Shoppers:
    """Invent ``count`` shoppers; the first ones stay the same however many there are."""
    index = np.arange(count)
    first = words.departments[0]
    departments = _distinct(Stream.LIKED_DEPARTMENT, index, len(words.departments), 2)
    twice = 2 * index[:, None] + np.arange(2)
    kinds = [
        _distinct(Stream.LIKED_CATEGORY, twice[:, place], len(first.categories), wanted)
        + departments[:, place, None] * len(first.categories)
        for place, wanted in enumerate(CATEGORIES_OF_DEPARTMENT)
    ]
    return Shoppers(
        departments=departments,
        categories=np.concatenate(kinds, axis=1),
        brands=_distinct(Stream.LIKED_BRAND, twice, len(first.brands), LIKED_BRANDS),
        styles=_distinct(Stream.LIKED_STYLE, twice, len(first.styles), LIKED_STYLES),
        materials=_distinct(Stream.LIKED_MATERIAL, twice, len(first.materials), LIKED_MATERIALS),
        tier=pick(draw(Stream.SHOPPER, index), (2, 3, 4, 3, 2)[:TIERS]),
    )


def _distinct(stream: Stream, index: Ints, options: int, wanted: int) -> Ints:
    """Choose ``wanted`` different options out of ``options`` for each index."""
    bits = draw(stream, index[..., None], np.arange(options))
    return np.argsort(bits, axis=-1, kind="stable")[..., :wanted]
