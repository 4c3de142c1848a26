"""QuantizeLinear, DequantizeLinear and what quantized operators share.

A tensor of uint8 with zero point z is an int8 tensor with zero point z - 128 here; the builder remembers which ones
are so (``FoldingBuilder.unsigned``), and whoever needs ONNX's own numbers gets them by a node that adds 128.
"""

from __future__ import annotations

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.elementwise import cast
from microgen.frontends.onnx.matrices import shifted
from microgen.frontends.onnx.reading import element_type
from microgen.mindir import Array, DType, QuantParams, Value
from microgen.ops.add import Add
from microgen.ops.base import Op
from microgen.ops.dequantize import Dequantize
from microgen.ops.div import Div
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mul import Mul
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import Reshape
from microgen.ops.rounding import Round

_STORED = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)


def params(n: Context, scale: int, zero_point: int, dtype: DType, axis: int | None = None) -> QuantParams | None:
    """The quantization of the constants at these inputs, for MindIR's element type: of uint8 that of the int8 tensor.

    None when they are computed at run time or cannot be expressed (a scale of 0, say).
    """
    scales, zeros = n.data(scale), n.data(zero_point) if n.has(zero_point) else np.zeros((), np.int64)
    if scales is None or zeros is None or scales.dtype != np.float32 or zeros.size not in (1, scales.size):
        return None
    shift = 128 if dtype is DType.UINT8 else 0
    flat = np.broadcast_to(zeros.reshape(-1), (scales.size,))
    try:
        return QuantParams(
            tuple(float(s) for s in scales.reshape(-1)),
            tuple(int(z) - shift for z in flat),
            None if scales.size == 1 else axis,
        )
    except VerifyError:
        return None


def stored(n: Context, data: Array, quant: QuantParams, name: str) -> Value:
    """A quantized constant; uint8 becomes int8."""
    if data.dtype == np.uint8:
        data = (data.astype(np.int16) - 128).astype(np.int8)
    return n.b.constant(data, f"{name}/quantized", quant)


def quantized(n: Context, x: int, scale: int, zero_point: int, axis: int | None = None) -> Value | None:
    """The input at ``x`` as a tensor with the quantization of the inputs at ``scale`` and ``zero_point``.

    None when it is not expressible so. VerifyError when it was quantized with other parameters.
    """
    item = n.item(x)
    data = n.data(x)
    unsigned = isinstance(item, Value) and item in n.b.unsigned
    try:
        dtype = DType.UINT8 if unsigned else DType(str(n.dtype(x)))
    except ValueError:
        raise VerifyError(f"element type {n.dtype(x)} is not supported") from None
    quant = params(n, scale, zero_point, dtype, axis)
    if quant is None or dtype not in _STORED:
        return None
    if data is not None:
        return stored(n, data, quant, item.name)
    assert isinstance(item, Value)
    if item.type.quant is not None and (unsigned or dtype is not DType.UINT8):
        if item.type.quant != quant:
            raise VerifyError(f"{item.name!r} was quantized with other parameters: {item.type.quant}, not {quant}")
        return item
    if item.type.quant is None and item in n.b.inputs and dtype in (DType.INT8, DType.UINT8):
        own = quant if dtype is DType.INT8 else QuantParams(quant.scales, tuple(z + 128 for z in quant.zero_points))
        if quant.axis is None:
            item = n.b.retyped_input(item, own)
    if item.type.quant is None or dtype is not DType.UINT8:
        return item if item.type.quant == quant else None
    if item.type.quant.scales != quant.scales or item.type.quant.zero_points[0] != quant.zero_points[0] + 128:
        raise VerifyError(f"{item.name!r} was quantized with other parameters: {item.type.quant}")
    return n.b.add(Quantize(DType.INT8), item, quant=quant)


def signed_result(n: Context, op: Op, inputs: tuple[Value | None, ...], scale: int, zero_point: int) -> Value | None:
    """``op`` in int8, its output quantized as the inputs at ``scale`` and ``zero_point`` say; None when they are not
    known or not 8 bits wide.
    """
    output = result_type(n, scale, zero_point)
    if output is None:
        return None
    result = n.b.add(op, *inputs, quant=output)
    mark(n, result, zero_point)
    return result


