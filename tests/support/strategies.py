"""Hypothesis strategies: one-node graphs of layers, pools and sums over the whole range of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from microgen.mindir import DType, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import NO_PADDING, Activation, Padding, same_or_valid
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.transpose_conv2d import TransposeConv2D

ACTIVATIONS = st.one_of(st.just(Activation.NONE), st.sampled_from(list(Activation)))
ZERO_POINTS = st.one_of(st.sampled_from([-128, 0, 127]), st.integers(-128, 127))
#: Scales between 2^-12 and 2^3.
SCALES = st.floats(-12.0, 3.0).map(lambda exponent: float(np.float32(2.0**exponent)))
KEYS = st.integers(0, 2**32 - 1)
#: Channels: few, and so many that vectors of 4, 8 and 16 are whole or leave any rest.
CHANNELS = st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(10, 40))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def quant(draw: st.DrawFn, scale: float | None = None) -> QuantParams:
    """Per-tensor parameters, of the given scale or any."""
    return QuantParams.per_tensor(draw(SCALES) if scale is None else scale, draw(ZERO_POINTS))


def tensor(draw: st.DrawFn, shape: tuple[int, ...], *, real: bool = False) -> TensorType:
    """float32 or quantized int8."""
    return sampling.float32(shape) if real else TensorType(DType.INT8, shape, quant(draw))


def valid(sample: Sample) -> Sample:
    """The sample, where the operator's own constraints allow it."""
    (node,) = sample.graph.nodes
    assume(not list(op_of(node).problems(node)))
    return sample


def accumulated(draw: st.DrawFn, source: QuantParams, terms: int) -> tuple[float, QuantParams]:
    """(filter scale, output quantization) of a sum of products: from saturating to vanishing outputs."""
    scale = draw(SCALES)
    spread = source.scale * scale * 4000.0 * terms**0.5 / 128.0
    return scale, quant(draw, spread * 2.0 ** draw(st.floats(-4.0, 4.0)))


def _bias(draw: st.DrawFn, key: int, image: TensorType, filter_: Value, size: int) -> Value | None:
    limit = draw(st.sampled_from([None, 0, 3000, 1 << 20, (1 << 31) - 1]))
    if limit is None:
        return None
    plain = sampling.bias(key, image, filter_, size)
    data = sampling.rng("bias", key).integers(-limit, limit, size, endpoint=True).astype(np.int32)
    return Value(plain.name, plain.type, data)


def _wide_bias(draw: st.DrawFn, op: Op, key: int, image: TensorType, filter_: Value, size: int) -> Value | None:
    """The bias of an int16 layer: int64, or int32 where there are such."""
    limit = draw(st.sampled_from([None, 0, 3000, 1 << 31, 1 << 45]))
    if limit is None:
        return None
    kind = sampling.bias(key, image, filter_, size).type
    data = sampling.rng("bias", key).integers(-limit, limit, size, endpoint=True)
    if limit < 1 << 31 and isinstance(op, (Conv2D, FullyConnected)) and draw(st.booleans()):
        return Value("bias", TensorType(DType.INT32, kind.shape, kind.quant), data.astype(np.int32))
    return Value("bias", kind, data)


