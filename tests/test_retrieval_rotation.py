"""The rotation of a sketch: pinned, orthogonal, stored as three numbers."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import BundleCorruptError, ShapeError, ValueRangeError
from edgerec.retrieval.rotation import MAX_BITS, Rotation

PINNED = {
    (128, 0): "5453b08fb30026b0",
    (128, 2**64 - 1): "968f43b43f2e3a8a",
    (384, 7): "4ec65f92d435bbd2",
}


@pytest.mark.parametrize(("bits", "seed"), PINNED)
def test_the_signs_of_a_seed_never_change(bits: int, seed: int) -> None:
    signs = Rotation(bits, bits, seed).signs
    assert signs.shape == (3 if bits == 128 else 6, bits)
    assert hashlib.sha256(signs.tobytes()).hexdigest()[:16] == PINNED[bits, seed]


def test_signs_are_balanced_and_differ_between_seeds_rounds_and_places() -> None:
    every = np.concatenate([Rotation(256, 256, seed).signs for seed in range(50)]).astype(np.int64)
    deviation = np.sqrt(256)
    agreement = every @ every.T
    np.fill_diagonal(agreement, 0)
    assert np.abs(every.sum(1)).max() < 5 * deviation
    assert np.abs(agreement).max() < 5.5 * deviation
    assert np.abs(every.sum(0)).max() < 5 * np.sqrt(len(every))


@given(st.integers(1, 10), st.data(), st.integers(0, 2**64 - 1))
def test_norms_and_inner_products_stay(words: int, data: st.DataObject, seed: int) -> None:
    dim = data.draw(st.integers(1, 64 * words))
    rotation = Rotation(dim, 64 * words, seed)
    x = np.random.default_rng(seed).normal(size=(4, dim)).astype(np.float32)
    rotated = rotation.apply(x).astype(np.float64)
    exact = x.astype(np.float64) @ x.T.astype(np.float64)
    sizes = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    assert rotated.shape == (4, 64 * words)
    assert (np.abs(rotated @ rotated.T - exact) <= 3e-6 * sizes).all()


@pytest.mark.parametrize("bits", [64, 128, 192, 256, 320, 384, 512, 640, 768])
def test_every_value_spreads_evenly_over_all_bits(bits: int) -> None:
    """Mean square of each bit over the seeds, for a vector of the first values, or the last."""
    for dims in (np.arange(8), np.arange(bits - 8, bits)):
        x = np.zeros((1, bits), np.float32)
        x[0, dims] = np.sqrt(bits / 8)
        rotated = np.concatenate([Rotation(bits, bits, seed).apply(x) for seed in range(300)])
        squares = (rotated**2).mean(0)
        parts = squares.reshape(-1, 32).mean(1)
        assert (np.abs(parts - 1) < 0.2).all()


@given(st.integers(1, 64), st.data())
def test_from_dict_reads_what_to_dict_wrote(words: int, data: st.DataObject) -> None:
    dim = data.draw(st.integers(1, 64 * words))
    rotation = Rotation(dim, 64 * words, data.draw(st.integers(0, 2**64 - 1)))
    again = Rotation.from_dict(json.loads(json.dumps(rotation.to_dict())))
    assert again == rotation
    assert (again.signs == rotation.signs).all()


def test_the_signs_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Rotation(64, 64).signs[0, 0] = 1


@pytest.mark.parametrize(
    ("dim", "bits", "seed"),
    [
        (0, 64, 0),
        (65, 64, 0),
        (10, 0, 0),
        (10, 96, 0),
        (10, MAX_BITS + 64, 0),
        (10, 64, -1),
        (10, 64, 2**64),
        (10.0, 64, 0),
        (10, "64", 0),
        (True, 64, 0),
        (10, 64, None),
    ],
)
def test_values_outside_their_range_are_refused(dim: int, bits: int, seed: int) -> None:
    with pytest.raises(ValueRangeError, match="must be"):
        Rotation(dim, bits, seed)
    with pytest.raises(BundleCorruptError, match=r"rotation: .* must be"):
        Rotation.from_dict({"dim": dim, "bits": bits, "seed": seed})


@pytest.mark.parametrize("data", [{}, {"dim": 3, "bits": 64}, {"dim": 3, "bits": 64, "rounds": 3}])
def test_other_keys_are_refused(data: dict[str, int]) -> None:
    with pytest.raises(BundleCorruptError, match="keys must be bits, dim, seed"):
        Rotation.from_dict(data)


@pytest.mark.parametrize("shape", [(3,), (2, 9), (2, 64), (1, 2, 10)])
def test_vectors_of_another_length_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"x must have shape \(n, 10\)"):
        Rotation(10, 64).apply(np.zeros(shape, np.float32))
