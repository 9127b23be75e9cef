"""The changes since one snapshot, in their order, for whoever has to make them again."""

from __future__ import annotations

from collections.abc import Sequence

from edgerec.catalog.changes import Change
from edgerec.errors import LimitExceeded

__all__ = ["ChangeLog"]


class ChangeLog:
    """Numbered changes of one catalogue; the writer appends, one other thread takes.

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
        self._appended = 0  # items; the writer's alone
        self._taken = 0  # items of those; the other thread's alone
        self._changes: list[Change] | None = []

    @property
    def items(self) -> int:
        """How many items the changes it holds are about."""
        return self._appended - self._taken

    def append(self, change: Change) -> None:
        """Add the next change; called by the writer alone."""
        if self._changes is None:
            return
        self._appended += len(change)
        if self.items > self._limit:
            self._changes = None  # nobody may take what is left for all there was
            return
        self._changes.append(change.kept())

    def since(self, sequence: int) -> Sequence[Change]:
        """Return the changes after number ``sequence``, and forget those before.

        The log must reach back to it.

        Raises
        ------
        LimitExceeded
            There were too many.
        """
        changes = self._changes
        if changes is None:
            raise LimitExceeded(
                f"more than {self._limit} items changed that had to be changed again: begin anew"
            )
        done = sequence - self._before
        self._taken += sum(map(len, changes[:done]))
        self._before = sequence
        del changes[:done]  # in one step, whatever is appended meanwhile
        return changes[:]
