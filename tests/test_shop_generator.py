"""The shop is the same for ever, and is what it says it is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edgerec.shop.generator import PRODUCTS, SHOPPERS, Shop, make_shop
from edgerec.shop.products import TIERS, make_products
from edgerec.shop.shoppers import make_shoppers
from edgerec.shop.visits import MOST_CLICKS
from edgerec.shop.words import read_words

SMALL = "2f2db58664f9d93eb5669d0a5164373e8936cbfe152d25c2e9aa4819c3fbb34d"
WHOLE = "bc0a59c5000d02b9d87c9908a1580adffb40c1406be2b7a370aa13ba5654e8b2"


@cache
def small() -> Shop:
    return make_shop(2000, 500)


def test_pinned() -> None:
    assert small().digest() == SMALL


@pytest.mark.slow
def test_the_shop_that_ships_is_pinned() -> None:
    shop = make_shop()
    assert (len(shop.products), len(shop.shoppers)) == (PRODUCTS, SHOPPERS)
    assert shop.digest() == WHOLE


def test_progress_is_told() -> None:
    told: list[str] = []
    make_shop(50, 3, progress=told.append)
    assert told == ["inventing 50 products", "letting 3 shoppers visit"]


def test_a_smaller_shop_has_the_first_products_and_shoppers() -> None:
    words, shop = read_words(), small()
    few = make_products(words, 10)
    assert few.titles == shop.products.titles[:10]
    assert few.cents.tolist() == shop.products.cents[:10].tolist()
    assert make_shoppers(words, 5).categories.tolist() == shop.shoppers.categories[:5].tolist()


def test_one_product_and_one_shopper_are_a_shop() -> None:
    shop = make_shop(1, 1)
    assert set(shop.visits.clicked.reshape(-1).tolist()) <= {0, -1}


def test_words() -> None:
    words = read_words()
    first = words.departments[0]
    for department in words.departments:
        assert len(department.categories) == len(first.categories)
        assert len(department.styles) == len(set(department.styles)) == len(first.styles)
        assert len(department.materials) == len(set(department.materials))
        assert len(department.brands) == len(set(department.brands)) == len(first.brands)
    brands = [brand for department in words.departments for brand in department.brands]
    assert len(set(brands)) == len(brands)
    assert brands[0] == "Acme"
    names = [category.name for category in words.categories]
    assert len(set(names)) == len(names)
    known = {w for d in words.departments for w in (*d.styles, *d.materials)}
    assert set(words.synonyms) <= known


def test_products() -> None:
    products = small().products
    assert len(set(products.ids)) == len(products)
    assert (products.cents > 0).all()
    assert products.stock.min() == 0
    assert 0 <= products.tier.min() <= products.tier.max() < TIERS
    for row in (0, 17):
        title = products.titles[row]
        assert title.startswith(products.brands[row])
        kind = products.words.categories[products.category[row]]
        assert kind.name == products.categories[row]
        assert any(noun in title for noun in kind.nouns)


def test_popularity_has_a_long_tail() -> None:
    sold = np.sort(make_products(read_words(), PRODUCTS).sold)[::-1]
    assert sold[0] > 50 * np.median(sold)
    assert 0.15 < sold[: len(sold) // 20].sum() / sold.sum() < 0.4


def test_dear_things_cost_more() -> None:
    products = make_products(read_words(), PRODUCTS)
    typical = np.array([kind.price for kind in products.words.categories])[products.category]
    relative = products.cents / 100 / typical
    means = [relative[products.tier == tier].mean() for tier in range(TIERS)]
    assert means == sorted(means)


def test_shoppers_like_different_things() -> None:
    shoppers = small().shoppers
    for liked in (shoppers.departments, shoppers.categories):
        assert all(len(set(row)) == len(row) for row in liked.tolist())
    for liked in (shoppers.brands, shoppers.styles, shoppers.materials):
        flat = liked.reshape(-1, liked.shape[-1])
        assert all(len(set(row)) == len(row) for row in flat.tolist())
    per_department = len(small().products.words.departments[0].categories)
    assert set((shoppers.categories // per_department)[0].tolist()) == set(
        shoppers.departments[0].tolist()
    )


def test_visits_are_in_time_order() -> None:
    visits = small().visits
    assert (np.diff(visits.time_ns) >= 0).all()
    assert len(set(visits.number.tolist())) == len(visits)
    for shopper in range(5):
        assert (np.diff(visits.number[visits.shopper == shopper]) > 0).all()


def test_the_visit_before() -> None:
    visits = small().visits
    for shopper in range(20):
        mine = np.flatnonzero(visits.shopper == shopper)
        assert visits.before[mine].tolist() == [-1, *visits.category[mine][:-1].tolist()]


def test_clicks() -> None:
    shop = small()
    visits, products = shop.visits, shop.products
    for visit in range(0, len(visits), 37):
        row = visits.clicked[visit]
        clicked = row[row >= 0]
        assert 1 <= len(clicked) <= MOST_CLICKS
        assert len(set(clicked.tolist())) == len(clicked)
        assert (row[len(clicked) :] == -1).all()
        assert set(products.category[clicked].tolist()) == {visits.category[visit]}
        assert not visits.purchased[visit, len(clicked) :].any()


def test_browsing_never_turns_to_a_product_clicked_before() -> None:
    visits = small().visits
    for shopper in range(100):
        seen: set[int] = set()
        for visit in np.flatnonzero(visits.shopper == shopper):
            clicked = set(visits.clicked[visit].tolist()) - {-1}
            assert visits.searching[visit] or not clicked & seen
            seen |= clicked


def test_tastes_show() -> None:
    """Liked brands are clicked far more often than by chance, liked styles and materials more."""
    shop = small()
    visits, products, shoppers = shop.visits, shop.products, shop.shoppers
    browsing = np.flatnonzero(~visits.searching)
    first, who = visits.clicked[browsing, 0], visits.shopper[browsing]
    side = (shoppers.departments[who] == products.department[first][:, None]).argmax(axis=1)
    for name, times in (("brand", 2.0), ("style", 1.1), ("material", 1.1)):
        liked = getattr(shoppers, f"{name}s")[who, side]
        hits = (liked == getattr(products, name)[first][:, None]).any(axis=1).mean()
        chance = liked.shape[1] / (getattr(products, name).max() + 1)
        assert hits > times * chance, name


def test_queries_stand_where_something_was_typed() -> None:
    shop = small()
    typed = np.array([query is not None for query in shop.queries])
    assert np.array_equal(typed, shop.visits.searching)
    assert 0.35 < typed.mean() < 0.45
    assert len({query for query in shop.queries if query}) > 0.6 * typed.sum()
