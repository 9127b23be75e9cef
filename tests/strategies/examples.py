"""Examples of a ranker: requests of one to five rows, with and without what is optional."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from edgerec.values.examples import Examples
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

__all__ = ["RANKER", "examples"]

RANKER = Signature(
    (
        Input("user", Role.USER, Kind.DENSE, "float32", (1, 3)),
        Input("seen", Role.USER, Kind.SEQUENCE, "int64", (1, "length")),
        Input("pair", Role.PAIR, Kind.DENSE, "float32", ("candidates", 2)),
    ),
    (Output("score", Meaning.SCORE, "float32", ("candidates",)),),
)
LONGEST = 5


@st.composite
def examples(draw: st.DrawFn, least: int = 1, most: int = 8) -> Examples:
    """Inputs of :data:`RANKER`; sequences are 0 beyond their length."""
    counts = draw(st.lists(st.integers(1, 5), min_size=least, max_size=most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    requests, rows = len(counts), sum(counts)
    lengths = rng.integers(0, LONGEST + 1, requests)
    seen = rng.integers(1, 9, (requests, LONGEST))
    seen[np.arange(LONGEST) >= lengths[:, None]] = 0
    weights = rng.random(requests).astype(np.float32)
    propensities = 1 - rng.random(rows).astype(np.float32)
    return Examples(
        inputs={
            "user": rng.normal(size=(requests, 3)).astype(np.float32),
            "seen": seen,
            "pair": rng.normal(size=(rows, 2)).astype(np.float32),
        },
        roles=Examples.roles_of(RANKER),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        labels=rng.integers(0, 3, rows).astype(np.float32),
        weights=weights if draw(st.booleans()) else None,
        propensities=propensities if draw(st.booleans()) else None,
        lengths={"seen": lengths} if draw(st.booleans()) else {},
    )
