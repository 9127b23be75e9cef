"""Visits to the shop: who came, what was typed, what was clicked and bought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.draws import Stream, below, chance, draw, pick
from edgerec.shop.fixed import gumbel_table
from edgerec.shop.products import Products
from edgerec.shop.shoppers import NEEDS, Shoppers
from edgerec.shop.tastes import ANY, Intents, purchase_percent, utilities

__all__ = ["CONTINUES", "MOST_CLICKS", "Visits", "make_visits"]

FEWEST_VISITS, MOST_VISITS = 8, 16
CLICKS = (35, 30, 20, 15)
MOST_CLICKS = len(CLICKS)
SEARCHES = 40
CONTINUES = 70
"""Chance, in percent, that a visit goes on with the category of the one before."""
SOMETHING_NEW = 15
ASKS = {"brand": 20, "style": 30, "material": 45, "size": 12, "noun": 50}
AS_LIKED = 60
START_NS = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z
PERIOD_S = 84 * 24 * 3600
NEVER = np.iinfo(np.int32).min
BLOCK = 256  # shoppers at a time: their utilities stay in the cache
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """``n`` visits, in time order.

    Parameters
    ----------
    shopper : (n,) int64
    time_ns : (n,) int64, ascending
        UTC, nanoseconds since 1970.
    category : (n,) int64
        What the visit was about.
    before : (n,) int64
        Category of the shopper's visit before, -1 where there was none.
    searching : (n,) bool
        Whether something was typed.
    intents : Intents
        What was in mind, where something was typed.
    number : (n,) int64
        A number that no other visit has, the same for ever.
    clicked : (n, MOST_CLICKS) int64
        Products, in order of interest; -1 beyond the last.
    purchased : (n, MOST_CLICKS) bool
        Which of the clicked ones were bought.
    """

    shopper: Ints
    time_ns: Ints
    category: Ints
    before: Ints
    searching: NDArray[np.bool_]
    intents: Intents
    number: Ints
    clicked: Ints
    purchased: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.shopper)

    def take(self, places: NDArray[np.intp]) -> Visits:
        """Keep the visits at ``places``, in that order."""
        return Visits(
            self.shopper[places],
            self.time_ns[places],
            self.category[places],
            self.before[places],
            self.searching[places],
            self.intents.take(places),
            self.number[places],
            self.clicked[places],
            self.purchased[places],
        )


def make_visits(products: Products, shoppers: Shoppers) -> Visits:
    """Let every shopper visit; browsing never turns to a product clicked before."""
    counts = FEWEST_VISITS + below(
        draw(Stream.SHOPPER, np.arange(len(shoppers)), 1), MOST_VISITS - FEWEST_VISITS + 1
    )
    memory = np.full((len(shoppers), MOST_VISITS * MOST_CLICKS), -1)
    before = np.full(len(shoppers), -1)
    rounds = []
    for turn in range(MOST_VISITS):
        who = np.flatnonzero(counts > turn)
        visits = _round(products, shoppers, who, turn, before[who], memory)
        memory[who, turn * MOST_CLICKS : (turn + 1) * MOST_CLICKS] = visits.clicked
        before[who] = visits.category
        rounds.append(visits)
    return _in_order(rounds, counts)


def _round(
    products: Products, shoppers: Shoppers, who: Ints, turn: int, before: Ints, memory: Ints
) -> Visits:
    """Make the visit number ``turn`` of the shoppers ``who``; times are set later."""
    number = who * MOST_VISITS + turn
    searching = chance(draw(Stream.VISIT, number, 0), SEARCHES)
    category = _categories(products, shoppers, who, number, before, searching)
    intents = _intents(products, shoppers, who, number, category, searching)
    clicked = np.full((len(who), MOST_CLICKS), -1)
    noise = gumbel_table()
    for place, block in _blocks(category, len(products.words.categories)):
        if not len(products.of_category[place]):
            continue
        wanted = utilities(products, shoppers, place, who[block], intents.take(block))
        rows = products.of_category[place]
        wanted += noise[_sixteen_bits(number[block], len(rows))]
        browsing = np.flatnonzero(~searching[block])
        _forget(wanted, browsing, memory[who[block[browsing]]], rows)
        clicks = 1 + pick(draw(Stream.VISIT, number[block], 1), CLICKS)
        clicked[block] = _best(wanted, rows, clicks)
    bought = draw(Stream.PURCHASE, number[:, None], np.arange(MOST_CLICKS))
    percent = purchase_percent(products.tier[clicked], shoppers.tier[who][:, None])
    return Visits(
        shopper=who,
        time_ns=np.zeros(len(who), np.int64),
        category=category,
        before=before,
        searching=searching,
        intents=intents,
        number=number,
        clicked=clicked,
        purchased=chance(bought, percent) & (clicked >= 0),
    )


def _categories(
    products: Products,
    shoppers: Shoppers,
    who: Ints,
    number: Ints,
    before: Ints,
    searching: NDArray[np.bool_],
) -> Ints:
    """Decide what each visit is about: the same as before, something liked, or anything."""
    liked = shoppers.categories[who, pick(draw(Stream.VISIT, number, 2), NEEDS)]
    goes_on = chance(draw(Stream.VISIT, number, 3), CONTINUES) & (before >= 0)
    new = chance(draw(Stream.VISIT, number, 4), SOMETHING_NEW) & searching
    anything = below(draw(Stream.VISIT, number, 5), len(products.words.categories))
    return np.where(new, anything, np.where(goes_on, before, liked))


def _intents(
    products: Products,
    shoppers: Shoppers,
    who: Ints,
    number: Ints,
    category: Ints,
    searching: NDArray[np.bool_],
) -> Intents:
    """Put something in the minds of the searching: often what they like anyway."""
    kinds, first = products.words.categories, products.words.departments[0]
    place = category // len(first.categories)
    side = np.argmax(shoppers.departments[who] == place[:, None], axis=1)
    at_home = (shoppers.departments[who] == place[:, None]).any(axis=1)
    liked = {
        "brand": shoppers.brands[who, side],
        "style": shoppers.styles[who, side],
        "material": shoppers.materials[who, side],
    }
    options = {
        "brand": np.full(len(who), len(first.brands)),
        "style": np.full(len(who), len(first.styles)),
        "material": np.full(len(who), len(first.materials)),
        "size": np.array([len(kind.sizes) for kind in kinds])[category],
        "noun": np.array([len(kind.nouns) for kind in kinds])[category],
    }
    asked = {}
    for axis, (name, percent) in enumerate(ASKS.items()):
        value = below(draw(Stream.INTENT, number, 4 * axis), options[name])
        if name in liked:
            which = below(draw(Stream.INTENT, number, 4 * axis + 1), liked[name].shape[1])
            own = chance(draw(Stream.INTENT, number, 4 * axis + 2), AS_LIKED) & at_home
            value = np.where(own, liked[name][np.arange(len(who)), which], value)
        says = chance(draw(Stream.INTENT, number, 4 * axis + 3), percent) & searching
        asked[name] = np.where(says, value, ANY)
    return Intents(**asked)


def _blocks(category: Ints, categories: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Places of the visits to each category, at most :data:`BLOCK` at a time."""
    order = np.argsort(category, kind="stable")
    bounds = np.searchsorted(category[order], np.arange(categories + 1))
    for place in range(categories):
        for start in range(bounds[place], bounds[place + 1], BLOCK):
            yield place, order[start : min(start + BLOCK, bounds[place + 1])]


