"""What a router makes of lists finds in one call what their parts find one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.vectors import METRICS, Metric, Segment
from edgerec.errors import LimitExceeded, ShapeError, UnknownKernel, ValueRangeError
from edgerec.kernels import dispatch
from edgerec.kernels.lists import ListSearch
from edgerec.kernels.scan import scan_int8
from edgerec.kernels.sketch import scan_sketches, sketch_query
from edgerec.retrieval.clusters import train_clusters
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.rescoring import coded, decided
from edgerec.retrieval.routing import Router
from tests.oracles import retrieval as oracle

ROWS, DIM = 900, 24
Rows = NDArray[np.int32]


def drawn(rows: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, DIM))[rng.integers(12, size=rows)]
    return (x + 0.4 * rng.standard_normal((rows, DIM))).astype(np.float32)


class Made:
    """Lists of some rows, and the search over them."""

    def __init__(self, metric: Metric, *, half: bool = False, keep: bool = True) -> None:
        vectors: Any = drawn(ROWS, 0)
        segment = Segment.of(vectors, metric=metric)
        clusters = train_clusters(segment.decoded(slice(None)), 40)
        places = clusters.assign(segment.codes, segment.scales)
        vectors = vectors[np.argsort(places, kind="stable")]
        vectors = vectors.astype(np.float16) if half else vectors
        self.segment = Segment.of(vectors, metric=metric, keep=keep)
        self.lists = Lists.of(clusters, np.sort(places), self.segment)
        self.router = Router(self.lists, metric, 2.0)
        self.metric, self.core = metric, self.router.core(self.segment)

    def expected(
        self, query: NDArray[np.float32], k: int, shortlist: int, looked: Rows, allowed: Any
    ) -> Any:
        """What the parts find in the lists that were looked into."""
        codes, lists = coded(query), self.lists
        norm = oracle.length(query)
        scale = codes.scale if self.metric == "l2" else np.float32(codes.scale) / norm
        ranked, bonus = lists.clusters.ranked, self.router._list_bonus
        numbers, scores = scan_int8(
            codes.codes, scale, ranked.codes, ranked.scales, len(lists), offsets=bonus
        )
        products = np.empty(len(lists), np.float32)
        products[numbers] = scores - bonus[numbers]
        if self.metric != "l2":
            products *= norm
        ranges = np.ascontiguousarray(lists.ranges[looked])
        bitmap = None if allowed is None else np.packbits(allowed, bitorder="little")
        wanted = max(30, 3 * k)
        if shortlist:
            planes, step = sketch_query(lists.rotation.apply(query.reshape(1, -1))[0])
            rows, _ = scan_sketches(
                planes, step, lists.bits, lists.factors, max(shortlist, wanted),
                offsets=self.segment.offsets, bases=products[looked], eligible=bitmap,
                ranges=ranges,
            )  # fmt: skip
        else:
            rows, _ = scan_int8(
                codes.codes, codes.scale, self.segment.codes, self.segment.scales, wanted,
                offsets=self.segment.offsets, eligible=bitmap, ranges=ranges,
            )  # fmt: skip
        hits = decided((self.segment,), self.metric, query, codes, rows, k)
        return hits.rows.tolist(), hits.scores.tolist(), rows.size


MADE = {
    (metric, kept): Made(metric, half=kept == "float16", keep=kept != "none")
    for metric in METRICS
    for kept in ("float32", "float16", "none")
}


@given(
    metric=st.sampled_from(METRICS),
    kept=st.sampled_from(["float32", "float16", "none"]),
    k=st.integers(1, 60),
    rows=st.integers(1, 2000),
    groups=st.integers(1, 8),
    shortlist=st.sampled_from([0, 1, 50, 400]),
    share=st.sampled_from([None, 1.0, 0.5, 0.05, 0.0]),
    seed=st.integers(0, 1000),
)
def test_the_search_is_the_sum_of_its_parts(
    metric: Metric,
    kept: str,
    k: int,
    rows: int,
    groups: int,
    shortlist: int,
    share: float | None,
    seed: int,
) -> None:
    made, query = MADE[metric, kept], drawn(1, seed)[0]
    allowed = None if share is None else np.random.default_rng(seed).random(ROWS) < share
    bitmap = None if allowed is None else np.packbits(allowed, bitorder="little")
    limits: dict[str, Any] = {
        "wanted": max(30, 3 * k),
        "rows": rows,
        "groups": groups,
        "shortlist": shortlist,
        "eligible": bitmap,
    }
    found, scores, proposed, looked = made.core.search(query, k, **limits)
    assert (found.tolist(), scores.tolist(), proposed) == made.expected(
        query, k, shortlist, looked, allowed
    )
    sizes = made.lists.sizes
    seen = sizes[looked].sum()
    held = seen
    if allowed is not None:
        held = sum(allowed[slice(*made.lists.ranges[number])].sum() for number in looked)
    assert len(set(looked.tolist())) == looked.size
    assert float(seen) * float(held) >= rows**2 or looked.size == (sizes >= 0).sum()
    many = made.core.search_many(np.stack([query, query]), k, **limits)
    for line in range(2):
        assert many[0][line, : many[2][line]].tolist() == found.tolist()
        assert many[1][line, : many[2][line]].tolist() == scores.tolist()
        assert many[3][line] == proposed


@pytest.mark.parametrize("isa", dispatch.runnable())
def test_every_isa_gives_the_same(isa: str) -> None:
    for made in (MADE["inner", "float32"], MADE["l2", "float16"], MADE["cosine", "none"]):
        lists, clusters, segment = made.lists, made.lists.clusters, made.segment
        coarse, ranked = clusters.coarse, clusters.ranked
        other = ListSearch(
            (coarse.codes, coarse.scales, made.router._group_bonus),
            (ranked.packed, ranked.scales, made.router._list_bonus),
            clusters.ranges,
            lists.ranges,
            lists.sizes,
            (lists.bits, lists.factors),
            segment.codes,
            segment.scales,
            segment.offsets,
            lists.rotation.signs,
            segment.vectors,
            made.metric,
            ceiling=isa,
        )
        for query in drawn(20, 3):
            limits: dict[str, Any] = {"wanted": 30, "rows": 200, "groups": 3, "shortlist": 60}
            one, two = (c.search(query, 10, **limits) for c in (made.core, other))
            assert [np.asarray(x).tolist() for x in one] == [np.asarray(x).tolist() for x in two]


def test_the_best_lists_are_looked_into() -> None:
    made = MADE["inner", "float32"]
    for query in drawn(20, 5):
        *_, looked = made.core.search(query, 10, wanted=30, rows=200, groups=99, shortlist=0)
        numbers, _ = made.router.nearest(coded(query), oracle.length(query), 99, looked.size)
        assert set(numbers.tolist()) == set(looked.tolist())


LIMITS: dict[str, Any] = {"wanted": 30, "rows": 200, "groups": 3, "shortlist": 60}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"k": 0}, ValueRangeError),
        ({"k": 31}, ValueRangeError),
        ({"k": "3"}, ValueRangeError),
        ({"k": 2**40, "wanted": 2**40}, ValueRangeError),
        ({"wanted": 30_001}, ValueRangeError),
        ({"wanted": 2**62}, ValueRangeError),
        ({"shortlist": 30_001}, ValueRangeError),
        ({"shortlist": 2**62}, ValueRangeError),
        ({"further": 0.5}, ValueRangeError),
        ({"further": float("nan")}, ValueRangeError),
        ({"rows": -1}, LimitExceeded),
        ({"groups": 2**64}, LimitExceeded),
        ({"eligible": np.zeros(3, np.uint8)}, ShapeError),
        ({"query": np.zeros(DIM + 1, np.float32)}, ShapeError),
        ({"query": np.zeros(DIM)}, ShapeError),
        ({"query": np.full(DIM, np.nan, np.float32)}, ValueRangeError),
        ({"query": np.full(DIM, 3e38, np.float32)}, ValueRangeError),
    ],
)
def test_what_cannot_be_searched_is_refused(wrong: dict[str, Any], error: type) -> None:
    given_ = {"query": np.ones(DIM, np.float32), "k": 10, **LIMITS} | wrong
    query, k = given_.pop("query"), given_.pop("k")
    with pytest.raises(error):
        MADE["inner", "float32"].core.search(query, k, **given_)


def test_tables_that_do_not_belong_together_are_refused() -> None:
    made = MADE["inner", "float32"]
    lists, clusters, segment = made.lists, made.lists.clusters, made.segment
    coarse, ranked = clusters.coarse, clusters.ranked
    good: list[Any] = [
        (coarse.codes, coarse.scales, made.router._group_bonus),
        (ranked.packed, ranked.scales, made.router._list_bonus),
        clusters.ranges,
        lists.ranges,
        lists.sizes,
        (lists.bits, lists.factors),
        segment.codes,
        segment.scales,
        None,
        lists.rotation.signs,
        segment.vectors,
        "inner",
    ]
    ListSearch(*good)
    for words in (0, 65):
        bits, signs = np.zeros((len(segment.codes), words), np.uint64), np.ones((1, 64 * words))
        wide = [*good[:5], (bits, lists.factors), *good[6:9], signs.astype(np.int8), *good[10:]]
        with pytest.raises(ShapeError):
            ListSearch(*wide)
    beyond = lists.ranges.copy()
    beyond[-1, 1] += 1
    for place, wrong, error in (
        (2, clusters.ranges[:-1], ShapeError),
        (2, np.repeat(clusters.ranges[:1], len(clusters.ranges), axis=0) * 0 + [0, 9], ShapeError),
        (3, lists.ranges[:-1], ShapeError),
        (3, beyond, ShapeError),
        (4, lists.sizes + 1, ShapeError),
        (4, lists.sizes.astype(np.int64), ShapeError),
        (5, (lists.bits[:-1], lists.factors[:-1]), ShapeError),
        (6, segment.codes[:-1], ShapeError),
        (6, segment.codes[:, :-1].copy(), ShapeError),
        (9, lists.rotation.signs[:, :64], ShapeError),
        (10, np.asarray(segment.vectors)[:-1], ShapeError),
        (11, "dot", ValueRangeError),
    ):
        with pytest.raises(error):
            ListSearch(*good[:place], wrong, *good[place + 1 :])
    with pytest.raises(UnknownKernel):
        ListSearch(*good, ceiling="sse9")
