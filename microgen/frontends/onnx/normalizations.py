"""Normalizations, as products and sums with what is known, and as means where statistics are the input's own."""

from __future__ import annotations

import math

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.elementwise import cast
from microgen.frontends.onnx.reductions import reduce
from microgen.mindir import DType, Value
from microgen.ops.abs import Abs
from microgen.ops.add import Add
from microgen.ops.attributes import Padding
from microgen.ops.comparisons import Equal
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.div import Div
from microgen.ops.layer_norm import LayerNorm
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.power import Pow
from microgen.ops.reshape import Reshape
from microgen.ops.rsqrt import Rsqrt
from microgen.ops.select import Select
from microgen.ops.sqrt import Sqrt
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum


@translates("BatchNormalization")
def _batch_norm(n: Context) -> Results:
    if n.attrs.integer("training_mode", 0) or any(n.wants(i) for i in range(1, 5)):
        raise VerifyError("training_mode is not supported")
    if n.attrs.integer("spatial", 1) != 1:
        raise VerifyError("spatial 0 is not supported")
    x, gamma, beta, mean, variance = (n.x(i) for i in range(5))
    return nchw.batch_norm(n.b, x, gamma, beta, mean, variance, n.attrs.number("epsilon", 1e-5))


def _standardized(n: Context, x: Value, axes: tuple[int, ...], epsilon: float) -> tuple[Value, Value, Value]:
    """(x minus its mean over ``axes``, over its deviation; the mean; 1 / deviation)."""
    mean = reduce(n, Mean, x, axes, True)
    centred = n.b.add(Sub(), x, mean)
    variance = reduce(n, Mean, n.b.add(Mul(), centred, centred), axes, True)
    inverse = n.b.add(Rsqrt(), n.b.add(Add(), variance, n.constant(epsilon, x)))
    return n.b.add(Mul(), centred, inverse), mean, inverse


def _per_channel(n: Context, value: Value, rank: int) -> Value:
    return nchw.reshape(n.b, value, (value.type.elements, *(1,) * (rank - 2)))


@translates("InstanceNormalization")
def _instance_norm(n: Context) -> Results:
    x, scale, shift = n.x(0), n.x(1), n.x(2)
    rank = len(x.shape)
    if rank < 3 or scale.shape != (x.shape[1],) or shift.shape != scale.shape:
        raise VerifyError(f"input {list(x.shape)} with scale {list(scale.shape)} and bias {list(shift.shape)}")
    normal, _, _ = _standardized(n, x, tuple(range(2, rank)), n.attrs.number("epsilon", 1e-5))
    return n.b.add(Add(), n.b.add(Mul(), normal, _per_channel(n, scale, rank)), _per_channel(n, shift, rank))


