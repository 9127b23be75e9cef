"""Histories against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from edgerec.shop.generator import make_shop
from edgerec.shop.histories import held_out, histories


@pytest.mark.parametrize("length", [1, 5, 32])
def test_histories_are_the_latest_clicks(length: int) -> None:
    visits = make_shop(500, 60).visits
    found = histories(visits, length)
    seen: dict[int, list[int]] = {}
    for visit, shopper in enumerate(visits.shopper.tolist()):
        past = seen.setdefault(shopper, [])
        expected = [-1] * length + past
        assert found[visit].tolist() == expected[-length:]
        past += [item for item in visits.clicked[visit].tolist() if item >= 0]


def test_held_out() -> None:
    assert held_out(1000) == 900
    assert held_out(10, 0.25) == 8


def test_of_nobody() -> None:
    none = make_shop(50, 1).visits.take(np.zeros(0, np.intp))
    assert histories(none, 3).shape == (0, 3)
