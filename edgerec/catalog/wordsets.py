"""Sets of words and their codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.versions import Tail
from edgerec.catalog.vocabulary import Vocabulary

__all__ = ["WordSets"]

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Flat:
    """Members of the first ``size`` sets, and which set each belongs to."""

    size: int
    owners: Tail
    members: Tail


class WordSets:
    """Distinct sets of words in the order in which they came; a set's code is its place.

    Items of a shop share few sets, so that a column of codes is small, and a filter looks at each
    distinct set once. Sets are only ever added, so versions of a catalogue share one of these.

    Parameters
    ----------
    words : Vocabulary
        Of the words in the sets.
    offsets : (m + 1,) int64
        Set i has the words ``members[offsets[i]:offsets[i + 1]]``.
    members : (n,) int32
        Codes of words; those of a set ascend.
    """

    def __init__(
        self, words: Vocabulary, offsets: NDArray[np.int64], members: NDArray[np.int32]
    ) -> None:
        self.words = words
        bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        listed = members.tolist()
        self._sets = [tuple(listed[start:stop]) for start, stop in bounds]
        self._codes = {members: code for code, members in enumerate(self._sets)}
        nothing = Tail(np.empty(0, np.int32))
        self._flat = _Flat(0, nothing, nothing)

    @classmethod
    def empty(cls) -> WordSets:
        """Return the first version, without a set."""
        return cls(Vocabulary([]), np.zeros(1, np.int64), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self._sets)

    def learn(self, sets: Iterable[Sequence[str]]) -> Codes:
        """Return the codes of ``sets`` (n,) int32, adding those that are new."""
        return np.array([self._learn(words) for words in sets], np.int32)

    def _learn(self, words: Sequence[str]) -> int:
        members = tuple(sorted(self.words.learn(words).tolist()))
        code = self._codes.get(members)
        if code is None:
            code = len(self._sets)
            self._sets.append(members)  # before the code is known: a code always has its set
            self._codes[members] = code
        return code

    def words_of(self, code: int) -> tuple[str, ...]:
        """Return the words of a set, in order."""
        return tuple(sorted(self.words.words[member] for member in self._sets[code]))

    def having(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """Return which sets have at least one of the words, (m,) bool."""
        codes = [code for word in wanted if (code := self.words.code(word)) is not None]
        flat = self._flattened()
        table = np.zeros(flat.size, np.bool_)
        table[flat.owners.array[np.isin(flat.members.array, codes)]] = True
        return table

    def _flattened(self) -> _Flat:
        """Return all sets as arrays; threads that extend them at once write the same."""
        flat, size = self._flat, len(self._sets)
        if flat.size < size:
            sets = self._sets[flat.size : size]
            lengths = [len(members) for members in sets]
            owners = np.repeat(np.arange(flat.size, size, dtype=np.int32), lengths)
            members = np.array([member for members in sets for member in members], np.int32)
            flat = _Flat(size, flat.owners.extended(owners), flat.members.extended(members))
            self._flat = flat
        return flat

    def arrays(self) -> tuple[NDArray[np.int64], Codes]:
        """Return ``offsets`` and ``members``."""
        flat = self._flattened()
        counts = np.bincount(flat.owners.array, minlength=flat.size)
        return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), flat.members.array

    def compacted(self, codes: NDArray[Any]) -> tuple[WordSets, Codes]:
        """Return the sets that ``codes`` stand for, and ``codes`` in their terms."""
        used = np.zeros(len(self._sets), np.bool_)
        used[codes] = True
        fresh = np.cumsum(used, dtype=np.int32) - 1
        sets = [self._sets[code] for code in np.flatnonzero(used).tolist()]
        offsets = np.zeros(len(sets) + 1, np.int64)
        np.cumsum([len(members) for members in sets], out=offsets[1:])
        members = np.array([member for members in sets for member in members], np.int32)
        words, members = self.words.compacted(members)
        return WordSets(words, offsets, members), fresh[codes].astype(np.int32, copy=False)
