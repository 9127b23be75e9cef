"""An ONNX graph that can be asked and changed: who makes a tensor, who reads it, what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from edgerec.graph.load import dump_graph, parse_graph
from edgerec.graph.shapes import Shape, infer_types, shape_of

__all__ = ["Editor", "attribute"]

DEFAULT_DOMAINS = ("", "ai.onnx")
FREE_CONSTANTS = 4
"""IR version from which a stored constant need not be an input too."""


class Editor:
    """A mutable copy of a model.

    ``Constant`` nodes become stored constants at once, transposed ones too, and every node gets a
    name, so that a pass sees one form only. Nodes stay in topological order as long as new ones
    are put where :meth:`replace` and :meth:`insert` put them.

    Parameters
    ----------
    graph : bytes
        Serialised ``ModelProto``; see :func:`edgerec.graph.load.parse_graph` for what is refused.
    """

    def __init__(self, graph: bytes) -> None:
        self._model = parse_graph(graph)
        self._nodes: list[NodeProto] = list(self._model.graph.node)
        self._constants = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._inputs = {value.name for value in self._model.graph.input} - set(self._constants)
        self._taken = (
            self._inputs | set(self._constants) | {o for n in self._nodes for o in n.output}
        )
        self._arrays: dict[str, NDArray[Any]] = {}
        self._makers: dict[str, NodeProto] | None = None
        self._readers: dict[str, list[NodeProto]] | None = None
        self._types: dict[str, ValueInfoProto] = infer_types(self._model)
        self._name_nodes()
        self._store_constants()
        del self._model.graph.node[:], self._model.graph.initializer[:]

    @property
    def nodes(self) -> tuple[NodeProto, ...]:
        """All nodes in topological order; change them through this class only."""
        return tuple(self._nodes)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what is fed."""
        return tuple(v.name for v in self._model.graph.input if v.name in self._inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        return tuple(value.name for value in self._model.graph.output)

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return max(
            (o.version for o in self._model.opset_import if o.domain in DEFAULT_DOMAINS), default=1
        )

    def maker(self, tensor: str) -> NodeProto | None:
        """Find the node whose output this is; None for inputs and constants."""
        if self._makers is None:
            self._makers = {output: node for node in self._nodes for output in node.output}
        return self._makers.get(tensor)

    def readers(self, tensor: str) -> tuple[NodeProto, ...]:
        """List the nodes that read it, each once, those with subgraphs that capture it too."""
        if self._readers is None:
            self._readers = {}
            for node in self._nodes:
                for name in dict.fromkeys(_reads(node)):
                    self._readers.setdefault(name, []).append(node)
        return tuple(self._readers.get(tensor, ()))

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """Give the stored value, read-only; None where it is computed or fed."""
        if tensor not in self._constants:
            return None
        if tensor not in self._arrays:
            array = numpy_helper.to_array(self._constants[tensor]).view()
            array.flags.writeable = False
            self._arrays[tensor] = array
        return self._arrays[tensor]

    def shape(self, tensor: str) -> Shape | None:
        """Give sizes, names, None for unknown ones; None where not even the rank is known.

        Of the tensors that the graph had when it was opened: changes are not followed.
        """
        value = self._types.get(tensor)
        return None if value is None else shape_of(value)

    def rank(self, tensor: str) -> int | None:
        """Give the number of dimensions, where inference knows it."""
        shape = self.shape(tensor)
        return None if shape is None else len(shape)

    def is_float(self, tensor: str) -> bool:
        """Whether inference finds it to be float32."""
        value = self._types.get(tensor)
        return value is not None and value.type.tensor_type.elem_type == TensorProto.FLOAT

    def fresh(self, base: str) -> str:
        """Reserve a name that nothing has yet, ``base`` where that is free."""
        name, place = base, 1
        while name in self._taken:
            name, place = f"{base}_{place}", place + 1
        self._taken.add(name)
        return name

    def store(self, base: str, array: NDArray[Any]) -> str:
        """Add a constant; returns its name, which is ``base`` or close to it."""
        name = self.fresh(base)
        self._constants[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        self._changed()
        return name

    def replace(self, node: NodeProto, new: Sequence[NodeProto]) -> None:
        """Put ``new`` where ``node`` stood; empty to remove it."""
        place = self._place(node)
        self._nodes[place : place + 1] = new
        self._changed()

    def insert(self, new: Sequence[NodeProto], *, before: NodeProto) -> None:
        """Put nodes before another."""
        place = self._place(before)
        self._nodes[place:place] = new
        self._changed()

    def set_input(self, node: NodeProto, place: int, tensor: str) -> None:
        """Let input ``place`` of ``node`` read another tensor."""
        node.input[place] = tensor
        self._changed()

    def require(self, domain: str, version: int) -> None:
        """Note that nodes of an operator domain are used."""
        if all(entry.domain != domain for entry in self._model.opset_import):
            self._model.opset_import.append(onnx.helper.make_opsetid(domain, version))

    def finish(self) -> bytes:
        """Serialise the graph without what nothing reads, checked; the same bytes every time.

        Raises
        ------
        InvalidInput
            The changes left an invalid graph.
        """
        self._drop_unread()
        graph = self._model.graph
        self._model.ir_version = max(self._model.ir_version, FREE_CONSTANTS)
        fed = [value for value in graph.input if value.name in self._inputs]
        del graph.input[:], graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.input.extend(fed)
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._constants.values())
        return dump_graph(self._model)

    def _name_nodes(self) -> None:
        taken = {node.name for node in self._nodes}
        seen = {""}
        for place, node in enumerate(self._nodes):
            if node.name in seen:
                node.name = f"{node.op_type}_{place}"
                while node.name in taken:
                    node.name += "_"
                taken.add(node.name)
            seen.add(node.name)

    def _store_constants(self) -> None:
        kept = []
        for node in self._nodes:
            array = self._folded(node)
            if array is None:
                kept.append(node)
            else:
                name = node.output[0]
                self._constants[name] = numpy_helper.from_array(array, name)
        self._nodes = kept

    def _folded(self, node: NodeProto) -> NDArray[Any] | None:
        if node.output and node.output[0] in self.outputs:
            return None  # an output must come from a node
        if node.op_type == "Constant" and node.domain in DEFAULT_DOMAINS:
            value = attribute(node, "value")
            return numpy_helper.to_array(value) if isinstance(value, TensorProto) else None
        if node.op_type == "Transpose":
            array = self.constant(node.input[0])
            if array is not None:
                return np.ascontiguousarray(array.transpose(attribute(node, "perm")))
        return None

    def _drop_unread(self) -> None:
        wanted = set(self.outputs)
        kept = []
        for node in reversed(self._nodes):
            if any(output in wanted for output in node.output):
                wanted.update(_reads(node))
                kept.append(node)
        self._nodes = kept[::-1]
        self._constants = {n: t for n, t in self._constants.items() if n in wanted}
        self._changed()

    def _place(self, node: NodeProto) -> int:
        return next(place for place, other in enumerate(self._nodes) if other is node)

    def _changed(self) -> None:
        self._makers = self._readers = None


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """Read an attribute; ``default`` without one."""
    for entry in node.attribute:
        if entry.name == name:
            return onnx.helper.get_attribute_value(entry)
    return default


def _reads(node: NodeProto) -> Iterator[str]:
    yield from (name for name in node.input if name)
    for entry in node.attribute:
        for graph in _subgraphs(entry):
            yield from _captured(graph)


def _subgraphs(entry: AttributeProto) -> Iterator[GraphProto]:
    if entry.HasField("g"):
        yield entry.g
    yield from entry.graphs


def _captured(graph: GraphProto) -> Iterator[str]:
    """Names that a subgraph reads from outside."""
    own = {value.name for value in graph.input} | {t.name for t in graph.initializer}
    for node in graph.node:
        yield from (name for name in _reads(node) if name not in own)
        own.update(node.output)
    yield from (value.name for value in graph.output if value.name not in own)
