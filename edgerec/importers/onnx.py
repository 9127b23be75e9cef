"""ONNX files: read in whole, brought to one form, with a signature."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from onnx import ModelProto

from edgerec.errors import InvalidInput, LimitExceeded, SignatureError
from edgerec.graph.editor import Editor
from edgerec.graph.load import MAX_GRAPH_BYTES, dump_graph, parse_unchecked
from edgerec.graph.metadata import describe, graph_inputs, signature_of, write_signature
from edgerec.importers.external import inline
from edgerec.values.signature import Kind, Meaning, Role, Signature

__all__ = ["normalise", "read_onnx"]


PICKLED = {".pt", ".pt2", ".pth", ".ckpt", ".pkl"}


def read_onnx(source: bytes | os.PathLike[str] | str, signature: Signature | None) -> bytes:
    """Read a self-contained graph that carries its signature.

    Parameters
    ----------
    source : bytes or path
        A serialised model; from a path, external data beside it is read in.
    signature : Signature, optional
        In place of the one that the file carries.

    Raises
    ------
    InvalidInput
        Not a file, not a valid model, or external data elsewhere than beside it.
    LimitExceeded
        Above 2 GiB.
    SignatureError
        None given and none in the file, or it does not fit.
    """
    if not isinstance(source, bytes) and "\0" in os.fspath(source):
        raise InvalidInput(f"a path cannot hold a NUL character: {source!r}")
    model = parse_unchecked(source) if isinstance(source, bytes) else _read(Path(source))
    graph = normalise(model)
    signature = signature or signature_of(model)
    if signature is None:
        raise _unsigned(model)
    return write_signature(graph, signature)


def normalise(model: ModelProto) -> bytes:
    """Bring a graph to one form for all passes: stored constants, named nodes, nothing unread.

    Comments go too: exporters note file names and stack traces, which have no place in a bundle.
    """
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for values in (model.graph.value_info, model.graph.input, model.graph.output):
        for value in values:
            value.ClearField("doc_string")
            del value.metadata_props[:]
    for tensor in model.graph.initializer:
        tensor.ClearField("doc_string")
        del tensor.metadata_props[:]
    model.ClearField("doc_string")
    model.graph.ClearField("doc_string")
    del model.graph.metadata_props[:]
    return Editor(dump_graph(model)).finish()


def _read(path: Path) -> ModelProto:
    if path.suffix in PICKLED:
        raise InvalidInput(
            f"{path} may hold code that runs when it is read: if you trust it, load it yourself "
            "and give import_model the module or the exported program"
        )
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput(f"{path} is not a regular file")
            if status.st_size > MAX_GRAPH_BYTES:
                raise LimitExceeded(f"{path} holds {status.st_size:,} bytes, above 2 GiB")
            data = file.read()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    model = parse_unchecked(data)
    inline(model, path.parent)
    return model


def _unsigned(model: ModelProto) -> SignatureError:
    roles, kinds, meanings = (", ".join(member) for member in (Role, Kind, Meaning))
    return SignatureError(
        f"the model carries no signature, so say what its tensors mean. "
        f"Inputs: {describe(graph_inputs(model))}. Outputs: {describe(model.graph.output)}. "
        "For instance: signature=Signature((Input('user', role='user', kind='dense', "
        "dtype='float32', shape=(1, 64)), ...), (Output('score', meaning='score', "
        f"dtype='float32', shape=('candidates',)),)). Roles: {roles}. Kinds: {kinds}. "
        f"Meanings: {meanings}."
    )
