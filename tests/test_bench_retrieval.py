from __future__ import annotations

import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.retrieval import generated, ours, peers, scanners, sets, tuning
from bench.retrieval.approximate import approximate
from bench.retrieval.building import build, index_of
from bench.retrieval.cache import entry
from bench.retrieval.feed import Answer, Change, Dictionary, Feed, items_of, judged
from bench.retrieval.filters import RECALL_GOAL, SHARES, filters
from bench.retrieval.growth import growth
from bench.retrieval.live import live
from bench.retrieval.load import open_loop
from bench.retrieval.run import Outcome, Run
from bench.retrieval.scan import scan
from bench.retrieval.selection import selection
from bench.retrieval.sharing import sharing
from bench.retrieval.stream import reader
from bench.retrieval.timing import Flush, turns
from edgerec.catalog.catalog import Catalog
from edgerec.retrieval.exact import ExactIndex

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
    mine = {f"edgerec {kind}" for kind in ("exact", "sketch", "lists")}
    assert set(table) == {"faiss-hnsw32", "edgerec, as chosen"} | mine
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
    assert min(recalls) >= RECALL_GOAL


def test_growth_fits_an_exponent(run):
    outcome = growth(run, sizes=(500, 2000))
    by_name = {figure.name: figure.value for figure in outcome.figures}
    assert by_name["growth edgerec exact: exponent of bytes"] == pytest.approx(1)
    exact = [row for row in outcome.details["table"] if row["index"] == "edgerec exact"]
    assert [row["items"] for row in exact] == [500, 2000]


def test_selections_are_checked_and_measured(run):
    pytest.importorskip("torch")
    outcome = selection(run, n=5000)
    assert set(outcome.details) == {"random", "ascending"}


def test_all_of_ours_speak_of_the_numbers_of_the_set():
    data = sets.load("low-rank")
    for b in ours.built(data):
        ask = b.searcher.at(b.searcher.knobs.most, b.searcher.knobs.widths[-1], 10)
        one = [ask.one(query) for query in data.queries]
        assert tuning.recall(one, data.truth, 10) > 0.9, b.name
        assert tuning.recall(ask.many(np.array(data.queries)), data.truth, 10) > 0.9, b.name
        assert b.hot_bytes_an_item >= 132


def test_a_mask_lets_through_what_it_says():
    data = sets.load("low-rank")
    mask = np.arange(len(data.items)) % 5 == 3
    for b in ours.built(data):
        index, numbers = b.searcher.index_at(8, 5, 10), b.searcher.numbers
        found = index.search(np.array(data.queries[0]), 900, eligible=b.searcher.eligible(mask))
        assert (
            np.array_equal(np.sort(numbers[found.rows]), np.flatnonzero(mask)) or len(found) == 800
        )
        assert mask[numbers[found.rows]].all()


def test_searches_that_were_due_while_another_ran_have_waited():
    queries = np.zeros((3, 2), np.float32)
    us = open_loop(
        lambda _query: time.sleep(0.01),
        queries,
        rate=1000,
        threads=1,
        rng=np.random.default_rng(1),
        ended=lambda due: due > 0.02,
    )
    assert len(us) > 5
    assert us.max() > 5 * 10_000  # the last one stood behind all others


@pytest.fixture
def feed():
    rng = np.random.default_rng(5)
    vectors = generated.clustered(n=900, dim=8, queries=100, clusters=9, apart=0.8, seed=1)[0]
    prices = rng.integers(100, 10_000, 800) / 100
    catalog = Catalog(items_of(range(800), prices), vectors[:800])
    return Feed(catalog, 800, vectors[800:], rng), vectors[:800], prices


def asked(feed, query, wanted=None, **wrong):
    now = feed.catalog.snapshot()
    hits = ExactIndex(now.segments).search(query, 5, eligible=now.eligible())
    answer = Answer(
        feed.sequence,
        now.sequence,
        query,
        [int(name[1:]) for name in now.ids(hits.rows)],
        hits.scores,
        now.take("price", hits.rows),
        wanted,
    )
    return replace(answer, **wrong)


def test_right_answers_are_found_right_after_any_changes(feed):
    feed, vectors, prices = feed
    answers = [asked(feed, vectors[0])]
    for turn in range(12):
        feed._tick()
        number, vector = feed.latest
        answers += [asked(feed, vectors[turn]), asked(feed, vector, number)]
    dictionary = Dictionary(vectors, prices, feed.items - 800)
    assert judged(dictionary, feed.log, answers, 5) == ({"stale": 0, "lost": 0, "risen": 0}, 1.0)
    now = feed.catalog.snapshot()
    assert dictionary.alive.sum() == now.live == len(feed.live)


def test_wrong_answers_are_found_out(feed):
    feed, vectors, prices = feed
    before = asked(feed, vectors[3])
    feed._upsert(feed._priced(feed._some_and_new(20)))
    number, vector = feed.latest
    right = asked(feed, vector, number)
    gone = right.numbers[1]
    feed.catalog.delete([f"a{gone}"])
    feed._made(Change(feed.catalog.snapshot().sequence, np.array([gone])))
    sequence = feed.sequence
    other = asked(feed, -vector, number)
    opposite = replace(other, query=vector, scores=-other.scores)
    wrong = {
        "stale": [
            replace(before, known=sequence),
            replace(right, scores=right.scores + 1),
            replace(right, prices=right.prices + 1),
        ],
        "lost": [opposite],
        "risen": [replace(right, known=sequence, sequence=sequence)],
    }
    for fault, answers in wrong.items():
        for answer in answers:
            dictionary = Dictionary(vectors, prices, feed.items - 800)
            faults, _ = judged(dictionary, feed.log, [answer], 5)
            assert [name for name, count in faults.items() if count] == [fault]


def test_a_changing_catalogue_is_measured(run):
    outcome = live(run, rows=3000, seconds=0.3, pairs=1)
    by_name = {figure.name: figure.value for figure in outcome.figures}
    assert by_name["live: stale"] == by_name["live: lost"] == by_name["live: risen"] == 0
    assert by_name["live: p99 beside quiet"] > 0
    assert [phase["kind"] for phase in outcome.details["phases"]] == [
        "quiet",
        "changes and a compaction",
    ]


@pytest.mark.filterwarnings("ignore:.*quantize.*deprecated:UserWarning")
def test_bags_are_a_part(run):
    pytest.importorskip("torch")
    from bench.bags import bags

    outcome = bags(run, rows=2000)
    assert (
        sum("torch" in figure.name and figure.wanted is not None for figure in outcome.figures) == 4
    )


@pytest.mark.slow
def test_the_other_core_is_kept_busy(run):
    outcome = sharing(run, seconds=0.05)
    rates = outcome.details["edgerec exact"]
    assert set(rates) == {
        "alone",
        "two threads",
        "two processes",
        "beside a ranker",
        "batches alone",
        "batches, two processes",
        "batches, beside a ranker",
    }
    assert min(rates.values()) > 0
