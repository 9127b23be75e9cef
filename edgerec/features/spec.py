"""What a shop's features are: settings that travel in the bundle as JSON."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgerec.errors import RecipeError, ValueRangeError

__all__ = ["FeatureSpec", "TextSpec"]

LARGEST = 2**31 - 1
log = logging.getLogger("edgerec.features")


@dataclass(frozen=True, slots=True)
class TextSpec:
    """How a text becomes ids.

    Parameters
    ----------
    buckets : int in [3, 2^31)
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
    brand_buckets : int in [3, 2^31)
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
        object.__setattr__(self, "categories", _names("categories", self.categories))
        object.__setattr__(self, "dense", _names("dense", self.dense))
        _at_least("brand_buckets", self.brand_buckets, 3)
        _at_least("history_length", self.history_length, 1)
        _at_least("dim", self.dim, 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeatureSpec:
        """Read what :meth:`to_dict` wrote.

        A warning is logged where this Python normalises texts by another version of Unicode: few
        of them differ, but those get other ids than in training.

        Raises
        ------
        RecipeError
            A setting is missing or unknown.
        ValueRangeError
            A setting lies outside its range, or has another type.
        """
        try:
            spec = cls(**{**data, "text": TextSpec(**data["text"])})
        except (KeyError, TypeError) as error:
            raise RecipeError(f"not a feature spec: {error}") from error
        if spec.text.unicode != unicodedata.unidata_version:
            log.warning(
                "texts were normalised by Unicode %s in training, here by %s: build again",
                spec.text.unicode,
                unicodedata.unidata_version,
            )
        return spec


def _at_least(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise ValueRangeError(
            f"features.{name} must be an integer from {least} to {LARGEST}, got {value!r}"
        )


def _names(name: str, values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ValueRangeError(f"features.{name} must be a list of texts, got {values!r}")
    names = tuple(values)
    for value in names:
        if not isinstance(value, str):
            raise ValueRangeError(f"features.{name} must hold texts, got {value!r}")
    if len(set(names)) != len(names):
        raise ValueRangeError(f"features.{name} must differ, got {', '.join(names)}")
    return names
