"""FAISS' indexes by factory string: made empty, trained on a sample, and given all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Metric, Segment
from edgerec.errors import ValueRangeError
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.faiss import ITERATIONS, import_faiss, one_thread

__all__ = ["behind_rotation", "empty", "trained"]

TRAINING_VECTORS = 64  # for each list; more does not place the centroids better
LEAST_TRAINING = 1024
CONSTRUCTION = 100  # rows that a graph looks at for the links of a new one
BLOCK_ROWS = 16_384
LARGEST_FLOAT16 = 65_504.0


def trained(segment: Segment, factory: Factory, metric: Metric, seed: int) -> Any:
    """Return an index that was trained on some rows of the segment and holds all of them.

    Parameters
    ----------
    segment : Segment
    factory : Factory
        Suiting the rows and the dimensions.
    metric : Metric
    seed : int
        Of the sample and of the clusters.

    Raises
    ------
    ValueRangeError
        Codes in float16 of vectors beyond ±65504.
    """
    faiss = import_faiss()
    with one_thread(faiss):
        index = empty(faiss, factory, segment.codes.shape[1], metric)
        _prepare(faiss, index, seed)
        index.train(_sample(segment, factory, metric, seed))
        for start in range(0, segment.rows, BLOCK_ROWS):
            x = _comparable(segment.take(slice(start, start + BLOCK_ROWS)), metric)
            if factory.codes == "SQfp16" and np.abs(x).max() > LARGEST_FLOAT16:
                raise ValueRangeError(f"{factory}: vectors beyond ±65504 do not fit float16")
            index.add(x)
    return index


def empty(faiss: Any, factory: Factory, dim: int, metric: Metric) -> Any:
    """Return an index without rows, as the factory says."""
    measure = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    return faiss.index_factory(dim, str(factory), measure)


def behind_rotation(faiss: Any, index: Any) -> Any:
    """Return the index behind a rotation."""
    index = faiss.downcast_index(index)
    return faiss.downcast_index(index.index) if hasattr(index, "chain") else index


def _prepare(faiss: Any, index: Any, seed: int) -> None:
    """Set the seeds, keep FAISS from printing that there are few vectors, and link graphs well."""
    base = behind_rotation(faiss, index)
    clusterings = [base.cp] if hasattr(base, "cp") else []
    if hasattr(base, "pq"):
        clusterings.append(base.pq.cp)
    if hasattr(base, "do_polysemous_training"):
        base.do_polysemous_training = False  # half a minute for a search that is not used
    if hasattr(base, "quantizer"):
        base.cp.niter = ITERATIONS
        coarse = faiss.downcast_index(base.quantizer)
        if hasattr(coarse, "hnsw"):
            coarse.hnsw.efConstruction, coarse.hnsw.efSearch = CONSTRUCTION, 64
    if hasattr(base, "hnsw"):
        base.hnsw.efConstruction = CONSTRUCTION
    if hasattr(index, "chain"):
        rotation = faiss.downcast_VectorTransform(index.chain.at(0))
        if hasattr(rotation, "niter_pq"):
            quantizer = faiss.ProductQuantizer(rotation.d_out, rotation.M, 8)
            rotation.pq, rotation.niter = quantizer, ITERATIONS
            quantizer.thisown = True
            index.referenced_objects = [quantizer]  # FAISS holds a bare pointer
            clusterings.append(quantizer.cp)
    for clustering in clusterings:
        clustering.min_points_per_centroid, clustering.seed = 1, seed


def _sample(segment: Segment, factory: Factory, metric: Metric, seed: int) -> NDArray[np.float32]:
    """Return vectors to train on, some of them several times where there are too few."""
    centroids = max(factory.centroids, 256 if factory.opq else 0)
    wanted = max(TRAINING_VECTORS * max(factory.lists or 0, centroids), LEAST_TRAINING)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(segment.rows)[:wanted])
    return _comparable(segment.take(np.resize(rows, max(rows.size, centroids))), metric)


def _comparable(x: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return vectors whose inner product or distance orders rows as the metric does."""
    if metric == "cosine":
        norms = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
        x = np.asarray(x / np.where(norms > 0, norms, 1), np.float32)
    return np.ascontiguousarray(x, np.float32)
