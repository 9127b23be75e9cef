"""FAISS, bound to one thread, and its k-means: the door through which the package comes in.

It computes with one OpenMP thread, since its threads do not survive a fork and a server has other
requests for the other cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import MissingDependency
from edgerec.machine.blas import limit_blas
from edgerec.machine.threads import thread_budget

__all__ = ["import_faiss", "kmeans", "one_thread"]

ITERATIONS = 8


def kmeans(
    vectors: NDArray[np.float32], count: int, *, iterations: int = ITERATIONS, seed: int = 0
) -> NDArray[np.float32]:
    """Return the ``count`` centroids that k-means finds, (count, dim) float32.

    Parameters
    ----------
    vectors : (n, dim) float32, finite, n >= count
    """
    faiss = import_faiss()
    training = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=iterations,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    with one_thread(faiss):
        training.train(np.ascontiguousarray(vectors))
    centroids: NDArray[np.float32] = training.centroids
    return centroids


@contextmanager
def one_thread(faiss: Any) -> Iterator[None]:
    """Give FAISS one OpenMP thread; the setting is the calling thread's own, and is put back."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def import_faiss() -> Any:
    """Return the package; MissingDependency says how to install it."""
    try:
        import faiss
    except ImportError as error:
        raise MissingDependency(
            'FAISS cannot be imported; pip install "faiss-cpu>=1.15"'
        ) from error
    limit_blas(thread_budget().threads)  # it brings a BLAS of its own
    return faiss
