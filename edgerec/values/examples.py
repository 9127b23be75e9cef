"""Requests with their candidates and what became of them.

One value for calibration, gates, training and replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.values.signature import Arrays, Role, Signature

__all__ = ["Examples"]

REQUEST_ROLES = frozenset({Role.USER, Role.QUERY, Role.CONTEXT})


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Requests in groups of rows.

    Parameters
    ----------
    inputs : mapping of str to array
        Per model input. Where the role is ``user``, ``query`` or ``context`` the leading dimension
        is the number of requests; where it is ``item`` or ``pair`` it is the number of rows
        (``offsets[-1]``). A padded sequence holds 0 beyond its length.
    roles : mapping of str to Role
        Role of each input; says which leading dimension it has.
    offsets : (requests + 1,) int64, ascending from 0
        Rows of request ``r`` are ``offsets[r]:offsets[r + 1]``.
    labels : (rows,) float32, finite and >= 0
        Gain of each row (0 = not wanted).
    weights : (requests,) float32, finite and >= 0, optional
        Weight of each request; all 1 where absent.
    propensities : (rows,) float32 in (0, 1], optional
        Probability with which the row was shown.
    """

    inputs: Arrays
    roles: Mapping[str, Role]
    offsets: NDArray[np.int64]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
    propensities: NDArray[np.float32] | None = None
    lengths: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """Valid length of each request's padded sequence, for inputs whose second dimension varies."""

    def __post_init__(self) -> None:
        offsets = self.offsets
        if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) < 2 or offsets[0] != 0:
            raise ShapeError("offsets must be int64 of shape (requests + 1,), starting at 0")
        if (np.diff(offsets) < 0).any():
            raise ValueRangeError("offsets must ascend")
        if self.labels.shape != (self.rows,):
            raise ShapeError(f"labels want shape ({self.rows},), got {self.labels.shape}")
        if not np.isfinite(self.labels).all() or (self.labels < 0).any():
            raise ValueRangeError("labels must be finite and not negative")
        for name, array in self.inputs.items():
            wanted = self.requests if self.roles[name] in REQUEST_ROLES else self.rows
            if len(array) != wanted:
                raise ShapeError(
                    f"input {name!r} (role {self.roles[name].value}) wants {wanted} rows, "
                    f"got {len(array)}"
                )

    @property
    def requests(self) -> int:
        """Number of requests."""
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        """Number of rows over all requests."""
        return int(self.offsets[-1])

    def request(self, index: int) -> dict[str, NDArray[Any]]:
        """Inputs of one request, as a session takes them: request inputs (1, …), rows (n, …)."""
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
        """The examples of these requests only, in the given order."""
        counts = np.diff(self.offsets)[requests]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.concatenate(
            [np.arange(self.offsets[r], self.offsets[r + 1]) for r in requests]
            or [np.zeros(0, np.int64)]
        ).astype(np.int64)
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

    @staticmethod
    def roles_of(signature: Signature) -> dict[str, Role]:
        """Role of each input of ``signature``."""
        return {tensor.name: tensor.role for tensor in signature.inputs}
