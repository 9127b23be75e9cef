"""DCNv2: a ranker that multiplies its features with each other, layer by layer.

Source: Wang et al., "DCN V2: Improved deep & cross network and practical lessons for web-scale
learning to rank systems" (2021); the parallel form, with full matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from edgerec.errors import ValueRangeError
from edgerec.models.two_tower import LogScale, perceptron
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

__all__ = ["DCN", "DCNSettings", "ranker_signature"]


@dataclass(frozen=True, slots=True)
class DCNSettings:
    """Shape of the ranker.

    Parameters
    ----------
    dim : int >= 1
        Of the vectors of users, queries and items.
    numbers, pairs : int >= 1
        Dense attributes of an item, and features of a pair.
    crosses : int >= 1
        Cross layers.
    hidden : tuple of int >= 1
        Widths of the deep part.
    """

    dim: int = 64
    numbers: int = 2
    pairs: int = 8
    crosses: int = 2
    hidden: tuple[int, ...] = (256, 128)

    def __post_init__(self) -> None:
        if min(self.dim, self.numbers, self.pairs, self.crosses, *self.hidden) < 1:
            raise ValueRangeError(f"sizes of a ranker must be at least 1, got {self}")

    @property
    def width(self) -> int:
        """Features of one row."""
        return 3 * self.dim + self.numbers + self.pairs


class DCN(nn.Module):
    """Candidates of one request to scores."""

    pair_mean: torch.Tensor
    pair_deviation: torch.Tensor

    def __init__(self, settings: DCNSettings) -> None:
        super().__init__()
        width = settings.width
        self.numbers = LogScale(settings.numbers)
        self.register_buffer("pair_mean", torch.zeros(settings.pairs))
        self.register_buffer("pair_deviation", torch.ones(settings.pairs))
        self.crosses = nn.ModuleList(nn.Linear(width, width) for _ in range(settings.crosses))
        *hidden, last = settings.hidden
        self.deep = nn.Sequential(perceptron(width, tuple(hidden), last), nn.ReLU())
        self.score = nn.Linear(width + last, 1)

    def fit_scales(self, item_dense: torch.Tensor, pair: torch.Tensor) -> None:
        """Learn means and deviations from (n, numbers) and (n, pairs) float32."""
        self.numbers.fit(item_dense)
        self.pair_mean.copy_(pair.mean(dim=0))
        self.pair_deviation.copy_(pair.std(dim=0).clamp(min=1e-6))

    def forward(
        self,
        user: torch.Tensor,
        query: torch.Tensor,
        item: torch.Tensor,
        item_dense: torch.Tensor,
        pair: torch.Tensor,
    ) -> torch.Tensor:
        """(1, dim), (1, dim), (n, dim), (n, numbers), (n, pairs) float32 -> (n,) float32.

        In training ``user`` and ``query`` may have n rows, one a candidate.
        """
        rows = item.shape[0]
        features = torch.cat(
            [
                user.expand(rows, -1),
                query.expand(rows, -1),
                item,
                self.numbers(item_dense),
                (pair - self.pair_mean) / self.pair_deviation,
            ],
            dim=1,
        )
        crossed = features
        for layer in self.crosses:
            crossed = features * layer(crossed) + crossed
        scores: torch.Tensor = self.score(torch.cat([crossed, self.deep(features)], dim=1))
        return scores.squeeze(1)


def ranker_signature(settings: DCNSettings) -> Signature:
    """Say what a :class:`DCN` takes and gives."""
    rows = "candidates"
    return Signature(
        (
            Input("user", Role.USER, Kind.DENSE, "float32", (1, settings.dim)),
            Input("query", Role.QUERY, Kind.DENSE, "float32", (1, settings.dim)),
            Input("item", Role.ITEM, Kind.DENSE, "float32", (rows, settings.dim)),
            Input("item_dense", Role.ITEM, Kind.DENSE, "float32", (rows, settings.numbers)),
            Input("pair", Role.PAIR, Kind.DENSE, "float32", (rows, settings.pairs)),
        ),
        (Output("score", Meaning.SCORE, "float32", (rows,)),),
    )
