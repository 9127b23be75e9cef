from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from bench.retrieval import generated, peers, scanners, sets, tuning
from bench.retrieval.approximate import approximate
from bench.retrieval.building import build, index_of
from bench.retrieval.cache import entry
from bench.retrieval.filters import SHARES, filters
from bench.retrieval.growth import growth
from bench.retrieval.run import Outcome, Run
from bench.retrieval.scan import scan
from bench.retrieval.selection import selection
from bench.retrieval.sharing import sharing
from bench.retrieval.stream import reader
from bench.retrieval.timing import Flush, turns

CHOSEN = ("faiss-hnsw32", "faiss-ivf-pqfs")
MAKERS = {
    "clustered": (generated.clustered, generated.Clustered(n=4000, queries=40, clusters=40)),
    "low-rank": (generated.low_rank, generated.LowRank(n=4000, queries=40)),
    "norms": (generated.popular_norms, generated.PopularNorms(n=4000, queries=40, clusters=20)),
}


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEREC_CACHE", str(tmp_path))
    for name, (make, settings) in MAKERS.items():
        monkeypatch.setitem(sets.SOURCES, name, sets.Source(make, asdict(settings)))
    for name in set(peers.PEERS) - set(CHOSEN):
        monkeypatch.delitem(peers.PEERS, name)


@pytest.fixture
def run():
    return Run(rounds=2, flush=Flush(1 << 16))


@pytest.mark.parametrize("name", MAKERS)
def test_a_set_is_made_once_and_its_truth_is_exact(name):
    data = sets.load(name)
    again = sets.load(name)
    assert data.key == again.key
    assert data.items.dtype == data.queries.dtype == np.float32
    assert np.array_equal(data.items, again.items)
    scores = data.queries.astype(np.float64) @ data.items.T.astype(np.float64)
    best = np.sort(scores, axis=1)[:, ::-1][:, : sets.DEPTH]
    assert np.allclose(np.take_along_axis(scores, data.truth, axis=1), best, rtol=1e-5)


def test_norms_differ_only_where_they_should():
    lengths = {name: np.linalg.norm(sets.load(name).items, axis=1) for name in MAKERS}
    assert lengths["norms"].std() > 0.2
    assert np.allclose(lengths["clustered"], 1)
    assert np.allclose(lengths["low-rank"], 1)


def test_the_approximate_search_is_measured_beside_built_peers(run):
    data = sets.load("clustered")
    build(data, peers.PEERS["faiss-hnsw32"])
    assert not index_of(data, peers.PEERS["faiss-ivf-pqfs"]).finished
    outcome = approximate("clustered", run)
    table = {row["contender"]: row for row in outcome.details["table"]}
    assert set(table) >= {"faiss-hnsw32", "edgerec exact"}
    for row in table.values():
        assert all(p["setting"]["recall"] >= p["wanted"] for p in row["points"])
    assert any("recall@10 0.9 median" in figure.name for figure in outcome.figures)


def test_an_index_is_built_once():
    data, peer = sets.load("low-rank"), peers.PEERS["faiss-ivf-pqfs"]
    build(data, peer)
    record = index_of(data, peer).record
    build(data, peer)
    assert index_of(data, peer).record == record
    assert record["bytes_an_item"] > 2 * 128  # float16 for the re-ranking


