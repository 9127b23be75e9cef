"""ScaNN as it is documented: a tree, 4-bit codes, re-ranking by the vectors."""

from __future__ import annotations

from typing import Any

from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Vectors

__all__ = ["ScannSearcher", "build_scann"]

MOST_LEAVES = 2000
WIDTHS = (4, 16, 64)


def build_scann(
    vectors: Vectors,
    *,
    leaves: int = MOST_LEAVES,
    soar: float | None = None,
    threshold: float = 0.2,
    sample: int = 250_000,
    l2: bool = False,
) -> Any:
    """Train and fill; small sets get as many leaves as the root of their size."""
    import scann

    leaves = max(1, min(leaves, round(len(vectors) ** 0.5)))
    spilled = {} if soar is None else {"soar_lambda": soar, "overretrieve_factor": 2.0}
    codes = {} if l2 else {"anisotropic_quantization_threshold": threshold}
    distance = "squared_l2" if l2 else "dot_product"
    builder = scann.scann_ops_pybind.builder(vectors, 100, distance).set_n_training_threads(1)
    builder = builder.tree(
        leaves,
        min(100, leaves),
        training_sample_size=min(sample, len(vectors)),
        **spilled,
    )
    return builder.score_ah(2, **codes).reorder(1000).build()


class ScannSearcher:
    """A tree of ``rows`` vectors whose leaves hold codes, and the vectors."""

    def __init__(self, index: Any, rows: int) -> None:
        self.index = index
        self.knobs = Knobs(max(1, min(MOST_LEAVES, round(rows**0.5))), WIDTHS)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the number of leaves, and how many are re-ranked."""
        search, batched = self.index.search, self.index.search_batched

        def one(x: Vectors) -> Rows:
            rows: Rows = search(x, k, k * width, effort)[0]
            return rows

        def many(x: Vectors) -> Rows:
            rows: Rows = batched(x, k, k * width, effort)[0]
            return rows

        return Ask(one, many)
