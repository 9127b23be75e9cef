"""Backends are found by name."""

from __future__ import annotations

import pytest

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.errors import ValueRangeError


def test_each_name_gives_its_backend() -> None:
    assert BACKEND_NAMES == ("onnxruntime", "openvino")
    assert tuple(backend(name).name for name in BACKEND_NAMES) == BACKEND_NAMES


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueRangeError, match="'tensorrt'; use one of onnxruntime, openvino"):
        backend("tensorrt")
