"""Bundles of every content, and ways to damage them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgerec.bundle.layout import DTYPES
from edgerec.bundle.writer import BundleWriter

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
Data = bytes | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a bundle: opaque and array parts by name, and sections."""

    parts: Mapping[str, Data]
    sections: Mapping[str, Any]

    def write(self, path: Path, **options: Any) -> str:
        """Write a bundle with this content; returns its version."""
        with BundleWriter(path, **options) as writer:
            for name, data in self.parts.items():
                if isinstance(data, bytes):
                    writer.add(name, "opaque", data)
                else:
                    writer.add_array(name, "array", data)
            for name, value in self.sections.items():
                writer.set(name, value)
        return writer.version


def names() -> st.SearchStrategy[str]:
    segments = st.tuples(
        st.text(LETTERS, min_size=1, max_size=1), st.text(LETTERS + "-.", max_size=6)
    ).map("".join)
    return st.lists(segments, min_size=1, max_size=4).map("/".join)


def json_values() -> st.SearchStrategy[Any]:
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=10)
    )
    return st.recursive(
        scalars,
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(st.text(max_size=5), children, max_size=3)
        ),
        max_leaves=8,
    )


def arrays() -> st.SearchStrategy[NDArray[Any]]:
    """Small arrays of every allowed dtype, either byte order, empty ones and scalars among them."""
    dtypes = st.tuples(st.sampled_from(sorted(DTYPES)), st.sampled_from("<>")).map(
        lambda pair: np.dtype(pair[0]).newbyteorder(pair[1])  # type: ignore[call-overload]
    )
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    plain = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))
    return plain | plain.map(np.transpose) | plain.map(lambda a: a[..., ::2] if a.ndim else a)


def contents() -> st.SearchStrategy[Content]:
    data = st.binary(max_size=40) | arrays()
    return st.builds(
        Content,
        st.dictionaries(names(), data, max_size=5),
        st.dictionaries(names(), json_values(), max_size=3),
    )


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """Other bytes than ``sound``: a bit flipped, the end cut off, or something added."""
    if not sound or draw(st.booleans()):
        place = draw(st.integers(0, len(sound)))
        return sound[:place] + draw(st.binary(min_size=1, max_size=4)) + sound[place:]
    place = draw(st.integers(0, len(sound) - 1))
    if draw(st.booleans()):
        return sound[:place]
    return sound[:place] + bytes([sound[place] ^ draw(st.integers(1, 255))]) + sound[place + 1 :]
