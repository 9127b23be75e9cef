"""Columns: the values of one attribute for all items, by versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import Attribute
from edgerec.catalog.strings import Strings, objects
from edgerec.catalog.versions import Versioned
from edgerec.catalog.vocabulary import Vocabulary
from edgerec.catalog.wordsets import WordSets

__all__ = ["DTYPES", "Column", "column_of"]

DTYPES: dict[str, type[Any]] = {
    "number": np.float64,
    "boolean": np.bool_,
    "timestamp": np.int64,
    "keyword": np.int32,
    "set": np.int32,
}
Values = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One attribute of all items, as one version of the catalogue sees it.

    Parameters
    ----------
    attribute : Attribute
    stored : (n,) Versioned
        Of :data:`DTYPES`: a keyword or a set as its code; str for a text.
    words : Vocabulary, WordSets or None
        What the codes of a keyword or a set stand for.
    """

    attribute: Attribute
    stored: Versioned
    words: Vocabulary | WordSets | None = None

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of a keyword or of sets; none for other kinds."""
        words = self.words.words if isinstance(self.words, WordSets) else self.words
        return words if words is not None else Vocabulary([])

    def extended(self, values: Values) -> Column:
        """Return a version with the checked values of new rows appended."""
        return replace(self, stored=self.stored.extended(self._coded(values)))

    def changed(self, rows: NDArray[np.int32], values: Values) -> Column:
        """Return a version in which ``rows`` have the checked ``values``."""
        return replace(self, stored=self.stored.changed(rows, self._coded(values)))

    def compacted(self, rows: NDArray[Any]) -> Column:
        """Return the first version of another catalogue, of ``rows`` in their order."""
        if self.attribute.kind == "text":
            return Column(self.attribute, Versioned.of(self.stored.strings(rows)))
        taken, words = self.stored.take(rows), self.words
        if words is not None:
            words, taken = words.compacted(taken)
        return Column(self.attribute, Versioned.of(taken), words)

    def values(self, rows: NDArray[Any]) -> list[Any]:
        """Return the values of ``rows``, each in [0, n), as Python values."""
        taken: list[Any] = self.stored.take(rows).tolist()
        if isinstance(self.words, WordSets):
            return [self.words.words_of(code) for code in taken]
        if isinstance(self.words, Vocabulary):
            return [self.words.words[code] for code in taken]
        return taken

    def _coded(self, values: Values) -> NDArray[Any]:
        """Return the stored form of ``values``."""
        if self.words is not None:
            return self.words.learn(values)
        if self.attribute.kind == "text":
            return objects(values)
        return np.asarray(values, DTYPES[self.attribute.kind])


def column_of(attribute: Attribute, values: Values) -> Column:
    """Return the first version of a column, of checked values."""
    if attribute.kind == "text":
        return Column(attribute, Versioned.of(Strings.of(values)))
    words: Vocabulary | WordSets | None = None
    if attribute.kind in ("keyword", "set"):
        words = Vocabulary([]) if attribute.kind == "keyword" else WordSets.empty()
    empty = Column(attribute, Versioned.of(np.empty(0, DTYPES[attribute.kind])), words)
    return Column(attribute, Versioned.of(empty._coded(values)), words)  # noqa: SLF001
