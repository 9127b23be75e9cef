"""The changes since one snapshot, in their order, for whoever has to make them again."""

from __future__ import annotations

from collections.abc import Sequence

from edgerec.catalog.changes import Change
from edgerec.errors import LimitExceeded

__all__ = ["ChangeLog"]


class ChangeLog:
    """Numbered changes of one catalogue; the writer appends, another thread reads.

    Parameters
    ----------
    sequence : int
        Number of the last change before it begins.
    limit : int
        How many items the changes it holds may be about; beyond that it gives up.
    """

    def __init__(self, sequence: int, limit: int) -> None:
        self._before = sequence  # number of the change before the first one that is held
        self._limit = limit
        self._items = 0
        self._changes: list[Change] | None = []

    @property
    def items(self) -> int:
        """How many items the changes it holds are about."""
        return self._items

    def append(self, change: Change) -> None:
        """Add the next change; called by the writer alone."""
        if self._changes is None:
            return
        self._items += len(change)
        if self._items > self._limit:
            self._changes = None  # nobody may take what is left for all there was
            return
        self._changes.append(change.kept())

    def since(self, sequence: int) -> Sequence[Change]:
        """Return the changes after number ``sequence``, which the log must reach back to.

        Raises
        ------
        LimitExceeded
            There were too many.
        """
        changes = self._changes
        if changes is None:
            raise LimitExceeded(
                f"more than {self._limit} items changed since the log began: begin again"
            )
        return changes[sequence - self._before :]
