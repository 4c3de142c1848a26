"""Between real numbers and the integers that stand for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.mindir import Array, DType, QuantParams, Value


def quantized_array(array: Array, quant: QuantParams, dtype: DType = DType.INT8) -> Array:
    """float32 as integers, as the operator Quantize rounds."""
    real: NDArray[np.float32] = array.astype(np.float32)
    return arith.quantize_float(real, quant.scale, quant.zero_point, *dtype.limits).astype(dtype.numpy)


def dequantized_array(array: Array, quant: QuantParams) -> Array:
    """Integers with one scale as float32, as the operator Dequantize computes."""
    integers: NDArray[np.int32] = array.astype(np.int32)
    centred: NDArray[np.float32] = (integers - quant.zero_point).astype(np.float32)
    real: NDArray[np.float32] = centred * np.float32(quant.scale)
    return real


def real_array(array: Array, value: Value) -> Array:
    """``array``, held by ``value``, in real numbers."""
    quant = value.type.quant
    if quant is not None:
        return dequantized_array(array, quant)
    real: NDArray[np.float32] = array.astype(np.float32)
    return real


def dequantized(value: Value) -> Array:
    """The real numbers that an integer constant stands for, in float32."""
    quant = value.type.quant
    assert quant is not None
    shape = [-1 if i == quant.axis else 1 for i in range(len(value.shape))]
    scales, zeros = np.array(quant.scales), np.array(quant.zero_points)
    if quant.is_per_tensor:
        shape = [1] * len(value.shape)
    real: NDArray[np.float64] = (value.const.astype(np.float64) - zeros.reshape(shape)) * scales.reshape(shape)
    return real.astype(np.float32)
