"""Real vectors at their own size: texts through MiniLM, items and shoppers of a trained SASRec."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.sequences import DataAbsent, Sequences, data_folder

__all__ = ["Shoppers", "Texts", "shoppers", "texts"]

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Texts:
    """Titles and descriptions of products; names of products as queries."""

    queries: int = 1000
    seed: int = 4
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Shoppers:
    """A catalogue of 54 k items and the shoppers' states before their last purchase."""

    dim: int = 64
    queries: int = 1000
    seed: int = 5
    revision: int = 1


def texts(*, queries: int, seed: int, revision: int) -> tuple[Vectors, Vectors]:
    """Embed every distinct text of the public data; queries are labels of clusters of offers."""
    del revision
    from bench.retrieval.minilm import MiniLM  # loads torch

    titles, labels = _offers()
    corpus = sorted({*titles, *_descriptions()})
    asked = sorted(labels - set(corpus))
    drawn = np.random.default_rng(seed).permutation(len(asked))[:queries]
    model = MiniLM()
    return model.embed(corpus), model.embed([asked[place] for place in drawn])


def shoppers(*, dim: int, queries: int, seed: int, revision: int) -> tuple[Vectors, Vectors]:
    """Item vectors of SASRec and the states of users drawn at random, both as they are."""
    del revision
    import torch

    from bench.train_sasrec import trained
    from edgerec.models.sasrec import FIRST_ITEM

    sequences = _beauty()
    model, _ = trained(sequences, dim, threads=len(os.sched_getaffinity(0)))
    users = np.random.default_rng(seed).permutation(len(sequences.histories))[:queries]
    limit = model.settings.max_length
    states = []
    with torch.inference_mode():
        for user in users.tolist():
            history = sequences.histories[user][:-1][-limit:] + FIRST_ITEM
            states.append(model(torch.from_numpy(history)[None])[0, -1])
        return model.item_vectors().numpy(), torch.stack(states).numpy()


def _offers() -> tuple[set[str], set[str]]:
    path = data_folder() / "pricerunner_titles" / "pricerunner_aggregate.csv.gz"
    rows = list(csv.reader(io.StringIO(_unzipped(path))))
    return {row[1] for row in rows}, {row[4] for row in rows}


def _descriptions() -> set[str]:
    import pyarrow.parquet

    path = data_folder() / "online_retail_2009_2010" / "online_retail_2009_2010.parquet"
    column = pyarrow.parquet.read_table(path, columns=["Description"]).column(0)
    return {text.strip() for text in column.unique().to_pylist() if text and text.strip()}


def _beauty() -> Sequences:
    """Read pairs of user and item, in time order a user."""
    path = data_folder() / "amazon_beauty_bert4rec" / "beauty.txt.gz"
    if not path.is_file():
        raise DataAbsent(f"{path} is not there")
    raw = path.read_bytes()
    pairs = np.array(gzip.decompress(raw).split(), np.int64).reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts = np.flatnonzero(np.diff(pairs[:, 0])) + 1
    histories = tuple(np.split(pairs[:, 1] - 1, starts))
    digest = hashlib.sha256(raw).hexdigest()
    return Sequences("amazon_beauty_bert4rec", histories, int(pairs[:, 1].max()), digest)


def _unzipped(path: os.PathLike[str]) -> str:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError as error:
        raise DataAbsent(f"{path} is not there") from error
