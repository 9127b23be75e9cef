"""Texts to ids: words and trigrams of letters, hashed into buckets.

A misspelt word shares most of its trigrams with the right one, and a word that nobody has seen has
trigrams like any other: neither needs a vocabulary. The vocabulary here only counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import BundleCorruptError
from edgerec.features.hashing import Hashes, buckets, mix64
from edgerec.features.spec import TextSpec

__all__ = ["Vocabulary", "hash_texts", "ngram_ids", "normalize", "unknown_words", "words"]

WORD = re.compile(r"[^\W_]+")
SPACE = np.uint64(ord(" "))
BASE = np.uint64(0x9E3779B97F4A7C15)
NO_WORDS = 1
BLOCK = 1024  # texts at a time: what is made of them stays in the cache, four times as fast
Places = NDArray[np.int64]


def normalize(text: str) -> str:
    """Fold case and compatibility forms (NFKC), and collapse white space.

    Idempotent: a normalised text stays as it is.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text.casefold())
    while (again := unicodedata.normalize("NFKC", folded.casefold())) != folded:
        folded = again
    return " ".join(folded.split())


def words(text: str) -> list[str]:
    """Split ``text``, normalised, into its runs of letters and digits."""
    return WORD.findall(normalize(text))


def ngram_ids(texts: Sequence[str], spec: TextSpec) -> NDArray[np.int64]:
    """Hash the words of each text, and each letter with its neighbours in the word.

    Returns
    -------
    (n, length) int64 in [0, spec.buckets)
        0-padded; ``length`` is that of the longest text, at least 1, at most ``spec.max_length``.
        The words stand first, then the trigrams, each in the order of the text. A text without
        words has the single id 1. What else is in ``texts`` changes nothing but the padding.
    """
    blocks = [
        _block_ids(texts[start : start + BLOCK], spec) for start in range(0, len(texts), BLOCK)
    ]
    if len(blocks) == 1:
        return blocks[0]
    ids = np.zeros((len(texts), max((block.shape[1] for block in blocks), default=1)), np.int64)
    for place, block in enumerate(blocks):
        ids[place * BLOCK : (place + 1) * BLOCK, : block.shape[1]] = block
    return ids


def hash_texts(texts: Sequence[str]) -> Hashes:
    """Hash each text as a whole, normalised, (n,) uint64; a text without words has hash 0."""
    hashes = np.zeros(len(texts), np.uint64)
    joined = ["_".join(words(text)) for text in texts]
    filled = np.array([bool(text) for text in joined], np.bool_)
    _, trigrams, starts = _letters("".join(f" {text} " for text in joined))
    hashes[filled] = _sums(trigrams, starts)
    return hashes


def _block_ids(texts: Sequence[str], spec: TextSpec) -> NDArray[np.int64]:
    spaced = [f" {' '.join(words(text))} " for text in texts]
    letters, trigrams, starts = _letters("".join(spaced))
    ids = buckets(np.concatenate([_sums(trigrams, starts), trigrams]), spec.buckets)
    if len(texts) == 1:
        return ids[None, : spec.max_length] if len(ids) else np.array([[NO_WORDS]])
    owner = np.repeat(np.arange(len(spaced)), np.fromiter(map(len, spaced), np.int64))[letters]
    return _matrix(ids, owner[starts], owner, rows=len(texts), longest=spec.max_length)


def _letters(text: str) -> tuple[Places, Hashes, Places]:
    """Places of the letters, hash of each with its neighbours, and which letters start a word."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    letters = np.flatnonzero(points != SPACE)
    before = points[letters - 1]
    trigrams = mix64((before * BASE + points[letters]) * BASE + points[letters + 1])
    return letters, trigrams, np.flatnonzero(before == SPACE)


def _sums(trigrams: Hashes, starts: Places) -> Hashes:
    """Hash of each word: its trigrams overlap, so their sum knows the order of the letters."""
    return mix64(np.add.reduceat(trigrams, starts)) if len(starts) else trigrams


def _matrix(
    ids: NDArray[np.int64], of_words: Places, of_letters: Places, *, rows: int, longest: int
) -> NDArray[np.int64]:
    word_counts = np.bincount(of_words, minlength=rows)
    letter_counts = np.bincount(of_letters, minlength=rows)
    word_starts = np.cumsum(word_counts) - word_counts
    letter_starts = np.cumsum(letter_counts) - letter_counts - word_counts
    row = np.concatenate([of_words, of_letters])
    column = np.concatenate(
        [
            np.arange(len(of_words)) - word_starts[of_words],
            np.arange(len(of_letters)) - letter_starts[of_letters],
        ]
    )
    widest = int((word_counts + letter_counts).max(initial=1))
    matrix = np.zeros((rows, min(widest, longest)), np.int64)
    kept = column < matrix.shape[1]
    matrix[row[kept], column[kept]] = ids[kept]
    matrix[word_counts == 0, 0] = NO_WORDS
    return matrix


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a shop has seen, in its catalogue and in what shoppers typed."""

    words: frozenset[str]

    @classmethod
    def of(
        cls, titles: Iterable[str], queries: Iterable[str] = (), *, often: int = 3
    ) -> Vocabulary:
        """Collect all words of ``titles``, and of ``queries`` those typed ``often`` times."""
        typed = Counter(word for query in queries for word in words(query))
        seen = {word for title in titles for word in words(title)}
        return cls(frozenset(seen | {word for word, count in typed.items() if count >= often}))

    def to_bytes(self) -> bytes:
        """UTF-8, one word a line, sorted; :meth:`from_bytes` reads it back."""
        return "\n".join(sorted(self.words)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Vocabulary:
        """Read what :meth:`to_bytes` wrote; BundleCorruptError if it is not UTF-8."""
        try:
            return cls(frozenset(data.decode().split("\n")) - {""})
        except UnicodeDecodeError as error:
            raise BundleCorruptError(f"a vocabulary is not UTF-8: {error}") from error


def unknown_words(text: str, vocabulary: Vocabulary) -> int:
    """Count the words of ``text`` that ``vocabulary`` lacks."""
    return sum(word not in vocabulary.words for word in words(text))
