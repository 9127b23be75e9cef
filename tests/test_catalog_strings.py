"""Strings as offsets and bytes, against lists of str; the words of sets, against sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog import strings
from edgerec.catalog.strings import Strings
from edgerec.catalog.wordsets import WordSets
from tests.strategies import catalogs

texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from("ab"))
wordsets = st.lists(st.sets(st.sampled_from("abcdé"), max_size=3).map(sorted), max_size=8)


@catalogs.patient
@given(texts.filter(len), texts, st.data(), st.sampled_from([1, 3, strings.BLOCK_ROWS]))
def test_strings_are_taken_and_joined(
    first: list[str], second: list[str], data: st.DataObject, block: int
) -> None:
    joined = Strings.of(first).joined(Strings.of(second))
    every = first + second
    assert joined[:].tolist() == every
    rows = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strings, "BLOCK_ROWS", block)
        taken = joined.take(np.array(rows, np.int32))
    assert taken[:].tolist() == [every[row] for row in rows]


@catalogs.patient
@given(wordsets, wordsets, st.sets(st.sampled_from("abcdéz"), max_size=3), st.data())
def test_sets_are_learnt_found_and_compacted(
    first: list[list[str]], second: list[list[str]], wanted: set[str], data: st.DataObject
) -> None:
    sets = WordSets.empty()
    codes = sets.learn(first)
    if data.draw(st.booleans()):
        assert sets.having(wanted).tolist() == [
            bool(wanted & set(sets.words_of(code))) for code in range(len(sets))
        ]
    codes = np.concatenate([codes, sets.learn(second)])
    every = first + second
    assert [list(sets.words_of(code)) for code in codes] == every
    assert sets.having(wanted)[codes].tolist() == [bool(wanted & set(words)) for words in every]
    assert len(sets) == len({tuple(words) for words in every})
    again = WordSets(sets.words, *sets.arrays())
    assert [list(again.words_of(code)) for code in codes] == every
    kept = codes[: len(first)]
    small, fresh = sets.compacted(kept)
    assert [list(small.words_of(code)) for code in fresh] == first
    assert len(small) == len({tuple(words) for words in first})
    assert set(small.words.words) == {word for words in first for word in words}
    assert small.learn(every).tolist()[: len(first)] == fresh.tolist()
