"""PyTorch modules and exported programs in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgerec.errors import SignatureError
from edgerec.graph.ids import table_rows
from edgerec.graph.widths import find_widths
from edgerec.importers.importer import import_checked, import_model
from edgerec.importers.pytorch import is_torch
from edgerec.values.signature import Input, Output, Signature

torch = pytest.importorskip("torch", reason='pip install "edgerec[train]"')
pytest.importorskip("onnxscript", reason='pip install "edgerec[train]"')

SIGNATURE = Signature(
    (
        Input("title", "item", "bag", "int64", ("candidates", "length")),
        Input("dense", "item", "dense", "float32", ("candidates", 3)),
    ),
    (Output("vector", "embedding", "float32", ("candidates", 4)),),
)


class Tower(torch.nn.Module):
    """A mean of embeddings beside dense features; dropout and batch norm tell the two modes."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(50, 5, padding_idx=0)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(8, 16),
            torch.nn.BatchNorm1d(16),
            torch.nn.GELU(),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(16, 4),
        )

    def forward(self, dense: Any, title: Any) -> Any:
        held = (title > 0).float()[..., None]
        mean = (self.words(title) * held).sum(1) / held.sum(1).clamp_min(1)
        return torch.nn.functional.normalize(self.layers(torch.cat([mean, dense], 1)), dim=-1)


@pytest.fixture(scope="module")
def tower() -> Any:
    torch.manual_seed(0)
    return Tower()


@pytest.fixture(scope="module")
def imported(tower: Any) -> Any:
    return import_checked(tower.train(), signature=SIGNATURE, name="tower")


def test_a_module_comes_in_and_agrees_with_itself(imported: Any, tower: Any) -> None:
    assert imported.parity.source == "torch"
    assert imported.parity.largest < 1e-5
    assert imported.model.signature == SIGNATURE
    assert table_rows(imported.model.graph) == {"title": 50}
    assert [width.size for width in find_widths(imported.model.graph)] == [16]
    assert b"test_importers_pytorch" not in imported.model.graph


def test_a_module_is_left_in_the_mode_it_was_in(imported: Any, tower: Any) -> None:
    assert all(module.training for module in tower.modules())


def test_importing_what_was_exported_gives_the_same_graph(imported: Any) -> None:
    assert import_model(imported.model.graph, name="tower") == imported.model


def test_an_exported_program_comes_in(tower: Any) -> None:
    candidates, length = torch.export.Dim("candidates"), torch.export.Dim("length")
    program = torch.export.export(
        tower.eval(),
        (torch.zeros(3, 3), torch.ones(3, 4, dtype=torch.int64)),
        dynamic_shapes=({0: candidates}, {0: candidates, 1: length}),
    )
    found = import_checked(program, signature=SIGNATURE)
    assert found.parity.largest < 1e-5
    tower.train()


def test_a_module_needs_a_signature_that_fits(tower: Any) -> None:
    with pytest.raises(SignatureError, match="signature="):
        import_model(tower)
    wide = replace(SIGNATURE.outputs[0], shape=("candidates", 5))
    with pytest.raises(SignatureError, match="vector"):
        import_model(tower, signature=Signature(SIGNATURE.inputs, (wide,)))


@pytest.mark.slow
def test_a_module_that_cannot_be_traced_says_why(tower: Any) -> None:
    narrow = replace(SIGNATURE.inputs[1], shape=("candidates", 2))
    with pytest.raises(SignatureError, match="torch cannot export"):
        import_model(tower, signature=Signature((SIGNATURE.inputs[0], narrow), SIGNATURE.outputs))


def test_torch_is_recognised_without_being_imported() -> None:
    assert is_torch(Tower())
    assert not is_torch(object())
    assert not is_torch(b"")


def test_examples_may_be_read_only(tower: Any) -> None:
    example = {"title": np.ones((2, 3), np.int64), "dense": np.ones((2, 3), np.float32)}
    for array in example.values():
        array.flags.writeable = False
    assert import_checked(tower, signature=SIGNATURE, example=example).parity.largest < 1e-5


def test_outputs_by_name_are_refused() -> None:
    class Named(torch.nn.Linear):
        def forward(self, x: Any) -> Any:
            return {"y": super().forward(x)}

    signature = Signature(
        (Input("x", "user", "dense", "float32", ("requests", 4)),),
        (Output("y", "embedding", "float32", ("requests", 2)),),
    )
    with pytest.raises(SignatureError, match="dict"):
        import_model(Named(4, 2), signature=signature)
