"""Hypothesis strategies: one-node graphs of operators that move, reduce and combine elements, over many shapes.

Everything that is drawn has a form in TensorFlow Lite, so that the reference interpreter can speak on it.
"""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.add import Add
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import Sample
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.concatenation import Concatenation
from microgen.ops.gather import Gather
from microgen.ops.logistic import Logistic
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.pad import Pad
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reshape import Reshape
from microgen.ops.resize_bilinear import ResizeBilinear
from microgen.ops.resize_nearest import ResizeNearest
from microgen.ops.resizing import Coordinates, Resize
from microgen.ops.slice import Slice
from microgen.ops.softmax import Softmax
from microgen.ops.split import Split
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum
from microgen.ops.tanh import Tanh
from microgen.ops.transpose import Transpose
from tests.support.strategies import (
    CHANNELS,
    KEYS,
    accumulated,
    binaries,
    broadcast_shapes,
    convolutions,
    dense_layers,
    depthwise_convolutions,
    pools,
    quant,
    tensor,
    transposed_convolutions,
    valid,
)

WIDE_PROBABILITIES = QuantParams.per_tensor(2.0**-15, 0)
SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)
COORDINATES = st.sampled_from([Coordinates.ASYMMETRIC, Coordinates.HALF_PIXEL, Coordinates.ALIGN_CORNERS])


@st.composite
def matrix_products(draw: st.DrawFn, *, real: bool = False) -> Sample:
    """BatchMatMul, either operand transposed, broadcast or, the second, constant."""
    rows, depth, columns = draw(st.integers(1, 9)), draw(CHANNELS), draw(st.integers(1, 20))
    op = BatchMatMul(draw(st.booleans()), draw(st.booleans()))
    batches = [batch[-2:] for batch in broadcast_shapes(draw)]
    first = (*batches[0], *((depth, rows) if op.transpose_a else (rows, depth)))
    second = (*batches[1], *((columns, depth) if op.transpose_b else (depth, columns)))
    key, fixed = draw(KEYS), draw(st.booleans())
    left = tensor(draw, first, real=real)
    if real:
        matrix = sampling.float_weights(key, second, depth**-0.5)
        return valid(sampling.single(op, "drawn", (left, matrix if fixed else matrix.type), None))
    assert left.quant is not None
    scale, result = accumulated(draw, left.quant, depth)
    kind = TensorType(DType.INT8, second, quant(draw, scale))
    data = sampling.rng(key).integers(-128, 128, second, dtype=np.int8)
    return valid(sampling.single(op, "drawn", (left, Value("matrix", kind, data) if fixed else kind), result))


@st.composite
def transpositions(draw: st.DrawFn) -> Sample:
    """Transpose."""
    source = tensor(draw, draw(SHAPES))
    op = Transpose(tuple(draw(st.permutations(range(len(source.shape))))))
    return valid(sampling.single(op, "drawn", (source,), source.quant))


@st.composite
def slices(draw: st.DrawFn) -> Sample:
    """Slice with any stride, backwards as well."""
    source = tensor(draw, draw(SHAPES))
    begin, size, stride = [], [], []
    for length in source.shape:
        start, step = draw(st.integers(0, length - 1)), draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
        most = (length - 1 - start) // step + 1 if step > 0 else start // -step + 1
        begin.append(start)
        size.append(draw(st.integers(1, most)))
        stride.append(step)
    return valid(sampling.single(Slice(tuple(begin), tuple(size), tuple(stride)), "drawn", (source,), source.quant))


@st.composite
def concatenations(draw: st.DrawFn) -> Sample:
    """Concatenation of up to five tensors."""
    source = tensor(draw, draw(SHAPES))
    axis = draw(st.integers(0, len(source.shape) - 1))
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    parts = [
        TensorType(DType.INT8, (*source.shape[:axis], n, *source.shape[axis + 1 :]), source.quant) for n in lengths
    ]
    return valid(sampling.single(Concatenation(axis), "drawn", parts, source.quant))


@st.composite
def splits(draw: st.DrawFn) -> Sample:
    """Split into up to four parts, equal or not."""
    shape = draw(SHAPES)
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    source = tensor(draw, (*shape[:axis], sum(sizes), *shape[axis + 1 :]))
    op = Split(axis, sizes)
    made = op.infer(Node(op, (Value("x", source),), (), "draft"))
    return valid(sampling.single(op, "drawn", (source,), [TensorType(d, s, source.quant) for d, s in made]))


@st.composite
def gathers(draw: st.DrawFn) -> Sample:
    """Gather at constant places, in any order and repeatedly."""
    source = tensor(draw, draw(SHAPES))
    axis = draw(st.integers(0, len(source.shape) - 1))
    places = draw(st.lists(st.integers(0, source.shape[axis] - 1), min_size=1, max_size=9))
    indices = sampling.constant("indices", np.array(places, np.int32))
    return valid(sampling.single(Gather(axis), "drawn", (source, indices), source.quant))


def reductions(make: type[Mean | Sum | ReduceMax]) -> st.SearchStrategy[Sample]:
    """A reduction over any axes."""

    @st.composite
    def reduction(draw: st.DrawFn) -> Sample:
        source = tensor(draw, draw(SHAPES))
        axes = draw(st.sets(st.integers(0, len(source.shape) - 1), min_size=1))
        op = make(tuple(sorted(axes)), draw(st.booleans()))
        assert source.quant is not None
        result = source.quant
        if make is not ReduceMax:
            terms = float(np.prod([source.shape[axis] for axis in axes]))
            spread = source.quant.scale * (terms**0.5 if make is Sum else terms**-0.5)
            result = quant(draw, spread * 2.0 ** draw(st.floats(-3.0, 3.0)))
        return valid(sampling.single(op, "drawn", (source,), result))

    return reduction()


