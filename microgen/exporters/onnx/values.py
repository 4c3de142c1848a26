"""Values as the file and the operators' own spellings see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from microgen.errors import VerifyError
from microgen.mindir import DType, TensorType, Value
from microgen.ops.layout import Permutation
from microgen.ops.onnx_form import Attribute

TYPES: Mapping[DType, int] = {
    DType.FLOAT32: onnx.TensorProto.FLOAT,
    DType.FLOAT16: onnx.TensorProto.FLOAT16,
    DType.FLOAT64: onnx.TensorProto.DOUBLE,
    DType.INT8: onnx.TensorProto.INT8,
    DType.UINT8: onnx.TensorProto.UINT8,
    DType.INT16: onnx.TensorProto.INT16,
    DType.UINT16: onnx.TensorProto.UINT16,
    DType.INT32: onnx.TensorProto.INT32,
    DType.UINT32: onnx.TensorProto.UINT32,
    DType.INT64: onnx.TensorProto.INT64,
    DType.UINT64: onnx.TensorProto.UINT64,
    DType.BOOL: onnx.TensorProto.BOOL,
}


def plain(permutation: Permutation) -> Permutation:
    """() for the permutation that changes nothing."""
    return () if permutation == tuple(range(len(permutation))) else permutation


def stand_in(value: Value, permutation: Permutation) -> Value:
    """A float value of ``value``'s rearranged shape, for an operator's own spelling."""
    shape = value.shape
    if permutation:
        shape = (1,) * (len(permutation) - len(shape)) + shape
        shape = tuple(shape[i] for i in permutation)
    dtype = DType.FLOAT32 if is_quantized(value) else value.type.dtype
    data = None
    if value.is_const and not is_quantized(value):
        data = np.ascontiguousarray(
            np.transpose(
                value.const.reshape((1,) * (len(permutation) - value.const.ndim) + value.const.shape), permutation
            )
            if permutation
            else value.const
        )
        data = data.reshape(shape)
    return Value(value.name, TensorType(dtype, shape), data)


def is_quantized(value: Value) -> bool:
    """Whether the file has ``value`` as integers behind QuantizeLinear."""
    return value.type.quant is not None


def info(name: str, value: Value) -> Any:
    """The ValueInfoProto of an input or output."""
    return helper.make_tensor_value_info(name, TYPES[value.type.dtype], value.shape)


def attribute(value: Attribute) -> Any:
    """What the package ``onnx`` takes for an attribute; VerifyError for NumPy's scalars."""
    if isinstance(value, np.ndarray):
        return numpy_helper.from_array(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, np.generic):
        raise VerifyError(f"attribute value {value!r} is no plain number")
    return value