def _wide_layer(
    draw: st.DrawFn, op: Op, image: tuple[int, ...], weights: tuple[int, ...], channels_axis: int
) -> Sample:
    """A layer of an int16 image with a constant int8 filter."""
    key, units = draw(KEYS), weights[channels_axis]
    kind, scale = sampling.int16(image, draw(SCALES) / 256.0), draw(SCALES)
    assert kind.quant is not None
    filter_ = sampling.weights(key, weights, draw(st.sampled_from([channels_axis, None])), scale)
    spread = kind.quant.scale * scale * 4000.0 * (int(np.prod(weights)) // units) ** 0.5 / 128.0
    result = QuantParams.per_tensor(spread * 2.0 ** draw(st.floats(-4.0, 4.0)), 0)
    bias = _wide_bias(draw, op, key, kind, filter_, units)
    return valid(sampling.single(op, "drawn", (kind, filter_, bias), result))


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


def _layer(
    draw: st.DrawFn,
    op: Op,
    image: tuple[int, ...],
    weights: tuple[int, ...],
    channels_axis: int,
    *,
    real: bool,
    wide: bool = False,
) -> Sample:
    """A layer with a constant filter and, at times, a bias; in float, int8 or, ``wide``, with int16 activations, where
    the filter may have one scale.
    """
    if wide:
        return _wide_layer(draw, op, image, weights, channels_axis)
    key, units = draw(KEYS), weights[channels_axis]
    terms = int(np.prod(weights)) // units
    if real:
        filter_ = sampling.float_weights(key, weights, terms**-0.5)
        shift = sampling.float_weights(key, (units,), name="bias") if draw(st.booleans()) else None
        return valid(sampling.single(op, "drawn", (sampling.float32(image), filter_, shift), None))
    axis = draw(st.sampled_from([channels_axis, channels_axis, None]))
    kind = TensorType(DType.INT8, image, quant(draw))
    assert kind.quant is not None
    scale, result = accumulated(draw, kind.quant, terms)
    filter_ = sampling.weights(key, weights, axis, scale)
    return valid(sampling.single(op, "drawn", (kind, filter_, _bias(draw, key, kind, filter_, units)), result))


@st.composite
def convolutions(draw: st.DrawFn, *, real: bool = False, wide: bool = False) -> Sample:
    """Conv2D, grouped ones among them."""
    size, kernel, stride, dilation = _window(draw, 4, dilated=True)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, channels = groups * draw(CHANNELS), groups * draw(CHANNELS)
    op = Conv2D(stride, dilation, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
    image = (draw(st.integers(1, 2)), *size, depth)
    return _layer(draw, op, image, (channels, *kernel, depth // groups), 0, real=real, wide=wide)


@st.composite
def depthwise_convolutions(draw: st.DrawFn, *, real: bool = False, wide: bool = False) -> Sample:
    """DepthwiseConv2D."""
    size, kernel, stride, dilation = _window(draw, 5, dilated=True)
    depth, multiplier = draw(CHANNELS), draw(st.sampled_from([1, 1, 2, 3, 8]))
    op = DepthwiseConv2D(stride, dilation, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
    return _layer(
        draw, op, (draw(st.integers(1, 2)), *size, depth), (1, *kernel, depth * multiplier), 3, real=real, wide=wide
    )


@st.composite
def dense_layers(draw: st.DrawFn, *, real: bool = False, wide: bool = False) -> Sample:
    """FullyConnected."""
    depth, units, rows = draw(st.integers(1, 70)), draw(st.integers(1, 20)), draw(st.integers(1, 4))
    shape = draw(st.sampled_from([(rows, depth), (1, rows, depth), (1, 1, rows, depth)]))
    op = FullyConnected(draw(st.booleans()), draw(ACTIVATIONS))
    return _layer(draw, op, shape, (units, depth), 0, real=real, wide=wide)


@st.composite
def transposed_convolutions(draw: st.DrawFn, *, real: bool = False, wide: bool = False) -> Sample:
    """TransposeConv2D with results that are smaller or larger than all that the filter reaches."""
    size, kernel, stride, _ = _window(draw, 4, dilated=False)
    depth, units = draw(CHANNELS), draw(CHANNELS)
    full = [(i - 1) * s + k for i, s, k in zip(size, stride, kernel, strict=True)]
    below, right, added = 0, 0, (0, 0)
    if draw(st.booleans()):
        added = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    else:
        below, right = (draw(st.integers(0, min(f - 1, 2))) for f in full)
    op = TransposeConv2D(stride, (1, 1), Padding(0, 0, below, right), added, draw(ACTIVATIONS))
    return _layer(draw, op, (draw(st.integers(1, 2)), *size, depth), (units, *kernel, depth), 0, real=real, wide=wide)


def pools(make: type[AveragePool2D] | type[MaxPool2D], *, real: bool = False) -> st.SearchStrategy[Sample]:
    """A pooling operator."""

    @st.composite
    def pool(draw: st.DrawFn) -> Sample:
        size, kernel, stride, dilation = _window(draw, 5, dilated=False)
        image = tensor(draw, (draw(st.integers(1, 2)), *size, draw(CHANNELS)), real=real)
        op = make(kernel, stride, _padding(draw, size, kernel, stride, dilation), draw(ACTIVATIONS))
        return valid(sampling.single(op, "drawn", (image,), image.quant))

    return pool()


def broadcast_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes of rank up to 4 that broadcast: dimensions of 1 and missing leading ones."""
    full = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    shapes = []
    for _ in range(2):
        kept = [d if draw(st.integers(0, 3)) else 1 for d in full]
        shapes.append(tuple(kept[draw(st.sampled_from([0, 0, 0, len(full) - 1])) :]))
    return shapes[0], shapes[1]


def binaries(
    make: Callable[[Activation], Op], result_scale: Callable[[float, float], float] | None = None
) -> st.SearchStrategy[Sample]:
    """A binary operator, with and without broadcasting; ``result_scale`` suits int8 operands of the given scales and
    is absent for float ones.
    """

    @st.composite
    def binary(draw: st.DrawFn) -> Sample:
        shapes = broadcast_shapes(draw)
        if result_scale is None:
            return valid(sampling.single(make(draw(ACTIVATIONS)), "drawn", list(map(sampling.float32, shapes)), None))
        quants = [quant(draw) for _ in shapes]
        kinds = [TensorType(DType.INT8, shape, quant) for shape, quant in zip(shapes, quants, strict=True)]
        scale = result_scale(quants[0].scale, quants[1].scale) * 2.0 ** draw(st.floats(-4.0, 4.0))
        return valid(sampling.single(make(draw(ACTIVATIONS)), "drawn", kinds, quant(draw, scale)))

    return binary()
