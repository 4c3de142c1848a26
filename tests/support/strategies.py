"""Hypothesis strategies: one-node graphs over the whole range of an operator's parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from microgen.mindir import DType, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.add import Add
from microgen.ops.attributes import NO_PADDING, Activation, Padding, same_or_valid
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.mul import Mul

ACTIVATIONS = st.one_of(st.just(Activation.NONE), st.sampled_from(list(Activation)))
ZERO_POINTS = st.one_of(st.sampled_from([-128, 0, 127]), st.integers(-128, 127))
#: Scales between 2^-12 and 2^3.
SCALES = st.floats(-12.0, 3.0).map(lambda exponent: float(np.float32(2.0**exponent)))
KEYS = st.integers(0, 2**32 - 1)
#: Channels: few, and so many that vectors of 4, 8 and 16 are whole or leave any rest.
CHANNELS = st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(10, 40))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _quant(draw: st.DrawFn, scale: float | None = None) -> QuantParams:
    return QuantParams.per_tensor(draw(SCALES) if scale is None else scale, draw(ZERO_POINTS))


def _valid(sample: Sample) -> Sample:
    """The sample, where the operator's own constraints allow it."""
    (node,) = sample.graph.nodes
    assume(not list(op_of(node).problems(node)))
    return sample


def _accumulated(draw: st.DrawFn, source: QuantParams, terms: int) -> tuple[float, QuantParams]:
    """(filter scale, output quantization) of a sum of products: from saturating to vanishing outputs."""
    scale = draw(SCALES)
    spread = source.scale * scale * 4000.0 * terms**0.5 / 128.0
    return scale, _quant(draw, spread * 2.0 ** draw(st.floats(-4.0, 4.0)))


def _bias(draw: st.DrawFn, key: int, image: TensorType, filter_: Value, size: int) -> Value | None:
    limit = draw(st.sampled_from([None, 0, 3000, 1 << 20, (1 << 31) - 1]))
    if limit is None:
        return None
    plain = sampling.bias(key, image, filter_, size)
    data = sampling.rng("bias", key).integers(-limit, limit, size, endpoint=True).astype(np.int32)
    return Value(plain.name, plain.type, data)


