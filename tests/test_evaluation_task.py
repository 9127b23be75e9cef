"""What a model is good for: models that compute nonsense fail, halves share no request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from edgerec.errors import BackendError, ShapeError, SignatureError
from edgerec.evaluation.task import ItemTask, RankingTask, RetrievalTask, Targets
from edgerec.values.examples import Examples
from edgerec.values.signature import Array, Arrays, Role
from tests.strategies.examples import examples

TARGETS = Targets(
    np.array([0, 1, 3, 4]), np.array([0, 1, 2, 3]), np.array([1, 2, 1, 1], np.float32)
)
QUERIES = np.eye(4, dtype=np.float32)[[0, 1, 3]]
INPUTS = tuple({"query": query[None]} for query in QUERIES)


def same(inputs: Arrays) -> dict[str, Array]:
    return {"vector": next(iter(inputs.values()))}


def retrieval(excluded: bool = False) -> RetrievalTask:
    rows = (np.array([0], np.int32), np.array([], np.int32), np.array([1, 2], np.int32))
    return RetrievalTask(
        INPUTS, np.eye(4, dtype=np.float32), TARGETS, "ndcg@2", rows if excluded else None
    )


def by_items(excluded: bool = False) -> ItemTask:
    vectors = np.eye(4, dtype=np.float32)
    batches = ({"item": vectors[:3]}, {"item": vectors[3:]})
    return ItemTask(batches, batches, QUERIES, TARGETS, "ndcg@2", retrieval(excluded).excluded)


@settings(deadline=None)
@given(examples())
def test_a_constant_ranker_gets_no_credit_for_the_order_of_its_candidates(whole: Examples) -> None:
    first = RankingTask(whole, "mrr@1")(lambda inputs: {"score": np.zeros(len(inputs["pair"]))})
    for value, labels in zip(first, whole.label_groups(), strict=True):
        assert value == float((labels > 0).all())


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("task", [retrieval(), by_items()])
def test_a_tower_that_computes_no_numbers_fails(
    task: RetrievalTask | ItemTask, poison: float
) -> None:
    def broken(inputs: Arrays) -> dict[str, Array]:
        vectors = next(iter(inputs.values())).copy()
        vectors[-1, 0] = poison
        return {"vector": vectors}

    with pytest.raises(BackendError, match="NaN or infinity"):
        task(broken)


def ranking() -> RankingTask:
    return RankingTask(
        Examples(
            inputs={"pair": np.zeros((4, 1), np.float32)},
            roles={"pair": Role.PAIR},
            offsets=np.array([0, 2, 4]),
            labels=np.array([1, 0, 1, 0], np.float32),
        )
    )


def test_a_ranker_that_computes_no_numbers_fails() -> None:
    with pytest.raises(BackendError, match="NaN or infinity"):
        ranking()(lambda inputs: {"score": np.full(2, np.nan, np.float32)})


def test_a_ranker_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match="1 scores for 2 candidates"):
        ranking()(lambda inputs: {"score": np.zeros(1, np.float32)})
    with pytest.raises(SignatureError, match="score, more"):
        ranking()(lambda inputs: {"score": np.zeros(2), "more": np.zeros(2)})


def test_a_tower_of_items_is_judged_as_one_of_queries_is() -> None:
    for excluded in (False, True):
        np.testing.assert_array_equal(retrieval(excluded)(same), by_items(excluded)(same))
    assert retrieval()(same)[0] == 1.0
    assert retrieval(excluded=True)(same)[0] == 0.0


@pytest.mark.parametrize("task", [retrieval(True), by_items(True), ranking()])
def test_the_halves_hold_every_request_once(
    task: RetrievalTask | ItemTask | RankingTask,
) -> None:
    def run(inputs: Arrays) -> dict[str, Array]:
        return {"score": np.arange(2.0)} if isinstance(task, RankingTask) else same(inputs)

    whole = task(run)
    searched, confirmed = (half(run) for half in task.split())
    np.testing.assert_array_equal(searched, whole[::2])
    np.testing.assert_array_equal(confirmed, whole[1::2])


def test_one_request_cannot_be_halved_and_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match="at least 2"):
        RetrievalTask(INPUTS[:1], np.eye(4, dtype=np.float32), TARGETS.take(np.array([0]))).split()
    with pytest.raises(ShapeError, match="targets of 3"):
        RetrievalTask(INPUTS[:2], np.eye(4, dtype=np.float32), TARGETS)
    with pytest.raises(ShapeError, match="excluded rows of 1"):
        ItemTask((), (), QUERIES, TARGETS, excluded=(np.zeros(0, np.int32),))
