"""A bundle answers: known and unknown visitors, filters, changes, deadlines, bad input."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgerec
from edgerec.engine.deadline import Deadline
from edgerec.engine.pace import Pace
from edgerec.errors import (
    DeadlineExceeded,
    EngineClosed,
    InvalidInput,
    LimitExceeded,
    UnknownAttribute,
    ValueRangeError,
)

NEW = {
    "id": "new-1",
    "title": "zebrawood round bed",
    "brand": "Nobody Yet",
    "category": "beds",
    "price": 10.0,
    "stock": 3,
}


@pytest.fixture
def engine(small_bundle: Path) -> Iterator[edgerec.Engine]:
    with edgerec.open(small_bundle) as opened:
        yield opened


def test_recommend_answers_a_known_user(engine: edgerec.Engine) -> None:
    results = engine.recommend("u1", k=10)
    assert len(results.ids) == len(set(results.ids)) == 10
    assert (np.diff(results.scores) <= 0).all()
    assert results.version == engine.version
    assert not results.cold
    assert set(results.stages_us) == {"features", "encode", "retrieve", "rank"}
    assert not set(results.ids) & set(engine.history("u1"))


def test_search_finds_what_was_typed_and_survives_a_slip(engine: edgerec.Engine) -> None:
    for query in ("walnut queen bed", "walnut quenn bed"):
        titles = [item["title"] for item in engine.items(engine.search(query, k=5).ids)]
        assert "walnut queen bed" in titles, query


def test_a_visitor_nobody_knows_is_answered_and_counted(engine: edgerec.Engine) -> None:
    cold = engine.recommend("stranger", k=5)
    assert cold.cold
    assert cold.fallback == ("popularity",)
    popularity = [item["popularity"] for item in engine.items(cold.ids)]
    assert popularity == sorted(popularity, reverse=True)
    assert engine.recommend(k=5).ids == cold.ids
    by_history = engine.recommend("stranger", history=["sku-1", "sku-9", "gone"], k=5)
    assert len(by_history) == 5
    assert by_history.unknown == {"history": 1, "user": 1}
    assert not by_history.cold
    assert engine.recommend(history=["gone"]).cold
    assert engine.search("oak desk").cold
    assert not engine.search("oak desk", user="u1").cold


def test_an_unseen_word_is_answered_and_counted(engine: edgerec.Engine) -> None:
    results = engine.search("xylophonic queen bed", k=5)
    assert len(results) == 5
    assert results.unknown == {"words": 1}


@given(
    low=st.floats(0, 200, allow_nan=False),
    width=st.floats(0, 200, allow_nan=False),
    brands=st.lists(st.sampled_from([f"Brand{i}" for i in range(8)]), min_size=1, max_size=3),
    in_stock=st.booleans(),
    k=st.integers(1, 300),
)
@settings(max_examples=40, deadline=None)
def test_filters_hold_and_k_results_come_whenever_k_are_eligible(
    small_bundle: Path, low: float, width: float, brands: list[str], in_stock: bool, k: int
) -> None:
    engine = _shared(small_bundle)
    where = {"price": (low, low + width), "brand": brands, "in_stock": in_stock}
    items = engine.items([f"sku-{i}" for i in range(300)])
    eligible = {
        item["id"]
        for item in items
        if low <= item["price"] <= low + width
        and item["brand"] in brands
        and item["in_stock"] is in_stock
    }
    for results in (
        engine.search("oak desk", k=k, where=where),
        engine.recommend(k=k, where=where),
        engine.recommend(history=["sku-0"], k=k, where=where),
    ):
        assert set(results.ids) <= eligible
        left_out = int("sku-0" in eligible and not results.cold and "encode" in results.stages_us)
        assert min(k, len(eligible)) - left_out <= len(set(results.ids)) <= k


def test_rank_orders_given_candidates_by_lookup_and_by_description(engine: edgerec.Engine) -> None:
    request = {"user": "u1", "query": "oak desk"}
    candidates = ["sku-5", "sku-2", "nowhere", "sku-8", "sku-2"]
    results = engine.rank(request, candidates)
    assert sorted(results.ids) == ["sku-2", "sku-5", "sku-8"]
    assert results.unknown == {"candidates": 1}
    described = {key: value for key, value in engine.items(["sku-5"])[0].items() if key != "id"}
    same = engine.rank(request, candidates, features={"sku-5": described})
    assert same.ids == results.ids
    np.testing.assert_allclose(same.scores, results.scores, rtol=1e-4, atol=1e-5)
    foreign = {key: value for key, value in NEW.items() if key != "id"}
    assert "nowhere" in engine.rank(request, candidates, features={"nowhere": foreign}).ids
    assert len(engine.rank(request, candidates, k=1)) == 1


def test_similar_leaves_the_item_out(engine: edgerec.Engine) -> None:
    results = engine.similar("sku-0", k=7)
    assert len(results) == 7
    assert "sku-0" not in results.ids
    with pytest.raises(InvalidInput, match="no item 'gone'"):
        engine.similar("gone")


def test_changes_are_seen_by_the_next_request(engine: edgerec.Engine) -> None:
    before = engine.recommend(k=1).sequence
    change = engine.upsert([NEW])
    assert change.sequence == before + 1
    found = engine.search("zebrawood round bed", k=3)
    assert found.ids[0] == "new-1"
    assert found.sequence == change.sequence
    engine.update("new-1", price=99.0, stock=0)
    assert "new-1" not in engine.search("zebrawood round bed", where={"in_stock": True}).ids
    assert engine.items(["new-1"])[0]["price"] == 99.0
    deleted = engine.delete(["new-1", "never"])
    assert deleted.unknown == 1
    assert "new-1" not in engine.search("zebrawood round bed").ids
    assert engine.search("zebrawood round bed").sequence == deleted.sequence


def test_many_items_change_at_once(engine: edgerec.Engine) -> None:
    before = engine.items(["sku-1", "sku-2"])
    ids = ["sku-1", "never", "sku-2", "sku-1"]
    change = engine.update_many(ids, price=[5.0, 6.0, 7.0, 8.0], stock=[0, 1, 2, 3])
    assert (change.sequence, change.unknown) == (engine.info()["sequence"], 1)
    assert engine.items(["sku-1", "sku-2"]) == [
        before[0] | {"price": 8.0, "stock": 3.0, "in_stock": True},
        before[1] | {"price": 7.0, "stock": 2.0, "in_stock": True},
    ]
    popular = engine.recommend(k=250, where={"price": (5, 8)}).ids
    assert {"sku-1", "sku-2"} <= set(popular)
    back = {name: [record[name] for record in before] for name in ("price", "stock")}
    engine.update_many(["sku-1", "sku-2"], **back)
    assert engine.items(["sku-1", "sku-2"]) == before


def test_what_a_visitor_touched_never_comes_back_however_long_ago(engine: edgerec.Engine) -> None:
    touched = [f"sku-{i}" for i in range(0, 80, 4)]
    assert not set(touched) & set(engine.recommend(history=touched, k=200).ids)
    first = engine.items(touched[:1])[0]
    engine.upsert([first])
    assert not set(touched) & set(engine.recommend(history=touched, k=200).ids)
    seen = engine.history("u1")
    engine.upsert(engine.items(seen))
    assert not set(seen) & set(engine.recommend("u1", k=200).ids)


def test_an_upsert_without_popularity_keeps_the_one_there_is(engine: edgerec.Engine) -> None:
    item = engine.items(["sku-5"])[0]
    popularity = item.pop("popularity")
    engine.upsert([{**item, "price": 1.0}])
    assert engine.items(["sku-5"])[0]["popularity"] == popularity
    assert engine.upsert([]).sequence == 1


def test_verify_asks_the_catalogue_as_it_was_built(engine: edgerec.Engine) -> None:
    engine.delete([f"sku-{i}" for i in range(250)])
    assert engine.verify().overlap == 1.0


def test_an_empty_result_when_nothing_is_left_is_no_error(engine: edgerec.Engine) -> None:
    engine.delete([f"sku-{i}" for i in range(300)])
    assert engine.recommend(k=5).ids == ()
    assert engine.search("bed").ids == ()


@pytest.mark.parametrize("k", [0, -1, 10**9, 10_001, True, 1.5, "3", None])
def test_k_outside_its_range_is_refused(engine: edgerec.Engine, k: Any) -> None:
    for ask in (
        lambda: engine.recommend("u1", k=k),
        lambda: engine.search("bed", k=k),
        lambda: engine.similar("sku-1", k=k),
    ):
        with pytest.raises(ValueRangeError, match="1 to 10000"):
            ask()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda e: e.recommend(where={"colour": "red"}), UnknownAttribute, "price"),
        (lambda e: e.search("bed", where={"colour": "red"}), UnknownAttribute, "colour"),
        (lambda e: e.search(""), InvalidInput, "no word"),
        (lambda e: e.search(" -- "), InvalidInput, "no word"),
        (lambda e: e.search(7), InvalidInput, "text"),
        (lambda e: e.search("x" * 2000), LimitExceeded, "1000"),
        (lambda e: e.recommend(7), InvalidInput, "text"),
        (lambda e: e.recommend(history="sku-1"), InvalidInput, "list"),
        (lambda e: e.recommend(history=[1]), InvalidInput, "text"),
        (lambda e: e.recommend(deadline_ms=0), ValueRangeError, "deadline_ms"),
        (lambda e: e.recommend(deadline_ms=math.nan), ValueRangeError, "deadline_ms"),
        (lambda e: e.rank({"who": 1}, ["sku-1"]), InvalidInput, "history"),
        (lambda e: e.rank({}, []), LimitExceeded, "candidates"),
        (lambda e: e.rank({}, "sku-1"), InvalidInput, "list"),
        (lambda e: e.upsert([{"id": "x"}]), InvalidInput, "title"),
        (lambda e: e.upsert([{**NEW, "price": math.nan}]), ValueRangeError, "price"),
        (lambda e: e.upsert({"id": "x"}), InvalidInput, "list"),
        (lambda e: e.update("gone", price=1), InvalidInput, "gone"),
        (lambda e: e.update("sku-1", price=-1), ValueRangeError, "price"),
        (lambda e: e.update("sku-1", popularity=1e300), ValueRangeError, "popularity"),
        (lambda e: e.update("sku-1", title="new"), InvalidInput, "upsert"),
        (lambda e: e.update("sku-1"), InvalidInput, "attribute"),
        (lambda e: e.update_many("sku-1", price=[1]), InvalidInput, "list"),
        (lambda e: e.update_many(["sku-1"], price=[-1.0]), ValueRangeError, "sku-1"),
        (lambda e: e.update_many(["sku-1"], price=["1"]), InvalidInput, "price"),
        (lambda e: e.update_many(["sku-1"], title=["new"]), InvalidInput, "upsert"),
        (lambda e: e.update_many(["sku-1"], price=[1, 2]), InvalidInput, "1 values"),
        (lambda e: e.update_many(["sku-1"], popularity=[1e300]), ValueRangeError, "popularity"),
        (lambda e: e.update_many(["sku-1"]), InvalidInput, "attribute"),
        (lambda e: e.upsert([{**NEW, "price": -1}]), ValueRangeError, "new-1"),
        (lambda e: e.upsert(None), InvalidInput, "list"),
        (lambda e: e.upsert([None]), InvalidInput, "mapping"),
        (lambda e: e.recommend(["u1"], history=["sku-1"]), InvalidInput, "history"),
        (lambda e: e.recommend(deadline_ms="5"), ValueRangeError, "deadline_ms"),
        (lambda e: e.recommend(deadline_ms=True), ValueRangeError, "deadline_ms"),
        (lambda e: e.rank({}, [1]), InvalidInput, "text"),
        (lambda e: e.rank({}, [["a"]]), InvalidInput, "text"),
        (lambda e: e.rank({}, ["x"], features=[1]), InvalidInput, "features"),
        (lambda e: e.rank({}, ["x"], features={"x": None}), InvalidInput, "record"),
        (lambda e: e.rank({}, ["x"], features={"x": {"id": "y"}}), InvalidInput, "record"),
        (lambda e: e.items("sku-1"), InvalidInput, "list"),
        (lambda e: e.delete(None), InvalidInput, "list"),
        (lambda e: e.update("sku-1", colour="red"), UnknownAttribute, "colour"),
        (lambda e: e.delete("sku-1"), InvalidInput, "list"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(
    engine: edgerec.Engine, call: Any, error: type[Exception], words: str
) -> None:
    sequence = engine.recommend(k=1).sequence
    with pytest.raises(error, match=words):
        call(engine)
    assert engine.recommend(k=1).sequence == sequence


def test_pace_recovers_from_one_slow_call_and_cuts_when_it_must() -> None:
    pace, due = Pace(), Deadline(20)
    assert pace.affordable(due, 200) == 200
    pace.learn(200, 400_000)
    assert pace.affordable(due, 200) < 200
    tries = 0
    while pace.affordable(Deadline(20), 200) < 200 and tries < 100:
        pace.skipped()
        tries += 1
    assert tries < 100
    for _ in range(50):
        pace.learn(200, 200.0)
    pace.learn(200, 50_000.0)
    assert pace.affordable(Deadline(20), 200) == 200
    pace.learn(1, 100.0)
    assert pace.affordable(Deadline(20), 200) == 200


def test_a_deadline_is_kept_by_doing_less_and_said(engine: edgerec.Engine) -> None:
    engine.warm()
    engine.recommend("u1", k=5)
    with pytest.raises(DeadlineExceeded, match="deadline"):
        engine.recommend("u1", k=5, deadline_ms=1e-3)
    roomy = engine.recommend("u1", k=5, deadline_ms=60_000)
    assert roomy.cut == ()
    assert roomy.ids == engine.recommend("u1", k=5).ids


def test_threads_get_the_answers_one_caller_gets(engine: edgerec.Engine) -> None:
    users = [f"u{i}" for i in range(40)]
    alone = [engine.recommend(user).ids for user in users]
    assert [results.ids for results in engine.recommend(users)] == alone
    together: dict[str, tuple[str, ...]] = {}

    def ask(part: list[str]) -> None:
        together.update({user: engine.recommend(user).ids for user in part})

    threads = [threading.Thread(target=ask, args=(users[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[user] for user in users] == alone


def test_after_close_every_call_says_so(small_bundle: Path) -> None:
    engine = edgerec.open(small_bundle)
    engine.close()
    engine.close()
    for call in (engine.recommend, lambda: engine.search("bed"), engine.info, engine.verify):
        with pytest.raises(EngineClosed, match="open the bundle again"):
            call()


def test_a_compaction_changes_no_answer(engine: edgerec.Engine) -> None:
    engine.upsert([NEW])
    engine.delete(["sku-2", "sku-5"])
    history = engine.history("u1")
    asked = [{"user": "u1"}, {"history": ["sku-1", "new-1"]}, {}]
    before = [engine.recommend(**one, k=10) for one in asked]
    engine.compact()
    after = [engine.recommend(**one, k=10) for one in asked]
    assert [r.ids for r in after] == [r.ids for r in before]
    assert engine.history("u1") == history
    assert engine.items(["new-1"])[0]["title"] == NEW["title"]
    assert engine.items(["sku-2"]) == []
    engine.upsert([NEW | {"id": "new-2"}])
    assert "new-2" in engine.similar("new-1", k=3).ids
    assert engine.info()["upkeep"]["generation"] >= 1


def test_info_tells_what_is_open(engine: edgerec.Engine) -> None:
    info = engine.info()
    assert info["items"] == 300
    assert set(info["models"]) == {"item_tower", "user_tower", "query_tower", "ranker"}
    assert info["strategy"]["kind"] == "exact"


def test_verify_replays_the_golden_requests(engine: edgerec.Engine) -> None:
    replay = engine.verify()
    assert replay.requests > 0
    assert replay.overlap == 1.0


_ENGINES: dict[Path, edgerec.Engine] = {}


def _shared(bundle: Path) -> edgerec.Engine:
    """One engine for all examples of a property: opening is not what is tested."""
    if bundle not in _ENGINES:
        _ENGINES[bundle] = edgerec.open(bundle)
    return _ENGINES[bundle]