def _window(draw: st.DrawFn, largest: int, *, dilated: bool) -> tuple[tuple[int, int], ...]:
    """(image size, kernel, stride, dilation)."""
    kernel = (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    dilation = draw(PAIRS) if dilated and draw(st.booleans()) else (1, 1)
    size = (draw(st.integers(1, 10)), draw(st.integers(1, 10)))
    return size, kernel, draw(PAIRS), dilation


def _padding(
    draw: st.DrawFn, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> Padding:
    fits = all(s >= (k - 1) * d + 1 for s, k, d in zip(size, kernel, dilation, strict=True))
    if fits and draw(st.booleans()):
        return NO_PADDING
    return same_or_valid("SAME", size, kernel, stride, dilation)


@st.composite
def convolutions(draw: st.DrawFn) -> Sample:
    """Conv2D, grouped ones among them."""
    size, kernel, stride, dilation = _window(draw, 4, dilated=True)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, channels = groups * draw(CHANNELS), groups * draw(CHANNELS)
    key, axis = draw(KEYS), draw(st.sampled_from([0, 0, None]))
    source = _quant(draw)
    image = TensorType(DType.INT8, (draw(st.integers(1, 2)), *size, depth), source)
    scale, result = _accumulated(draw, source, kernel[0] * kernel[1] * depth // groups)
    filter_ = sampling.weights(key, (channels, *kernel, depth // groups), axis, scale)
    op = Conv2D(stride, dilation, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
    operands = (image, filter_, _bias(draw, key, image, filter_, channels))
    return _valid(sampling.single(op, "drawn", operands, result))


@st.composite
def depthwise_convolutions(draw: st.DrawFn) -> Sample:
    """DepthwiseConv2D."""
    size, kernel, stride, dilation = _window(draw, 5, dilated=True)
    depth, multiplier = draw(CHANNELS), draw(st.sampled_from([1, 1, 2, 3, 8]))
    key, axis = draw(KEYS), draw(st.sampled_from([3, 3, None]))
    source = _quant(draw)
    image = TensorType(DType.INT8, (draw(st.integers(1, 2)), *size, depth), source)
    scale, result = _accumulated(draw, source, kernel[0] * kernel[1])
    filter_ = sampling.weights(key, (1, *kernel, depth * multiplier), axis, scale)
    op = DepthwiseConv2D(stride, dilation, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
    operands = (image, filter_, _bias(draw, key, image, filter_, depth * multiplier))
    return _valid(sampling.single(op, "drawn", operands, result))


@st.composite
def dense_layers(draw: st.DrawFn) -> Sample:
    """FullyConnected."""
    depth, units, rows = draw(st.integers(1, 70)), draw(st.integers(1, 20)), draw(st.integers(1, 4))
    key, axis, keep = draw(KEYS), draw(st.sampled_from([0, None])), draw(st.booleans())
    source = _quant(draw)
    shape = draw(st.sampled_from([(rows, depth), (1, rows, depth), (1, 1, rows, depth)]))
    image = TensorType(DType.INT8, shape, source)
    scale, result = _accumulated(draw, source, depth)
    filter_ = sampling.weights(key, (units, depth), axis, scale)
    operands = (image, filter_, _bias(draw, key, image, filter_, units))
    return _valid(sampling.single(FullyConnected(keep, draw(ACTIVATIONS)), "drawn", operands, result))


def pools(make: type[AveragePool2D] | type[MaxPool2D]) -> st.SearchStrategy[Sample]:
    """A pooling operator."""

    @st.composite
    def pool(draw: st.DrawFn) -> Sample:
        size, kernel, stride, dilation = _window(draw, 5, dilated=False)
        quant = _quant(draw)
        image = TensorType(DType.INT8, (draw(st.integers(1, 2)), *size, draw(CHANNELS)), quant)
        op = make(kernel, stride, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
        return _valid(sampling.single(op, "drawn", (image,), quant))

    return pool()


def _broadcast_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes of rank up to 4 that broadcast: dimensions of 1 and missing leading ones."""
    full = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    shapes = []
    for _ in range(2):
        kept = [d if draw(st.integers(0, 3)) else 1 for d in full]
        shapes.append(tuple(kept[draw(st.sampled_from([0, 0, 0, len(full) - 1])) :]))
    return shapes[0], shapes[1]


def binaries(
    make: Callable[[Activation], Op], result_scale: Callable[[float, float], float]
) -> st.SearchStrategy[Sample]:
    """A binary operator, with and without broadcasting; ``result_scale`` suits operands of the given scales."""

    @st.composite
    def binary(draw: st.DrawFn) -> Sample:
        shapes = _broadcast_shapes(draw)
        quants = [_quant(draw) for _ in shapes]
        kinds = [TensorType(DType.INT8, shape, quant) for shape, quant in zip(shapes, quants, strict=True)]
        scale = result_scale(quants[0].scale, quants[1].scale) * 2.0 ** draw(st.floats(-4.0, 4.0))
        return _valid(sampling.single(make(draw(ACTIVATIONS)), "drawn", kinds, _quant(draw, scale)))

    return binary()


#: Operator name → its graphs.
BY_OPERATOR: dict[str, st.SearchStrategy[Sample]] = {
    "Conv2D": convolutions(),
    "DepthwiseConv2D": depthwise_convolutions(),
    "FullyConnected": dense_layers(),
    "AveragePool2D": pools(AveragePool2D),
    "MaxPool2D": pools(MaxPool2D),
    "Add": binaries(Add, lambda first, second: first + second),
    "Mul": binaries(Mul, lambda first, second: 100.0 * first * second),
}