def _sixteen_bits(number: Ints, count: int) -> NDArray[np.uint16]:
    """Sixteen random bits for each visit and product, four products to a draw."""
    bits = draw(Stream.CLICK, number[:, None], np.arange((count + 3) // 4))
    return bits.astype("<u8").view("<u2")[:, :count]


def _forget(wanted: NDArray[np.int32], visits: NDArray[np.intp], seen: Ints, rows: Ints) -> None:
    """Make what was ``seen`` in these visits' past the least wanted."""
    place = np.searchsorted(rows, seen).clip(max=len(rows) - 1)
    at, slot = np.nonzero(rows[place] == seen)
    wanted[visits[at], place[at, slot]] = NEVER


def _best(wanted: NDArray[np.int32], rows: Ints, clicks: Ints) -> Ints:
    """Choose the products most wanted, (visits, MOST_CLICKS), -1 beyond ``clicks``."""
    best = np.full((len(wanted), MOST_CLICKS), -1)
    every = np.arange(len(wanted))
    for place in range(MOST_CLICKS):
        column = wanted.argmax(axis=1)
        kept = (clicks > place) & (wanted[every, column] != NEVER)
        best[kept, place] = rows[column[kept]]
        wanted[every, column] = NEVER
    return best


def _in_order(rounds: list[Visits], counts: Ints) -> Visits:
    """Join the rounds, sorted by time; a shopper's visits keep their order."""
    number = np.concatenate([visits.number for visits in rounds])
    who, turn = np.arange(len(counts))[:, None], np.arange(MOST_VISITS)
    moments = below(draw(Stream.TIME, who, turn), PERIOD_S)
    moments[turn >= counts[:, None]] = PERIOD_S
    moments.sort(axis=1)
    seconds = moments.reshape(-1)[number]
    order = np.lexsort((number, seconds))
    joined = {
        name: np.concatenate([getattr(visits, name) for visits in rounds])[order]
        for name in Visits.__slots__
        if name not in ("intents", "time_ns")
    }
    intents = {
        name: np.concatenate([getattr(visits.intents, name) for visits in rounds])[order]
        for name in Intents.__slots__
    }
    return Visits(time_ns=START_NS + seconds[order] * 10**9, intents=Intents(**intents), **joined)
