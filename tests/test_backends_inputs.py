"""The quick test of inputs accepts what the signature accepts, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgerec.backends.inputs import MAX_ID, SMALL, InputReader
from edgerec.errors import InvalidInput, ValueRangeError
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

Array = np.ndarray[Any, Any]
FREE = ("candidates", "length", 2, 3)
FLOATS = st.sampled_from([0.0, -1.5, 3e38, -3e38, 1e-45, np.inf, -np.inf, np.nan])
IDS = st.sampled_from([0, 1, 5, MAX_ID, MAX_ID + 1, 2**62, -1, -(2**63)])


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    inputs = []
    for place in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.sampled_from(FREE), max_size=3)))
        sparse = draw(st.booleans())
        kind, dtype = (Kind.ID, "int64") if sparse else (Kind.DENSE, "float32")
        inputs.append(Input(f"x{place}", Role.ITEM, kind, dtype, shape))
    return Signature(tuple(inputs), (Output("y", Meaning.SCORE, "float32", ()),))


@st.composite
def arrays(draw: st.DrawFn, tensor: Input) -> Any:
    """Mostly what ``tensor`` wants; any single thing may be wrong."""
    sizes = {"candidates": 3, "length": 2}
    shape = [sizes[size] if isinstance(size, str) else size for size in tensor.shape]
    if shape and draw(st.integers(0, 5)) == 0:
        shape[draw(st.integers(0, len(shape) - 1))] = draw(st.integers(0, 4))
    dtype = tensor.dtype
    if draw(st.integers(0, 9)) == 0:
        dtype = draw(st.sampled_from(["float32", "int64", "float64", "int32", ">f4", ">i8"]))
    array = np.ones(shape, dtype)
    if array.size and draw(st.booleans()):
        value = draw(IDS if tensor.dtype == "int64" else FLOATS)
        if np.dtype(dtype) == tensor.dtype:
            array.reshape(-1)[draw(st.integers(0, array.size - 1))] = value
    layout = draw(st.sampled_from(["plain", "plain", "fortran", "backwards", "read-only", "list"]))
    if layout == "fortran":
        array = np.asfortranarray(array)
    if layout == "backwards" and array.ndim:
        array = array[::-1]
    if layout == "read-only":
        array.flags.writeable = False
    return array.tolist() if layout == "list" and draw(st.booleans()) else array


@st.composite
def calls(draw: st.DrawFn) -> tuple[Signature, dict[str, Any]]:
    signature = draw(signatures())
    inputs = {tensor.name: draw(arrays(tensor)) for tensor in signature.inputs}
    if draw(st.integers(0, 9)) == 0:
        inputs["x9"] = inputs.pop("x0")
    return signature, inputs


def law(signature: Signature, inputs: dict[str, Any]) -> type[Exception] | None:
    try:
        signature.check(inputs)
    except InvalidInput as error:
        return type(error)
    large = [
        array.size and array.dtype == np.int64 and array.max() > MAX_ID for array in inputs.values()
    ]
    return ValueRangeError if any(large) else None


@given(calls())
def test_the_same_verdict_as_the_law(call: tuple[Signature, dict[str, Any]]) -> None:
    signature, inputs = call
    wanted = law(signature, inputs)
    if wanted is not None:
        with pytest.raises(wanted) as caught:
            InputReader(signature).read(inputs)
        assert type(caught.value) is wanted
        return
    found = InputReader(signature).read(inputs)
    assert len(found) == len(signature.inputs)
    for tensor, array in zip(signature.inputs, found, strict=True):
        given_array = inputs[tensor.name]
        assert array.flags.c_contiguous
        assert array.dtype == tensor.dtype
        assert np.array_equal(array, given_array)
        if given_array.flags.c_contiguous:
            assert np.shares_memory(array, given_array)


@given(st.integers(1, 3 * SMALL), st.integers(0), FLOATS)
@example(SMALL, SMALL - 1, np.nan)
@example(SMALL + 1, SMALL, np.nan)
def test_one_bad_value_among_many(size: int, place: int, value: float) -> None:
    signature = Signature(
        (Input("x", Role.ITEM, Kind.DENSE, "float32", ("candidates",)),),
        (Output("y", Meaning.SCORE, "float32", ()),),
    )
    array = np.full(size, 3e38, np.float32)  # its inner product with itself overflows
    array[place % size] = value
    if np.isfinite(value):
        assert InputReader(signature).read({"x": array})[0] is array
    else:
        with pytest.raises(ValueRangeError, match="NaN or infinity"):
            InputReader(signature).read({"x": array})


def test_the_largest_id() -> None:
    signature = Signature(
        (Input("x", Role.ITEM, Kind.ID, "int64", ("candidates",)),),
        (Output("y", Meaning.SCORE, "float32", ()),),
    )
    reader = InputReader(signature)
    assert reader.read({"x": np.array([MAX_ID])})[0] == MAX_ID
    with pytest.raises(ValueRangeError, match=f"'x' holds the id {MAX_ID + 1}"):
        reader.read({"x": np.array([MAX_ID + 1])})
