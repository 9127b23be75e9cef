"""What every backend's sessions keep, whatever the engine behind them does."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.errors import (
    BackendError,
    EngineClosed,
    ShapeError,
    SignatureError,
    UnsupportedOperator,
    ValueRangeError,
)
from edgerec.evaluation.inputs import random_inputs
from edgerec.values.model import Model
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature
from tests.strategies.sessions import model_of, models, ranker

Arrays = dict[str, np.ndarray[Any, Any]]
RANKER = ranker()
ITEM = Input("item", Role.ITEM, Kind.DENSE, "float32", ("candidates", 4))
SCORE = Output("score", Meaning.SCORE, "float32", ("candidates", 4))


def opened(name: str, model: Model, threads: int = 1) -> Session:
    return backend(name).open(model.graph, model.signature, threads=threads)


def inputs_of(model: Model, *, seed: int = 0, rows: int = 5) -> Arrays:
    rng = np.random.default_rng(seed)
    return random_inputs(model.signature, rng=rng, sizes={"candidates": rows, "requests": rows})


@cache
def first_answer(name: str, rows: int) -> Arrays:
    """What a session that has done nothing else answers."""
    return opened(name, RANKER).run(inputs_of(RANKER, rows=rows))


class SessionContract:
    """Subclass beside a fixture ``name`` that runs over the backends."""

    @pytest.fixture
    def session(self, name: str) -> Session:
        return opened(name, RANKER)

    # what it computes

    @settings(max_examples=25, deadline=None)
    @given(models(), st.integers(0, 99), st.integers(1, 9))
    def test_computes_what_the_graph_means(
        self, name: str, model: Model, seed: int, rows: int
    ) -> None:
        inputs = inputs_of(model, seed=seed, rows=rows)
        names = [output.name for output in model.signature.outputs]
        wanted = ReferenceEvaluator(model.graph).run(names, inputs)
        found = opened(name, model).run(inputs)
        assert list(found) == names
        for array, want in zip(found.values(), wanted, strict=True):
            assert array.dtype == np.float32
            assert array.shape == want.shape
            np.testing.assert_allclose(array, want, rtol=1e-4, atol=1e-5)

    @settings(max_examples=15, deadline=None)
    @given(rows=st.lists(st.sampled_from((1, 2, 31, 700)), min_size=2, max_size=6))
    def test_any_order_of_shapes_gives_the_same_bits(self, name: str, rows: list[int]) -> None:
        session = opened(name, RANKER)
        for n in rows:
            assert_same(session.run(inputs_of(RANKER, rows=n)), first_answer(name, n))

    def test_several_threads_a_call_give_the_same_answer(self, name: str, session: Session) -> None:
        inputs = inputs_of(RANKER, rows=300)
        two = opened(name, RANKER, threads=2)
        assert 1 <= two.threads <= 2
        for name, array in session.run(inputs).items():
            np.testing.assert_allclose(two.run(inputs)[name], array, rtol=1e-5, atol=1e-6)

    # memory

    def test_outputs_belong_to_the_caller(self, name: str, session: Session) -> None:
        inputs = inputs_of(RANKER)
        first = session.run(inputs)
        kept = {name: array.copy() for name, array in first.items()}
        session.run(inputs_of(RANKER, seed=1))
        assert_same(first, kept)
        for array in first.values():
            array[...] = -1
        assert_same(session.run(inputs), kept)

    def test_an_output_that_is_an_input_is_a_copy(self, name: str) -> None:
        node = helper.make_node("Identity", ["item"], ["score"])
        session = opened(name, model_of([node], {}, Signature((ITEM,), (SCORE,))))
        for rows in (3, 5000):
            item = np.ones((rows, 4), np.float32)
            score = session.run({"item": item})["score"]
            assert not np.shares_memory(item, score)
            score[...] = 2
            assert item.max() == 1

    def test_an_output_that_is_a_weight_is_a_copy(self, name: str) -> None:
        weight = np.arange(4, dtype=np.float32).reshape(1, 4)
        model = model_of(
            [
                helper.make_node("Identity", ["weight"], ["constant"]),
                helper.make_node("Add", ["item", "weight"], ["score"]),
            ],
            {"weight": weight},
            Signature((ITEM,), (SCORE, Output("constant", Meaning.SCORE, "float32", (1, 4)))),
        )
        session, item = opened(name, model), np.zeros((1, 4), np.float32)
        session.run({"item": item})["constant"][...] = 9
        assert_same(session.run({"item": item}), {"score": weight, "constant": weight})

    @pytest.mark.parametrize("rows", [5, 5000])
    def test_any_layout_and_read_only_memory(self, name: str, session: Session, rows: int) -> None:
        inputs = inputs_of(RANKER, rows=rows)
        wanted = session.run(inputs)
        for change in (np.asfortranarray, strided, backwards, read_only, as_subclass):
            changed = {name: change(array) for name, array in inputs.items()}
            kept = {name: array.copy() for name, array in changed.items()}
            assert_same(session.run(changed), wanted)
            assert_same(changed, kept)

    def test_memory_mapped_inputs(self, session: Session, tmp_path: Any) -> None:
        inputs = inputs_of(RANKER, rows=4000)
        np.save(tmp_path / "item.npy", inputs["item"])
        mapped = np.load(tmp_path / "item.npy", mmap_mode="r")
        assert_same(session.run({**inputs, "item": mapped}), session.run(inputs))

    # refusals

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"item": np.full((5, 8), np.nan, np.float32)}, ValueRangeError),
            ({"item": np.full((5, 8), -np.inf, np.float32)}, ValueRangeError),
            ({"brand": np.full(5, -1)}, ValueRangeError),
            ({"brand": np.full(5, 2**31)}, ValueRangeError),
            ({"item": np.zeros((5, 8))}, ShapeError),
            ({"item": np.zeros((5, 8), np.float16)}, ShapeError),
            ({"item": np.zeros((5, 8), ">f4")}, ShapeError),
            ({"brand": np.zeros(5, np.int32)}, ShapeError),
            ({"item": np.zeros((5, 7), np.float32)}, ShapeError),
            ({"brand": np.zeros(4, np.int64)}, ShapeError),
            ({"item": np.zeros(8, np.float32)}, ShapeError),
            ({"item": np.zeros((0, 8), np.float32), "brand": np.zeros(0, np.int64)}, ShapeError),
            ({"item": [[0.0] * 8] * 5}, ShapeError),
            ({"more": np.zeros(1, np.float32)}, SignatureError),
        ],
    )
    def test_bad_inputs(
        self, name: str, session: Session, change: Arrays, error: type[Exception]
    ) -> None:
        with pytest.raises(error) as caught:
            session.run(inputs_of(RANKER) | change)
        assert type(caught.value) is error
        assert repr(next(iter(change))) in str(caught.value) or "more" in change

    def test_a_missing_input(self, session: Session) -> None:
        inputs = inputs_of(RANKER)
        del inputs["user"]
        with pytest.raises(SignatureError, match="missing: user"):
            session.run(inputs)

    def test_huge_finite_floats_pass_and_what_they_become_is_returned(
        self, session: Session
    ) -> None:
        inputs = inputs_of(RANKER)
        inputs["item"] = np.full((5, 8), 3e38, np.float32)
        assert session.run(inputs)["logit"].shape == (5,)

    @pytest.mark.parametrize("domain", ["", "com.example"])
    def test_an_unknown_operator_is_named(self, name: str, domain: str) -> None:
        node = helper.make_node("Frobnicate", ["item"], ["score"], domain=domain)
        session = opened(name, model_of([node], {}, Signature((ITEM,), (SCORE,))))
        with pytest.raises(UnsupportedOperator, match=r"operator [\w.:]*Frobnicate"):
            session.warm()

    @pytest.mark.parametrize("cut", [slice(None, -15), slice(3, None), slice(0, 0)])
    def test_a_broken_graph(self, name: str, cut: slice) -> None:
        with pytest.raises(BackendError):
            backend(name).open(RANKER.graph[cut], RANKER.signature).warm()

    def test_a_graph_that_makes_no_sense(self, name: str) -> None:
        weight = np.zeros((5, 3), np.float32)
        node = helper.make_node("MatMul", ["item", "weight"], ["score"])
        model = model_of([node], {"weight": weight}, Signature((ITEM,), (SCORE,)))
        with pytest.raises(BackendError):
            opened(name, model).warm()

    def test_failing_at_run_time_leaves_the_session_usable(self, name: str) -> None:
        """A sum that broadcasts three rows and no other number of them."""
        node = helper.make_node("Add", ["item", "weight"], ["score"])
        weight = np.ones((3, 4), np.float32)
        session = opened(name, model_of([node], {"weight": weight}, Signature((ITEM,), (SCORE,))))
        for _ in range(3):
            with pytest.raises(BackendError):
                session.run({"item": np.ones((2, 4), np.float32)})
            assert_same(session.run({"item": weight}), {"score": weight + weight})

    @pytest.mark.parametrize(
        ("inputs", "outputs", "said"),
        [
            ((ITEM,), (Output("other", Meaning.SCORE, "float32", ("c", 4)),), "no output 'other'"),
            ((Input("x", Role.ITEM, Kind.DENSE, "float32", ("c", 4)),), (SCORE,), "takes item"),
            ((ITEM, Input("x", Role.USER, Kind.ID, "int64", (1,))), (SCORE,), "no input 'x'"),
            ((Input("item", Role.ITEM, Kind.DENSE, "float32", ("c", 5)),), (SCORE,), "'item' is"),
            ((Input("item", Role.ITEM, Kind.DENSE, "float32", ("c",)),), (SCORE,), "'item' is"),
            ((Input("item", Role.ITEM, Kind.BAG, "int64", ("c", 4)),), (SCORE,), "'item' is"),
            ((ITEM,), (Output("score", Meaning.SCORE, "int64", ("c", 4)),), "'score' is"),
        ],
    )
    def test_a_signature_of_another_graph(
        self, name: str, inputs: tuple[Input, ...], outputs: tuple[Output, ...], said: str
    ) -> None:
        node = helper.make_node("Relu", ["item"], ["score"])
        graph = model_of([node], {}, Signature((ITEM,), (SCORE,))).graph
        with pytest.raises(SignatureError, match=said):
            backend(name).open(graph, Signature(inputs, outputs)).warm()

    # graphs that are legal and odd

    def test_an_input_that_nothing_uses(self, name: str) -> None:
        node = helper.make_node("Relu", ["item"], ["score"])
        idle = Input("idle", Role.USER, Kind.DENSE, "float32", (1, 2))
        session = opened(name, model_of([node], {}, Signature((idle, ITEM), (SCORE,))))
        item = np.ones((2, 4), np.float32)
        found = session.run({"idle": np.zeros((1, 2), np.float32), "item": item})
        assert_same(found, {"score": item})

    def test_one_tensor_under_two_names(self, name: str) -> None:
        twin = Output("twin", Meaning.SCORE, "float32", ("candidates", 4))
        nodes = [helper.make_node("Identity", ["item"], [name]) for name in ("score", "twin")]
        session = opened(name, model_of(nodes, {}, Signature((ITEM,), (SCORE, twin))))
        item = np.ones((2, 4), np.float32)
        found = session.run({"item": item})
        assert_same(found, {"score": item, "twin": item})
        assert not np.shares_memory(found["score"], found["twin"])

    def test_an_output_that_the_signature_leaves_out(self, name: str) -> None:
        signature = Signature(RANKER.signature.inputs, RANKER.signature.outputs[1:])
        session = backend(name).open(RANKER.graph, signature)
        assert list(session.run(inputs_of(RANKER))) == ["logit"]

    # life

    def test_eight_threads_at_once_get_the_same_bits(self, name: str) -> None:
        session = opened(name, RANKER)
        requests = [inputs_of(RANKER, seed=seed, rows=20 + 7 * seed) for seed in range(4)]
        wanted = [session.run(inputs) for inputs in requests]
        start = threading.Barrier(8)

        def work(first: int) -> None:
            start.wait(30)
            for turn in range(40):
                place = (first + turn) % len(requests)
                assert_same(session.run(requests[place]), wanted[place])

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(work, first) for first in range(8)]:
                done.result(60)

    def test_close(self, name: str) -> None:
        session = opened(name, RANKER)
        session.warm()
        session.close()
        session.close()
        for call in (session.warm, lambda: session.run(inputs_of(RANKER))):
            with pytest.raises(EngineClosed, match=name):
                call()

    def test_close_while_running_lets_calls_end(self, name: str) -> None:
        session, inputs = opened(name, RANKER), inputs_of(RANKER, rows=2000)
        wanted, running = session.run(inputs), threading.Event()

        def work() -> int:
            for turn in range(10_000):
                running.set()
                try:
                    assert_same(session.run(inputs), wanted)
                except EngineClosed:
                    return turn
            return -1

        with ThreadPoolExecutor(4) as pool:
            turns = [pool.submit(work) for _ in range(4)]
            running.wait(30)
            session.close()
            assert all(turn.result(60) >= 0 for turn in turns)

    @pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_no_pickle_and_no_copy(self, session: Session, send: Any) -> None:
        with pytest.raises(BackendError, match="cannot be pickled"):
            send(session)

    def test_says_what_it_is(self, name: str, session: Session) -> None:
        assert (session.backend, session.threads) == (name, 1)
        assert session.signature is RANKER.signature
        assert name in repr(session)
        assert backend(name).name == name
        assert backend(name).version()[0].isdigit()
        assert backend(name).silenced()


def assert_same(found: Arrays, wanted: Arrays) -> None:
    assert list(found) == list(wanted)
    for name, array in found.items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name, strict=True)


def strided(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    wide = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def backwards(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array[::-1].copy()[::-1]


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array = array.copy()
    array.flags.writeable = False
    return array


class Tagged(np.ndarray[Any, Any]):
    pass


def as_subclass(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.copy().view(Tagged)
