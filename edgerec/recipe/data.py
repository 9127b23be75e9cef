"""A shop's data, read and checked: items, visits that calibrate, visits that judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgerec.catalog.items import Items
from edgerec.compiler.tasks import spread
from edgerec.engine.asking import check_query
from edgerec.errors import InvalidInput, RecipeError
from edgerec.events.json_lines import read_json_lines
from edgerec.events.visits import Arrival, Visit, arrivals, read_visits, split_by_time
from edgerec.features.items import check_numbers
from edgerec.features.text import Vocabulary
from edgerec.recipe.recipe import Recipe

__all__ = ["ShopData", "read_shop_data"]

CALIBRATING = 2000
"""Visits that browsed, and as many that typed, of which some are known to touch too little."""


@dataclass(frozen=True, slots=True, eq=False)
class ShopData:
    """What a build reads.

    Parameters
    ----------
    items : Items
    calibrating : tuple of Arrival
        The last visits of either kind before those that are held out.
    judged : tuple of Arrival
        Held-out visits, evenly over their time. Each touched an item of the shop, and what was
        typed can be searched for.
    histories : mapping of str to list of str
        What each user had touched in the end, oldest first.
    vocabulary : Vocabulary
        Of titles, and of queries before those that are held out.
    """

    items: Items
    calibrating: tuple[Arrival, ...]
    judged: tuple[Arrival, ...]
    histories: Mapping[str, Sequence[str]]
    vocabulary: Vocabulary


def read_shop_data(recipe: Recipe, say: Callable[[str], None]) -> ShopData:
    """Read the data of a recipe; ``say`` is told twice what is read.

    Raises
    ------
    RecipeError
        A file or a line cannot be used; the message names it.
    """
    say("reading items")
    records = read_json_lines(recipe.items, dict)
    say("reading visits")
    visits = read_visits(recipe.visits)
    cut = split_by_time(visits, recipe.holdout)
    items = _items(records, visits[:cut], recipe)
    known = frozenset(items.ids)
    held_out = [place for place in range(cut, len(visits)) if _telling(visits[place], known)]
    judging = spread(held_out, recipe.judged)
    calibrating = _calibrating(visits, cut, known)
    found, histories = arrivals(visits, {*calibrating, *judging})
    return ShopData(
        items=items,
        calibrating=tuple(found[place] for place in calibrating),
        judged=tuple(found[place] for place in judging),
        histories=histories,
        vocabulary=Vocabulary.of(
            items.columns["title"], (visit.query for visit in visits[:cut] if visit.query)
        ),
    )


def _items(records: list[dict[str, Any]], visits: Sequence[Visit], recipe: Recipe) -> Items:
    if not records:
        raise RecipeError(f"{recipe.items} holds no items: a shop needs at least one")
    try:
        items = Items.from_records(_with_popularity(records, visits, recipe.settings.popularity))
        _check_attributes(items, recipe)
        check_numbers(recipe.features, items)
    except InvalidInput as error:
        raise RecipeError(f"{recipe.items}: {error}") from error
    return items


def _with_popularity(
    records: Sequence[Mapping[str, Any]], visits: Sequence[Visit], name: str
) -> Iterator[Mapping[str, Any]]:
    """Records whose popularity, where one does not bring it, is counted from the visits."""
    lacking = [record for record in records if name not in record]
    counts = Counter(item for visit in visits for item in visit.touched) if lacking else Counter()
    for record in records:
        identifier = record.get("id")
        count = counts[identifier] if isinstance(identifier, str) else 0
        yield record if name in record else {**record, name: count}


def _check_attributes(items: Items, recipe: Recipe) -> None:
    """Raise unless items have all that features and answers are made of."""
    numbers = {"price", recipe.settings.popularity, *recipe.features.dense}
    wanted = {"title": "text", "brand": "keyword", "category": "keyword"}
    wanted |= dict.fromkeys(sorted(numbers), "number")
    kinds = {attribute.name: attribute.kind for attribute in items.schema}
    wrong = [f"{name} ({kind})" for name, kind in wanted.items() if kinds.get(name) != kind]
    if wrong:
        raise InvalidInput(
            f"items lack {', '.join(wrong)}; they have "
            f"{', '.join(f'{name} ({kind})' for name, kind in kinds.items())}"
        )


def _calibrating(visits: Sequence[Visit], cut: int, known: Collection[str]) -> list[int]:
    """Places of the last visits of either kind before ``cut``, in time order."""
    left = {True: CALIBRATING, False: CALIBRATING}
    places = []
    for place in range(cut - 1, -1, -1):
        browsed = visits[place].query is None
        if left[browsed] and _telling(visits[place], known):
            left[browsed] -= 1
            places.append(place)
        if not any(left.values()):
            break
    return places[::-1]


def _telling(visit: Visit, known: Collection[str]) -> bool:
    """Whether a visit can be asked again, and the answer be judged."""
    if not any(item in known for item in visit.touched):
        return False
    try:
        return visit.query is None or bool(check_query(visit.query))
    except InvalidInput:
        return False
