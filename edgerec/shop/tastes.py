"""How much a shopper wants a product: the planted truth, in integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.fixed import NAT, ln
from edgerec.shop.products import TIERS, Products
from edgerec.shop.shoppers import Shoppers

__all__ = ["ANY", "Intents", "purchase_percent", "utilities"]

ANY = -1
"""Nothing in particular was asked for."""

BRAND = (6.0, 6.0)
STYLE = (1.5, 1.2)
MATERIAL = (1.5, 1.2)
POPULAR = 2.0
TOO_DEAR, TOO_CHEAP = 0.9, 0.45
ASKED = {"brand": 9.0, "style": 8.0, "material": 8.0, "size": 4.0, "noun": 4.0}
FEWEST_SOLD = 32
Ints = NDArray[np.int64]
Utilities = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Intents:
    """What ``n`` shoppers have in mind, each within one category; :data:`ANY` for what is open.

    ``brand``, ``style``, ``material``, ``size``, ``noun`` (n,) int64: places in the lists of the
    category or its department.
    """

    brand: Ints
    style: Ints
    material: Ints
    size: Ints
    noun: Ints

    @classmethod
    def none(cls, count: int) -> Intents:
        """Nothing in particular, ``count`` times."""
        return cls(*(np.full(count, ANY) for _ in range(5)))

    def take(self, places: NDArray[np.intp]) -> Intents:
        """Keep the intents at ``places``."""
        return Intents(
            self.brand[places],
            self.style[places],
            self.material[places],
            self.size[places],
            self.noun[places],
        )


def utilities(
    products: Products, shoppers: Shoppers, category: int, who: Ints, intents: Intents
) -> Utilities:
    """Tell how much the shoppers ``who``, each with an intent, want each product of ``category``.

    Returns
    -------
    (len(who), products of the category) int32, in units of 1/NAT
    """
    words, rows = products.words, products.of_category[category]
    first, kind = words.departments[0], words.categories[category]
    here = shoppers.departments[who] == category // len(first.categories)
    wanted = {
        "brand": _table(shoppers.brands[who], here, BRAND, len(first.brands)),
        "style": _table(shoppers.styles[who], here, STYLE, len(first.styles)),
        "material": _table(shoppers.materials[who], here, MATERIAL, len(first.materials)),
        "size": np.zeros((len(who), len(kind.sizes)), np.int32),
        "noun": np.zeros((len(who), len(kind.nouns)), np.int32),
    }
    total = np.empty((len(who), len(rows)), np.int32)
    total[:] = (ln(products.sold[rows]) - ln(FEWEST_SOLD)) * _units(POPULAR) >> 24
    total += _prices()[shoppers.tier[who]][:, products.tier[rows]]
    for name, table in wanted.items():
        asked = getattr(intents, name)
        some = np.flatnonzero(asked != ANY)
        table[some, asked[some]] += _units(ASKED[name])
        total += table[:, getattr(products, name)[rows]]
    return total


def purchase_percent(product_tier: Ints, shopper_tier: Ints) -> Ints:
    """Chance that a click ends in a purchase, in percent: it may cost what suits, or less."""
    return np.where(product_tier <= shopper_tier, 40, 12)


def _table(
    liked: Ints, here: NDArray[np.bool_], weights: tuple[float, ...], options: int
) -> Utilities:
    """Value each option of one axis to shoppers who like some of them ``here``."""
    table = np.zeros((len(liked), options), np.int32)
    at, side = np.nonzero(here)
    for rank, weight in enumerate(weights):
        table[at, liked[at, side, rank]] = _units(weight)
    return table


def _prices() -> Utilities:
    """Tabulate what a product's tier costs a shopper of each tier, (TIERS, TIERS) int32."""
    above = np.arange(TIERS) - np.arange(TIERS)[:, None]
    return (-above * np.where(above > 0, _units(TOO_DEAR), -_units(TOO_CHEAP))).astype(np.int32)


def _units(nats: float) -> int:
    return round(nats * NAT)
