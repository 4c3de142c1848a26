"""Lays a .tflite file out, with the ``tflite`` package's builder functions.

How an operator is spelt in the format is said by its ``to_tflite``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Graph, Node, QuantParams, Value
from microgen.ops.base import op_of
from microgen.ops.tflite_form import Option, TFLiteForm

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
# Interpreters use weights in place: 16 bytes suit every element type and vector instruction.
_DATA_ALIGNMENT = 16
# Readers from before the schema had more operators look at the deprecated 8-bit field; 127 says "look at the other".
_LARGEST_DEPRECATED_CODE = 127
_HINT = "Save the model as .onnx, which has more operators"


def write(graph: Graph) -> bytes:
    """``graph``, each of whose nodes is one operator of the format, as the bytes of a .tflite file.

    Tensor numbers follow the order of use. Raises VerifyError for what the format cannot express.
    """
    return _Writer(graph).file()


def _form(node: Node) -> TFLiteForm:
    try:
        return op_of(node).to_tflite(node)
    except VerifyError as error:
        raise VerifyError(error.what, where=error.where or node.label, hint=error.hint or _HINT) from None


def _flexbuffer(options: Mapping[str, Option]) -> bytes:
    """A FlexBuffers map of integers."""
    from flatbuffers import flexbuffers

    builder: Any = flexbuffers.Builder()
    with builder.Map():
        for name, value in options.items():
            builder.Int(name, value)
    return bytes(builder.Finish())


class _Writer:
    def __init__(self, graph: Graph) -> None:
        import flatbuffers
        import tflite

        self._schema: Any = tflite
        self._builder: Any = flatbuffers.Builder(1 << 12)
        self._graph = graph
        self._forms = [_form(node) for node in graph.nodes]
        self._values = self._numbered()
        self._names = self._unique_names()
        self._codes: dict[tuple[str, int, bool], int] = {}
        for form in self._forms:
            self._codes.setdefault((form.operator, form.version, form.custom), len(self._codes))

    def _numbered(self) -> dict[Value, int]:
        """Tensor indices. A form may bring constants that the graph does not have (a shape, axes)."""
        order: dict[Value, None] = dict.fromkeys(self._graph.inputs)
        for node, form in zip(self._graph.nodes, self._forms, strict=True):
            order.update(dict.fromkeys(v for v in form.inputs if v is not None))
            order.update(dict.fromkeys(node.outputs))
        order.update(dict.fromkeys(self._graph.outputs))
        return {value: index for index, value in enumerate(order)}

    def _unique_names(self) -> dict[Value, str]:
        """Tensor names. Those of inputs and outputs come first: others give way to them."""
        names: dict[Value, str] = {}
        taken: set[str] = set()
        for value in dict.fromkeys((*self._graph.inputs, *self._graph.outputs, *self._values)):
            name, count = value.name, 1
            while name in taken:
                count += 1
                name = f"{value.name}_{count}"
            taken.add(name)
            names[value] = name
        return names

    def file(self) -> bytes:
        """The file."""
        # Buffer 0 is empty and serves every computed tensor.
        buffers = [self._table("Buffer", {})]
        tensors = []
        for value in self._values:
            index = 0
            if value.data is not None:
                index = len(buffers)
                buffers.append(self._table("Buffer", {"Data": self._data(value.data.tobytes())}))
            tensors.append(self._tensor(value, index))
        operators = [
            self._operator(form, node.outputs) for form, node in zip(self._forms, self._graph.nodes, strict=True)
        ]
        subgraph = self._table(
            "SubGraph",
            {
                "Tensors": self._offsets(tensors),
                "Inputs": self._indices(self._graph.inputs),
                "Outputs": self._indices(self._graph.outputs),
                "Operators": self._offsets(operators),
                "Name": self._builder.CreateString("main"),
            },
        )
        codes = [self._operator_code(*code) for code in self._codes]
        model = self._table(
            "Model",
            {
                "Version": _SCHEMA_VERSION,
                "OperatorCodes": self._offsets(codes),
                "Subgraphs": self._offsets([subgraph]),
                "Description": self._builder.CreateString("microgen"),
                "Buffers": self._offsets(buffers),
            },
        )
        self._builder.Finish(model, _IDENTIFIER)
        return bytes(self._builder.Output())

    def _tensor(self, value: Value, buffer: int) -> int:
        fields: dict[str, Any] = {
            "Name": self._builder.CreateString(self._names[value]),
            "Shape": self._numbers(value.shape, np.int32),
            "Type": getattr(self._schema.TensorType, value.type.dtype.name),
            "Buffer": buffer,
            "HasRank": True,
        }
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

    def _operator(self, form: TFLiteForm, outputs: Sequence[Value]) -> int:
        fields = {
            "OpcodeIndex": self._codes[form.operator, form.version, form.custom],
            "Inputs": self._indices(form.inputs),
            "Outputs": self._indices(outputs),
        }
        if form.custom and form.options:
            fields["CustomOptions"] = self._data(_flexbuffer(form.options))
        if form.options_table is not None:
            fields["BuiltinOptionsType"] = getattr(self._schema.BuiltinOptions, form.options_table)
            options = {name: self._option(value) for name, value in form.options.items()}
            fields["BuiltinOptions"] = self._table(form.options_table, options)
        return self._table("Operator", fields)

    # The pieces of a FlatBuffer: each returns the offset that a table's field refers to ----------------

    def _table(self, name: str, fields: dict[str, Any]) -> int:
        """A table; everything that its fields refer to is written already."""
        getattr(self._schema, f"{name}Start")(self._builder)
        for field, value in fields.items():
            getattr(self._schema, f"{name}Add{field}")(self._builder, value)
        return int(getattr(self._schema, f"{name}End")(self._builder))

    def _option(self, value: Option) -> Any:
        return self._numbers(value, np.int32) if isinstance(value, tuple) else value

    def _indices(self, values: Iterable[Value | None]) -> int:
        return self._numbers([-1 if value is None else self._values[value] for value in values], np.int32)

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
