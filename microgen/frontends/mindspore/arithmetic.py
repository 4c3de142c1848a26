"""Primitives that compute element by element, along axes, or with matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.mindspore.call import Call, Item, primitive
from microgen.frontends.mindspore.schema import REDUCTIONS, TYPE_NUMBERS
from microgen.mindir import DType, Value
from microgen.ops.add import Add
from microgen.ops.arg_max import ArgMax
from microgen.ops.arg_min import ArgMin
from microgen.ops.base import Op
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.cast import Cast
from microgen.ops.celu import Celu
from microgen.ops.clip import Clip
from microgen.ops.cumulative_sum import CumulativeSum
from microgen.ops.elu import Elu
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.gelu import Gelu
from microgen.ops.leaky_relu import LeakyRelu
from microgen.ops.log_softmax import LogSoftmax
from microgen.ops.logistic import Logistic
from microgen.ops.maximum import Maximum
from microgen.ops.mean import Mean
from microgen.ops.minimum import Minimum
from microgen.ops.mul import Mul
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reduce_min import ReduceMin
from microgen.ops.reduce_prod import ReduceProd
from microgen.ops.rounding import Round
from microgen.ops.softmax import Softmax
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum
from microgen.ops.top_k import TopK

_REDUCTIONS: dict[str, Callable[[tuple[int, ...], bool], Op]] = {
    op.name: op for op in (Mean, Sum, ReduceMax, ReduceMin, ReduceProd)
}


# Matrices -----------------------------------------------------------------------------------------------


@primitive("MatMul", "BatchMatMul", "MatMulExt", "BatchMatMulExt")
def _matmul(call: Call) -> Item:
    a, b = call.tensor(0), call.tensor(1)
    if min(len(a.shape), len(b.shape)) < 2:
        raise VerifyError(f"operands {list(a.shape)} and {list(b.shape)} must have at least 2 dimensions")
    transpose_a, transpose_b = call.flag("transpose_a", 2), call.flag("transpose_b", 3)
    if b.is_const and len(b.shape) == 2 and not transpose_a:
        data = b.const if transpose_b else np.ascontiguousarray(b.const.T)
        weights = b if transpose_b else call.b.constant(data, f"{b.name}/transposed")
        return _dense(call, a, weights, None)
    return call.b.add(BatchMatMul(transpose_a, transpose_b), a, b)


@primitive("Dense")
def _dense_primitive(call: Call) -> Item:
    x, weights = call.tensor(0), call.tensor(1)
    if len(weights.shape) != 2:
        raise VerifyError(f"the weights must have 2 dimensions, not {len(weights.shape)}")
    return _dense(call, x, weights, call.optional(2))


def _dense(call: Call, x: Value, weights: Value, bias: Value | None) -> Value:
    if x.shape[-1:] != weights.shape[1:]:
        raise VerifyError(f"weights {list(weights.shape)} do not fit an input {list(x.shape)}")
    return call.b.add(FullyConnected(keep_dims=len(x.shape) != 2), x, weights, bias)


# Element by element -------------------------------------------------------------------------------------


@primitive("Muls")
def _multiplied(call: Call) -> Item:
    return call.b.add(Mul(), *call.tensors())


@primitive("AddExt", "SubExt")
def _scaled_sum(call: Call) -> Item:
    like = next((v for v in call.items if isinstance(v, Value)), None)
    x, y = call.tensor(0, like), call.tensor(1, like)
    alpha = call.number("alpha", 2, 1)
    if alpha != 1:
        y = call.b.add(Mul(), y, call.as_tensor(alpha, y))
    return call.b.add(Add() if call.primitive == "AddExt" else Sub(), x, y)


@primitive("SiLU")
def _silu(call: Call) -> Item:
    x = call.tensor(0)
    return call.b.add(Mul(), x, call.b.add(Logistic(), x))


@primitive("GeLU")
def _gelu(call: Call) -> Item:
    return call.b.add(Gelu(approximate=True), call.tensor(0))


@primitive("GeluExt")
def _gelu_ext(call: Call) -> Item:
    approximate = call.get("approximate", 1, "none") in ("tanh", 1)
    return call.b.add(Gelu(approximate=approximate), call.tensor(0))


@primitive("Elu", "EluExt")
def _elu(call: Call) -> Item:
    return call.b.add(Elu(alpha=call.number("alpha", 1, 1.0)), call.tensor(0))


@primitive("LeakyReLUExt")
def _leaky_relu(call: Call) -> Item:
    return call.b.add(LeakyRelu(alpha=call.number("negative_slope", 1, 0.01)), call.tensor(0))


@primitive("CeLU")
def _celu(call: Call) -> Item:
    return call.b.add(Celu(alpha=call.number("alpha", 1, 1.0)), call.tensor(0))


@primitive("Round")
def _round(call: Call) -> Item:
    if call.integer("decimals", 1, 0):
        raise VerifyError("rounding to decimal places is not supported")
    return call.b.add(Round(), call.tensor(0))


@primitive("ClampScalar")
def _clamp(call: Call) -> Item:
    low, high = call.number("min", 1, -math.inf), call.number("max", 2, math.inf)
    return call.b.add(Clip(low=low, high=high), call.tensor(0))


@primitive("ClampTensor")
def _clamp_tensor(call: Call) -> Item:
    x = call.tensor(0)
    if call.has(1):
        x = call.b.add(Maximum(), x, call.tensor(1, x))
    return call.b.add(Minimum(), x, call.tensor(2, x)) if call.has(2) else x


@primitive("Cast")
def _cast(call: Call) -> Item:
    x, number = call.tensor(0), call.integer("dst_type", 1)
    if number not in TYPE_NUMBERS:
        raise VerifyError(f"element type number {number} is not supported")
    dtype = DType(TYPE_NUMBERS[number])
    return x if x.type.dtype is dtype else call.b.add(Cast(dtype), x)


# Along axes ---------------------------------------------------------------------------------------------


@primitive("Softmax", "LogSoftmax")
def _softmax(call: Call) -> Item:
    x, axes = call.tensor(0), call.integers("axis", 1, -1)
    if len(axes) != 1:
        raise VerifyError(f"axes {list(axes)} are not supported, only one")
    axis = call.axis(axes[0], len(x.shape))
    # The last axis is the operator's default, whatever the rank.
    op = Softmax if call.primitive == "Softmax" else LogSoftmax
    return call.b.add(op(axis=-1 if axis == len(x.shape) - 1 else axis), x)


@primitive(*REDUCTIONS)
def _reduce(call: Call) -> Item:
    x = call.tensor(0)
    if call.primitive.endswith("Ext") and call.has(3):
        raise VerifyError("a result of another element type is not supported")
    axes = call.integers("axis", 1, ())
    if call.primitive == "ReduceSum" and not axes and call.flag("skip_mode", 3):
        return x
    reduction = _REDUCTIONS[REDUCTIONS[call.primitive]]
    return call.b.add(reduction(call.axes(axes, len(x.shape)), call.flag("keep_dims", 2)), x)


@primitive("Argmax", "Argmin")
def _arg(call: Call) -> Item:
    x = call.tensor(0)
    number = call.integer("output_type", 2, 34)
    if number not in (34, 35):
        raise VerifyError(f"element type number {number} is not supported")
    op = ArgMax if call.primitive == "Argmax" else ArgMin
    axis = call.axis(call.integer("axis", 1, -1), len(x.shape))
    return call.b.add(op(axis=axis, keep_dims=False, dtype=DType(TYPE_NUMBERS[number])), x)


@primitive("CumSum")
def _cumulative_sum(call: Call) -> Item:
    x = call.tensor(0)
    op = CumulativeSum(
        axis=call.axis(call.integer("axis", 1), len(x.shape)),
        exclusive=call.flag("exclusive", 2),
        reverse=call.flag("reverse", 3),
    )
    return call.b.add(op, x)


@primitive("TopK")
def _top_k(call: Call) -> Item:
    x, k = call.tensor(0), call.integer("k", 1)
    if not x.shape or not 1 <= k <= x.shape[-1]:
        raise VerifyError(f"the {k} largest of {list(x.shape)}")
    return call.b.add_all(TopK(axis=len(x.shape) - 1, k=k, dtype=DType.INT32), x)
