"""Points in time: every way to say one gives the same nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, ValueRangeError
from edgerec.values.times import LARGEST, nanoseconds

zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31))


@given(moments, zones)
def test_a_datetime_and_its_text_are_its_nanoseconds(local: datetime, zone: timezone) -> None:
    moment = local.replace(tzinfo=zone)
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    expected = int(np.datetime64(plain, "ns").astype(np.int64))
    assert nanoseconds(moment, "a") == expected
    assert nanoseconds(moment.isoformat(), "a") == expected
    assert nanoseconds(expected, "a") == expected


@given(moments)
def test_a_date_alone_is_midnight_in_utc(moment: datetime) -> None:
    midnight = datetime.combine(moment.date(), datetime.min.time(), UTC)
    assert nanoseconds(str(moment.date()), "a") == nanoseconds(midnight, "a")


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 0])
def test_nanoseconds_stay(value: int) -> None:
    assert nanoseconds(value, "a") == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, InvalidInput),
        (True, InvalidInput),
        (1.0, InvalidInput),
        ("", InvalidInput),
        ("2026-13-01", InvalidInput),
        ("2026-01-01T00:00", InvalidInput),
        (datetime(2026, 1, 1), InvalidInput),
        (LARGEST + 1, ValueRangeError),
        (-LARGEST - 1, ValueRangeError),
        (datetime.max.replace(tzinfo=UTC), ValueRangeError),
    ],
)
def test_what_is_no_time_is_refused(value: Any, error: type[InvalidInput]) -> None:
    with pytest.raises(error, match="here wants"):
        nanoseconds(value, "here")