def test_the_tuned_setting_is_the_least_that_reaches_the_recall():
    data, peer = sets.load("low-rank"), peers.PEERS["faiss-hnsw32"]
    build(data, peer)
    searcher = peer.load(index_of(data, peer).path, data.items)
    find = tuning.Tuning(searcher, data).cheapest
    setting = find(10, 0.95)
    assert setting is not None
    assert setting.recall >= 0.95
    less = searcher.at(setting.effort // 2, 1, 10).many(data.queries)
    assert setting.effort <= 10 or tuning.recall(less, data.truth, 10) < 0.95
    assert find(10, 1.5) is None


def test_every_contender_gets_the_same_questions_in_an_order_drawn_anew():
    seen, rounds = [], 8

    def contender(name):
        return lambda number: [lambda: seen.append((name, number))] * 3

    times = turns(
        {name: contender(name) for name in "abc"},
        rounds=rounds,
        rng=np.random.default_rng(1),
        flush=lambda: None,
    )
    orders = [tuple(name for name, _ in seen[9 * r : 9 * r + 9 : 3]) for r in range(rounds)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert len(set(orders)) > 1
    assert {name: len(t.calls) for name, t in times.items()} == dict.fromkeys("abc", 3 * rounds)
    assert all(t.median <= t.p99 for t in times.values())


def test_an_entry_is_finished_by_its_record_alone():
    place = entry("kind", "name", {"a": 1})
    with place.made() as folder:
        (folder / "half").write_text("x")
    assert not place.finished
    with place.made() as folder:
        assert not list(folder.iterdir())
        place.finish({"b": 2})
    with place.made() as folder:
        assert folder is None
    assert place.record == {"b": 2}
    assert entry("kind", "name", {"a": 2}).path != place.path


def test_an_outcome_survives_its_record(run):
    build(sets.load("norms"), peers.PEERS["faiss-hnsw32"])
    outcome = approximate("norms", run)
    assert Outcome.from_record(outcome.as_record()) == outcome


def test_scans_are_measured_beside_peers_that_give_the_same_rows(run, monkeypatch):
    for name in set(scanners.PEERS) - {
        "numpy float32",
        "faiss FlatIP",
        "faiss QT_8bit_direct_signed",
    }:
        monkeypatch.delitem(scanners.PEERS, name)
    outcome = scan(64, run, rows=3000)
    assert set(outcome.details) == {"1", "8", "64"}
    assert len(outcome.figures) == 7
    assert all(figure.value > 0 for figure in outcome.figures)


def test_a_scan_that_answers_wrongly_is_not_measured(run, monkeypatch):
    def wrong(table):
        return lambda queries: np.zeros((len(queries), scanners.K), np.int64)

    monkeypatch.setitem(scanners.PEERS, "numpy float32", scanners.Scan(wrong, int8=False))
    for name in set(scanners.PEERS) - {"numpy float32"}:
        monkeypatch.delitem(scanners.PEERS, name)
    with pytest.raises(SystemExit, match="numpy float32: recall"):
        scan(64, run, rows=3000)


def test_the_reader_reads_every_word():
    words = np.arange(4 * 64, dtype=np.uint64) ** 3
    assert reader()(words) == np.bitwise_xor.reduce(words)


def test_every_filter_is_measured_and_gives_what_it_lets_through(run):
    outcome = filters(run)
    assert len(outcome.details) == 2 * len(SHARES)
    rows = [figure for figure in outcome.figures if figure.name.endswith("rows")]
    assert len(rows) == 2 * len(SHARES)
    assert all(figure.reached for figure in rows)
    recalls = [figure.value for figure in outcome.figures if figure.name.endswith("recall")]
    assert min(recalls) > 0.99  # the exact index is among ours


def test_growth_fits_an_exponent(run):
    outcome = growth(run, sizes=(500, 2000))
    by_name = {figure.name: figure.value for figure in outcome.figures}
    assert by_name["growth edgerec exact: exponent of bytes"] == pytest.approx(1)
    assert [row["items"] for row in outcome.details["table"]] == [500, 2000]


def test_selections_are_checked_and_measured(run):
    pytest.importorskip("torch")
    outcome = selection(run, n=5000)
    assert set(outcome.details) == {"random", "ascending"}


@pytest.mark.slow
def test_the_other_core_is_kept_busy(run):
    outcome = sharing(run, seconds=0.05)
    rates = outcome.details["edgerec exact"]
    assert set(rates) == {"alone", "both cores", "beside a ranker"}
    assert min(rates.values()) > 0
