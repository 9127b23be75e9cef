"""Two towers, and a third for queries: items, shoppers and what they type, as vectors in one space.

An item is what it says of itself (title, category, brand, numbers), a shopper the items they turned
to, a query its words: nothing is known by a number of its own, so new items, new shoppers and words
nobody has typed have vectors like any other.

Source: Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations"
(2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from edgerec.errors import ValueRangeError
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

__all__ = [
    "ItemTower",
    "QueryTower",
    "TextEncoder",
    "TowerSettings",
    "UserTower",
    "item_signature",
    "query_signature",
    "user_signature",
]

SMALLEST_NORM = 1e-6
DECAYS = (0.1, 0.7)


@dataclass(frozen=True, slots=True)
class TowerSettings:
    """Shape of the towers.

    Parameters
    ----------
    buckets : int >= 3
        Of words and trigrams.
    categories, brands : int >= 3
        Ids, counting 0 for padding and 1 for the unknown.
    numbers : int >= 1
        Dense attributes of an item.
    dim : int >= 1
        Of the vectors.
    text_width, category_width, brand_width : int >= 1
        Of the embeddings.
    hidden : tuple of int >= 1
        Widths between the embeddings and the vector.
    memory : int >= 1
        What is made of each item of a history before they are pooled.
    """

    buckets: int
    categories: int
    brands: int
    numbers: int = 2
    dim: int = 64
    text_width: int = 32
    category_width: int = 16
    brand_width: int = 16
    hidden: tuple[int, ...] = (256, 128)
    memory: int = 128

    def __post_init__(self) -> None:
        if min(self.buckets, self.categories, self.brands) < 3 or self.dim < 1:
            raise ValueRangeError(f"a tower wants at least 3 ids of each kind, got {self}")


class TextEncoder(nn.Module):
    """Sum of the embeddings of a text's words and trigrams, over the root of their number."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        self.table = nn.Embedding(settings.buckets, settings.text_width, padding_idx=0)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(n, length) int64, 0 pads and its embedding is 0 -> (n, text_width) float32."""
        count = (ids > 0).float().sum(dim=1, keepdim=True).clamp(min=1)
        scaled: torch.Tensor = self.table(ids).sum(dim=1) / torch.sqrt(count)
        return scaled


class ItemTower(nn.Module):
    """Items to vectors of length 1."""

    def __init__(self, settings: TowerSettings, text: TextEncoder) -> None:
        super().__init__()
        self.text = text
        self.category = nn.Embedding(settings.categories, settings.category_width)
        self.brand = nn.Embedding(settings.brands, settings.brand_width)
        self.numbers = LogScale(settings.numbers)
        width = settings.text_width + settings.category_width + settings.brand_width
        self.layers = perceptron(width + settings.numbers, settings.hidden, settings.dim)

    def forward(
        self,
        title: torch.Tensor,
        category: torch.Tensor,
        brand: torch.Tensor,
        dense: torch.Tensor,
    ) -> torch.Tensor:
        """(n, length), (n,), (n,) int64 and (n, numbers) float32 -> (n, dim) float32."""
        parts = [
            self.text(title),
            self.category(category),
            self.brand(brand),
            self.numbers(dense),
        ]
        return unit(self.layers(torch.cat(parts, dim=1)))


class UserTower(nn.Module):
    """Histories to vectors of length 1.

    A shopper is near the items of the history: their mean, and two means that forget what lies
    further back, each with a weight. What the layers add is learned from the same three means
    of what one layer makes of each item.
    """

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        self.memory = nn.Linear(settings.dim, settings.memory)
        self.decay = nn.Parameter(torch.tensor(DECAYS).log())
        self.nearness = nn.Parameter(torch.ones(1 + len(DECAYS), 1))
        pooled = (1 + len(DECAYS)) * settings.memory
        self.layers = perceptron(pooled, settings.hidden, settings.dim)

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        """(n, length, dim) float32, most recent last, zeros pad anywhere -> (n, dim) float32."""
        there = (history.abs().sum(dim=2) > 0).float()
        later = there.sum(dim=1, keepdim=True) - there.cumsum(dim=1)
        recent = torch.exp(-later.unsqueeze(1) * self.decay.exp().reshape(1, -1, 1))
        weights = torch.cat([torch.ones_like(there).unsqueeze(1), recent], dim=1)
        weights = weights * there.unsqueeze(1)
        weights = weights / weights.sum(dim=2, keepdim=True).clamp(min=SMALLEST_NORM)
        near = (torch.matmul(weights, history) * self.nearness).sum(dim=1)
        pooled = torch.matmul(weights, torch.relu(self.memory(history)))
        return unit(near + self.layers(pooled.flatten(start_dim=1)))


class QueryTower(nn.Module):
    """Texts to vectors of length 1, near the items they ask for."""

    def __init__(self, settings: TowerSettings, text: TextEncoder) -> None:
        super().__init__()
        self.text = text
        self.layers = perceptron(settings.text_width, settings.hidden, settings.dim)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """(n, length) int64 -> (n, dim) float32."""
        return unit(self.layers(self.text(text)))


class LogScale(nn.Module):
    """Numbers >= 0 as they come to logarithms with mean 0 and deviation 1."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("deviation", torch.ones(numbers))

    def fit(self, dense: torch.Tensor) -> None:
        """Learn mean and deviation from (n, numbers) float32."""
        logs = self._logs(dense)
        self.mean.copy_(logs.mean(dim=0))
        self.deviation.copy_(logs.std(dim=0).clamp(min=SMALLEST_NORM))

    def forward(self, dense: torch.Tensor) -> torch.Tensor:
        """(n, numbers) -> (n, numbers) float32; below 0 counts as 0."""
        return (self._logs(dense) - self.mean) / self.deviation

    @staticmethod
    def _logs(dense: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.relu(dense) + 1)


def perceptron(width: int, hidden: tuple[int, ...], out: int) -> nn.Sequential:
    """Linear layers with a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, out))


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Scale (n, dim) to length 1; 0 stays 0."""
    return vectors / torch.sqrt((vectors * vectors).sum(dim=1, keepdim=True) + SMALLEST_NORM**2)


def item_signature(settings: TowerSettings) -> Signature:
    """Say what an :class:`ItemTower` takes and gives."""
    rows = "candidates"
    return Signature(
        (
            Input("title", Role.ITEM, Kind.BAG, "int64", (rows, "length")),
            Input("category", Role.ITEM, Kind.ID, "int64", (rows,)),
            Input("brand", Role.ITEM, Kind.ID, "int64", (rows,)),
            Input("dense", Role.ITEM, Kind.DENSE, "float32", (rows, settings.numbers)),
        ),
        (Output("vector", Meaning.EMBEDDING, "float32", (rows, settings.dim)),),
    )


def user_signature(settings: TowerSettings) -> Signature:
    """Say what a :class:`UserTower` takes and gives."""
    shape = ("requests", "length", settings.dim)
    return Signature(
        (Input("history", Role.USER, Kind.SEQUENCE, "float32", shape),),
        (Output("vector", Meaning.EMBEDDING, "float32", ("requests", settings.dim)),),
    )


def query_signature(settings: TowerSettings) -> Signature:
    """Say what a :class:`QueryTower` takes and gives."""
    return Signature(
        (Input("text", Role.QUERY, Kind.BAG, "int64", ("requests", "length")),),
        (Output("vector", Meaning.EMBEDDING, "float32", ("requests", settings.dim)),),
    )
