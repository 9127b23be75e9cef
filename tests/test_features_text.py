"""Texts to ids: against the definition, alone and in a crowd; words counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgerec.errors import BundleCorruptError
from edgerec.features import text as module
from edgerec.features.spec import TextSpec
from edgerec.features.text import (
    Vocabulary,
    hash_texts,
    ngram_ids,
    normalize,
    unknown_words,
    words,
)
from tests.oracles import features as oracle
from tests.strategies import text as strategies

SPEC = TextSpec(buckets=512, max_length=20)


@given(strategies.texts())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert oracle.is_normal(once)
    assert normalize(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mid-Century  WALNUT", ["mid", "century", "walnut"]),
        ("ﬁne Straße №5", ["fine", "strasse", "no5"]),
        ("a_b", ["a", "b"]),
        ("!?", []),
        ("日本 テーブル", ["日本", "テーブル"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(strategies.typed(), st.integers(3, 5000), st.integers(1, 40))
def test_ids_of_one_text_follow_the_definition(text: str, buckets: int, longest: int) -> None:
    ids = ngram_ids([text], TextSpec(buckets=buckets, max_length=longest))
    assert ids.dtype == np.int64
    assert ids.tolist() == [oracle.ngram_ids(text, buckets, longest)]


@given(st.lists(strategies.texts(), max_size=6))
@example([""])
@example(["", "a", ""])
def test_a_text_has_the_same_ids_alone_and_in_a_crowd(texts: list[str]) -> None:
    crowd = ngram_ids(texts, SPEC)
    alone = [ngram_ids([text], SPEC)[0] for text in texts]
    assert crowd.shape == (len(texts), max((len(ids) for ids in alone), default=1))
    for row, ids in zip(crowd, alone, strict=True):
        assert (ids > 0).all()
        assert row.tolist() == [*ids, *[0] * (len(row) - len(ids))]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'word ' * (i % 7)}{i}" for i in range(100)]
    whole = ngram_ids(texts, SPEC)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert np.array_equal(ngram_ids(texts, SPEC), whole)


@given(strategies.texts())
def test_ids_lie_in_their_range(text: str) -> None:
    ids = ngram_ids([text], SPEC)
    assert 1 <= ids.min() <= ids.max() < SPEC.buckets
    assert 1 <= ids.shape[1] <= SPEC.max_length
    assert (ids.tolist() == [[1]]) == (not words(text))


def test_a_slip_keeps_most_trigrams() -> None:
    spec = TextSpec(buckets=2**20)
    right, wrong = (set(ngram_ids([t], spec)[0].tolist()) for t in ("nightstand", "nightsstand"))
    assert len(right & wrong) >= 8


@given(st.lists(strategies.texts(), max_size=5))
def test_a_whole_text_has_one_hash(texts: list[str]) -> None:
    hashes = hash_texts(texts)
    assert hashes.dtype == np.uint64
    for text, value in zip(texts, hashes.tolist(), strict=True):
        assert (value == 0) == (not words(text))
        assert hash_texts([normalize(text)]).tolist() == [value]


def test_hash_of_a_text_knows_where_words_end() -> None:
    assert len(set(hash_texts(["ab c", "a bc", "abc", "a b c", "c ab"]).tolist())) == 5


@given(st.lists(strategies.texts(), max_size=5), strategies.texts())
def test_words_of_the_vocabulary_are_known(titles: list[str], query: str) -> None:
    vocabulary = Vocabulary.of(titles)
    assert unknown_words(query, vocabulary) == sum(
        word not in {w for title in titles for w in words(title)} for word in words(query)
    )
    assert Vocabulary.from_bytes(vocabulary.to_bytes()) == vocabulary


def test_typed_words_count_when_they_were_typed_often() -> None:
    vocabulary = Vocabulary.of(["oak desk"], ["sofa", "sofa", "Sofa", "sfa", "sfa"], often=3)
    assert unknown_words("oak sofa sfa", vocabulary) == 1


def test_a_vocabulary_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BundleCorruptError, match="UTF-8"):
        Vocabulary.from_bytes(b"lamp\xff")
