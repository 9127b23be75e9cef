"""What a search is asked is checked the same way, however quickly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog.vectors import LARGEST
from edgerec.errors import ValueRangeError
from edgerec.retrieval.index import check_search, check_search_many

ROWS = 9
BEYOND = float(np.nextafter(np.float32(LARGEST), np.float32(np.inf)))
NUMBERS = st.floats(width=32) | st.sampled_from([LARGEST, -LARGEST, BEYOND, -BEYOND])


@given(st.lists(NUMBERS, min_size=1, max_size=70))
def test_a_query_is_taken_if_every_number_is_within_the_limit(numbers):
    query = np.array(numbers, np.float32)
    dim = query.size
    if all(abs(number) <= np.float32(LARGEST) for number in query):
        checked, k = check_search(query, 3, None, dim=dim, rows=ROWS)
        many, _ = check_search_many(query[None], 3, None, dim=dim, rows=ROWS)
        assert np.array_equal(checked, query)
        assert np.array_equal(many[0], query)
        assert k == 3
        return
    with pytest.raises(ValueRangeError):
        check_search(query, 3, None, dim=dim, rows=ROWS)
    with pytest.raises(ValueRangeError):
        check_search_many(query[None], 3, None, dim=dim, rows=ROWS)


def test_a_query_in_another_layout_comes_back_contiguous():
    query = np.arange(12, dtype=np.float32)[::3]
    checked, k = check_search(query, np.int64(4), None, dim=4, rows=ROWS)
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, query)
    assert type(k) is int
