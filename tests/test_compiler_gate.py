"""The gate: few data never pass, losses at the margin seldom do, and it says what it takes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.compiler.gate import Gate, judge
from edgerec.errors import ValueRangeError
from edgerec.evaluation.task import RetrievalTask, Targets
from edgerec.values.budget import Budget

BUDGET = Budget(margin=0.02)


@pytest.mark.parametrize("requests", [1, 10, 60, 140])
def test_few_requests_cannot_pass_whatever_they_show(requests: int) -> None:
    rng = np.random.default_rng(requests)
    same = rng.random(requests) + 0.1
    assert not judge(same, same, BUDGET, rng=rng).passed
    assert not judge(same, same * 1.001, BUDGET, rng=rng).passed


def test_requests_on_which_nothing_can_be_lost_prove_nothing() -> None:
    """One hit among ten thousand visits is one request."""
    before = np.zeros(10_000)
    before[17] = 1.0
    assert not judge(before, before, BUDGET, rng=np.random.default_rng(0)).passed


@settings(max_examples=20, deadline=None)
@given(st.integers(160, 2000), st.integers(0, 2**32 - 1))
def test_enough_requests_without_a_loss_pass(requests: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = np.ones(requests)
    verdict = judge(before, before, BUDGET, rng=rng)
    assert verdict.passed
    assert verdict.difference.point == 0.0
    assert verdict.difference.low == pytest.approx(-3 / requests, rel=0.35)


@pytest.mark.parametrize(("requests", "hits"), [(60, 1.0), (300, 0.3), (600, 0.1), (2000, 0.3)])
def test_a_loss_at_the_margin_passes_one_time_in_twenty_at_most(requests: int, hits: float) -> None:
    rng = np.random.default_rng(11)
    passed = 0
    for _ in range(100):
        before = np.where(rng.random(requests) < hits, rng.uniform(0.3, 1.0, requests), 0.0)
        after = np.where(rng.random(requests) < BUDGET.margin, 0.0, before)
        passed += before.any() and judge(before, after, BUDGET, rng=rng).passed
    assert passed <= 13  # binomial(100, .05): above with probability below 1e-3


def test_a_loss_is_refused_and_noise_inside_the_margin_passes() -> None:
    rng = np.random.default_rng(3)
    before = rng.random(2000)
    assert judge(before, before + rng.normal(0, 0.01, 2000), BUDGET, rng=rng).passed
    lost = judge(before, before * 0.9, BUDGET, rng=rng)
    assert not lost.passed
    assert lost.quality == pytest.approx(0.9 * before.mean())
    assert "-10.0" in lost.reason
    assert "is below -2.00%" in lost.reason


def test_the_number_that_it_asks_for_is_enough() -> None:
    rng = np.random.default_rng(5)
    before = rng.random(30)
    after = before + rng.normal(0, 0.3, 30)
    after += before.mean() - after.mean()
    verdict = judge(before, after, BUDGET, rng=rng)
    assert not verdict.passed
    found = re.search(r"30 requests are too few .* of about ([\d,]+), half", verdict.reason)
    assert found
    copies = -(-int(found[1].replace(",", "")) // 2 // 30)
    wide = judge(np.tile(before, copies), np.tile(after, copies), Budget(margin=0.023), rng=rng)
    assert wide.passed


def test_the_original_needs_no_proof_but_something_to_lose() -> None:
    targets = Targets(np.array([0, 1]), np.array([0]), np.ones(1, np.float32))
    task = RetrievalTask(({},), np.eye(2, dtype=np.float32), targets, "ndcg@1")
    gate = Gate(task, BUDGET, np.random.default_rng(0))
    with pytest.raises(ValueRangeError, match="nothing to lose"):
        gate.judge(lambda _inputs: {"vector": np.array([[0, 1]], np.float32)})
    right = gate.judge(lambda _inputs: {"vector": np.array([[1, 0]], np.float32)})
    assert right.passed
    assert right.quality == 1.0
    assert not gate.judge(lambda _inputs: {"vector": np.array([[1, 0]], np.float32)}).passed
