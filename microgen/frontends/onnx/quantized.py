"""Operators that compute with quantized tensors: ONNX's QLinear* and those that onnxruntime adds.

They become MindIR's int8 operators, whose rounding is TensorFlow Lite's: results may differ from ONNX's, which rounds
once and halves to even, by one step. Where weights do not fit those operators ONNX's own arithmetic is spelt out.
"""

from __future__ import annotations

import math

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.convolutions import convolve, integer_sums
from microgen.frontends.onnx.elementwise import cast
from microgen.frontends.onnx.linear_quantization import mark, quantized, result_type, rounded, signed_result
from microgen.frontends.onnx.matrices import matmul, shifted
from microgen.frontends.onnx.pools import window
from microgen.mindir import DType, QuantParams, Value
from microgen.ops.add import Add
from microgen.ops.base import Op
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.concatenation import Concatenation
from microgen.ops.dequantize import Dequantize
from microgen.ops.div import Div
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.leaky_relu import LeakyRelu
from microgen.ops.logistic import Logistic
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.quantize import Quantize
from microgen.ops.softmax import Softmax

_REASON = "scales and zero points must be known at compile time and belong to 8-bit tensors"


def _symmetric(weights: Value) -> bool:
    return weights.type.quant is not None and not any(weights.type.quant.zero_points)


@translates("QLinearConv")
def _conv(n: Context) -> Results:
    output, w = result_type(n, 6, 7), quantized(n, 3, 4, 5, 0)
    x = None if output is None or w is None or not w.is_const else quantized(n, 0, 1, 2)
    if x is not None and w is not None and output is not None:
        result = _quantized_conv(n, x, w, output)
        mark(n, result, 7)
        return result
    if _is_quantized(n, 0):
        raise VerifyError(f"the weights must be constants, and {_REASON}")
    total = integer_sums(n, shifted(n, n.x(0), n.opt(2)), shifted(n, n.x(3), n.opt(5), 0))
    if n.has(8):
        bias = nchw.reshape(n.b, n.x(8), (n.x(8).type.elements, *(1,) * (len(total.shape) - 2)))
        total = n.b.add(Add(), total, bias)
    return _requantized(n, total, (1, 4, 6), 7, 1)


def _quantized_conv(n: Context, x: Value, w: Value, output: QuantParams) -> Value:
    """The convolution in int8 or, where the weights have a zero point, in float between two changes of type."""
    bias = n.known(8).astype(np.int32) if n.has(8) else None
    if _symmetric(w):
        return convolve(n, x, w, None if bias is None else n.b.constant(bias, f"{n.item(8).name}/bias"), output)
    assert x.type.quant is not None and w.type.quant is not None
    scale = x.type.quant.scale * np.array(w.type.quant.scales)
    real_bias = None if bias is None else n.constant((bias * scale).astype(np.float32))
    real = convolve(n, n.b.add(Dequantize(qdq=True), x), n.b.add(Dequantize(qdq=True), w), real_bias)
    return n.b.add(Quantize(DType.INT8), real, quant=output)


def _is_quantized(n: Context, index: int) -> bool:
    item = n.item(index)
    return isinstance(item, Value) and item.type.quant is not None


def _requantized(n: Context, total: Value, scales: tuple[int, int, int], zero_point: int, axis: int) -> Value:
    """int32 sums times both scales over the output's, rounded as ONNX says; ``axis`` may have scales."""
    first, second, last = (n.x(i) for i in scales)
    factor = n.b.add(Div(), n.b.add(Mul(), first, second), last)
    if factor.type.elements > 1:
        if len(factor.shape) == 1:
            factor = nchw.reshape(n.b, factor, (factor.type.elements, *(1,) * (len(total.shape) - 1 - axis)))
    elif factor.shape:
        factor = nchw.reshape(n.b, factor, ())
    # Halves are told from their neighbours in double precision.
    wide = cast(n, factor, DType.FLOAT64)
    real = n.b.add(Mul(), cast(n, total, DType.FLOAT64), wide)
    target = n.x(zero_point)
    return rounded(n, real, target, target.type.dtype)


@translates("QLinearMatMul")
def _matmul(n: Context) -> Results:
    if min(len(n.shape(0)), len(n.shape(3))) >= 2 and result_type(n, 6, 7) is not None:
        a, b = quantized(n, 0, 1, 2), quantized(n, 3, 4, 5)
        if a is not None and b is not None and all(v.type.dtype is DType.INT8 for v in (a, b)):
            return _found(signed_result(n, BatchMatMul(), (a, b), 6, 7))
        if n.data(3) is not None and len(n.shape(3)) == 2 and n.data(4) is not None:
            # A scale for each column: only dense layers have that.
            columns = quantized(n, 3, 4, 5, 1)
            if a is not None and columns is not None and a.type.dtype is DType.INT8 and _symmetric(columns):
                dense = FullyConnected(keep_dims=True)
                return _found(signed_result(n, dense, (a, nchw.transpose(n.b, columns, (1, 0)), None), 6, 7))
    if _is_quantized(n, 0) or _is_quantized(n, 3):
        raise VerifyError(_REASON)
    row = -2 if len(n.shape(0)) > 1 else None
    total = matmul(n, shifted(n, n.x(0), n.opt(2), row), shifted(n, n.x(3), n.opt(5), -1))
    return _requantized(n, total, (1, 4, 6), 7, len(total.shape) - 1)


