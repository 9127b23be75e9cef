"""Slips of the finger change one word a little, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.shop.generator import make_shop
from edgerec.shop.queries import misspelt
from tests.strategies import text as strategies


@given(strategies.typed(), st.integers(0, 2**64 - 1))
def test_one_word_changes_at_most(query: str, bits: int) -> None:
    before, after = query.split(" "), misspelt(query, bits).split(" ")
    assert len(before) == len(after)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) <= 1
    for right, wrong in changed:
        assert len(right) >= 4
        assert right[0] == wrong[0]
        assert abs(len(right) - len(wrong)) <= 1


@pytest.mark.parametrize(
    ("bits", "wrong"), [(0, "sfa bd"), (2, "soofa bd"), (4, "sfoa bd"), (6, "spfa bd")]
)
def test_slips(bits: int, wrong: str) -> None:
    assert misspelt("sofa bd", bits) == wrong


def test_short_words_stay() -> None:
    assert misspelt("a bed", 123456789) == "a bed"


def test_what_was_in_mind_is_typed() -> None:
    shop = make_shop(1000, 200)
    words, visits = shop.products.words, shop.visits
    found = 0
    for visit, query in enumerate(shop.queries):
        brand = visits.intents.brand[visit]
        if query is None or brand < 0:
            continue
        department = visits.category[visit] // len(words.departments[0].categories)
        found += words.departments[department].brands[brand].lower() in query
    asked = (visits.intents.brand >= 0).sum()
    assert 0.85 * asked < found <= asked
