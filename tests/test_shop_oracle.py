"""The planted truth agrees with what shoppers do."""

from __future__ import annotations

import numpy as np
import pytest

from edgerec.shop.generator import Shop, make_shop
from edgerec.shop.oracle import expected_gain


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(1000, 300)


def test_it_is_a_distribution_of_clicks_with_purchases_on_top(shop: Shop) -> None:
    for visit in range(0, len(shop.visits), 211):
        gains = expected_gain(shop, visit)
        assert gains.shape == (len(shop.products),)
        assert (gains >= 0).all()
        assert 1.12 - 1e-9 <= gains.sum() <= 1.4 + 1e-9


def test_a_query_keeps_to_its_category(shop: Shop) -> None:
    visit = int(np.flatnonzero(shop.visits.searching)[0])
    gains = expected_gain(shop, visit)
    assert (shop.products.category[gains > 0] == shop.visits.category[visit]).all()


def test_excluded_products_are_not_expected(shop: Shop) -> None:
    gone = np.argsort(-expected_gain(shop, 3))[:5]
    gains = expected_gain(shop, 3, gone)
    assert not gains[gone].any()
    assert gains.sum() >= 1.12 - 1e-9


def test_first_clicks_come_as_often_as_expected(shop: Shop) -> None:
    """Probabilities are calibrated: a product expected with p is clicked first p of the time."""
    visits = np.flatnonzero(shop.visits.searching)
    hits, expected = 0, 0.0
    for visit in visits:
        gains = expected_gain(shop, int(visit))
        best = int(gains.argmax())
        buys = np.where(
            shop.products.tier[best] <= shop.shoppers.tier[shop.visits.shopper[visit]], 1.40, 1.12
        )
        expected += gains[best] / float(buys)
        hits += shop.visits.clicked[visit, 0] == best
    assert abs(hits - expected) < 4 * np.sqrt(expected)
