"""Ways to answer "what comes next?" from one trained SASRec, each from history to ten items.

All of them cut the history to the model's length, run it without padding, compute the last state
alone, use one thread, and leave out what the history holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.next_item import Answer, Items, K, Vectors, encoder_inputs
from edgerec.backends.session import Session
from edgerec.catalog.bitmaps import Eligible, pack
from edgerec.catalog.vectors import Segment
from edgerec.retrieval.exact import ExactIndex

__all__ = ["compiled", "onnxruntime_faiss", "onnxruntime_numpy", "pytorch_eager"]


def pytorch_eager(form: nn.Module, vectors: Vectors, limit: int) -> Answer:
    """PyTorch as it is, and ``torch.topk``."""
    torch.set_num_threads(1)
    table = torch.from_numpy(vectors)

    @torch.inference_mode()
    def answer(history: Items) -> NDArray[Any]:
        rows = torch.from_numpy(history)
        items = torch.from_numpy(encoder_inputs(history, limit)["items"])
        scores = torch.mv(table, form(items)[0])
        scores[rows] = -torch.inf
        best: NDArray[Any] = torch.topk(scores, K).indices.numpy()
        return best

    return answer


def onnxruntime_numpy(graph: bytes, vectors: Vectors, limit: int) -> Answer:
    """ONNX Runtime, a NumPy product into memory of its own, and ``argpartition``."""
    encode, scores = _onnxruntime(graph, limit), np.empty(len(vectors), np.float32)

    def answer(history: Items) -> NDArray[Any]:
        np.dot(vectors, encode(history)[0], out=scores)
        scores[history] = -np.inf
        best = np.argpartition(scores, -K)[-K:]
        return best[np.argsort(-scores[best])]

    return answer


def onnxruntime_faiss(graph: bytes, vectors: Vectors, limit: int) -> Answer:
    """ONNX Runtime and a flat FAISS index, asked for as many more as the history may take away."""
    import faiss

    faiss.omp_set_num_threads(1)
    encode, index = _onnxruntime(graph, limit), faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def answer(history: Items) -> NDArray[Any]:
        _, found = index.search(encode(history), K + len(history))
        seen = set(history.tolist())
        return np.array([row for row in found[0].tolist() if row not in seen][:K])

    return answer


def compiled(session: Session, vectors: Vectors, limit: int) -> Answer:
    """Compiled encoder, then edgerec's exact index: an int8 scan, the originals of the best."""
    index, rows = ExactIndex((Segment.of(vectors),)), len(vectors)
    allowed = np.ones(rows, np.bool_)

    def answer(history: Items) -> NDArray[Any]:
        vector = session.run(encoder_inputs(history, limit))["vector"][0]
        allowed[history] = False
        eligible = Eligible(pack(allowed), rows - len(history), rows)
        allowed[history] = True
        return index.search(vector, K, eligible=eligible).rows

    return answer


def _onnxruntime(graph: bytes, limit: int) -> Callable[[Items], Vectors]:
    """Give an encoder on a session of one thread, with its output bound beforehand."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    shape = session.get_outputs()[0].shape
    output = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
    binding, vector = session.io_binding(), output.numpy()
    binding.bind_ortvalue_output("vector", output)

    def encode(history: Items) -> Vectors:
        binding.bind_cpu_input("items", encoder_inputs(history, limit)["items"])
        session.run_with_iobinding(binding)
        state: Vectors = vector
        return state

    return encode
