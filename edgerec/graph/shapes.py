"""Types and shapes of every tensor in a graph, as far as inference can tell."""

from __future__ import annotations

from onnx import ModelProto, ValueInfoProto, helper, shape_inference

__all__ = ["Shape", "infer_types", "shape_of"]

Shape = tuple[int | str | None, ...]
LARGE = 4096
"""A stored tensor with more elements tells inference nothing but its shape: it is not copied."""


def infer_types(model: ModelProto) -> dict[str, ValueInfoProto]:
    """Find the type of each tensor by name: fed, stored and computed ones."""
    light, large = ModelProto(), []
    light.ir_version = max(model.ir_version, 4)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    light.graph.name = "shapes"
    light.graph.input.extend(model.graph.input)
    light.graph.output.extend(model.graph.output)
    light.graph.value_info.extend(model.graph.value_info)
    light.graph.node.extend(model.graph.node)
    fed = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        large.append(value)
        if _elements(value) <= LARGE:
            light.graph.initializer.append(tensor)
        elif tensor.name not in fed:
            light.graph.input.append(value)
    inferred = shape_inference.infer_shapes(light, data_prop=True).graph
    values = [*large, *inferred.input, *inferred.value_info, *inferred.output]
    return {value.name: value for value in values}


def shape_of(value: ValueInfoProto) -> Shape | None:
    """Sizes, names of free dimensions, None for one that is unknown; None without a rank."""
    if not value.type.tensor_type.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in value.type.tensor_type.shape.dim
    )


def _elements(value: ValueInfoProto) -> int:
    size = 1
    for dim in value.type.tensor_type.shape.dim:
        size *= dim.dim_value
    return size
