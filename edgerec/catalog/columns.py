"""Columns: the values of one attribute for all items, by versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import Attribute, Value
from edgerec.catalog.strings import objects
from edgerec.catalog.versions import Versioned
from edgerec.catalog.vocabulary import Vocabulary

__all__ = ["Column", "column_of"]

DTYPES = {"number": np.float64, "flag": np.bool_}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One attribute of all items, as one version of the catalogue sees it.

    Parameters
    ----------
    attribute : Attribute
    stored : (n,) Versioned
        float64 for a number, bool for a flag, an int32 code for a category, str for a text.
    vocabulary : Vocabulary
        The words that the codes of a category stand for; empty for other kinds.
    """

    attribute: Attribute
    stored: Versioned
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return len(self.stored)

    def extended(self, values: Sequence[Any] | NDArray[Any]) -> Column:
        """Return a version with the checked values of new rows appended."""
        stored = _stored(self.attribute, values, self.vocabulary)
        return replace(self, stored=self.stored.extended(stored))

    def changed(self, row: int, value: Value) -> Column:
        """Return a version in which ``row`` has the checked ``value``."""
        (stored,) = _stored(self.attribute, [value], self.vocabulary)
        return replace(self, stored=self.stored.changed(row, stored))

    def compacted(self, rows: NDArray[Any]) -> Column:
        """Return the first version of another catalogue, of ``rows`` in their order."""
        taken = self.stored.take(rows)
        vocabulary = Vocabulary([])
        if self.attribute.kind == "category":
            vocabulary, taken = self.vocabulary.compacted(taken)
        return Column(self.attribute, Versioned.of(taken), vocabulary)

    def values(self, rows: NDArray[Any]) -> list[Any]:
        """Return the values of ``rows``, each in [0, n), as Python values."""
        taken: list[Any] = self.stored.take(rows).tolist()
        if self.attribute.kind != "category":
            return taken
        words = self.vocabulary.words
        return [words[code] for code in taken]


def column_of(attribute: Attribute, values: Sequence[Any] | NDArray[Any]) -> Column:
    """Return the first version of a column, of checked values."""
    vocabulary = Vocabulary([])
    return Column(attribute, Versioned.of(_stored(attribute, values, vocabulary)), vocabulary)


def _stored(
    attribute: Attribute, values: Sequence[Any] | NDArray[Any], vocabulary: Vocabulary
) -> NDArray[Any]:
    """Return the stored form of ``values``."""
    if attribute.kind == "category":
        return vocabulary.learn(values)
    if attribute.kind == "text":
        return objects(values)
    return np.asarray(values, DTYPES[attribute.kind])
