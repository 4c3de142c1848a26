"""Lays out a .mindir file: parameters, constants, nodes, and in which order of dimensions a value is at hand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.mindspore import schema
from microgen.mindir import Array, DType, Graph, Node, Value
from microgen.ops.layout import Permutation, inverse

NHWC: Permutation = (0, 2, 3, 1)
NCHW: Permutation = inverse(NHWC)

#: What attributes and constant inputs hold.
Literal: TypeAlias = "bool | int | float | str | tuple[Literal, ...]"
Type: TypeAlias = "tuple[DType, tuple[int, ...]]"

_PRODUCER = "microgen"
_IR_VERSION = "1.1"
_VERSION = 3
_NUMBERS = {name: number for number, name in reversed(schema.DATA_TYPES.items())}
_BOOL, _INT64, _FLOAT = 9, 7, 1


class Writer:
    """One file in the making. ``label`` names the nodes that are added."""

    def __init__(self, graph: Graph) -> None:
        self._source = graph
        self._model = schema.new(
            "Model", ir_version=_IR_VERSION.encode(), producer_name=_PRODUCER.encode(), model_version=b"1"
        )
        self._graph = self._model.graph
        self._prefix = _clean(graph.name) or "model"
        self._graph.name = self._prefix.encode()
        self._taken: set[str] = set()
        self._plain: dict[Value, str] = {}
        self._nchw: dict[Value, str] = {}
        self._literals: dict[tuple[str, Literal], str] = {}
        self._primitives: dict[tuple[str, tuple[tuple[str, Literal], ...]], str] = {}
        self._none: str | None = None
        self.label = ""
        for value in graph.inputs:
            name = self._unique(f"{self._prefix}:{_clean(value.name)}")
            info = self._graph.input.add(name=name.encode())
            _describe(info.tensor.add(), (value.type.dtype, value.shape))
            self._plain[value] = name

    # Values -------------------------------------------------------------------------------------------

    def plain(self, value: Value) -> str:
        """The name of ``value`` with its dimensions in the graph's order."""
        if value not in self._plain:
            if value.is_const:
                self._plain[value] = self.parameter(value.const, value.name)
            else:
                assert value in self._nchw, value.name
                kind = (value.type.dtype, value.shape)
                self._plain[value] = self.add("Transpose", [self._nchw[value], self.literal(NHWC)], kind)
        return self._plain[value]

    def nchw(self, value: Value) -> str:
        """The name of the image ``value`` [N, H, W, C] as [N, C, H, W]."""
        if value not in self._nchw:
            kind = (value.type.dtype, permuted(value.shape))
            if value.is_const:
                self._nchw[value] = self.parameter(np.transpose(value.const, NCHW), value.name)
            else:
                self._nchw[value] = self.add("Transpose", [self.plain(value), self.literal(NCHW)], kind)
        return self._nchw[value]

    def is_image(self, value: Value) -> bool:
        """Whether ``value`` is at hand as [N, C, H, W] alone."""
        return value in self._nchw and value not in self._plain

    def set_plain(self, value: Value, name: str) -> None:
        """``name`` holds ``value``."""
        self._plain[value] = name

    def set_nchw(self, value: Value, name: str) -> None:
        """``name`` holds the image ``value`` as [N, C, H, W]."""
        self._nchw[value] = name

    def parameter(self, data: Array, name: str) -> str:
        """A weight."""
        full = self._unique(f"{self._prefix}:{_clean(name) or 'weight'}")
        message = self._graph.parameter.add(name=full.encode(), ref_key=full.split(":", 1)[1].encode())
        _describe(message, (DType(data.dtype.name), data.shape))
        message.raw_data = np.ascontiguousarray(data).astype(data.dtype.newbyteorder("<")).tobytes()
        message.compression_type = 0
        return full

    def literal(self, value: Literal) -> str:
        """The name of a constant that is no weight: a shape, an axis, a flag."""
        key = (_spelled(value), value)
        if key not in self._literals:
            name = f"constant_{len(self._literals)}"
            node = self._graph.node.add(name=name.encode(), op_type=b"Constant", output=[name.encode()])
            _fill(node.attribute.add(name=b"value"), value)
            self._literals[key] = name
        return self._literals[key]

    def nothing(self) -> str:
        """The name of the constant None."""
        if self._none is None:
            self._none = "nothing"
            node = self._graph.node.add(name=b"nothing", op_type=b"Constant", output=[b"nothing"])
            node.attribute.add(name=b"value", type=schema.NONE)
        return self._none

    # Nodes --------------------------------------------------------------------------------------------

    def add(
        self, primitive: str, inputs: Sequence[str], result: Type, attributes: Mapping[str, Literal] | None = None
    ) -> str:
        """A node with one result, whose name is returned."""
        node = self._node(primitive, inputs, attributes)
        shape = node.attribute.add(name=b"shape", type=schema.TENSORS)
        _describe(shape.tensors.add(), result)
        return str(node.name.decode())

    def add_tuple(
        self,
        primitive: str,
        inputs: Sequence[str],
        results: Sequence[Type],
        attributes: Mapping[str, Literal] | None = None,
    ) -> str:
        """A node whose result is a tuple."""
        node = self._node(primitive, inputs, attributes)
        shape = node.attribute.add(name=b"shape", type=schema.TUPLE)
        for result in results:
            _describe(shape.values.add(type=schema.TENSORS).tensors.add(), result)
        return str(node.name.decode())

    def element(self, name: str, index: int, result: Type) -> str:
        """An element of a tuple."""
        return self.add("TupleGetItem", [name, self.literal(index)], result)

    def _node(self, primitive: str, inputs: Sequence[str], attributes: Mapping[str, Literal] | None) -> Any:
        key = (primitive, tuple(sorted((attributes or {}).items())))
        if key not in self._primitives:
            reference = f"{primitive}:{len(self._primitives)}"
            self._primitives[key] = reference
            message = self._model.primitives.add(name=reference.encode(), op_type=primitive.encode())
            for attribute, value in (attributes or {}).items():
                _fill(message.attribute.add(name=attribute.encode()), value)
        label = _clean(self.label) or primitive
        name = self._unique(f"{self._prefix}:{label}").encode()
        return self._graph.node.add(
            name=name,
            output=[name],
            input=[i.encode() for i in inputs],
            op_type=f"REF::{self._primitives[key]}".encode(),
            domain=f"Default/{label}".encode(),
        )

    def _unique(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate

    def file(self) -> bytes:
        """The file."""
        names = [self.plain(value) for value in self._source.outputs]
        kinds = [(value.type.dtype, value.shape) for value in self._source.outputs]
        self.label = "output"
        if len(names) == 1:
            info = self._graph.output.add(name=names[0].encode())
            _describe(info.tensor.add(), kinds[0])
        else:
            info = self._graph.output.add(name=self.add_tuple("MakeTuple", names, kinds).encode())
            info.attr_info.type = schema.TUPLE
            for kind in kinds:
                _describe(info.attr_info.values.add(type=schema.TENSORS).tensors.add(), kind)
        self._model.little_endian = True
        self._model.mind_ir_version = _VERSION
        return bytes(self._model.SerializeToString(deterministic=True))


def kind_of(value: Value) -> Type:
    """Element type and shape."""
    return value.type.dtype, value.shape


def image_of(value: Value) -> Type:
    """Element type and shape of an image as [N, C, H, W]."""
    return value.type.dtype, permuted(value.shape)


def permuted(shape: Sequence[int], permutation: Permutation = NCHW) -> tuple[int, ...]:
    """A shape with its dimensions rearranged."""
    if len(shape) != len(permutation):
        raise VerifyError(f"{list(shape)} is no image")
    return tuple(shape[i] for i in permutation)


def unsupported(node: Node, what: str) -> VerifyError:
    """The error for a node that no primitive expresses."""
    return VerifyError(f"{what} cannot be written to a .mindir file", where=node.label)


def _clean(name: str) -> str:
    """``name`` of characters that mean nothing in MindSpore's names."""
    return re.sub(r"[^A-Za-z0-9_./-]+", "_", name)[:120]


def _describe(message: Any, kind: Type) -> None:
    dtype, shape = kind
    message.dims.extend(shape)
    message.data_type = _NUMBERS[dtype.value]


def _spelled(value: Literal) -> str:
    """Tells 1, 1.0 and True apart, which are equal as keys."""
    return f"({','.join(map(_spelled, value))})" if isinstance(value, tuple) else type(value).__name__


def _fill(message: Any, value: Literal, *, inside: bool = False) -> None:
    """An attribute's value; inside of a tuple scalars stand in lists."""
    if isinstance(value, tuple):
        message.type = schema.TUPLE
        for part in value:
            _fill(message.values.add(), part, inside=True)
        return
    single, several = "i", message.ints
    data: Any = value
    if isinstance(value, str):
        message.type, single, several, data = schema.STRING, "s", message.strings, value.encode()
    elif isinstance(value, bool):
        message.type, data = _BOOL, int(value)
    elif isinstance(value, int):
        message.type = _INT64
    else:
        assert not math.isnan(value)
        message.type, single, several = _FLOAT, "f", message.floats
    if inside:
        several.append(data)
    else:
        setattr(message, single, data)
