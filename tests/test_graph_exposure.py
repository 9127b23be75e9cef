"""Inner tensors as outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.errors import SignatureError
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.editor import Editor
from edgerec.graph.exposure import expose
from tests.oracles.compression import evaluate
from tests.strategies.graphs import few, mlps, tower


@few
@given(mlps())
def test_all_tensors_stand_behind_the_models_own_outputs(model) -> None:
    names = [name for node in Editor(model.graph).nodes for name in node.output]
    visible = expose(model, names)
    own = [output.name for output in model.signature.outputs]
    assert [output.name for output in visible.signature.outputs][: len(own)] == own
    assert {output.name for output in visible.signature.outputs} == set(names)
    inputs = random_inputs(model.signature, rng=np.random.default_rng(0))
    assert set(evaluate(visible.graph, inputs)) == set(names)


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_backends_give_them(name: str) -> None:
    model = tower(0)
    inputs = random_inputs(model.signature, rng=np.random.default_rng(0))
    floats = [n for node in Editor(model.graph).nodes for n in node.output]
    floats = [n for n in floats if Editor(model.graph).is_float(n)]
    visible = expose(model, floats)
    session = backend(name).open(visible.graph, visible.signature)
    found, wanted = session.run(inputs), evaluate(visible.graph, inputs)
    session.close()
    for tensor in floats:
        np.testing.assert_allclose(found[tensor], wanted[tensor], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["nobody", "title"])
def test_what_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(SignatureError, match=name):
        expose(tower(0), [name])
