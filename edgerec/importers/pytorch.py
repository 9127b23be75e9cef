"""PyTorch modules and exported programs, through ``torch.onnx``."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from edgerec.errors import InvalidInput, MissingDependency, SignatureError
from edgerec.graph.metadata import write_signature
from edgerec.importers.onnx import normalise
from edgerec.values.signature import Arrays, Signature

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

__all__ = ["TorchSource", "export_torch", "is_torch"]

OPSET = 18


def is_torch(source: object) -> bool:
    """Tell whether this is a module or an exported program, without importing torch."""
    return any(
        (kind.__module__, kind.__name__)
        in {
            ("torch.nn.modules.module", "Module"),
            ("torch.export.exported_program", "ExportedProgram"),
        }
        for kind in type(source).__mro__
    )


def export_torch(
    source: torch.nn.Module | ExportedProgram, signature: Signature, example: Arrays
) -> bytes:
    """Export the module in evaluation mode, with its signature; it is left as it was.

    Parameters
    ----------
    source : torch.nn.Module or torch.export.ExportedProgram
        Parameters of ``forward`` are matched by name where they are the signature's names, else
        taken in its order.
    signature : Signature
        Its free dimensions stay free in the graph.
    example : mapping of inputs
        Traced with; sizes of free dimensions must be at least 2.

    Raises
    ------
    MissingDependency
        torch or onnxscript is not installed.
    SignatureError
        The module cannot be traced with this signature, or its outputs are others.
    """
    names, arguments = _arguments(source, signature, example)
    program = _export(source, names, arguments, signature)
    _name_dimensions(program, signature)
    return write_signature(normalise(program), signature)


class TorchSource:
    """The module itself, run by torch."""

    name = "torch"

    def __init__(self, source: torch.nn.Module | ExportedProgram, signature: Signature) -> None:
        self._source: Any = source
        self._signature = signature

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by the signature's names.

        Raises
        ------
        InvalidInput
            The module refuses the inputs.
        SignatureError
            It gives other things than the signature's outputs.
        """
        torch = _torch()
        _, arguments = _arguments(self._source, self._signature, inputs)
        with _evaluating(self._source), torch.no_grad():
            call = self._source.module() if _is_program(self._source) else self._source
            try:
                found = call(*arguments)
            except (IndexError, RuntimeError, TypeError, ValueError) as error:
                raise InvalidInput(f"the module refuses a request: {_first_line(error)}") from error
        values = found if isinstance(found, tuple | list) else (found,)
        outputs = self._signature.outputs
        if len(values) != len(outputs):
            raise SignatureError(f"the module gives {len(values)} outputs, not {len(outputs)}")
        for value in values:
            if not isinstance(value, torch.Tensor):
                raise SignatureError(
                    f"the module gives a {type(value).__name__}, not a tensor or a tuple of tensors"
                )
        return {out.name: value.numpy() for out, value in zip(outputs, values, strict=True)}


def _torch() -> Any:
    try:
        import onnxscript  # noqa: F401
        import torch
    except ImportError as error:
        raise MissingDependency(
            'importing from PyTorch needs torch and onnxscript: pip install "edgerec[train]"'
        ) from error
    return torch


def _is_program(source: object) -> bool:
    return type(source).__name__ == "ExportedProgram"


def _arguments(
    source: Any, signature: Signature, inputs: Arrays
) -> tuple[tuple[str, ...], tuple[torch.Tensor, ...]]:
    """Names and tensors in the order in which the source takes them."""
    torch = _torch()
    names = tuple(tensor.name for tensor in signature.inputs)
    taken = _parameters(source)
    if set(taken) == set(names):
        names = taken
    # Copies: torch warns of memory that it may not write to.
    return names, tuple(torch.from_numpy(np.array(inputs[name], order="C")) for name in names)


def _parameters(source: Any) -> tuple[str, ...]:
    if _is_program(source):
        return tuple(source.graph_signature.user_inputs)
    return tuple(inspect.signature(source.forward).parameters)


def _export(
    source: Any,
    names: Sequence[str],
    arguments: tuple[torch.Tensor, ...],
    signature: Signature,
) -> ModelProto:
    torch = _torch()
    shapes = None if _is_program(source) else _free_dimensions(names, signature)
    with _evaluating(source), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about its insides
        try:
            program = torch.onnx.export(
                source,
                arguments,
                input_names=list(names),
                output_names=[output.name for output in signature.outputs],
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except (torch.onnx.OnnxExporterError, ValueError, TypeError) as error:
            raise SignatureError(
                f"torch cannot export this module with inputs {', '.join(names)} as the signature "
                f"describes them: {_first_line(error)}"
            ) from error
    model: ModelProto = program.model_proto
    return model


def _free_dimensions(names: Sequence[str], signature: Signature) -> tuple[dict[int, Any], ...]:
    torch = _torch()
    free = {
        size: torch.export.Dim(size)
        for tensor in signature.inputs
        for size in tensor.shape
        if isinstance(size, str)
    }
    return tuple(
        {
            axis: free[size]
            for axis, size in enumerate(signature.input(name).shape)
            if isinstance(size, str)
        }
        for name in names
    )


def _name_dimensions(model: ModelProto, signature: Signature) -> None:
    """Give free dimensions the signature's names instead of the exporter's."""
    shapes = {tensor.name: tensor.shape for tensor in signature.inputs}
    shapes |= {tensor.name: tensor.shape for tensor in signature.outputs}
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, shapes.get(value.name, ()), strict=False):
            if isinstance(size, str) and not dim.HasField("dim_value"):
                dim.dim_param = size
    del model.graph.value_info[:]


@contextmanager
def _evaluating(source: Any) -> Iterator[None]:
    """Switch to evaluation mode from the outermost module down, and back again."""
    if _is_program(source):
        yield
        return
    modes = {module: module.training for module in source.modules()}
    source.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause).strip().split("\n")[0]
