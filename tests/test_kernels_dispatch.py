"""What was compiled, what runs here, what a call gets."""

from __future__ import annotations

import numpy as np
import pytest

from edgerec.errors import UnknownKernel
from edgerec.kernels import dispatch
from edgerec.kernels.topk import top_k


@pytest.fixture(autouse=True)
def _no_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEREC_ISA", raising=False)


def able(family: str) -> list[str]:
    return [isa for isa, runs in dispatch.implementations(family) if runs]


def test_the_families() -> None:
    assert sorted(dispatch.families()) == [
        "bag_i4",
        "bag_i8",
        "cosine_f16",
        "cosine_f32",
        "count_b1",
        "inner_f16",
        "inner_f32",
        "inner_i8",
        "join_b1",
        "l2_f16",
        "l2_f32",
        "quantize_columns_f32",
        "quantize_f32",
        "reach_f32",
        "rotate_f32",
        "scan_b1",
        "scan_i8",
        "scan_many_i8",
        "score_i4",
        "sketch_f32",
        "topk_f32",
        "weigh_f32",
    ]


@pytest.mark.parametrize("family", dispatch.families())
def test_every_family_ends_in_scalar_and_is_listed_best_first(family: str) -> None:
    names = [isa for isa, _ in dispatch.implementations(family)]
    assert names == [isa for isa in dispatch.isas() if isa in names]
    assert dispatch.implementations(family)[-1] == ("scalar", True)


def test_what_runs_was_compiled_and_scalar_runs_everywhere() -> None:
    assert [isa for isa in dispatch.isas() if isa in dispatch.runnable()] == list(
        dispatch.runnable()
    )
    assert dispatch.runnable()[-1] == "scalar"


@pytest.mark.parametrize("family", dispatch.families())
def test_the_best_runnable_implementation_is_chosen(family: str) -> None:
    assert dispatch.chosen(family) == able(family)[0]


@pytest.mark.parametrize("ceiling", dispatch.isas())
@pytest.mark.parametrize("family", dispatch.families())
def test_the_environment_sets_a_ceiling(
    family: str, ceiling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEREC_ISA", ceiling)
    order = dispatch.isas()
    allowed = [isa for isa in able(family) if order.index(isa) >= order.index(ceiling)]
    assert dispatch.chosen(family) == allowed[0]


@pytest.mark.parametrize("family", dispatch.families())
def test_an_explicit_isa_is_exact_even_above_the_ceiling(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEREC_ISA", "scalar")
    for isa in able(family):
        assert dispatch.chosen(family, isa) == isa


@pytest.mark.parametrize("name", ["", "AVX2", "avx", "haswell", "auto"])
def test_a_mistyped_ceiling_is_refused_with_the_names_there_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEREC_ISA", name)
    with pytest.raises(UnknownKernel, match=r"EDGEREC_ISA=.*scalar"):
        top_k(np.zeros(3, np.float32), 1)


@pytest.mark.parametrize("name", ["", "AVX2", "avx", "haswell", "scalar\0", "\0", "\ud800"])
def test_a_mistyped_isa_is_refused_with_the_names_that_run(name: str) -> None:
    with pytest.raises(UnknownKernel, match=r"isa=.*this machine runs.*scalar"):
        top_k(np.zeros(3, np.float32), 1, isa=name)


def test_an_isa_that_cannot_run_here_is_refused() -> None:
    missing = [
        (family, isa)
        for family in dispatch.families()
        for isa, runs in dispatch.implementations(family)
        if not runs
    ]
    if not missing:
        pytest.skip("this CPU runs everything that was compiled")
    for family, isa in missing:
        with pytest.raises(UnknownKernel, match="cannot run"):
            dispatch.chosen(family, isa)


def test_the_published_order_has_every_isa_of_the_architecture() -> None:
    orders = {
        ("avx512vpopcntdq", "avx512vnni", "avx512", "avx2", "scalar"),
        ("neondot", "neon", "scalar"),
        ("scalar",),
    }
    assert dispatch.isas() in orders


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UnknownKernel, match="scan_i8"):
        dispatch.implementations("scan_i4")
    with pytest.raises(UnknownKernel, match="scan_i8"):
        dispatch.chosen("scan_i4")
