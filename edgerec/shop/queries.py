"""What shoppers type: their own words for things, in their own order, with slips of the finger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.shop.draws import Stream, below, chance, draw
from edgerec.shop.tastes import ANY
from edgerec.shop.visits import Visits
from edgerec.shop.words import Words

__all__ = ["typed_queries"]

SYNONYM, NOUN_FIRST, SLIP = 30, 15, 18
"""Chances, in percent: another word for a style or material, the noun first, a misspelt word."""

SHORTEST_MISSPELT = 4
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
Ints = NDArray[np.int64]


def typed_queries(words: Words, visits: Visits) -> tuple[str | None, ...]:
    """Text of each visit, None for those that browsed."""
    searching = np.flatnonzero(visits.searching)
    number = visits.number[searching]
    bits = [draw(Stream.TYPING, number, turn) for turn in range(8)]
    asked = visits.intents.take(searching)
    columns = (
        visits.category[searching],
        asked.brand,
        asked.style,
        asked.material,
        asked.size,
        asked.noun,
        below(bits[0], 2**16),
        chance(bits[1], SYNONYM),
        chance(bits[2], SYNONYM),
        chance(bits[3], NOUN_FIRST),
    )
    slips = zip(chance(bits[4], SLIP).tolist(), bits[5].tolist(), strict=True)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    queries: list[str | None] = [None] * len(visits)
    for place, row, (slips_here, chosen) in zip(searching.tolist(), rows, slips, strict=True):
        query = _query(words, *row)
        queries[place] = misspelt(query, chosen) if slips_here else query
    return tuple(queries)


def _query(
    words: Words,
    category: int,
    brand: int,
    style: int,
    material: int,
    size: int,
    noun: int,
    which: int,
    other_style: bool,
    other_material: bool,
    noun_first: bool,
) -> str:
    kind = words.categories[category]
    department = words.departments[category // len(words.departments[0].categories)]
    thing = kind.nouns[noun] if noun != ANY else kind.typed[which % len(kind.typed)]
    parts = []
    if brand != ANY:
        parts.append(department.brands[brand].lower())
    if style != ANY:
        parts.append(_said(words, department.styles[style], other_style))
    if material != ANY:
        parts.append(_said(words, department.materials[material], other_material))
    if size != ANY:
        parts.append(kind.sizes[size])
    return " ".join([thing, *parts] if noun_first else [*parts, thing])


def _said(words: Words, word: str, other: bool) -> str:
    return words.synonyms.get(word, word) if other else word


def misspelt(query: str, bits: int) -> str:
    """Misspell one word of ``query`` as ``bits`` (64 random ones) decide.

    A letter is left out, doubled, swapped with the next or replaced by its neighbour on the
    keyboard; never the first one. Words of up to three letters stay as they are.
    """
    parts = query.split(" ")
    long = [place for place, word in enumerate(parts) if len(word) >= SHORTEST_MISSPELT]
    if not long:
        return query
    bits, place = divmod(bits, len(long))
    word = parts[long[place]]
    bits, letter = divmod(bits, len(word) - 2)
    parts[long[place]] = _slip(word, letter + 1, bits % 4)
    return " ".join(parts)


def _slip(word: str, at: int, kind: int) -> str:
    before, letter, after = word[:at], word[at], word[at + 1 :]
    if kind == 0:
        return before + after
    if kind == 1:
        return before + letter + letter + after
    if kind == 2:
        return before + after[0] + letter + after[1:]
    return before + _neighbour(letter) + after


def _neighbour(letter: str) -> str:
    for row in KEYBOARD:
        place = row.find(letter)
        if place >= 0:
            return row[place + 1] if place + 1 < len(row) else row[place - 1]
    return letter
