"""Parameters over the implementations of a kernel family."""

from __future__ import annotations

from typing import Any

import pytest

from edgerec.kernels import dispatch

__all__ = ["each_isa"]


def each_isa(*families: str) -> pytest.MarkDecorator:
    """Parametrise `isa` over everything compiled for the families; what cannot run here skips."""
    runs = {isa: able for family in families for isa, able in dispatch.implementations(family)}
    parameters: list[Any] = [
        pytest.param(
            isa, marks=[] if able else pytest.mark.skip(reason=f"this CPU cannot run {isa}")
        )
        for isa, able in runs.items()
    ]
    return pytest.mark.parametrize("isa", parameters)
