"""What a shop's features are: settings that travel in the bundle as JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgerec.errors import RecipeError, ValueRangeError

__all__ = ["FeatureSpec", "TextSpec"]


@dataclass(frozen=True, slots=True)
class TextSpec:
    """How a text becomes ids.

    Parameters
    ----------
    buckets : int >= 3
        Ids lie in [0, buckets): 0 pads, 1 stands for a text without words.
    max_length : int >= 1
        Ids that are kept of one text: first its words, then its trigrams of letters.
    unicode : str
        Version of Unicode whose tables normalise texts; part of the tokeniser's identity.
    """

    buckets: int = 8192
    max_length: int = 64
    unicode: str = unicodedata.unidata_version

    def __post_init__(self) -> None:
        _at_least("text.buckets", self.buckets, 3)
        _at_least("text.max_length", self.max_length, 1)


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How requests and items become tensors.

    Parameters
    ----------
    categories : tuple of str
        Known categories; category ``i`` has id ``i + 2``, others have id 1.
    text : TextSpec
        Of titles and queries alike.
    brand_buckets : int >= 3
        Brands are hashed, so that a brand nobody has seen has an id too.
    dense : tuple of str
        Number attributes of an item that its dense input holds, in this order.
    history_length : int >= 1
        Most recent items that a user is known by.
    dim : int >= 1
        Length of the vectors of items, users and queries.
    """

    categories: tuple[str, ...]
    text: TextSpec = field(default_factory=TextSpec)
    brand_buckets: int = 1024
    dense: tuple[str, ...] = ("price", "popularity")
    history_length: int = 32
    dim: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "dense", tuple(self.dense))
        _at_least("brand_buckets", self.brand_buckets, 3)
        _at_least("history_length", self.history_length, 1)
        _at_least("dim", self.dim, 1)
        _distinct("categories", self.categories)
        _distinct("dense", self.dense)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeatureSpec:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        RecipeError
            A setting is missing or unknown.
        ValueRangeError
            A setting lies outside its range.
        """
        try:
            return cls(**{**data, "text": TextSpec(**data["text"])})
        except (KeyError, TypeError) as error:
            raise RecipeError(f"not a feature spec: {error}") from error


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueRangeError(f"features.{name} must be at least {least}, got {value}")


def _distinct(name: str, values: tuple[str, ...]) -> None:
    if len(set(values)) != len(values):
        raise ValueRangeError(f"features.{name} must differ, got {', '.join(values)}")
