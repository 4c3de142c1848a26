"""Reductions over axes, spelt out where MindIR has no operator of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.elementwise import cast
from microgen.mindir import DType, Value
from microgen.ops.abs import Abs
from microgen.ops.add import Add
from microgen.ops.arg_max import ArgMax
from microgen.ops.arg_min import ArgMin
from microgen.ops.base import Op
from microgen.ops.exp import Exp
from microgen.ops.log import Log
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.power import Pow
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reduce_min import ReduceMin
from microgen.ops.reduce_prod import ReduceProd
from microgen.ops.reshape import Reshape
from microgen.ops.sqrt import Sqrt
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum

# From this opset on the axes are an input.
_AXES_INPUT = {"ReduceSum": 13}
_OTHERS = 18
Reduction: TypeAlias = Callable[[tuple[int, ...], bool], Op]
_PLAIN: dict[str, Reduction] = {
    "ReduceMean": Mean,
    "ReduceSum": Sum,
    "ReduceMax": ReduceMax,
    "ReduceMin": ReduceMin,
    "ReduceProd": ReduceProd,
}


def _axes(n: Context, x: Value) -> tuple[int, ...]:
    """The axes, ascending; none when there is nothing to do."""
    rank = len(x.shape)
    given = n.ints_or_attribute(1, "axes", _AXES_INPUT.get(n.operator, _OTHERS))
    if not given:
        return () if n.attrs.integer("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted({n.axis(axis, rank) for axis in given}))


def reduce(n: Context, op: Reduction, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """``op`` over ``axes``; ``x`` itself when there are none."""
    return n.b.add(op(axes, keep), x) if axes else x


@translates(*_PLAIN)
def _plain(n: Context) -> Results:
    x = n.x()
    op, axes, keep = _PLAIN[n.operator], _axes(n, x), bool(n.attrs.integer("keepdims", 1))
    if x.type.dtype is DType.BOOL:
        return cast(n, reduce(n, op, cast(n, x, DType.INT32), axes, keep), DType.BOOL)
    return reduce(n, op, x, axes, keep)


@translates("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
def _composed(n: Context) -> Results:
    x = n.x()
    axes, keep = _axes(n, x), bool(n.attrs.integer("keepdims", 1))
    dtype = x.type.dtype
    if not dtype.is_float:
        x = cast(n, x, DType.FLOAT64)
    if n.operator == "ReduceLogSumExp":
        result = _log_sum_exp(n, x, axes, keep)
    else:
        if n.operator == "ReduceL1":
            x = n.b.add(Abs(), x)
        elif n.operator != "ReduceLogSum":
            x = n.b.add(Mul(), x, x)
        result = reduce(n, Sum, x, axes, keep)
        if n.operator == "ReduceL2":
            result = n.b.add(Sqrt(), result)
        elif n.operator == "ReduceLogSum":
            result = n.b.add(Log(), result)
    return cast(n, result, dtype)


def _log_sum_exp(n: Context, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    if not axes:
        return x
    # Shifted by the maximum, so that the exponential stays finite.
    largest = reduce(n, ReduceMax, x, axes, True)
    total = reduce(n, Sum, n.b.add(Exp(), n.b.add(Sub(), x, largest)), axes, True)
    result = n.b.add(Add(), n.b.add(Log(), total), largest)
    if keep:
        return result
    return n.b.add(Reshape(tuple(d for i, d in enumerate(x.shape) if i not in axes)), result)


@translates("ArgMax", "ArgMin")
def _extreme_place(n: Context) -> Results:
    x = n.x()
    axis = n.axis(n.attrs.integer("axis", 0), len(x.shape))
    if not x.shape:
        raise VerifyError("a scalar has no axis")
    make = ArgMax if n.operator == "ArgMax" else ArgMin
    op = make(
        axis=axis,
        keep_dims=bool(n.attrs.integer("keepdims", 1)),
        dtype=DType.INT64,
        last=bool(n.attrs.integer("select_last_index", 0)),
    )
    return n.b.add(op, x)


@translates("GlobalMaxPool")
def _global_max(n: Context) -> Results:
    x = n.x()
    return reduce(n, ReduceMax, x, tuple(range(2, len(x.shape))), True)


@translates("GlobalAveragePool")
def _global_average(n: Context) -> Results:
    x = n.x()
    return reduce(n, Mean, x, tuple(range(2, len(x.shape))), True)


@translates("GlobalLpPool")
def _global_lp(n: Context) -> Results:
    x = n.x()
    power = n.attrs.integer("p", 2)
    return root(n, reduce(n, Sum, powered(n, x, power), tuple(range(2, len(x.shape))), True), power)


def powered(n: Context, x: Value, power: int) -> Value:
    """``|x|`` to the given power."""
    if power == 2:
        return n.b.add(Mul(), x, x)
    x = n.b.add(Abs(), x)
    return x if power == 1 else n.b.add(Pow(), x, n.constant(float(power), x))


def root(n: Context, x: Value, power: int) -> Value:
    """The root of a value that is not negative."""
    if power == 1:
        return x
    return n.b.add(Sqrt(), x) if power == 2 else n.b.add(Pow(), x, n.constant(1.0 / power, x))
