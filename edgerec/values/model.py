"""A model: an ONNX graph and what its tensors mean."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from edgerec.errors import SignatureError
from edgerec.values.signature import Signature

__all__ = ["Model"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Model:
    """An ONNX graph, serialised, with its signature.

    Parameters
    ----------
    name : str
        Short name, used for files and tables: letters, digits, ``.``, ``_`` and ``-``.
    graph : bytes
        ONNX ``ModelProto``, self-contained (no external data).
    signature : Signature
    """

    name: str
    graph: bytes = field(repr=False)
    signature: Signature = field(repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SignatureError(
                "a model's name begins with a letter or digit and holds those, '.', '_' and '-', "
                f"got {self.name!r}"
            )
        if not self.graph:
            raise SignatureError(f"model {self.name!r} has an empty graph")

    @property
    def digest(self) -> str:
        """SHA-256 of the graph, in hex."""
        return hashlib.sha256(self.graph).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Size of the serialised graph."""
        return len(self.graph)
