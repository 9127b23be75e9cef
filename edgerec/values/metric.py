"""Names of metrics: a family and how deep it looks, such as ``ndcg@10``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgerec.errors import InvalidInput

__all__ = ["FAMILIES", "MetricName"]

FAMILIES = ("hit_rate", "mrr", "ndcg", "recall")
MAX_DEPTH = 10_000
NAME = re.compile(r"([a-z_]+)@([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class MetricName:
    """One of :data:`FAMILIES` and its ``depth``, the k of ``ndcg@k``, in [1, 10000]."""

    family: str
    depth: int

    @classmethod
    def parse(cls, text: str) -> MetricName:
        """Read a metric's name.

        Raises
        ------
        InvalidInput
            No such metric, or k is not a number in [1, 10000].
        """
        given: object = text
        match = NAME.fullmatch(given) if isinstance(given, str) else None
        if not match or match[1] not in FAMILIES or int(match[2]) > MAX_DEPTH:
            known = ", ".join(f"{family}@k" for family in FAMILIES)
            raise InvalidInput(
                f"unknown metric {given!r}; use one of {known} with k from 1 to {MAX_DEPTH}"
            )
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.family}@{self.depth}"