def result_type(n: Context, scale: int, zero_point: int) -> QuantParams | None:
    """The quantization of an 8-bit result."""
    dtype = n.dtype(zero_point) if n.has(zero_point) else np.dtype(np.uint8)
    if dtype not in (np.int8, np.uint8):
        return None
    quant = params(n, scale, zero_point, DType(str(dtype)))
    return quant if quant is not None and quant.is_per_tensor else None


def mark(n: Context, result: Value, zero_point: int) -> None:
    """Remember that ``result`` is uint8 for ONNX when its zero point is."""
    if not n.has(zero_point) or n.dtype(zero_point) == np.uint8:
        n.b.unsigned.add(result)


def _axis(n: Context, rank: int) -> int | None:
    if n.attrs.integer("block_size", 0):
        raise VerifyError("attribute block_size: quantization by blocks is not supported")
    axis = n.attrs.integer("axis", 1)
    return axis % rank if rank and -rank <= axis < rank else None


def _fits(n: Context, value: Value, axis: int | None, rank_of: Value) -> Value:
    """A scale or zero point in a shape that broadcasts to the operand."""
    if value.type.elements == 1:
        return n.b.add(Reshape(()), value) if value.shape else value
    if axis is None or value.shape != (rank_of.shape[axis],):
        raise VerifyError(f"a scale or zero point of shape {list(value.shape)} does not fit {list(rank_of.shape)}")
    return n.b.add(Reshape((value.shape[0], *(1,) * (len(rank_of.shape) - 1 - axis))), value)


@translates("QuantizeLinear")
def _quantize(n: Context) -> Results:
    x = n.x(0)
    axis = _axis(n, len(x.shape))
    number = n.attrs.integer("output_dtype", 0)
    dtype = element_type(number) if number else (n.x(2).type.dtype if n.has(2) else DType.UINT8)
    if dtype not in (DType.INT8, DType.UINT8, DType.INT16, DType.UINT16):
        raise VerifyError(f"quantization to {dtype} is not supported")
    quant = params(n, 1, 2, dtype, axis)
    plain = x.type.dtype is DType.FLOAT32 and n.attrs.integer("precision", 0) in (0, 1)
    fits = quant is not None and (quant.axis is None or len(quant.scales) == x.shape[quant.axis])
    if plain and fits and dtype is not DType.UINT16:
        result = n.b.add(Quantize(DType.INT8 if dtype is DType.UINT8 else dtype), x, quant=quant)
        if dtype is DType.UINT8:
            n.b.unsigned.add(result)
        return result
    scale = n.x(1)
    operand = x if x.type.dtype is scale.type.dtype else cast(n, x, scale.type.dtype)
    return rounded(n, n.b.add(Div(), operand, _fits(n, scale, axis, x)), n.opt(2), dtype, axis)


def rounded(n: Context, x: Value, zero_point: Value | None, dtype: DType, axis: int | None = None) -> Value:
    """``x`` rounded (halves to even), plus the zero point, clamped to ``dtype``: ONNX's own arithmetic."""
    y = n.b.add(Round(), x)
    if zero_point is not None:
        y = n.b.add(Add(), y, _fits(n, cast(n, zero_point, y.type.dtype), axis, x))
    low, high = dtype.limits
    y = n.b.add(Maximum(), y, n.constant(float(low), y))
    return cast(n, n.b.add(Minimum(), y, n.constant(float(high), y)), dtype)


@translates("DequantizeLinear")
def _dequantize(n: Context) -> Results:
    rank = len(n.shape(0))
    axis = _axis(n, rank)
    number = n.attrs.integer("output_dtype", 0)
    plain = n.dtype(1) == np.float32 and number in (0, 1)
    if plain and 0 not in n.shape(0):
        x = quantized(n, 0, 1, 2, axis)
        if x is not None:
            return n.b.add(Dequantize(qdq=True), x)
    scale = n.x(1)
    item = n.item(0)
    if isinstance(item, Value) and item.type.quant is not None:
        raise VerifyError(f"{item.name!r} was quantized with other parameters")
    wide = shifted(n, n.x(0), n.opt(2), axis)
    real = cast(n, wide, DType.FLOAT32 if plain else scale.type.dtype)
    result = n.b.add(Mul(), real, _fits(n, scale, axis, real))
    return cast(n, result, element_type(number)) if number else result
