"""What huge pages and prefaulting are worth: int8 scan, lists and single rows, 1 M x 128.

    python -m bench.pages [--rows 1000000] [--rounds 9] [--bundle DIR]

One bundle with lists is made at ``--bundle`` if it is not there. Its tables are then read where
they are mapped, from a copy in pages of 4 KiB and from one in huge pages, in turns, in shuffled
order, with the cache flushed between; the answers must be the same. Last, all pages are taken out
of the process, as they are in the child of a fork, and the first searches are timed with and
without prefaulting. One thread.
"""

from __future__ import annotations

import argparse
import mmap
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure, report
from bench.retrieval import generated
from bench.retrieval.timing import Flush, turns
from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import Segment
from edgerec.engine.tables import PREFAULTS, bring_in
from edgerec.kernels.rerank import int8_products
from edgerec.machine.pages import held, resident
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Index
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target

SEED = 11
QUERIES = 400
LOOKED_UP = 600
"""Rows, as many as a shortlist from lists."""
SCANS, SEARCHES = 4, 100  # calls a turn

Copy = Callable[[NDArray[Any]], NDArray[Any]]


def make(path: Path, rows: int) -> None:
    """Write a bundle of clustered items with lists."""
    settings = asdict(generated.Clustered(n=rows, queries=QUERIES))
    vectors, queries = generated.clustered(**settings)
    items = Items(tuple(map(str, range(rows))), {}, ())
    target = Target(k=10, recall=0.95, index="lists")
    retriever = Retriever.build(Catalog(items, vectors), target, queries=queries)
    with BundleWriter(path) as writer:
        retriever.catalog.write(writer)
        retriever.write(writer)
        writer.add_array("queries", "queries", queries)


def small_pages(array: NDArray[Any]) -> NDArray[Any]:
    """Copy into memory of 4 KiB pages, aligned as the huge ones are."""
    memory = mmap.mmap(-1, array.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    copy = np.frombuffer(memory, array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def copied(index: ListIndex, copy: Copy) -> ListIndex:
    """The index over copies of its tables."""
    segments = tuple(
        Segment(
            s.first_row,
            None if s.vectors is None else copy(s.vectors),
            copy(s.codes),
            copy(s.scales),
        )
        for s in index.segments
    )
    lists = index.lists
    lists = replace(lists, bits=copy(lists.bits), factors=copy(lists.factors))
    return ListIndex(replace(index.router, lists=lists), segments, index.probing)


def tasks(
    index: ListIndex, queries: NDArray[np.float32]
) -> Mapping[str, Callable[[int], list[Any]]]:
    """What is timed: from the number of a round to its calls."""
    exact = ExactIndex(index.segments)
    codes, scales = index.segments[0].codes, index.segments[0].scales

    def asked(number: int, count: int) -> NDArray[np.float32]:
        return queries[np.arange(number * count, (number + 1) * count) % len(queries)]

    def looked_up(number: int) -> list[Callable[[], object]]:
        rng = np.random.default_rng(number)
        rows = rng.integers(0, len(codes), (SEARCHES, LOOKED_UP)).astype(np.int32)
        return [partial(int8_products, codes[0], 1.0, codes, scales, some) for some in rows]

    return {
        "exact scan": lambda number: [partial(exact.search, q, 100) for q in asked(number, SCANS)],
        "lists": lambda number: [partial(index.search, q, 10) for q in asked(number, SEARCHES)],
        f"{LOOKED_UP} rows": looked_up,
    }


def steady(index: ListIndex, queries: NDArray[np.float32], rounds: int) -> Iterator[Figure]:
    """Time every task over every memory."""
    indexes = {
        "mapped": index,
        "4 KiB pages": copied(index, small_pages),
        "huge pages": copied(index, resident),
    }
    found = {n: [i.search(q, 10).rows.tolist() for q in queries[:50]] for n, i in indexes.items()}
    if len({str(rows) for rows in found.values()}) > 1:
        raise SystemExit("the memories give different answers")
    parts = held({name: [i.segments[0].codes, i.lists.bits] for name, i in indexes.items()})
    for name, one in (parts or {}).items():
        yield Figure(f"{name}: in huge pages", one.huge_bytes / one.bytes, "of the bytes")
    flush, by_memory = Flush(), {name: tasks(one, queries) for name, one in indexes.items()}
    for task in by_memory["mapped"]:
        timed = turns(
            {name: of[task] for name, of in by_memory.items()},
            rounds=rounds,
            rng=np.random.default_rng(SEED),
            flush=flush,
        )
        for name, times in timed.items():
            yield Figure(f"{task}: {name}", times.median, "us", note=times.spread)


def first(bundle: Bundle, index: ListIndex, queries: NDArray[np.float32]) -> Iterator[Figure]:
    """Time the first searches of a process that has nothing mapped yet."""
    exact = ExactIndex(index.segments)
    searches: dict[str, tuple[Index, int]] = {
        "exact scan": (exact, 1),
        "100 of lists": (index, 100),
    }
    for name, (search, count) in searches.items():
        for what in PREFAULTS:
            took, before = [], []
            for _ in range(7):
                take_out(bundle)
                start = time.perf_counter()
                bring_in(bundle, what)
                ready = time.perf_counter()
                for query in queries[:count]:
                    search.search(query, 10)
                took.append(1e6 * (time.perf_counter() - ready))
                before.append(1e6 * (ready - start))
            note = f"after {np.median(before):.0f} us of prefaulting"
            yield Figure(f"first {name}, prefault {what}", float(np.median(took)), "us", note=note)


def take_out(bundle: Bundle) -> None:
    """Take every table out of the page tables of this process."""
    for part in bundle.manifest.parts:
        base: Any = bundle.array(part.name) if part.is_array and part.bytes else None
        while base is not None and not isinstance(base, mmap.mmap):
            base = base.obj if isinstance(base, memoryview) else base.base
        if base is not None:
            base.madvise(mmap.MADV_DONTNEED)


def main() -> int:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--bundle", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        path = options.bundle or Path(spare) / "lists.bundle"
        if not path.exists():
            make(path, options.rows)
        with open_bundle(path) as bundle:
            catalog = Catalog.read(bundle)
            now = catalog.snapshot()
            index = Retriever.read(bundle, catalog).index_for(now, now.eligible())
            queries = bundle.array("queries")
            if not isinstance(index, ListIndex):
                raise SystemExit(f"the strategy chose {index.kind}: ask for more rows")
            figures = [*steady(index, queries, options.rounds), *first(bundle, index, queries)]
            details = {"rows": now.rows, "dim": now.dim, "probing": asdict(index.probing)}
            return report("pages", figures, seed=SEED, details=details)


if __name__ == "__main__":
    sys.exit(main())
