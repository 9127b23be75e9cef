"""Words of a category and their codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vocabulary"]


class Vocabulary:
    """Words in the order in which they came; a word's code is its place.

    Words are only ever added, so versions of a catalogue share one vocabulary: an older version
    may know the code of a newer word, and has no row that carries it.

    Parameters
    ----------
    words : sequence of str, unique
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._codes = {word: code for code, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self.words)

    def code(self, word: str) -> int | None:
        """Return the code of ``word``, None if it is unknown."""
        return self._codes.get(word)

    def learn(self, words: Iterable[str]) -> NDArray[np.int32]:
        """Return the codes of ``words`` (n,) int32, adding those that are new."""
        return np.array([self._learn(word) for word in words], np.int32)

    def compacted(self, codes: NDArray[Any]) -> tuple[Vocabulary, NDArray[np.int32]]:
        """Return a vocabulary of the words that ``codes`` stand for, and ``codes`` in its terms."""
        used = np.zeros(len(self.words), np.bool_)
        used[codes] = True
        fresh = np.cumsum(used, dtype=np.int32) - 1
        words = [word for word, kept in zip(self.words, used.tolist(), strict=False) if kept]
        return Vocabulary(words), fresh[codes].astype(np.int32, copy=False)

    def _learn(self, word: str) -> int:
        code = self._codes.get(word)
        if code is None:
            code = len(self.words)
            self.words.append(word)  # before the code is known: a code always has its word
            self._codes[word] = code
        return code
