"""The planted truth: how likely each product is to be wanted on a visit, before it happens.

Whoever knew the shoppers' minds could rank no better than this; models learn from what shoppers
did. What chance decides on a visit (which clicks, which purchases) is not known here either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.fixed import NAT
from edgerec.shop.generator import Shop
from edgerec.shop.shoppers import NEEDS
from edgerec.shop.tastes import purchase_percent, utilities
from edgerec.shop.visits import CONTINUES

__all__ = ["expected_gain"]


def expected_gain(
    shop: Shop, visit: int, exclude: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Tell the gain that each product can be expected to bring as the first click of a visit.

    Parameters
    ----------
    shop : Shop
    visit : int
        Place in ``shop.visits``. If something was typed on it, what was in mind is known here.
    exclude : (n,) integers, optional
        Products that the visit cannot turn to.

    Returns
    -------
    (products,) float64 >= 0
        Probability of a click, and of a purchase on top: a click counts 1, a purchase 2.
    """
    visits, products = shop.visits, shop.products
    who = visits.shopper[[visit]]
    intents = visits.intents.take(np.array([visit]))
    gains = np.zeros(len(products))
    for category, share in _categories(shop, visit).items():
        rows = products.of_category[category]
        utility = utilities(products, shop.shoppers, category, who, intents)[0] / NAT
        if exclude is not None:
            utility[np.isin(rows, exclude)] = -np.inf
        weights = np.exp(utility - utility.max())
        gains[rows] += share * weights / weights.sum()
    tier = shop.shoppers.tier[who]
    expected: NDArray[np.float64] = gains * (1 + purchase_percent(products.tier, tier) / 100)
    return expected


def _categories(shop: Shop, visit: int) -> dict[int, float]:
    """How likely the visit is about each category; a query says which."""
    visits = shop.visits
    if visits.searching[visit]:
        return {int(visits.category[visit]): 1.0}
    before = int(visits.before[visit])
    goes_on = CONTINUES / 100 if before >= 0 else 0.0
    shares = {before: goes_on} if before >= 0 else {}
    for category, percent in zip(
        shop.shoppers.categories[visits.shopper[visit]].tolist(), NEEDS, strict=True
    ):
        shares[category] = shares.get(category, 0.0) + (1 - goes_on) * percent / 100
    return {c: share for c, share in shares.items() if len(shop.products.of_category[c])}
