"""Requests with their candidates and what became of them.

One value for calibration, gates, training and replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError, SignatureError, ValueRangeError
from edgerec.values.signature import Array, Arrays, Role, Signature

__all__ = ["REQUEST_ROLES", "Examples"]

REQUEST_ROLES = frozenset({Role.USER, Role.QUERY, Role.CONTEXT})
INPUT_DTYPES = ("float32", "int64")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Requests in groups of rows, checked when made.

    Parameters
    ----------
    inputs : mapping of str to array
        Per model input, float32 or int64. Where the role is ``user``, ``query`` or ``context`` the
        leading dimension is the number of requests; where it is ``item`` or ``pair`` it is the
        number of rows (``offsets[-1]``). A padded sequence holds 0 beyond its length.
    roles : mapping of str to Role
        Role of each input; says which leading dimension it has.
    offsets : (requests + 1,) int64, strictly ascending from 0
        Rows of request ``r`` are ``offsets[r]:offsets[r + 1]``: every request has one at least.
    labels : (rows,) float32, finite and >= 0
        Gain of each row (0 = not wanted).
    weights : (requests,) float32, finite and >= 0, optional
        Weight of each request in training; all 1 where absent.
    propensities : (rows,) float32 in (0, 1], optional
        Probability with which the row was shown.
    lengths : mapping of str to (requests,) int64 in [0, length], optional
        Valid length of each request's sequence, for request inputs whose second dimension varies.

    Raises
    ------
    ShapeError
        An array is none, or has the wrong dtype or shape.
    ValueRangeError
        A value lies outside its range.
    SignatureError
        Inputs and roles do not name the same, or ``lengths`` names what is no such input.
    """

    inputs: Arrays
    roles: Mapping[str, Role]
    offsets: NDArray[np.int64]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
    propensities: NDArray[np.float32] | None = None
    lengths: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_offsets(self.offsets)
        _check_vector("labels", self.labels, np.float32, self.rows)
        if not np.isfinite(self.labels).all() or (self.labels < 0).any():
            raise ValueRangeError("labels must be finite and not negative")
        if self.weights is not None:
            _check_vector("weights", self.weights, np.float32, self.requests)
            if not np.isfinite(self.weights).all() or (self.weights < 0).any():
                raise ValueRangeError("weights must be finite and not negative")
        if self.propensities is not None:
            _check_vector("propensities", self.propensities, np.float32, self.rows)
            if not ((self.propensities > 0) & (self.propensities <= 1)).all():
                raise ValueRangeError("propensities must lie in (0, 1]")
        self._check_inputs()
        self._check_lengths()

    @property
    def requests(self) -> int:
        """Number of requests."""
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        """Number of rows over all requests."""
        return int(self.offsets[-1])

    def request(self, index: int) -> dict[str, NDArray[Any]]:
        """Inputs of one request, as a session takes them: request inputs (1, …), rows (n, …).

        A sequence is cut to its length; one of length 0 keeps one position of padding.
        """
        rows = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        cut: dict[str, NDArray[Any]] = {}
        for name, array in self.inputs.items():
            if self.roles[name] in REQUEST_ROLES:
                one = array[index : index + 1]
                if name in self.lengths:
                    one = one[:, : max(1, int(self.lengths[name][index]))]
                cut[name] = np.ascontiguousarray(one)
            else:
                cut[name] = np.ascontiguousarray(array[rows])
        return cut

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """The inputs of each request in turn; memory stays that of one request."""
        return (self.request(index) for index in range(self.requests))

    def label_groups(self) -> Iterator[NDArray[np.float32]]:
        """The labels of each request in turn."""
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.labels[start:stop]

    def take(self, requests: NDArray[np.int64]) -> Examples:
        """The examples of these requests only, in the given order; at least one."""
        counts = np.diff(self.offsets)[requests]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        first = np.repeat(self.offsets[:-1][requests] - offsets[:-1], counts)
        rows = first + np.arange(offsets[-1])
        return Examples(
            inputs={
                name: array[requests if self.roles[name] in REQUEST_ROLES else rows]
                for name, array in self.inputs.items()
            },
            roles=self.roles,
            offsets=offsets,
            labels=self.labels[rows],
            weights=None if self.weights is None else self.weights[requests],
            propensities=None if self.propensities is None else self.propensities[rows],
            lengths={name: lengths[requests] for name, lengths in self.lengths.items()},
        )

    def same(self, other: Examples) -> bool:
        """Whether both hold the same requests: offsets, inputs and labels."""
        if self is other:
            return True
        return (
            set(self.inputs) == set(other.inputs)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.labels, other.labels)
            and all(np.array_equal(array, other.inputs[n]) for n, array in self.inputs.items())
        )

    @staticmethod
    def roles_of(signature: Signature) -> dict[str, Role]:
        """Role of each input of ``signature``."""
        return {tensor.name: tensor.role for tensor in signature.inputs}

    def _check_inputs(self) -> None:
        if not self.inputs or set(self.inputs) != set(self.roles):
            raise SignatureError(
                f"inputs and roles must name the same inputs, got {', '.join(self.inputs) or 'no'} "
                f"inputs and roles of {', '.join(self.roles) or 'none'}"
            )
        for name, array in self.inputs.items():
            _check_array(f"input {name!r}", array)
            role: object = self.roles[name]
            if not isinstance(role, Role):
                raise SignatureError(f"the role of input {name!r} must be a Role, got {role!r}")
            wanted = self.requests if role in REQUEST_ROLES else self.rows
            if array.dtype not in INPUT_DTYPES or not array.ndim or len(array) != wanted:
                raise ShapeError(
                    f"input {name!r} (role {role.value}) wants {wanted} rows of "
                    f"{' or '.join(INPUT_DTYPES)}, got {array.dtype} of shape {array.shape}"
                )

    def _check_lengths(self) -> None:
        for name, lengths in self.lengths.items():
            sequence = self.inputs.get(name)
            if sequence is None or self.roles[name] not in REQUEST_ROLES or sequence.ndim < 2:
                raise SignatureError(f"lengths of {name!r}, which is no sequence of a request")
            _check_vector(f"lengths of {name!r}", lengths, np.int64, self.requests)
            if not 0 <= lengths.min() <= lengths.max() <= sequence.shape[1]:
                raise ValueRangeError(
                    f"lengths of {name!r} must lie in [0, {sequence.shape[1]}], "
                    f"got {lengths.min()} to {lengths.max()}"
                )


def _check_offsets(offsets: Array) -> None:
    _check_array("offsets", offsets)
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) < 2 or offsets[0] != 0:
        raise ShapeError(
            "offsets must be int64 of shape (requests + 1,), starting at 0, for at least one "
            f"request; got {offsets.dtype} of shape {offsets.shape}"
        )
    if (offsets[1:] <= offsets[:-1]).any():
        raise ValueRangeError("offsets must ascend: every request has at least one row")


def _check_vector(name: str, array: Array, dtype: type[np.generic], size: int) -> None:
    _check_array(name, array)
    if array.dtype != dtype or array.shape != (size,):
        raise ShapeError(
            f"{name} must be {np.dtype(dtype)} of shape ({size},), "
            f"got {array.dtype} of shape {array.shape}"
        )


def _check_array(name: str, array: object) -> None:
    if not isinstance(array, np.ndarray):
        raise ShapeError(f"{name} must be a numpy array, got {type(array).__name__}")
