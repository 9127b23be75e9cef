"""The grammar of factory strings: what is allowed is read back, all else is refused with words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput
from edgerec.retrieval.factory import Factory

numbers = st.integers(2, 128)
scalars = st.sampled_from(["Flat", "SQ4", "SQ6", "SQ8", "SQfp16", "SQbf16"])
codes = scalars | st.sampled_from(["RaBitQ", "RaBitQfs", "PQ8", "PQ8x4", "PQ8x4fs"])
rotations = st.one_of(
    st.just(""),
    st.just("RR,"),
    numbers.map(lambda m: f"OPQ{m},"),
    st.builds(lambda m, d: f"OPQ{m}_{d},", numbers, numbers),
)
lists = st.builds(
    lambda n, graph: f"IVF{n}{graph},",
    st.just("{n}") | numbers,
    st.just("") | numbers.map(lambda m: f"_HNSW{m}"),
)
strings = st.one_of(
    st.builds(lambda *s: "".join(s), rotations, st.just("") | lists, codes),
    st.builds(lambda *s: "".join(s), rotations, lists, st.just("PQ8x4fsr")),
    st.builds(lambda r, m, c: f"{r}HNSW{m},{c}", rotations, numbers, scalars),
)


@given(strings)
def test_what_is_allowed_is_read_back(text: str) -> None:
    factory = Factory.parse(text)
    assert str(factory) == text
    assert Factory.parse(str(factory)) == factory


@given(st.text(alphabet="IVFHNSWPQOR0123456789,_{n}xfsrSaBitlat \n", max_size=24))
def test_anything_else_is_refused_or_has_a_plain_form(text: str) -> None:
    with suppress(InvalidInput):
        factory = Factory.parse(text)
        assert Factory.parse(str(factory)) == factory


@pytest.mark.parametrize(
    ("text", "plain"),
    [("HNSW32", "HNSW32,Flat"), ("HNSW64_SQ8", "HNSW64,SQ8"), ("PQ8x8", "PQ8")],
)
def test_other_spellings(text: str, plain: str) -> None:
    assert str(Factory.parse(text)) == plain


@pytest.mark.parametrize(
    "text",
    [
        *("", "IVF10", "IVF10_SQ8", "OPQ8", "OPQ8_SQ8", "RR_SQ8", ",SQ8", "SQ8,", "RRSQ8", "LSH"),
        *("HNSW32SQ8", "IVF0,SQ8", "PQ8x4fsr", "HNSW32,PQ4", "IVF5,HNSW4,SQ8", "IVF9999999,SQ8"),
        *("SQ8\n", "IVF４,SQ8", "HNSW1", "HNSW129", "PQ9999", "Refine(Flat)", "IDMap,Flat"),
        *("SQ8" * 99, None, 3),
    ],
)
def test_refused(text: Any) -> None:
    with pytest.raises(InvalidInput):
        Factory.parse(text)


@pytest.mark.parametrize(
    ("text", "rows", "dim"),
    [
        ("IVF101,SQ8", 100, 8),
        ("PQ3", 100, 8),
        ("OPQ3,SQ8", 100, 8),
        ("OPQ4_12,SQ8", 100, 8),
        ("OPQ4_8,PQ16", 100, 16),
        ("SQ8", 0, 8),
    ],
)
def test_what_does_not_suit_the_rows(text: str, rows: int, dim: int) -> None:
    with pytest.raises(InvalidInput):
        Factory.parse(text).suiting(rows, dim)


@given(st.integers(1, 10**9))
def test_rows_decide_the_lists(rows: int) -> None:
    lists = Factory.parse("IVF{n},SQ8").suiting(rows, 8).lists
    assert lists is not None
    assert 1 <= lists <= min(rows, 1 << 16)
