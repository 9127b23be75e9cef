"""Tensors that an ONNX file keeps in files beside it, read in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

from onnx import ModelProto, TensorProto, helper

from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.graph.load import MAX_GRAPH_BYTES, tensors

__all__ = ["inline"]


def inline(model: ModelProto, directory: Path) -> None:
    """Read external data into the message, from ``directory`` and below it only.

    A location is refused where it is absolute, goes up, passes a symbolic link, or is a file with
    more than one link: each of them can name a file that the model's author does not own.

    Raises
    ------
    InvalidInput
        A location is refused, a file is missing, or it is shorter than the tensor.
    LimitExceeded
        Together they exceed what one message may hold.
    """
    total = model.ByteSize()
    for tensor in tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            data = _read(tensor, directory)
            total += len(data)
            if total > MAX_GRAPH_BYTES:
                raise LimitExceeded(f"with its external data the model exceeds {MAX_GRAPH_BYTES:,}")
            tensor.raw_data = data
            tensor.ClearField("data_location")
            del tensor.external_data[:]


def _read(tensor: TensorProto, directory: Path) -> bytes:
    fields = {entry.key: entry.value for entry in tensor.external_data}
    location = fields.get("location", "")
    wanted = _size(tensor)
    offset = _number(tensor, fields, "offset", 0)
    length = _number(tensor, fields, "length", wanted)
    if length != wanted:
        raise InvalidInput(
            f"tensor {tensor.name!r} of shape {tuple(tensor.dims)} takes {wanted:,} bytes, its "
            f"external data says {length:,}"
        )
    with _opened(tensor, directory, location) as file:
        data = os.pread(file, length, offset)
    if len(data) != length:
        raise InvalidInput(
            f"tensor {tensor.name!r}: {location!r} ends before byte {offset + length:,}"
        )
    return data


@contextmanager
def _opened(tensor: TensorProto, directory: Path, location: str) -> Iterator[int]:
    """Open ``location`` step by step, so that no link is followed on the way."""
    steps = location.split("/")
    if not location or "\\" in location or any(step in ("", ".", "..") for step in steps):
        raise InvalidInput(
            f"tensor {tensor.name!r}: external data must lie beside the model, got {location!r}"
        )
    opened = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for place, step in enumerate(steps):
            kind = os.O_DIRECTORY if place < len(steps) - 1 else 0
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | kind
            opened.append(os.open(step, flags, dir_fd=opened[-1]))
        status = os.fstat(opened[-1])
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise InvalidInput(
                f"tensor {tensor.name!r}: {location!r} must be a regular file with one link; "
                "copy it"
            )
        yield opened[-1]
    except OSError as error:
        raise InvalidInput(
            f"tensor {tensor.name!r}: cannot read {location!r} beside the model "
            f"({error.strerror}); symbolic links are not followed"
        ) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _size(tensor: TensorProto) -> int:
    if tensor.data_type == TensorProto.STRING or min(tensor.dims, default=0) < 0:
        raise InvalidInput(f"tensor {tensor.name!r} cannot have external data")
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError as error:
        raise InvalidInput(f"tensor {tensor.name!r} has no known type: {error}") from error
    return prod(int(size) for size in tensor.dims) * int(dtype.itemsize)


def _number(tensor: TensorProto, fields: dict[str, str], key: str, default: int) -> int:
    text = fields.get(key, str(default))
    if not text.isdecimal():
        raise InvalidInput(f"tensor {tensor.name!r}: {key} must be a number >= 0, got {text!r}")
    return int(text)
