"""SASRec: what comes next in a sequence of items.

Source: Kang and McAuley, "Self-Attentive Sequential Recommendation" (2018).  Kept from there: item
embeddings tied with the output, causal attention with one head, a feed-forward layer as wide as the
model.  Changed:

- Positions are biases on the attention scores, one a distance, learned.  Nothing depends on how a
  sequence is padded, the state after a prefix is the same in training and in serving, and what an
  item alone determines in the first block stays a function of the item.
- Pre-norm, so that two blocks train without warm-up.

Ids: 0 pads, 1 is an unknown item, catalogue row ``r`` is ``r + FIRST_ITEM``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

__all__ = ["FIRST_ITEM", "SASRec", "SASRecSettings", "export_form", "signature"]

FIRST_ITEM = 2
MASKED = -1e4
"""Added to the scores of later items: finite, yet its exponential is 0 in float32."""


@dataclass(frozen=True, slots=True)
class SASRecSettings:
    """Shape of the network.

    Parameters
    ----------
    n_items : int >= 1
        Rows of the catalogue.
    dim : int >= 1
    blocks : int >= 1
    max_length : int >= 1
        Longest history; a longer one is cut to its most recent items by the caller.
    dropout : float in [0, 1)
        Of embeddings, attention weights and both branches of a block.
    """

    n_items: int
    dim: int = 64
    blocks: int = 2
    max_length: int = 50
    dropout: float = 0.5

    def __post_init__(self) -> None:
        smallest = min(self.n_items, self.dim, self.blocks, self.max_length)
        if smallest < 1 or not 0 <= self.dropout < 1:
            raise ValueRangeError(f"sizes must be >= 1 and dropout in [0, 1), got {self}")


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to its input."""

    def __init__(self, settings: SASRecSettings) -> None:
        super().__init__()
        dim = settings.dim
        self.attention_norm = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, dim)
        self.narrow = nn.Linear(dim, dim)
        self.distance_bias = nn.Parameter(torch.zeros(settings.max_length))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, length, dim) -> (n, length, dim)."""
        query, key, value = self.query_key_value(self.attention_norm(x)).chunk(3, dim=-1)
        bias = toeplitz(self.distance_bias[: x.shape[1]])
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, dropout_p=self.dropout.p if self.training else 0.0
        )
        x = x + self.dropout(self.attention_out(seen))
        inner = self.dropout(torch.relu(self.widen(self.feed_forward_norm(x))))
        change: torch.Tensor = self.dropout(self.narrow(inner))
        return x + change


class SASRec(nn.Module):
    """The network; ``forward`` gives the state after every prefix of each sequence."""

    def __init__(self, settings: SASRecSettings) -> None:
        super().__init__()
        self.settings = settings
        self.items = nn.Embedding(settings.n_items + FIRST_ITEM, settings.dim)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.dim)
        self.dropout = nn.Dropout(settings.dropout)
        self.apply(_initialise)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """States of right-padded sequences.

        Parameters
        ----------
        items
            (n, length) int64, 0 after the end, length <= ``max_length``.

        Returns
        -------
        torch.Tensor
            (n, length, dim) float32; position ``i`` depends on ``items[:, : i + 1]`` alone, so that
            the padding on the right changes nothing before it.

        Raises
        ------
        ShapeError
            Longer than ``max_length``.
        """
        if items.shape[1] > self.settings.max_length:
            limit = self.settings.max_length
            raise ShapeError(f"at most {limit} items a sequence, got {items.shape[1]}: cut it")
        x = self.dropout(self.items(items))
        for block in self.blocks:
            x = block(x)
        states: torch.Tensor = self.norm(x)
        return states

    def item_vectors(self) -> torch.Tensor:
        """(n_items, dim): an item's score is its inner product with a state."""
        return self.items.weight[FIRST_ITEM:]


class LastState(nn.Module):
    """The state after one whole history, in a form that exports to few ONNX nodes.

    One sequence, so matrices; one head, so nothing is transposed but the keys.  In the last block
    only the last position asks, which is exact: no later block reads the others.
    """

    def __init__(self, model: SASRec, *, last_only: bool) -> None:
        super().__init__()
        self.items = model.items
        *earlier, final = (cast(Block, block) for block in model.blocks)
        self.blocks = nn.ModuleList(LastStateBlock(block, last=False) for block in earlier)
        self.blocks.append(LastStateBlock(final, last=last_only))
        self.norm = model.norm

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """(1, length) int64 without padding -> (1, dim)."""
        x = self.items(items[0])
        for block in self.blocks:
            x = block(x)
        state: torch.Tensor = self.norm(x[-1:])
        return state


class LastStateBlock(nn.Module):
    """A :class:`Block` over (length, dim), its constants prepared."""

    bias: torch.Tensor

    def __init__(self, block: Block, *, last: bool) -> None:
        super().__init__()
        self.last = last
        self.attention_norm, self.feed_forward_norm = block.attention_norm, block.feed_forward_norm
        self.attention_out, self.widen, self.narrow = block.attention_out, block.widen, block.narrow
        joint = block.query_key_value
        dim = joint.in_features
        scales = (1 / math.sqrt(dim), 1.0, 1.0)
        self.query, self.key, self.value = (
            _linear(
                joint.weight[part * dim : (part + 1) * dim] * scale,
                joint.bias[part * dim : (part + 1) * dim] * scale,
            )
            for part, scale in enumerate(scales)
        )
        bias = toeplitz(block.distance_bias)
        self.register_buffer("bias", (bias[-1] if last else bias).detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(length, dim) -> (length, dim), or (1, dim) where only the last position asks."""
        length = x.shape[0]
        inner = self.attention_norm(x)
        if self.last:
            x, bias = x[-1:], self.bias[self.bias.shape[0] - length :]
            query = self.query(inner[-1:])
        else:
            bias = self.bias[:length, :length]
            query = self.query(inner)
        weights = torch.softmax(torch.addmm(bias, query, self.key(inner).T), dim=-1)
        x = x + self.attention_out(weights @ self.value(inner))
        change: torch.Tensor = self.narrow(torch.relu(self.widen(self.feed_forward_norm(x))))
        return x + change


def export_form(model: SASRec, *, last_only: bool = True) -> nn.Module:
    """Make a module of one history, for ``torch.onnx.export`` with a symbolic ``length``.

    Parameters
    ----------
    model
        Is left as it is; the weights are shared.
    last_only
        Compute only the last position in the last block; False is the slower reference.

    Returns
    -------
    nn.Module
        In evaluation mode; ``forward(items)`` takes (1, length) int64 with 1 <= length <=
        ``max_length`` and no padding, and gives (1, dim) float32.
    """
    return LastState(model, last_only=last_only).eval()


def signature(settings: SASRecSettings) -> Signature:
    """Describe the exported form: ``items`` (1, length) int64 -> ``vector`` (1, dim) float32."""
    items = Input("items", Role.USER, Kind.SEQUENCE, "int64", (1, "length"))
    return Signature((items,), (Output("vector", Meaning.EMBEDDING, "float32", (1, settings.dim)),))


def toeplitz(distance_bias: torch.Tensor) -> torch.Tensor:
    """Bias of each distance (length,) -> bias of each row asking each column (length, length)."""
    length = distance_bias.shape[0]
    place = torch.arange(length)
    distance = place[:, None] - place[None, :]
    return distance_bias[distance.clamp_min(0)].masked_fill(distance < 0, MASKED)


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight, linear.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return linear


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
