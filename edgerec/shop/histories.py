"""What each shopper had turned to before each visit, as rows of the products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.visits import Visits

__all__ = ["HELD_OUT", "NOTHING", "held_out", "histories"]

NOTHING = -1
HELD_OUT = 0.1
"""Share of the visits, the last ones, that models never learn from."""


def histories(visits: Visits, length: int) -> NDArray[np.int64]:
    """List the last ``length`` products that each visit's shopper clicked before it.

    Returns
    -------
    (visits, length) int64
        Most recent last, :data:`NOTHING` in front where there were fewer.
    """
    by_shopper = np.argsort(visits.shopper, kind="stable")
    clicked = visits.clicked[by_shopper]
    counts = (clicked >= 0).sum(axis=1)
    items = np.concatenate([clicked[clicked >= 0], [NOTHING]])
    before = np.cumsum(counts) - counts
    shopper = visits.shopper[by_shopper]
    first_visit = np.searchsorted(shopper, shopper)
    places = before[:, None] + np.arange(-length, 0)
    places[places < before[first_visit][:, None]] = len(items) - 1
    result = np.empty((len(visits), length), np.int64)
    result[by_shopper] = items[places]
    return result


def held_out(visits: int, share: float = HELD_OUT) -> int:
    """Say where the last ``share`` of so many visits begins."""
    return visits - round(visits * share)
