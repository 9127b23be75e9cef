"""Features, slowly, from their definitions."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

MASK = 2**64 - 1
BASE = 0x9E3779B97F4A7C15


def mix64(value: int) -> int:
    """The finaliser of SplitMix64."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def bucket(value: int, count: int) -> int:
    return 2 + ((value >> 32) * (count - 2) >> 32)


def plain_words(text: str) -> list[str]:
    """Words of a text that is lower-case ASCII already."""
    return re.findall(r"[a-z0-9]+", text)


def trigram_hashes(word: str) -> list[int]:
    spaced = f" {word} "
    return [
        mix64(((ord(spaced[i]) * BASE + ord(spaced[i + 1])) * BASE + ord(spaced[i + 2])) & MASK)
        for i in range(len(word))
    ]


def word_hash(word: str) -> int:
    return mix64(sum(trigram_hashes(word)) & MASK)


def ngram_ids(text: str, buckets: int, max_length: int) -> list[int]:
    found = plain_words(text)
    hashes = [word_hash(w) for w in found] + [h for w in found for h in trigram_hashes(w)]
    return [bucket(h, buckets) for h in hashes][:max_length] or [1]


def is_normal(text: str) -> bool:
    folded = unicodedata.normalize("NFKC", text.casefold())
    return folded == text and " ".join(text.split()) == text


def pair_row(
    user: Sequence[float],
    query: Sequence[float] | None,
    item: tuple[Sequence[float], int, int, float],
    history: Sequence[tuple[Sequence[float], int, int, float]],
) -> list[float]:
    """The eight features of one shopper and one item; an item is vector, category, brand, price."""
    vector, category, brand, price = item
    row = [dot(vector, user), 0.0 if query is None else dot(vector, query)]
    if not history:
        return [*row, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    same = [h for h in history if h[1] == category]
    logs = [math.log1p(h[3]) for h in same]
    return [
        *row,
        max(dot(vector, h[0]) for h in history),
        sum(dot(vector, h[0]) for h in same) / max(len(same), 1),
        len(same) / len(history),
        float(history[-1][1] == category),
        sum(h[2] == brand for h in history) / len(history),
        math.log1p(price) - sum(logs) / len(logs) if logs else 0.0,
    ]


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))
