"""Products of matrices: MatMul of any rank, Gemm, integer products."""

from __future__ import annotations

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.elementwise import cast
from microgen.mindir import DType, Value
from microgen.ops.add import Add
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.mul import Mul
from microgen.ops.reshape import Reshape
from microgen.ops.sub import Sub


@translates("MatMul")
def _matmul(n: Context) -> Results:
    return matmul(n, n.x(0), n.x(1))


def matmul(n: Context, a: Value, b: Value) -> Value:
    """NumPy's matrix product; a vector counts as a row on the left and as a column on the right."""
    if not a.shape or not b.shape:
        raise VerifyError("an operand is a scalar")
    left = n.b.add(Reshape((1, *a.shape)), a) if len(a.shape) == 1 else a
    right = n.b.add(Reshape((*b.shape, 1)), b) if len(b.shape) == 1 else b
    result = n.b.add(BatchMatMul(), left, right)
    shape = list(result.shape)
    if len(b.shape) == 1:
        shape.pop()
    if len(a.shape) == 1:
        shape.pop(-1 if len(b.shape) == 1 else -2)
    return result if tuple(shape) == result.shape else n.b.add(Reshape(tuple(shape)), result)


@translates("Gemm")
def _gemm(n: Context) -> Results:
    a, b, c = n.x(0), n.x(1), n.opt(2)
    alpha, beta = n.attrs.number("alpha", 1.0), n.attrs.number("beta", 1.0)
    flip_a, flip_b = bool(n.attrs.integer("transA", 0)), bool(n.attrs.integer("transB", 0))
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise VerifyError(f"operands of {len(a.shape)} and {len(b.shape)} dimensions, 2 are needed")
    columns = b.shape[0 if flip_b else 1]
    is_bias = c is None or (c.is_const and c.type.elements == columns and c.shape in ((columns,), (1, columns)))
    if a.type.dtype is DType.FLOAT32 and b.is_const and not flip_a and is_bias:
        return _dense(n, a, b, c, alpha, beta, flip_b)
    result = n.b.add(BatchMatMul(flip_a, flip_b), a, b)
    if alpha != 1.0:
        result = _scaled(n, result, alpha)
    if c is None or beta == 0.0:
        return result
    return n.b.add(Add(), result, c if beta == 1.0 else _scaled(n, c, beta))


def _scaled(n: Context, x: Value, factor: float) -> Value:
    if not x.type.dtype.is_float and factor != int(factor):
        raise VerifyError(f"the factor {factor} of integers is not supported")
    return n.b.add(Mul(), x, n.constant(factor, x))


def _dense(n: Context, a: Value, b: Value, c: Value | None, alpha: float, beta: float, flip_b: bool) -> Value:
    """A dense layer, whose weights are [outputs, inputs]; the factors go into the constants."""
    if a.shape[1] != b.shape[1 if flip_b else 0]:
        raise VerifyError(f"matrices {list(a.shape)} and {list(b.shape)} do not go together")
    weights = b.const if flip_b else b.const.T
    if alpha != 1.0:
        weights = (weights.astype(np.float64) * alpha).astype(np.float32)
    filter_ = b if flip_b and alpha == 1.0 else n.b.constant(np.ascontiguousarray(weights), f"{b.name}/weights")
    bias = None
    if c is not None and beta != 0.0:
        plain = beta == 1.0 and c.shape == (c.type.elements,)
        scaled = (c.const.reshape(-1).astype(np.float64) * beta).astype(np.float32)
        bias = c if plain else n.constant(scaled)
    return n.b.add(FullyConnected(), a, filter_, bias)


def shifted(n: Context, x: Value, zero_point: Value | None, axis: int | None = None) -> Value:
    """Quantized integers as int32 numbers from which the zero point is taken, per tensor or along ``axis``."""
    wide = cast(n, x, DType.INT32)
    if zero_point is None or (zero_point.is_const and not zero_point.const.any()):
        return wide
    if zero_point.type.elements == 1:
        shape: tuple[int, ...] = ()
    elif len(zero_point.shape) > 1:
        shape = zero_point.shape
    elif axis is None or zero_point.type.elements != x.shape[axis]:
        raise VerifyError(f"a zero point of shape {list(zero_point.shape)} is not supported")
    else:
        shape = (zero_point.type.elements, *(1,) * (len(x.shape) - 1 - axis % len(x.shape)))
    offset = cast(n, zero_point, DType.INT32)
    return n.b.add(Sub(), wide, offset if offset.shape == shape else n.b.add(Reshape(shape), offset))


@translates("MatMulInteger")
def _matmul_integer(n: Context) -> Results:
    a, b = n.x(0), n.x(1)
    row = -2 if len(a.shape) > 1 else None
    return matmul(n, shifted(n, a, n.opt(2), row), shifted(n, b, n.opt(3), -1))
