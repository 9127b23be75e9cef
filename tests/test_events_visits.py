"""Visits are read strictly, and a history holds what came before, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.errors import RecipeError
from edgerec.events.visits import Visit, arrivals, read_visits, split_by_time

GOOD = {"user": "u1", "time": 5, "query": "oak bed", "clicked": ["a", "b"], "purchased": ["b", "c"]}
users = st.sampled_from(["u1", "u2", "ü3"])
items = st.lists(st.sampled_from("abcde"), max_size=4, unique=True).map(tuple)
visit_lists = st.lists(
    st.builds(Visit, users, st.just(0), st.none() | st.just("bed"), items, items), max_size=30
)


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


def test_a_visit_is_read_as_written(tmp_path: Path) -> None:
    path = write(tmp_path / "v", GOOD, {"user": "u1", "time": 5, "more": {"is": "left"}})
    first, second = read_visits(path)
    assert first == Visit("u1", 5, "oak bed", ("a", "b"), ("b", "c"))
    assert first.touched == ("a", "b", "c")
    assert first.gains() == {"a": 1.0, "b": 2.0, "c": 2.0}
    assert second == Visit("u1", 5, None, (), ())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{nonsense}", "v:2"),
        ("[1]", "wanted a JSON object, got list"),
        ("", "v:2"),
        ("[" * 100_000, "v:2"),
        ({**GOOD, "user": None}, "id must be a str"),
        ({**GOOD, "user": ["u1"]}, "an id is text"),
        ({**GOOD, "user": ""}, "1 to 256 bytes"),
        ({**GOOD, "user": "ü" * 129}, "1 to 256 bytes"),
        ({**GOOD, "user": "\ud800"}, "UTF-8"),
        ({**GOOD, "time": "5"}, "integer of 64 bits"),
        ({**GOOD, "time": 5.0}, "integer of 64 bits"),
        ({**GOOD, "time": True}, "integer of 64 bits"),
        ({**GOOD, "time": 2**63}, "integer of 64 bits"),
        ('{"user": "u1", "time": ' + "9" * 5000 + "}", "v:2"),
        ({**GOOD, "query": ""}, "query is text"),
        ({**GOOD, "query": ["bed"]}, "query is text"),
        ({**GOOD, "query": "b\udfffd"}, "surrogate"),
        ({**GOOD, "clicked": "a"}, "clicked is a list"),
        ({**GOOD, "clicked": [1]}, "id must be a str"),
        ({**GOOD, "clicked": [["a"]]}, "an id is text"),
        ({**GOOD, "purchased": {"a": 1}}, "purchased is a list"),
        ({**GOOD, "purchased": ["\ud800"]}, "UTF-8"),
        ({**GOOD, "time": 4}, "v:2: visits must be in time order"),
        ({"user": "u1"}, "'time' is missing"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: Any, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        read_visits(write(tmp_path / "v", GOOD, line))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read .*none"):
        read_visits(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b'{"user": "\xff"}')
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_visits(tmp_path / "latin")


@settings(deadline=None)
@given(visit_lists, st.data())
def test_a_history_is_what_the_user_touched_before(visits: list[Visit], data: Any) -> None:
    places = data.draw(st.sets(st.integers(0, len(visits) - 1))) if visits else set()
    found, histories = arrivals(visits, places)
    assert list(found) == sorted(places)

    def touched(user: str, end: int) -> list[str]:
        return [i for visit in visits[:end] if visit.user == user for i in visit.touched]

    for place, arrival in found.items():
        assert arrival.visit is visits[place]
        assert list(arrival.history) == touched(arrival.visit.user, place)
    for user, history in histories.items():
        assert history == touched(user, len(visits))


def test_both_sides_of_a_split_have_visits() -> None:
    visits = [Visit("u", 0, None, (), ())] * 10
    assert split_by_time(visits, 0.3) == 7
    for few, share in ((visits, 0.01), (visits, 0.99), (visits[:1], 0.5), ([], 0.5)):
        with pytest.raises(RecipeError, match="leaves nothing on one side"):
            split_by_time(few, share)
