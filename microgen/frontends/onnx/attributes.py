"""Attributes of a node as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from microgen.errors import VerifyError, one_line
from microgen.frontends.onnx.reading import package
from microgen.frontends.onnx.tensors import Tensors
from microgen.ops.onnx_form import Attribute

if TYPE_CHECKING:
    import onnx


def read(
    node: onnx.NodeProto, tensors: Tensors, given: Mapping[str, onnx.AttributeProto] | None
) -> tuple[dict[str, Attribute], dict[str, Any]]:
    """(plain attributes, subgraphs) by name; ``given`` are those of the function whose body the node stands in."""
    plain: dict[str, Attribute] = {}
    graphs: dict[str, Any] = {}
    for attribute in node.attribute:
        name = attribute.name
        found = resolve(attribute, given)
        if found is None:
            continue
        if found.type == package().AttributeProto.GRAPH:
            graphs[name] = found.g
        else:
            plain[name] = _value(found, tensors)
    return plain, graphs


def resolve(
    attribute: onnx.AttributeProto, given: Mapping[str, onnx.AttributeProto] | None
) -> onnx.AttributeProto | None:
    """The attribute itself, or the function's one that it refers to; None when that is not given."""
    if not attribute.ref_attr_name:
        return attribute
    return (given or {}).get(attribute.ref_attr_name)


def _value(attribute: onnx.AttributeProto, tensors: Tensors) -> Attribute:
    kinds = package().AttributeProto
    kind = attribute.type
    if kind == kinds.FLOAT:
        return float(attribute.f)
    if kind == kinds.INT:
        return int(attribute.i)
    if kind == kinds.STRING:
        return _text(attribute.s)
    if kind == kinds.TENSOR:
        return tensors.array(attribute.t)
    if kind == kinds.FLOATS:
        return tuple(float(v) for v in attribute.floats)
    if kind == kinds.INTS:
        return tuple(int(v) for v in attribute.ints)
    if kind == kinds.STRINGS:
        return tuple(_text(v) for v in attribute.strings)
    raise VerifyError(f"attribute {one_line(attribute.name, 80)} has an unsupported type")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")