def resizings(make: type[Resize], *, real: bool = False) -> st.SearchStrategy[Sample]:
    """ResizeNearest or ResizeBilinear to any size."""

    @st.composite
    def resizing(draw: st.DrawFn) -> Sample:
        size, result = (draw(st.tuples(st.integers(1, 9), st.integers(1, 9))) for _ in range(2))
        source = tensor(draw, (draw(st.integers(1, 2)), *size, draw(CHANNELS)), real=real)
        return valid(sampling.single(make(result, draw(COORDINATES)), "drawn", (source,), source.quant))

    return resizing()


@st.composite
def softmaxes(draw: st.DrawFn, *, wide: bool = False) -> Sample:
    """Softmax along the last axis, from scales that tell nothing apart to those that leave one class."""
    shape = (*draw(st.lists(st.integers(1, 4), max_size=3)), draw(st.one_of(st.integers(1, 12), st.integers(13, 80))))
    op = Softmax(draw(st.sampled_from([1.0, 1.0, 0.25, 3.5])))
    scale = float(np.float32(2.0 ** draw(st.floats(-14.0, 2.0))))
    if wide:
        return valid(sampling.single(op, "drawn", (sampling.int16(shape, scale / 16.0),), WIDE_PROBABILITIES))
    source = TensorType(DType.INT8, shape, quant(draw, scale))
    return valid(sampling.single(op, "drawn", (source,), QuantParams.per_tensor(1 / 256, -128)))


@st.composite
def paddings(draw: st.DrawFn) -> Sample:
    """Pad with any amounts, with the zero point or a number."""
    source = tensor(draw, draw(SHAPES))
    amounts = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in source.shape)
    op = Pad(amounts, draw(st.one_of(st.none(), st.integers(-128, 127))))
    return valid(sampling.single(op, "drawn", (source,), source.quant))


def sigmoids(make: type[Logistic | Tanh]) -> st.SearchStrategy[Sample]:
    """Logistic or Tanh of any scale, whose result has the one that TensorFlow Lite asks for."""

    @st.composite
    def sigmoid(draw: st.DrawFn) -> Sample:
        result = QuantParams.per_tensor(make.result_scale, make.result_zero_point)
        return valid(sampling.single(make(), "drawn", (tensor(draw, draw(SHAPES)),), result))

    return sigmoid()


@st.composite
def reshapings(draw: st.DrawFn) -> Sample:
    """Reshape: other groups of the same elements, one dimension left open or none."""
    factors = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    before, after = ([int(np.prod(group)) for group in _grouped(draw, factors)] for _ in range(2))
    if draw(st.booleans()):
        after[draw(st.integers(0, len(after) - 1))] = -1
    source = tensor(draw, tuple(before))
    return valid(sampling.single(Reshape(tuple(after)), "drawn", (source,), source.quant))


def _grouped(draw: st.DrawFn, factors: list[int]) -> list[list[int]]:
    """Neighbours together: up to four groups, none of them empty."""
    cuts = sorted(draw(st.sets(st.integers(1, len(factors)), max_size=3)) - {len(factors)})
    return [factors[a:b] for a, b in itertools.pairwise([0, *cuts, len(factors)])]


def _plus(first: float, second: float) -> float:
    return first + second


#: Name of a test → the graphs of an operator. In float there are those whose kernels work in blocks with rests or whose
#: shapes interact. Sums that may cancel are left out: what is left of them has no magnitude to be measured by.
BY_OPERATOR: dict[str, st.SearchStrategy[Sample]] = {
    "Conv2D": convolutions(),
    "DepthwiseConv2D": depthwise_convolutions(),
    "FullyConnected": dense_layers(),
    "AveragePool2D": pools(AveragePool2D),
    "MaxPool2D": pools(MaxPool2D),
    "Add": binaries(Add, _plus),
    "Sub": binaries(Sub, _plus),
    "Mul": binaries(Mul, lambda first, second: 100.0 * first * second),
    "TransposeConv2D": transposed_convolutions(),
    "BatchMatMul": matrix_products(),
    "Softmax": softmaxes(),
    "Pad": paddings(),
    "Logistic": sigmoids(Logistic),
    "Tanh": sigmoids(Tanh),
    "Transpose": transpositions(),
    "Slice": slices(),
    "Concatenation": concatenations(),
    "Split": splits(),
    "Gather": gathers(),
    "Mean": reductions(Mean),
    "Sum": reductions(Sum),
    "ReduceMax": reductions(ReduceMax),
    "ResizeNearest": resizings(ResizeNearest),
    "ResizeBilinear": resizings(ResizeBilinear),
    "Conv2D_i16": convolutions(wide=True),
    "DepthwiseConv2D_i16": depthwise_convolutions(wide=True),
    "FullyConnected_i16": dense_layers(wide=True),
    "TransposeConv2D_i16": transposed_convolutions(wide=True),
    "Softmax_i16": softmaxes(wide=True),
    "Conv2D_f32": convolutions(real=True),
    "DepthwiseConv2D_f32": depthwise_convolutions(real=True),
    "FullyConnected_f32": dense_layers(real=True),
    "AveragePool2D_f32": pools(AveragePool2D, real=True),
    "MaxPool2D_f32": pools(MaxPool2D, real=True),
    "Add_f32": binaries(Add),
    "Mul_f32": binaries(Mul),
    "TransposeConv2D_f32": transposed_convolutions(real=True),
    "BatchMatMul_f32": matrix_products(real=True),
    "ResizeBilinear_f32": resizings(ResizeBilinear, real=True),
}

#: What only gives memory another shape: no kernel computes it.
VIEWS: dict[str, st.SearchStrategy[Sample]] = {"Reshape": reshapings()}
