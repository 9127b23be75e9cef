"""Points in time: UTC, as int64 nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime

from edgerec.errors import InvalidInput, ValueRangeError

__all__ = ["nanoseconds"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1  # of the year 2262
DATE_LENGTH = len("2026-01-01")


def nanoseconds(value: object, where: str) -> int:
    """Return a point in time as nanoseconds since 1970 in UTC.

    Parameters
    ----------
    value : int, datetime or str
        Nanoseconds; a datetime with a time zone; or ISO 8601 with a time zone, such as
        ``2026-11-25T04:30:00Z``, read to the microsecond. A date alone is its midnight in UTC.
    where : str
        Begins the message of an error.

    Raises
    ------
    InvalidInput
        It is none of these, or has no time zone.
    ValueRangeError
        It lies outside the years 1678 to 2262, which int64 holds.
    """
    if isinstance(value, str):
        value = _parsed(value, where)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidInput(f"{where} wants a time zone, such as UTC; got {value!r}")
        since = value - EPOCH
        value = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(
            f"{where} wants nanoseconds since 1970, a datetime or ISO 8601, "
            f"got {type(value).__name__}: {value!r}"
        )
    if abs(value) > LARGEST:
        raise ValueRangeError(f"{where} wants a time that int64 nanoseconds hold, got {value}")
    return value


def _parsed(text: str, where: str) -> datetime:
    try:
        if len(text) == DATE_LENGTH:
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{where} wants ISO 8601, such as 2026-11-25T04:30:00Z: {error}"
        ) from None
