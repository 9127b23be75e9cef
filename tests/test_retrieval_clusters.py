"""Centroids as codes of four bits: what they say, how they are packed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edgerec.retrieval.clusters import Centroids

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9))
FLOATS = st.floats(-(2.0**60), 2.0**60, width=32)


@given(arrays(np.float32, SHAPES, elements=FLOATS))
def test_nibbles_say_a_centroid_to_within_half_a_scale(vectors: NDArray[np.float32]) -> None:
    ranked = Centroids.in_nibbles(vectors)
    assert np.abs(ranked.codes).max() <= 7
    said = ranked.codes * ranked.scales[:, None].astype(np.float64)
    assert (np.abs(said - vectors) <= 0.501 * ranked.scales[:, None]).all()
    halves = -np.square(vectors.astype(np.float64)).sum(axis=1) / 2
    np.testing.assert_allclose(ranked.halves, halves, rtol=1e-6, atol=1e-37)


@given(arrays(np.int8, SHAPES, elements=st.integers(-7, 7)))
def test_packed_holds_every_code_once(codes: NDArray[np.int8]) -> None:
    ones = np.ones(len(codes), np.float32)
    packed = Centroids(codes, ones, ones).packed
    dim = codes.shape[1]
    assert packed.shape == (len(codes), (dim + 1) // 2)
    both = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.int8) - 8
    assert both[:, :dim].tolist() == codes.tolist()
    assert packed.flags.c_contiguous
