"""SASRec: what a state may depend on, and that the exported form gives the same state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.errors import ShapeError, ValueRangeError

torch = pytest.importorskip("torch", reason='needs PyTorch: pip install "edgerec[train]"')

from edgerec.graph.editor import Editor  # noqa: E402
from edgerec.graph.fusion import fuse  # noqa: E402
from edgerec.importers.pytorch import export_torch  # noqa: E402
from edgerec.models.sasrec import (  # noqa: E402
    FIRST_ITEM,
    SASRec,
    SASRecSettings,
    export_form,
    signature,
)

N_ITEMS, MAX_LENGTH = 30, 12


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Waking a second thread takes longer than the products here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def model_of(dim: int = 8, blocks: int = 2) -> SASRec:
    """Untrained, yet with every parameter large enough to matter."""
    generator = torch.Generator().manual_seed(10 * dim + blocks)
    model = SASRec(SASRecSettings(N_ITEMS, dim=dim, blocks=blocks, max_length=MAX_LENGTH))
    with torch.no_grad():
        for weight in model.parameters():
            scale = 1.5 / dim**0.5 if weight.ndim > 1 else 0.3
            weight.normal_(std=scale, generator=generator)
    return model.eval()


def items_of(length: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(1, N_ITEMS + FIRST_ITEM, (1, length)))


lengths = st.integers(1, MAX_LENGTH)


@settings(deadline=None)
@given(lengths, st.sampled_from([1, 3, 8]), st.integers(1, 3), st.integers(0, 99))
def test_asking_for_the_last_state_alone_gives_the_same(
    length: int, dim: int, blocks: int, seed: int
) -> None:
    model, items = model_of(dim, blocks), items_of(length, seed)
    with torch.no_grad():
        wanted = model(items)[:, -1]
        for last_only in (True, False):
            found = export_form(model, last_only=last_only)(items)
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@settings(deadline=None)
@given(lengths, st.integers(0, MAX_LENGTH), st.integers(0, 99))
def test_later_items_and_padding_change_no_earlier_state(length: int, more: int, seed: int) -> None:
    model, items = model_of(), items_of(MAX_LENGTH, seed)
    with torch.no_grad():
        alone = model(items[:, :length])
        padded = torch.zeros_like(items)
        padded[:, :length] = items[:, :length]
        torch.testing.assert_close(model(items)[:, :length], alone, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model(padded)[:, :length], alone, rtol=1e-5, atol=1e-5)


def test_order_and_distance_matter() -> None:
    model, items = model_of(), items_of(5)
    with torch.no_grad():
        turned = model(items.flip(1))[:, -1]
        assert not torch.allclose(model(items)[:, -1], turned, atol=1e-3)


def test_a_sequence_that_is_too_long_is_refused() -> None:
    with pytest.raises(ShapeError, match="at most 12"):
        model_of()(items_of(MAX_LENGTH + 1))


def test_scores_are_products_with_the_rows_of_the_catalogue() -> None:
    model = model_of()
    assert model.item_vectors().shape == (N_ITEMS, 8)
    assert torch.equal(model.item_vectors()[3], model.items.weight[3 + FIRST_ITEM])


def test_dropout_acts_in_training_only() -> None:
    model, items = model_of(), items_of(5)
    with torch.no_grad():
        assert torch.equal(model(items), model(items))
        model.train()
        assert not torch.equal(model(items), model(items))
        model.eval()


@pytest.mark.parametrize(
    "wrong", [{"n_items": 0}, {"dim": 0}, {"blocks": 0}, {"max_length": 0}, {"dropout": 1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueRangeError, match=next(iter(wrong))):
        SASRecSettings(**{"n_items": 3} | wrong)


@pytest.fixture(scope="module")
def exported() -> tuple[SASRec, bytes]:
    model = model_of()
    example = {"items": items_of(7).numpy()}
    return model, export_torch(export_form(model), signature(model.settings), example)


@pytest.mark.parametrize("length", [1, 2, 5, MAX_LENGTH])
@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_the_exported_graph_gives_the_same_state(
    exported: tuple[SASRec, bytes], name: str, length: int
) -> None:
    model, graph = exported
    items = items_of(length, seed=length)
    with torch.no_grad():
        wanted = model(items)[:, -1].numpy()
    for form in (graph, fuse(graph)):
        session = backend(name).open(form, signature(model.settings), threads=1)
        found = session.run({"items": items.numpy()})["vector"]
        session.close()
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_fusion_leaves_two_projections_of_attention_a_block(
    exported: tuple[SASRec, bytes],
) -> None:
    _, graph = exported
    counts = [Counter(node.op_type for node in Editor(g).nodes) for g in (graph, fuse(graph))]
    assert counts[0]["Gemm"] - counts[1]["Gemm"] == 3  # keys twice, values of the last block
    assert sum(counts[1].values()) <= sum(counts[0].values()) - 6