@translates("GroupNormalization")
def _group_norm(n: Context) -> Results:
    x, scale, shift = n.x(0), n.x(1), n.x(2)
    groups, rank = n.attrs.integer("num_groups"), len(x.shape)
    channels = x.shape[1] if rank > 2 else 0
    if groups < 1 or not channels or channels % groups or scale.shape != shift.shape:
        raise VerifyError(f"{groups} groups of an input {list(x.shape)}")
    kind = x.type.dtype
    stash = DType.FLOAT32 if n.attrs.integer("stash_type", 1) == 1 and n.opset >= 21 else kind
    wide = cast(n, x, stash)
    flat = n.b.add(Reshape((x.shape[0], groups, x.type.elements // (x.shape[0] * groups))), wide)
    normal, _, _ = _standardized(n, flat, (2,), n.attrs.number("epsilon", 1e-5))
    if scale.shape == (channels,):
        normal = cast(n, n.b.add(Reshape(x.shape), normal), kind)
        return n.b.add(Add(), n.b.add(Mul(), normal, _per_channel(n, scale, rank)), _per_channel(n, shift, rank))
    if scale.shape != (groups,):
        raise VerifyError(f"scale {list(scale.shape)} for {groups} groups of {channels} channels")
    factors = (nchw.reshape(n.b, v, (groups, 1)) for v in (scale, shift))
    normal = cast(n, normal, kind)
    return n.b.add(Reshape(x.shape), n.b.add(Add(), n.b.add(Mul(), normal, next(factors)), next(factors)))


@translates("LayerNormalization")
def _layer_norm(n: Context) -> Results:
    x, scale, shift = n.x(0), n.x(1), n.opt(2)
    rank, epsilon = len(x.shape), n.attrs.number("epsilon", 1e-5)
    axis = n.axis(n.attrs.integer("axis", -1), rank)
    inner = x.shape[axis:]
    plain = all(v is None or v.shape == inner for v in (scale, shift))
    if plain and x.type.dtype is DType.FLOAT32 and not (n.wants(1) or n.wants(2)):
        return n.b.add(LayerNorm(rank - axis, epsilon), x, scale, shift)
    stash = DType.FLOAT32 if n.attrs.integer("stash_type", 1) == 1 else x.type.dtype
    normal, mean, inverse = _standardized(n, cast(n, x, stash), tuple(range(axis, rank)), epsilon)
    y = n.b.add(Mul(), cast(n, normal, x.type.dtype), scale)
    return (y if shift is None else n.b.add(Add(), y, shift), mean, inverse)


@translates("RMSNormalization")
def _rms_norm(n: Context) -> Results:
    x, scale = n.x(0), n.x(1)
    rank = len(x.shape)
    axis = n.axis(n.attrs.integer("axis", -1), rank)
    stash = DType.FLOAT32 if n.attrs.integer("stash_type", 1) == 1 else x.type.dtype
    wide = cast(n, x, stash)
    square = reduce(n, Mean, n.b.add(Mul(), wide, wide), tuple(range(axis, rank)), True)
    small = n.constant(n.attrs.number("epsilon", 1e-5), wide)
    normal = n.b.add(Mul(), wide, n.b.add(Rsqrt(), n.b.add(Add(), square, small)))
    return n.b.add(Mul(), cast(n, normal, x.type.dtype), scale)


@translates("LRN")
def _lrn(n: Context) -> Results:
    x, size = n.x(), n.attrs.integer("size")
    if len(x.shape) < 2 or size < 1:
        raise VerifyError(f"size {size} for an input of {len(x.shape)} dimensions")
    alpha, beta = n.attrs.number("alpha", 1e-4), n.attrs.number("beta", 0.75)
    # The sum over neighbouring channels is that over rows of an image whose columns are all other dimensions.
    rows = (x.shape[0], x.shape[1], math.prod(x.shape[2:]), 1)
    square = n.b.add(Reshape(rows), n.b.add(Mul(), x, x))
    before = (size - 1) // 2
    ones = n.constant(np.ones((1, size, 1, 1)), x)
    op = DepthwiseConv2D(padding=Padding(before, 0, size - 1 - before, 0))
    total = n.b.add(Reshape(x.shape), n.b.add(op, square, ones))
    scaled = n.b.add(Mul(), total, n.constant(alpha / size, x))
    base = n.b.add(Add(), scaled, n.constant(n.attrs.number("bias", 1.0), x))
    return n.b.add(Div(), x, n.b.add(Pow(), base, n.constant(beta, x)))


@translates("LpNormalization")
def _lp_norm(n: Context) -> Results:
    x, power = n.x(), n.attrs.integer("p", 2)
    axis = n.axis(n.attrs.integer("axis", -1), len(x.shape))
    if power not in (1, 2):
        raise VerifyError(f"p {power} is not supported")
    parts = n.b.add(Abs(), x) if power == 1 else n.b.add(Mul(), x, x)
    norm = reduce(n, Sum, parts, (axis,), True)
    if power == 2:
        norm = n.b.add(Sqrt(), norm)
    # Where the norm is 0 so is x: dividing by 1 gives the 0 that ONNX wants.
    empty = n.b.add(Equal(), norm, n.constant(0.0, x))
    return n.b.add(Div(), x, n.b.add(Select(), empty, n.constant(1.0, x), norm))
