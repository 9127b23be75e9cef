"""The shop's products, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.draws import Stream, below, chance, draw, pick
from edgerec.shop.words import Words

__all__ = ["TIERS", "Products", "make_products"]

TIERS = 5
"""Price tiers, cheap to dear, relative to what such a thing costs."""

PERCENT_OF_TIER = (55, 78, 100, 140, 205)
ENDINGS = (99, 95, 50, 0)
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Products:
    """``n`` products; product ``i`` has id ``sku-i``.

    Parameters
    ----------
    words : Words
    category, brand, style, material, size, noun, extra : (n,) int64
        Places in the lists of ``words``; a category's place counts through all departments, the
        others within the product's department or category.
    tier : (n,) int64 in [0, TIERS)
    cents : (n,) int64 > 0
        Price.
    stock, sold : (n,) int64 >= 0
        Pieces that are there, and that were sold: the popularity, with a long tail.
    """

    words: Words
    category: Ints
    brand: Ints
    style: Ints
    material: Ints
    size: Ints
    noun: Ints
    extra: Ints
    tier: Ints
    cents: Ints
    stock: Ints
    sold: Ints

    def __len__(self) -> int:
        return len(self.category)

    @property
    def department(self) -> Ints:
        """Place of each product's department, (n,) int64."""
        return self.category // len(self.words.departments[0].categories)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """External ids."""
        return tuple(f"sku-{i}" for i in range(len(self)))

    @cached_property
    def brands(self) -> tuple[str, ...]:
        """Names of the brands."""
        names = [department.brands for department in self.words.departments]
        pairs = zip(self.department.tolist(), self.brand.tolist(), strict=True)
        return tuple(names[d][b] for d, b in pairs)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""
        names = [category.name for category in self.words.categories]
        return tuple(names[c] for c in self.category.tolist())

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """Titles, such as ``Acme mid-century walnut queen bed frame with drawers``."""
        columns = (self.category, self.style, self.material, self.size, self.noun, self.extra)
        rows = zip(self.brands, *(column.tolist() for column in columns), strict=True)
        return tuple(self._title(*row) for row in rows)

    def _title(self, brand: str, c: int, style: int, material: int, *rest: int) -> str:
        category = self.words.categories[c]
        department = self.words.departments[c // len(self.words.departments[0].categories)]
        size, noun, extra = rest
        title = (
            f"{brand} {department.styles[style]} {department.materials[material]} "
            f"{category.sizes[size]} {category.nouns[noun]} {category.extras[extra]}"
        )
        return title.rstrip()

    @cached_property
    def of_category(self) -> tuple[Ints, ...]:
        """Products of each category, ascending."""
        order = np.argsort(self.category, kind="stable")
        bounds = np.searchsorted(self.category[order], np.arange(1, len(self.words.categories)))
        return tuple(np.split(order, bounds))


def make_products(words: Words, count: int) -> Products:
    """Invent ``count`` products; the first ones stay the same however many there are."""
    index = np.arange(count)

    def bits(number: int) -> NDArray[np.uint64]:
        return draw(Stream.PRODUCT, index, number)

    category = below(bits(0), len(words.categories))
    kinds = words.categories
    first = words.departments[0]
    brand = below(bits(1), len(first.brands))
    brand_tier = below(draw(Stream.PRODUCT, _brand_index(words, category, brand), 100), TIERS)
    tier = np.clip(brand_tier + pick(bits(2), (1, 2, 1)) - 1, 0, TIERS - 1)
    return Products(
        words=words,
        category=category,
        brand=brand,
        style=below(bits(3), len(first.styles)),
        material=below(bits(4), len(first.materials)),
        size=below(bits(5), np.array([len(kind.sizes) for kind in kinds])[category]),
        noun=below(bits(6), np.array([len(kind.nouns) for kind in kinds])[category]),
        extra=below(bits(7), np.array([len(kind.extras) for kind in kinds])[category]),
        tier=tier,
        cents=_cents(np.array([kind.price for kind in kinds])[category], tier, bits(8), bits(9)),
        stock=np.where(chance(bits(10), 8), 0, 1 + below(bits(11), 200)),
        sold=np.sqrt(2.0**26 / (1 + below(bits(12), 2**16))).astype(np.int64),
    )


def _brand_index(words: Words, category: Ints, brand: Ints) -> Ints:
    """Count each brand's place among those of all departments."""
    first = words.departments[0]
    return category // len(first.categories) * len(first.brands) + brand


def _cents(typical: Ints, tier: Ints, spread: NDArray[np.uint64], end: NDArray[np.uint64]) -> Ints:
    """Set the price of a tier, 12 % up or down, with an ending that shops like."""
    percent: Ints = np.array(PERCENT_OF_TIER)[tier]
    whole = typical * percent * (88 + below(spread, 25)) // 10_000
    ending: Ints = np.array(ENDINGS)[below(end, len(ENDINGS))]
    priced: Ints = np.maximum(whole, 1) * 100
    return priced + ending
