"""Lays a .tflite file out, with the ``tflite`` package's builder functions.

How an operator is spelt in the format is said by its ``to_tflite``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgen.errors import VerifyError
from microgen.exporters.tflite import states as tflite_states
from microgen.mindir import Graph, Node, QuantParams, Value
from microgen.ops.base import op_of
from microgen.ops.packed import pack
from microgen.ops.tflite_form import Option, TFLiteForm

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
# Interpreters use weights in place: 16 bytes suit every element type and vector instruction.
_DATA_ALIGNMENT = 16
# Readers from before the schema had more operators look at the deprecated 8-bit field; 127 says "look at the other".
_LARGEST_DEPRECATED_CODE = 127
_HINT = "Save the model as .onnx, which has more operators"


def write(graph: Graph, *, int4: bool = True) -> bytes:
    """``graph``, each of whose nodes is one operator of the format, as the bytes of a .tflite file.

    Tensor numbers follow the order of use. Without ``int4`` nothing is packed. Raises VerifyError for what the format
    cannot express.
    """
    return _Writer(graph, int4).file()


def _packed(operations: Iterable[_Operation]) -> set[Value]:
    """The constants that all their readers want as int4."""
    found: dict[Value, bool] = {}
    for operation in operations:
        for place, value in enumerate(operation.form.inputs):
            if value is not None and value.data is not None:
                found[value] = found.get(value, True) and place in operation.form.int4
    return {value for value, wanted in found.items() if wanted}


def _numbered(inputs: Sequence[Value], outputs: Sequence[Value], operations: Sequence[_Operation]) -> dict[Value, int]:
    """Tensor indices. A form may bring constants that the graph does not have (a shape, axes)."""
    order: dict[Value, None] = dict.fromkeys(inputs)
    for operation in operations:
        order.update(dict.fromkeys(v for v in operation.form.inputs if v is not None))
        order.update(dict.fromkeys(operation.outputs))
    order.update(dict.fromkeys(outputs))
    return {value: index for index, value in enumerate(order)}


def _unique_names(inputs: Sequence[Value], outputs: Sequence[Value], others: Iterable[Value]) -> dict[Value, str]:
    """Tensor names. Those of inputs and outputs come first: others give way to them."""
    names: dict[Value, str] = {}
    taken: set[str] = set()
    for value in dict.fromkeys((*inputs, *outputs, *others)):
        name, count = value.name, 1
        while name in taken:
            count += 1
            name = f"{value.name}_{count}"
        taken.add(name)
        names[value] = name
    return names


def _ordinary(node: Node) -> tuple[Value, ...]:
    """``node``'s outputs but what it leaves of states."""
    left = {output for output, _ in op_of(node).state_pairs(node)}
    return tuple(value for index, value in enumerate(node.outputs) if index not in left)


def _operation(made: tuple[TFLiteForm, tuple[Value, ...]]) -> _Operation:
    return _Operation(*made)


def _form(node: Node) -> TFLiteForm:
    try:
        return op_of(node).to_tflite(node)
    except VerifyError as error:
        raise VerifyError(error.what, where=error.where or node.label, hint=error.hint or _HINT) from None


def _flexbuffer(options: Mapping[str, Option | str]) -> bytes:
    """A FlexBuffers map of numbers."""
    from flatbuffers import flexbuffers

    builder: Any = flexbuffers.Builder()
    with builder.Map():
        for name, value in options.items():
            if isinstance(value, bool):
                builder.Bool(name, value)
            elif isinstance(value, float):
                builder.Float(name, value)
            else:
                builder.Int(name, value)
    return bytes(builder.Finish())


