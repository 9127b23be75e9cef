"""What a model's inputs and outputs mean: role, kind, dtype and shape of each tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError, SignatureError, ValueRangeError

__all__ = ["Array", "Arrays", "Input", "Kind", "Meaning", "Output", "Role", "Signature"]

E = TypeVar("E", bound=StrEnum)
DTYPES = ("float32", "int64")
Array = NDArray[Any]
Arrays = Mapping[str, Array]


class Role(StrEnum):
    """What an input is a function of."""

    USER = "user"
    QUERY = "query"
    CONTEXT = "context"
    ITEM = "item"
    PAIR = "pair"


class Kind(StrEnum):
    """How an input's numbers are to be read."""

    ID = "id"
    BAG = "bag"
    SEQUENCE = "sequence"
    DENSE = "dense"
    TOKENS = "tokens"


class Meaning(StrEnum):
    """What an output stands for."""

    EMBEDDING = "embedding"
    SCORE = "score"
    PROBABILITY = "probability"
    LOGITS = "logits"


@dataclass(frozen=True, slots=True)
class Input:
    """One input tensor.

    ``shape`` holds a positive integer for a fixed dimension and a name for a free one
    (``requests``, ``candidates``, ``length``, …); a name that stands twice means the same size.
    ``dtype`` is ``int64`` (0 = padding, 1 = unknown) or ``float32`` (finite).
    """

    name: str
    role: Role
    kind: Kind
    dtype: str
    shape: tuple[int | str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", _member(Role, self.role, self.name))
        object.__setattr__(self, "kind", _member(Kind, self.kind, self.name))
        object.__setattr__(self, "shape", tuple(self.shape))
        _check_tensor(self.name, self.dtype, self.shape)
        sparse = self.kind is not Kind.DENSE
        if sparse != (self.dtype == "int64") and self.kind is not Kind.SEQUENCE:
            raise SignatureError(
                f"input {self.name!r}: kind {self.kind.value!r} wants "
                f"{'int64' if sparse else 'float32'}, got {self.dtype}"
            )


@dataclass(frozen=True, slots=True)
class Output:
    """One output tensor; ``dtype`` and ``shape`` as in :class:`Input`."""

    name: str
    meaning: Meaning
    dtype: str
    shape: tuple[int | str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "meaning", _member(Meaning, self.meaning, self.name))
        object.__setattr__(self, "shape", tuple(self.shape))
        _check_tensor(self.name, self.dtype, self.shape)


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, in the order of its graph."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "outputs", tuple(self.outputs))
        if not self.inputs or not self.outputs:
            raise SignatureError("a signature needs at least one input and one output")
        names = [i.name for i in self.inputs] + [o.name for o in self.outputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SignatureError(f"names must differ, got {', '.join(twice)} more than once")

    def input(self, name: str) -> Input:
        """The input of this name; SignatureError names the known ones."""
        for tensor in self.inputs:
            if tensor.name == name:
                return tensor
        raise SignatureError(
            f"no input {name!r}; the model has {', '.join(i.name for i in self.inputs)}"
        )

    def inputs_of(self, *roles: Role) -> tuple[Input, ...]:
        """The inputs with one of ``roles``, in the signature's order."""
        return tuple(tensor for tensor in self.inputs if tensor.role in roles)

    def check(self, inputs: Arrays) -> None:
        """Raise unless ``inputs`` can be given to any backend.

        Backends disagree on bad input (one takes float64 silently, another turns NaN into
        numbers), so every session checks here first.

        Raises
        ------
        SignatureError
            An input is missing, or one that the model does not have was given.
        ShapeError
            A dtype or shape differs, or one symbolic dimension got two sizes.
        ValueRangeError
            A float is not finite, or a sparse id is negative.
        """
        wanted = [tensor.name for tensor in self.inputs]
        if set(inputs) != set(wanted):
            missing = sorted(set(wanted) - set(inputs))
            extra = sorted(set(inputs) - set(wanted))
            raise SignatureError(
                f"the model takes {', '.join(wanted)}; missing: {', '.join(missing) or 'none'}; "
                f"not in the signature: {', '.join(extra) or 'none'}"
            )
        sizes: dict[str, int] = {}
        for tensor in self.inputs:
            _check_array(tensor, inputs[tensor.name], sizes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return {
            "inputs": [
                {
                    "name": i.name,
                    "role": i.role.value,
                    "kind": i.kind.value,
                    "dtype": i.dtype,
                    "shape": list(i.shape),
                }
                for i in self.inputs
            ],
            "outputs": [
                {
                    "name": o.name,
                    "meaning": o.meaning.value,
                    "dtype": o.dtype,
                    "shape": list(o.shape),
                }
                for o in self.outputs
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Signature:
        """Read what :meth:`to_dict` wrote; SignatureError says which key is wrong."""
        try:
            return cls(
                tuple(Input(**entry) for entry in data["inputs"]),
                tuple(Output(**entry) for entry in data["outputs"]),
            )
        except (KeyError, TypeError) as error:
            raise SignatureError(f"not a signature: {error}") from error


def _member(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise SignatureError(
            f"tensor {name!r}: {kind.__name__.lower()} must be one of {allowed}, got {value!r}"
        ) from None


def _check_tensor(name: str, dtype: str, shape: tuple[int | str, ...]) -> None:
    if not name:
        raise SignatureError("a tensor needs a name")
    if dtype not in DTYPES:
        raise SignatureError(
            f"tensor {name!r}: dtype must be one of {', '.join(DTYPES)}, got {dtype!r}"
        )
    for size in shape:
        if (size < 1) if isinstance(size, int) else (size == ""):
            raise SignatureError(
                f"tensor {name!r}: a dimension is a positive integer or a name, got {size!r}"
            )


def _check_array(tensor: Input, array: Array, sizes: dict[str, int]) -> None:
    given: object = array
    if not isinstance(given, np.ndarray):
        raise ShapeError(f"input {tensor.name!r} wants a numpy array, got {type(given).__name__}")
    if array.dtype != tensor.dtype:
        raise ShapeError(f"input {tensor.name!r} wants {tensor.dtype}, got {array.dtype}")
    fits = array.ndim == len(tensor.shape)
    for wanted, size in zip(tensor.shape, array.shape, strict=False):
        bound = sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted
        fits = fits and bound == size
    if not fits:
        known = {
            name: sizes[name] for name in tensor.shape if isinstance(name, str) and name in sizes
        }
        raise ShapeError(
            f"input {tensor.name!r} wants shape {tensor.shape}, got {array.shape}"
            + (f" where {known} is already bound" if known else "")
        )
    if array.size == 0:
        raise ShapeError(f"input {tensor.name!r} has no elements: shape {array.shape}")
    if tensor.dtype == "float32" and not np.isfinite(array).all():
        raise ValueRangeError(f"input {tensor.name!r} holds NaN or infinity")
    if tensor.dtype == "int64" and int(array.min()) < 0:
        raise ValueRangeError(f"input {tensor.name!r} holds a negative id {int(array.min())}")
