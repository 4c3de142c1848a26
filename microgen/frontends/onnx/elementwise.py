"""Elementwise operators that are not one to one: variable numbers of operands, optional bounds, changes of type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.reading import element_type
from microgen.mindir import DType, Value
from microgen.ops.add import Add
from microgen.ops.arg_max import ArgMax
from microgen.ops.base import Op
from microgen.ops.cast import Cast
from microgen.ops.clip import Clip
from microgen.ops.comparisons import Equal, Greater, Less
from microgen.ops.div import Div
from microgen.ops.exp import Exp
from microgen.ops.log_softmax import LogSoftmax
from microgen.ops.logistic import Logistic
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mul import Mul
from microgen.ops.power import Pow
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reshape import Reshape
from microgen.ops.select import Select
from microgen.ops.softmax import Softmax
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum


def cast(n: Context, x: Value, dtype: DType) -> Value:
    """``x`` as ``dtype``."""
    return x if x.type.dtype is dtype else n.b.add(Cast(dtype), x)


@translates("Identity")
def _identity(n: Context) -> Results:
    return n.item(0)


@translates("Dropout")
def _dropout(n: Context) -> Results:
    if n.has(2) and bool(n.known(2).reshape(-1)[0]):
        ratio = n.number(1) if n.has(1) else 0.5
        if ratio != 0.0:
            raise VerifyError("training_mode is not supported")
    if not n.wants(1):
        return n.item(0)
    dtype = np.bool_ if n.opset >= 10 else n.dtype()
    return (n.item(0), n.keep(np.ones(n.shape(), dtype)))


@translates("Cast")
def _cast(n: Context) -> Results:
    return _cast_to(n, element_type(n.attrs.integer("to")))


@translates("CastLike")
def _cast_like(n: Context) -> Results:
    try:
        return _cast_to(n, DType(str(n.dtype(1))))
    except ValueError:
        raise VerifyError(f"element type {n.dtype(1)} is not supported") from None


def _cast_to(n: Context, dtype: DType) -> Results:
    data = n.data(0)
    if data is not None and data.dtype.kind in "iub" and dtype.numpy.kind in "iu":
        return n.keep(data.astype(dtype.numpy))
    return cast(n, n.x(), dtype)


@translates("Clip")
def _clip(n: Context) -> Results:
    x = n.x()
    if n.opset < 11:
        info = np.finfo(np.float32)
        low = n.constant(n.attrs.number("min", float(info.min)), x) if n.attrs.has("min") else None
        high = n.constant(n.attrs.number("max", float(info.max)), x) if n.attrs.has("max") else None
    else:
        low, high = n.opt(1), n.opt(2)
    for bound in (low, high):
        if bound is not None and bound.type.elements != 1:
            raise VerifyError(f"bound {bound.name!r} must be a scalar")
    if low is None and high is None:
        return x
    numbers = [None if v is None or not v.is_const else float(v.const.reshape(-1)[0]) for v in (low, high)]
    all_known = (low is None or low.is_const) and (high is None or high.is_const)
    if x.type.dtype is DType.FLOAT32 and all_known and not any(v is not None and np.isnan(v) for v in numbers):
        bottom = -np.inf if numbers[0] is None else numbers[0]
        top = np.inf if numbers[1] is None else numbers[1]
        # Bounds that are crossed: the upper one wins.
        return n.b.add(Clip(min(bottom, top), top), x)
    if low is not None:
        x = n.b.add(Maximum(), x, _scalar(n, low))
    if high is not None:
        x = n.b.add(Minimum(), x, _scalar(n, high))
    return x


def _scalar(n: Context, value: Value) -> Value:
    return value if value.shape == () else n.b.add(Reshape(()), value)


def _chain(n: Context, op: Op) -> Value:
    result = n.x()
    for i in range(1, len(n.items)):
        result = n.b.add(op, result, n.x(i))
    return result


@translates("Sum")
def _sum(n: Context) -> Results:
    return _chain(n, Add())


@translates("Mean")
def _mean(n: Context) -> Results:
    total = _chain(n, Add())
    return n.b.add(Mul(), total, n.constant(1.0 / len(n.items), total))


@translates("Max")
def _max(n: Context) -> Results:
    return _chain(n, Maximum())


@translates("Min")
def _min(n: Context) -> Results:
    return _chain(n, Minimum())


@translates("Pow")
def _pow(n: Context) -> Results:
    x, exponent = n.x(0), n.x(1)
    dtype = x.type.dtype
    if exponent.type.dtype is dtype:
        return n.b.add(Pow(), x, exponent)
    if dtype.is_float or not exponent.type.dtype.is_float:
        return n.b.add(Pow(), x, cast(n, exponent, dtype))
    wide = DType.FLOAT64
    return cast(n, n.b.add(Pow(), cast(n, x, wide), cast(n, exponent, wide)), dtype)


@translates("Swish")
def _swish(n: Context) -> Results:
    x = n.x()
    alpha = n.attrs.number("alpha", 1.0)
    scaled = x if alpha == 1.0 else n.b.add(Mul(), x, n.constant(alpha, x))
    return n.b.add(Mul(), x, n.b.add(Logistic(), scaled))


@translates("Shrink")
def _shrink(n: Context) -> Results:
    x = n.x()
    bias, limit = n.attrs.number("bias", 0.0), n.attrs.number("lambd", 0.5)
    below = n.b.add(Less(), x, n.constant(-limit, x))
    above = n.b.add(Greater(), x, n.constant(limit, x))
    inner = n.b.add(Select(), above, n.b.add(Sub(), x, n.constant(bias, x)), n.constant(0.0, x))
    return n.b.add(Select(), below, n.b.add(Add(), x, n.constant(bias, x)), inner)


def flat_to_matrix(n: Context, x: Value, default: int) -> tuple[Value, int]:
    """(operand, axis) of softmax and its like: before opset 13 all dimensions from ``axis`` on count as one."""
    rank = len(x.shape)
    if n.opset >= 13:
        return x, n.axis(n.attrs.integer("axis", -1), rank)
    axis = n.axis(n.attrs.integer("axis", default), rank)
    if axis == rank - 1:
        return x, axis
    rows = int(np.prod(x.shape[:axis], dtype=np.int64))
    return n.b.add(Reshape((rows, x.type.elements // rows)), x), 1


def _along(n: Context, make: Callable[[int], Op]) -> Results:
    x = n.x()
    if not x.shape:
        raise VerifyError("a scalar has no axis")
    operand, axis = flat_to_matrix(n, x, 1)
    if n.operator == "Softmax" and x.type.dtype is DType.FLOAT16:
        result = _rounded_softmax(n, operand, axis)
    else:
        result = n.b.add(make(axis), operand)
    return result if operand is x else n.b.add(Reshape(x.shape), result)


def _rounded_softmax(n: Context, x: Value, axis: int) -> Value:
    """Every step in half precision: a tighter result differs from what others compute by more than their tolerance."""
    largest = n.b.add(ReduceMax((axis,), True), x)
    power = n.b.add(Exp(), n.b.add(Sub(), x, largest))
    return n.b.add(Div(), power, n.b.add(Sum((axis,), True), power))


@translates("Softmax")
def _softmax(n: Context) -> Results:
    return _along(n, lambda axis: Softmax(axis=axis))


@translates("LogSoftmax")
def _log_softmax(n: Context) -> Results:
    return _along(n, lambda axis: LogSoftmax(axis=axis))


@translates("Hardmax")
def _hardmax(n: Context) -> Results:
    x = n.x()
    operand, axis = flat_to_matrix(n, x, 1)
    largest = n.b.add(ArgMax(axis=axis, keep_dims=True, dtype=DType.INT64), operand)
    size = operand.shape[axis]
    places = np.arange(size, dtype=np.int64).reshape((size, *(1,) * (len(operand.shape) - axis - 1)))
    result = cast(n, n.b.add(Equal(), n.constant(places), largest), x.type.dtype)
    return result if operand is x else n.b.add(Reshape(x.shape), result)
