"""Targets and strategies: checked values that survive JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgerec.errors import BundleCorruptError, InvalidInput, ValueRangeError
from edgerec.retrieval.index import Kind
from edgerec.retrieval.lists import Probing
from edgerec.retrieval.strategy import (
    FaissSettings,
    ListSettings,
    Measured,
    SketchSettings,
    Strategy,
    Target,
)

EVIDENCE = Measured("lists", "900 rows", "random", 0.5, 0.99, 0.01, 61.0, 80.5, 154.2)
PROBING = Probing(rows=900, groups=4, shortlist=60, k=10)
LISTS = Strategy("lists", 9, 4, Target(), "why", ListSettings(PROBING, 2.0, 0.5), 0.1, (EVIDENCE,))
SKETCH = Strategy("sketch", 9, 4, Target(max_memory=10**9), "why", SketchSettings(50))
FAISS = Strategy(
    "faiss", 9, 4, Target(index="HNSW8,SQ8"), "why", FaissSettings("HNSW8,SQ8", 64, 30)
)
EXACT = Strategy("exact", 9, 4, Target(index="exact"), "why")


@pytest.mark.parametrize("strategy", [LISTS, SKETCH, EXACT, FAISS], ids=lambda s: s.kind)
def test_a_strategy_survives_json(strategy: Strategy) -> None:
    assert Strategy.from_dict(json.loads(json.dumps(strategy.to_dict()))) == strategy


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "hnsw"},
        {"kind": "sketch"},
        {"kind": "exact"},
        {"rows": "9"},
        {"settings": None},
        {"settings": {"shortlist": 3}},
        {"settings": LISTS.to_dict()["settings"] | {"optimism": -1}},
        {"settings": LISTS.to_dict()["settings"] | {"optimism": 1e300}},
        {"settings": LISTS.to_dict()["settings"] | {"residual": float("nan")}},
        {"settings": LISTS.to_dict()["settings"] | {"probing": {"rows": 0}}},
        {"exact_below": "0.1"},
        {"exact_below": 1.5},
        {"target": {"k": 0}},
        {"target": 5},
        {"evidence": [{"kind": "lists"}]},
        {"evidence": None},
        {"colour": "red"},
    ],
)
def test_what_is_no_strategy_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BundleCorruptError, match="strategy"):
        Strategy.from_dict(LISTS.to_dict() | change)


@pytest.mark.parametrize("shortlist", [0, 30_001, 5.0, True])
def test_a_shortlist_is_checked(shortlist: Any) -> None:
    with pytest.raises(ValueRangeError, match="shortlist"):
        SketchSettings(shortlist)


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": True},
        {"recall": 0.0},
        {"recall": 1.1},
        {"exact_enough_us": float("nan")},
        {"max_memory": 0},
        {"index": "hnsw"},
        {"index": "faiss"},
        {"index": "LSH"},
        {"index": ""},
    ],
)
def test_a_target_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueRangeError):
        Target(**wrong)
    assert issubclass(ValueRangeError, InvalidInput)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factory": "LSH"},
        {"factory": None},
        {"effort": 0},
        {"effort": 1.0},
        {"effort": True},
        {"shortlist": 0},
        {"shortlist": 30_001},
    ],
)
def test_what_faiss_is_asked_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(BundleCorruptError, match="strategy"):
        Strategy.from_dict(FAISS.to_dict() | {"settings": FAISS.to_dict()["settings"] | wrong})


def test_only_what_was_asked_for_may_be_chosen() -> None:
    kinds: tuple[Kind, ...] = ("exact", "sketch", "lists", "faiss")
    admitted = {index: [k for k in kinds if Target(index=index).admits(k)] for index in ASKED}
    assert admitted == ASKED


ASKED = {
    "auto": ["exact", "sketch", "lists"],
    "lists": ["lists"],
    "IVF{n},SQ8": ["faiss"],
    "HNSW32": ["faiss"],
}
