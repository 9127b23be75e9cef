"""The chunked softmax loss against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason='needs PyTorch: pip install "edgerec[train]"')

from edgerec.training.losses import CHUNK_ROWS, full_softmax  # noqa: E402

rows = st.sampled_from([1, 2, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 2 * CHUNK_ROWS + 3])


def tensors(n: int, n_items: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, 4, generator=generator).mul(2).requires_grad_()
    items = torch.randn(n_items, 4, generator=generator).requires_grad_()
    return hidden, items, torch.randint(n_items, (n,), generator=generator)


@settings(deadline=None)
@given(rows, st.integers(1, 9), st.integers(0, 99))
def test_loss_and_gradients_are_those_of_the_definition(n: int, n_items: int, seed: int) -> None:
    hidden, items, targets = tensors(n, n_items, seed)
    loss = full_softmax(hidden, items, targets)
    (3 * loss).backward()
    found = hidden.grad, items.grad
    hidden.grad = items.grad = None
    wanted = -torch.log_softmax(hidden @ items.T, dim=1)[torch.arange(n), targets].mean()
    (3 * wanted).backward()
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[0], hidden.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found[1], items.grad, rtol=1e-4, atol=1e-6)


def test_large_logits_do_not_overflow() -> None:
    hidden = torch.tensor([[1e3]])
    items = torch.tensor([[1.0], [-1.0]])
    assert full_softmax(hidden, items, torch.tensor([0])).item() == 0
    assert full_softmax(hidden, items, torch.tensor([1])).item() == pytest.approx(2e3)


def test_a_second_derivative_is_refused() -> None:
    hidden, items, targets = tensors(3, 4, 0)
    loss = full_softmax(hidden, items, targets)
    (gradient,) = torch.autograd.grad(loss, hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()
