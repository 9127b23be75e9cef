"""ScaNN as it is documented for a million items: a tree with SOAR, 4-bit codes, re-ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.peer import Ask, Knobs, Peer, Rows, Searcher, Vectors

__all__ = ["PEERS"]

WIDTHS = (4, 16, 64)


def build(
    items: Vectors, *, leaves: int, soar: float, threshold: float, sample: int
) -> Callable[[Path], None]:
    """Train and fill; small sets get as many leaves as the root of their size."""
    import scann

    leaves = min(leaves, round(len(items) ** 0.5))
    builder = scann.scann_ops_pybind.builder(items, 100, "dot_product")
    builder = builder.set_n_training_threads(1).tree(
        leaves,
        min(100, leaves),
        training_sample_size=min(sample, len(items)),
        soar_lambda=soar,
        overretrieve_factor=2.0,
    )
    builder = builder.score_ah(2, anisotropic_quantization_threshold=threshold).reorder(1000)
    index = builder.build()

    def save(folder: Path) -> None:
        index.serialize(str(folder))

    return save


class ScannSearcher:
    """A tree whose leaves hold codes, and the vectors."""

    def __init__(self, folder: Path, items: Vectors) -> None:
        import scann

        self.index: Any = scann.scann_ops_pybind.load_searcher(str(folder))
        self.knobs = Knobs(min(2000, round(len(items) ** 0.5)), WIDTHS)

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


_: type[Searcher] = ScannSearcher
PEERS = (
    Peer(
        "scann",
        "scann",
        {"leaves": 2000, "soar": 1.5, "threshold": 0.2, "sample": 250_000},
        build,
        ScannSearcher,
    ),
)
