"""Writes .tflite files from plain dictionaries, sensible or not: what the frontend must cope with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
import tflite

_CHILDREN = {
    "Subgraphs": "SubGraph",
    "OperatorCodes": "OperatorCode",
    "Buffers": "Buffer",
    "Tensors": "Tensor",
    "Operators": "Operator",
    "Quantization": "QuantizationParameters",
    "Sparsity": "SparsityParameters",
    "Details": "CustomQuantization",
}


def write(model: Mapping[str, Any], identifier: bytes = b"TFL3") -> bytes:
    """The file of a ``Model``; fields go by their names in the package's accessors.

    A dictionary is a table, a list of dictionaries a vector of tables, an array a vector of numbers; ``("X", {…})``
    gives an options table with its type's name.
    """
    builder = flatbuffers.Builder(0)
    builder.Finish(_table(builder, "Model", model), identifier)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, name: str, fields: Mapping[str, Any]) -> int:
    written = {field: _value(builder, field, value) for field, value in fields.items()}
    getattr(tflite, f"{name}Start")(builder)
    for field, value in written.items():
        getattr(tflite, f"{name}Add{field}")(builder, value)
    return getattr(tflite, f"{name}End")(builder)


def _value(builder: flatbuffers.Builder, field: str, value: Any) -> Any:
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, dict):
        return _table(builder, _CHILDREN[field], value)
    if isinstance(value, tuple):
        return _table(builder, *value)
    if isinstance(value, list):
        tables = [_table(builder, _CHILDREN[field], item) for item in value]
        builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            builder.PrependUOffsetTRelative(table)
        return builder.EndVector()
    return value


def ints(*values: int) -> np.ndarray:
    """A vector of int32."""
    return np.array(values, np.int32)


def tensor(name: str, shape: tuple[int, ...] = (1, 4), **fields: Any) -> dict[str, Any]:
    """An int8 tensor with scale 0.5 and zero point 3; ``fields`` replace or add to it."""
    quantization = {"Scale": np.array([0.5], np.float32), "ZeroPoint": np.array([3], np.int64)}
    return {
        "Name": name,
        "Shape": ints(*shape),
        "Type": tflite.TensorType.INT8,
        "Quantization": quantization,
    } | fields


def operator(code: int, inputs: tuple[int, ...], outputs: tuple[int, ...], **fields: Any) -> dict[str, Any]:
    """An operator without options."""
    return {"OpcodeIndex": code, "Inputs": ints(*inputs), "Outputs": ints(*outputs)} | fields


def add_relu() -> dict[str, Any]:
    """``result = RELU(image + offset)``: tensors 0 to 3 are image, offset (a constant), total and result."""
    return {
        "Version": 3,
        "OperatorCodes": [
            {"BuiltinCode": tflite.BuiltinOperator.ADD, "Version": 1},
            {"BuiltinCode": tflite.BuiltinOperator.RELU, "DeprecatedBuiltinCode": tflite.BuiltinOperator.RELU},
        ],
        "Buffers": [{}, {"Data": np.arange(4, dtype=np.uint8)}],
        "Subgraphs": [
            {
                "Tensors": [tensor("image"), tensor("offset", Buffer=1), tensor("total"), tensor("result")],
                "Inputs": ints(0),
                "Outputs": ints(3),
                "Operators": [operator(0, (0, 1), (2,)), operator(1, (2,), (3,))],
            }
        ],
    }