def _found(result: Value | None) -> Value:
    if result is None:
        raise VerifyError(_REASON)
    return result


def _operand(n: Context, x: int) -> Value:
    """The quantized operand whose scale and zero point are the two inputs behind it."""
    return _found(quantized(n, x, x + 1, x + 2))


@translates("com.microsoft:QLinearAdd", "com.microsoft:QLinearMul")
def _binary(n: Context) -> Results:
    op = Add() if n.operator == "QLinearAdd" else Mul()
    return _found(signed_result(n, op, (_operand(n, 0), _operand(n, 3)), 6, 7))


@translates("com.microsoft:QLinearSigmoid")
def _sigmoid(n: Context) -> Results:
    return _found(signed_result(n, Logistic(), (_operand(n, 0),), 3, 4))


@translates("com.microsoft:QLinearLeakyRelu")
def _leaky_relu(n: Context) -> Results:
    return _found(signed_result(n, LeakyRelu(n.attrs.number("alpha", 0.01)), (_operand(n, 0),), 3, 4))


@translates("com.microsoft:QLinearSoftmax")
def _softmax(n: Context) -> Results:
    x = _operand(n, 0)
    axis = n.axis(n.attrs.integer("axis", -1), len(x.shape))
    if n.attrs.integer("opset", 13) < 13 and axis != len(x.shape) - 1:
        raise VerifyError("softmax over several dimensions is not supported")
    own = QuantParams.per_tensor(1 / 256, -128)
    result = n.b.add(Softmax(axis=axis), x, quant=own)
    if result_type(n, 3, 4) != own:
        return _found(signed_result(n, Quantize(DType.INT8), (result,), 3, 4))
    mark(n, result, 4)
    return result


@translates("com.microsoft:QLinearConcat")
def _concat(n: Context) -> Results:
    output = _found_type(result_type(n, 0, 1))
    parts = []
    for i in range(2, len(n.items), 3):
        x = _operand(n, i)
        parts.append(x if x.type.quant == output else n.b.add(Quantize(DType.INT8), x, quant=output))
    axis = n.axis(n.attrs.integer("axis"), len(parts[0].shape))
    return _found(signed_result(n, Concatenation(axis), tuple(parts), 0, 1))


def _found_type(quant: QuantParams | None) -> QuantParams:
    if quant is None:
        raise VerifyError(_REASON)
    return quant


@translates("com.microsoft:QLinearGlobalAveragePool")
def _global_average(n: Context) -> Results:
    x = _operand(n, 0)
    rank = len(x.shape)
    axes = tuple(range(1, rank - 1)) if n.attrs.integer("channels_last", 0) else tuple(range(2, rank))
    return _found(signed_result(n, Mean(axes, True), (x,), 3, 4))


@translates("com.microsoft:QLinearAveragePool")
def _average(n: Context) -> Results:
    x = _operand(n, 0)
    if n.attrs.integer("channels_last", 0):
        raise VerifyError("channels_last is not supported")
    w = window(n, x)
    y = nchw.average_pool(
        n.b,
        x,
        kernel=w.kernel,
        stride=w.stride,
        padding=w.padding,
        beyond=w.beyond,
        count_padding=bool(n.attrs.integer("count_include_pad", 0)),
    )
    if y.type.quant != _found_type(result_type(n, 3, 4)):
        return _found(signed_result(n, Quantize(DType.INT8), (y,), 3, 4))
    mark(n, y, 4)
    return y


@translates("com.microsoft:QGemm")
def _gemm(n: Context) -> Results:
    alpha = n.attrs.number("alpha", 1.0)
    if alpha != 1.0 or n.attrs.integer("transA", 0) or not n.has(7):
        raise VerifyError("alpha, transA and outputs in float are not supported")
    flip = bool(n.attrs.integer("transB", 0))
    x, w = _operand(n, 0), quantized(n, 3, 4, 5, 0 if flip else 1)
    if w is None or not w.is_const or len(w.shape) != 2:
        raise VerifyError("the weights must be constants")
    weights = w if flip else nchw.transpose(n.b, w, (1, 0))
    bias = n.b.constant(n.known(6).astype(np.int32).reshape(-1), f"{n.item(6).name}/bias") if n.has(6) else None
    if math.prod(x.shape[1:]) != weights.shape[1]:
        raise VerifyError(f"weights {list(w.shape)} do not fit an input {list(x.shape)}")
    op: Op = FullyConnected()
    return _found(signed_result(n, op, (x, weights, bias), 7, 8))
