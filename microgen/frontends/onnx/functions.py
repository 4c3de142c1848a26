"""Operators that ONNX defines by other operators, and functions of the model itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from microgen.errors import InputError, VerifyError, one_line
from microgen.frontends.onnx.attributes import resolve
from microgen.frontends.onnx.context import Item, Known
from microgen.frontends.onnx.reading import domain, package

if TYPE_CHECKING:
    import onnx


def schema(node: onnx.NodeProto, versions: Mapping[str, int]) -> Any:
    """ONNX's definition of the node's operator in the version at hand; None when it has none."""
    onnx_ = package()
    try:
        return onnx_.defs.get_schema(node.op_type, versions.get("", 1), "")
    except onnx_.defs.SchemaError:
        return None


def check_node(node: onnx.NodeProto, versions: Mapping[str, int], ir_version: int, in_function: bool) -> None:
    """VerifyError for an operator that does not exist in this version, InputError for a malformed node."""
    if domain(node.domain):
        return
    found = schema(node, versions)
    if found is None or found.deprecated:
        raise VerifyError(f"ONNX has no operator {one_line(node.op_type, 80)} in opset {versions.get('')}")
    if not found.min_input <= len(node.input) <= found.max_input:
        raise InputError(f"has {len(node.input)} inputs, ONNX wants {found.min_input} to {found.max_input}")
    if not found.min_output <= len(node.output) <= found.max_output:
        raise InputError(f"has {len(node.output)} outputs, ONNX wants {found.min_output} to {found.max_output}")
    for attribute in node.attribute:
        known = found.attributes.get(attribute.name)
        if known is None:
            raise InputError(f"has attribute {one_line(attribute.name, 80)}, which the operator does not know")
        if not attribute.ref_attr_name and attribute.type != int(known.type.value):
            raise InputError(f"attribute {attribute.name} has the wrong type")
    given = {attribute.name for attribute in node.attribute}
    for name, attribute in found.attributes.items():
        if attribute.required and name not in given:
            raise InputError(f"lacks attribute {name}")


def has_body(node: onnx.NodeProto, versions: Mapping[str, int]) -> bool:
    """Whether ONNX defines the operator by others."""
    found = schema(node, versions)
    return found is not None and bool(found.has_function or found.has_context_dependent_function)


def body(
    node: onnx.NodeProto,
    versions: Mapping[str, int],
    items: tuple[Item | None, ...],
    outer: Mapping[str, onnx.AttributeProto] | None,
) -> onnx.FunctionProto | None:
    """ONNX's definition of the node's operator by others, for operands of these types; None when there is none.

    ``outer`` are the attributes of the function that the node itself is in.
    """
    found = schema(node, versions)
    if found is None:
        return None
    onnx_ = package()
    try:
        return _body(found, node, versions, items, outer)
    except (onnx_.shape_inference.InferenceError, onnx_.checker.ValidationError, onnx_.defs.SchemaError, ValueError):
        # The node contradicts its own definition: operands are missing or do not fit together.
        return None


def _body(
    found: Any,
    node: onnx.NodeProto,
    versions: Mapping[str, int],
    items: tuple[Item | None, ...],
    outer: Mapping[str, onnx.AttributeProto] | None,
) -> onnx.FunctionProto | None:
    onnx_ = package()
    version = versions.get("", 1)
    if found.has_function:
        fitting = [v for v in found.function_opset_versions if v <= version]
        if fitting:
            data = found.get_function_with_opset_version(max(fitting))
            result: onnx.FunctionProto = onnx_.FunctionProto.FromString(data)
            return result
    if found.has_context_dependent_function:
        fitting = [v for v in found.context_dependent_function_opset_versions if v <= version]
        if fitting:
            types = [_type(item).SerializeToString() for item in items]
            data = found.get_context_dependent_function_with_opset_version(
                max(fitting), _plain(node, outer).SerializeToString(), types
            )
            if data:
                built: onnx.FunctionProto = onnx_.FunctionProto.FromString(data)
                return built
    return None


def _plain(node: onnx.NodeProto, outer: Mapping[str, onnx.AttributeProto] | None) -> onnx.NodeProto:
    """``node`` with the attributes themselves in place of references to those of a function."""
    copy: onnx.NodeProto = package().NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        value = resolve(attribute, outer)
        if value is not None:
            copy.attribute.add().CopyFrom(value)
            copy.attribute[-1].name = attribute.name
    return copy


def _type(item: Item | None) -> onnx.TypeProto:
    onnx_ = package()
    result: onnx.TypeProto = onnx_.TypeProto()
    if item is not None:
        dtype = item.data.dtype if isinstance(item, Known) else item.type.dtype.numpy
        shape = item.data.shape if isinstance(item, Known) else item.shape
        number = onnx_.helper.np_dtype_to_tensor_dtype(dtype)
        result.CopyFrom(onnx_.helper.make_tensor_type_proto(number, list(shape)))
    return result


def arguments(
    function: onnx.FunctionProto,
    node: onnx.NodeProto,
    outer: Mapping[str, onnx.AttributeProto] | None,
    versions: Mapping[str, int],
) -> dict[str, onnx.AttributeProto]:
    """The attributes that a function's body sees: the node's own, then the defaults."""
    result = {attribute.name: attribute for attribute in function.attribute_proto}
    if not domain(node.domain) and (found := schema(node, versions)) is not None:
        for name, attribute in found.attributes.items():
            if attribute.default_value.name:
                result.setdefault(name, attribute.default_value)
    for attribute in node.attribute:
        value = resolve(attribute, outer)
        if value is not None:
            result[attribute.name] = value
    return result


def without(node: onnx.NodeProto, absent: Iterable[str]) -> onnx.NodeProto:
    """``node`` with the names of absent optional operands of its function left out."""
    gone = set(absent)
    if not gone.intersection(node.input):
        return node
    copy = package().NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(node.input):
        if name in gone:
            copy.input[i] = ""
    result: onnx.NodeProto = copy
    return result
