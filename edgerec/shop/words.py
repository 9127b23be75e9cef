"""The words the shop is made of, read from ``words.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

__all__ = ["Category", "Department", "Words", "read_words"]

STRIDE = 97  # has no factor in common with the number of brands


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of product.

    ``nouns`` stand in titles, ``typed`` only in queries; ``price`` is the typical one, in whole
    units of money.
    """

    name: str
    nouns: tuple[str, ...]
    typed: tuple[str, ...]
    sizes: tuple[str, ...]
    extras: tuple[str, ...]
    price: int


@dataclass(frozen=True, slots=True)
class Department:
    """Categories that share their brands, styles and materials."""

    styles: tuple[str, ...]
    materials: tuple[str, ...]
    brands: tuple[str, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Words:
    """All departments, and what shoppers type for some words of titles."""

    departments: tuple[Department, ...]
    synonyms: Mapping[str, str]

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """Categories of all departments, in order; as many in each department."""
        return tuple(c for department in self.departments for c in department.categories)


def read_words() -> Words:
    """Read the words that ship with the package."""
    text = (resources.files("edgerec.shop") / "words.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    entries = data["departments"]
    brands = _brands(data["brands"])
    share = len(brands) // len(entries)
    return Words(
        tuple(
            _department(entry, brands[place * share : (place + 1) * share])
            for place, entry in enumerate(entries)
        ),
        data["synonyms"],
    )


def _brands(data: Mapping[str, Any]) -> list[str]:
    """Every first part with every second one, mixed; the shop's own stands first."""
    names = [first + second for second in data["second"] for first in data["first"]]
    return [data["own"], *(names[STRIDE * place % len(names)] for place in range(1, len(names)))]


def _department(entry: Mapping[str, Any], brands: list[str]) -> Department:
    return Department(
        styles=tuple(entry["styles"]),
        materials=tuple(entry["materials"]),
        brands=tuple(brands),
        categories=tuple(
            Category(
                name=category["name"],
                nouns=tuple(category["nouns"]),
                typed=tuple(category["typed"]),
                sizes=tuple(category["sizes"]),
                extras=tuple(category["extras"]),
                price=category["price"],
            )
            for category in entry["categories"]
        ),
    )