def _code(form: TFLiteForm) -> tuple[str, int, bool]:
    """What an operator's code in the file tells."""
    return form.operator, form.version, form.custom


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operator of the file. What a node leaves of the states that its operator keeps is not among ``outputs``."""

    form: TFLiteForm
    outputs: tuple[Value, ...]


class _Writer:
    def __init__(self, graph: Graph, int4: bool) -> None:
        import flatbuffers
        import tflite

        self._schema: Any = tflite
        self._builder: Any = flatbuffers.Builder(1 << 12)
        self._graph = graph
        self._variables = tflite_states.variables(graph)
        stored = tflite_states.stored(graph, self._variables)
        self._handles = {handle for handle, _ in stored}
        self._main = [*map(_operation, tflite_states.reads(stored))]
        self._main += [_Operation(_form(node), _ordinary(node)) for node in graph.nodes]
        self._main += map(_operation, tflite_states.assignments(stored))
        self._once = [*map(_operation, tflite_states.initialization(stored))]
        self._called: dict[Graph, list[_Operation]] = {}
        self._call(self._main)
        inner = [*itertools.chain(*self._called.values())]
        self._packed = _packed([*self._main, *inner]) if int4 else set()
        self._codes: dict[tuple[str, int, bool], int] = {}
        for operation in (*self._main, *self._once, *inner):
            self._codes.setdefault(_code(operation.form), len(self._codes))
        # Buffer 0 is empty and serves every computed tensor.
        self._buffers = [self._table("Buffer", {})]

    def _call(self, operations: Sequence[_Operation]) -> None:
        """Notes the sub-graphs that operations run, and those of their operators."""
        for graph in (graph for operation in operations for graph in operation.form.graphs.values()):
            if graph not in self._called:
                self._called[graph] = [_Operation(_form(node), node.outputs) for node in graph.nodes]
                self._call(self._called[graph])

    def _place(self, graph: Graph) -> int:
        """The number of a sub-graph in the file."""
        return 1 + bool(self._once) + list(self._called).index(graph)

    def file(self) -> bytes:
        """The file."""
        subgraphs = [self._subgraph("main", self._graph.inputs, self._graph.outputs, self._main)]
        if self._once:
            subgraphs.append(self._subgraph("once", (), (), self._once))
        subgraphs += [self._subgraph(g.name, g.inputs, g.outputs, made) for g, made in self._called.items()]
        codes = [self._operator_code(*code) for code in self._codes]
        model = self._table(
            "Model",
            {
                "Version": _SCHEMA_VERSION,
                "OperatorCodes": self._offsets(codes),
                "Subgraphs": self._offsets(subgraphs),
                "Description": self._builder.CreateString("microgen"),
                "Buffers": self._offsets(self._buffers),
            },
        )
        self._builder.Finish(model, _IDENTIFIER)
        return bytes(self._builder.Output())

    def _subgraph(
        self, name: str, inputs: Sequence[Value], outputs: Sequence[Value], operations: Sequence[_Operation]
    ) -> int:
        numbers = _numbered(inputs, outputs, operations)
        names = _unique_names(inputs, outputs, numbers)
        tensors = []
        for value in numbers:
            index = 0
            if value.data is not None:
                index = len(self._buffers)
                data = pack(value.data) if value in self._packed else value.data
                self._buffers.append(self._table("Buffer", {"Data": self._data(data.tobytes())}))
            tensors.append(self._tensor(value, names[value], index))
        made = [self._operator(operation, numbers) for operation in operations]
        return self._table(
            "SubGraph",
            {
                "Tensors": self._offsets(tensors),
                "Inputs": self._indices(inputs, numbers),
                "Outputs": self._indices(outputs, numbers),
                "Operators": self._offsets(made),
                "Name": self._builder.CreateString(name),
            },
        )

    def _tensor(self, value: Value, name: str, buffer: int) -> int:
        kind = "RESOURCE" if value in self._handles else "INT4" if value in self._packed else value.type.dtype.name
        fields: dict[str, Any] = {
            "Name": self._builder.CreateString(name),
            "Shape": self._numbers(value.shape, np.int32),
            "Type": getattr(self._schema.TensorType, kind),
            "Buffer": buffer,
            "HasRank": True,
        }
        if value in self._variables:
            fields["IsVariable"] = True
        if value.type.quant is not None:
            fields["Quantization"] = self._quantization(value.type.quant)
        return self._table("Tensor", fields)

    def _quantization(self, quant: QuantParams) -> int:
        fields = {
            "Scale": self._numbers(quant.scales, np.float32),
            "ZeroPoint": self._numbers(quant.zero_points, np.int64),
            "QuantizedDimension": quant.axis or 0,
        }
        return self._table("QuantizationParameters", fields)

    def _operator_code(self, name: str, version: int, custom: bool) -> int:
        if custom:
            fields = {
                "DeprecatedBuiltinCode": self._schema.BuiltinOperator.CUSTOM,
                "CustomCode": self._builder.CreateString(name),
                "BuiltinCode": self._schema.BuiltinOperator.CUSTOM,
                "Version": version,
            }
            return self._table("OperatorCode", fields)
        code = getattr(self._schema.BuiltinOperator, name, None)
        if code is None:
            raise VerifyError(f"TensorFlow Lite has no operator {name}", where=self._graph.name)
        fields = {
            "DeprecatedBuiltinCode": min(code, _LARGEST_DEPRECATED_CODE),
            "BuiltinCode": code,
            "Version": version,
        }
        return self._table("OperatorCode", fields)

    def _operator(self, operation: _Operation, numbers: Mapping[Value, int]) -> int:
        form = operation.form
        fields = {
            "OpcodeIndex": self._codes[_code(form)],
            "Inputs": self._indices(form.inputs, numbers),
            "Outputs": self._indices(operation.outputs, numbers),
        }
        if form.custom and form.options:
            fields["CustomOptions"] = self._data(_flexbuffer(form.options))
        if form.options_table is not None:
            fields["BuiltinOptionsType"] = getattr(self._schema.BuiltinOptions, form.options_table)
            options = {name: self._option(value) for name, value in form.options.items()}
            options |= {name: self._place(graph) for name, graph in form.graphs.items()}
            fields["BuiltinOptions"] = self._table(form.options_table, options)
        return self._table("Operator", fields)

    # The pieces of a FlatBuffer: each returns the offset that a table's field refers to ----------------

    def _table(self, name: str, fields: dict[str, Any]) -> int:
        """A table; everything that its fields refer to is written already."""
        getattr(self._schema, f"{name}Start")(self._builder)
        for field, value in fields.items():
            getattr(self._schema, f"{name}Add{field}")(self._builder, value)
        return int(getattr(self._schema, f"{name}End")(self._builder))

    def _option(self, value: Option | str) -> Any:
        if isinstance(value, str):
            return self._builder.CreateString(value)
        return self._numbers(value, np.int32) if isinstance(value, tuple) else value

    def _indices(self, values: Iterable[Value | None], numbers: Mapping[Value, int]) -> int:
        return self._numbers([-1 if value is None else numbers[value] for value in values], np.int32)

    def _numbers(self, values: Sequence[float], dtype: type[np.generic]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, dtype)))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _data(self, data: bytes) -> int:
        # Aligned first: the vector of bytes that follows then starts at a multiple of its size, padded in front.
        self._builder.StartVector(1, len(data), _DATA_ALIGNMENT)
        self._builder.head -= len(data)
        self._builder.Bytes[self._builder.head : self._builder.head + len(data)] = data
        return int(self._builder.EndVector())
