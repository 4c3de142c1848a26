"""What TensorFlow's converter makes of Keras's dilated convolutions and layer normalizations."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.frontends import tflite_batches
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, QuantParams, TensorType, Value
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.networks import OPS, names


def blocks(x: Array, block: list[int], border: list[list[int]], to_batch: bool, quant: QuantParams | None) -> Array:
    """The layer's result."""
    kind = DType.FLOAT32 if quant is None else DType.INT8
    operator = tflite_batches.TO_BATCH if to_batch else tflite_batches.TO_SPACE
    constants = [np.array(v, np.int32) for v in (block, border)]
    inputs = [
        Value("x", TensorType(kind, x.shape, quant)),
        *(Value(f"c{i}", TensorType(DType.INT32, c.shape), c) for i, c in enumerate(constants)),
    ]
    output = Value("y", TensorType(kind, tflite_batches.output_shape(operator, inputs), quant))
    graph = Graph("g", [inputs[0]], [output], tflite_batches.nodes(operator, inputs, output))
    (result,) = Session(graph).run([x[None]])
    return result[0]


@pytest.mark.parametrize("quant", [None, QuantParams.per_tensor(0.1, 7)])
@pytest.mark.parametrize(
    ("shape", "block", "border"),
    [
        ((1, 10, 3), [2], [[0, 0]]),
        ((2, 9, 3), [4], [[3, 0]]),
        ((1, 5, 6, 2), [2, 3], [[1, 2], [0, 3]]),
        ((3, 4, 6, 2), [2, 3], [[0, 0], [0, 0]]),
        ((1, 4, 6, 2), [1, 1], [[0, 0], [0, 0]]),
    ],
)
def test_blocks_of_pixels_are_images(
    shape: tuple[int, ...], block: list[int], border: list[list[int]], quant: QuantParams | None
) -> None:
    x = np.random.default_rng(1).integers(-128, 128, shape).astype(np.float32 if quant is None else np.int8)
    fill = 0 if quant is None else quant.zero_point
    space = np.pad(x, [(0, 0), *border, *[(0, 0)] * (len(shape) - 1 - len(block))], constant_values=fill)
    offsets = list(np.ndindex(*block))
    wanted = [space[(slice(None), *(slice(o, None, b) for o, b in zip(at, block, strict=True)))] for at in offsets]
    found = blocks(x, block, border, True, quant)
    np.testing.assert_array_equal(found, np.concatenate(wanted))
    np.testing.assert_array_equal(blocks(found, block, border, False, quant), x)


@pytest.mark.parametrize(
    ("shape", "block", "border", "operator"),
    [
        ((1, 9, 3), [2], [[0, 0]], tflite_batches.TO_BATCH),
        ((3, 9, 3), [2], [[0, 0]], tflite_batches.TO_SPACE),
        ((2, 4, 3), [2], [[4, 4]], tflite_batches.TO_SPACE),
        ((1, 8, 3), [0], [[0, 0]], tflite_batches.TO_BATCH),
        ((1, 8, 3), [2], [[-2, 0]], tflite_batches.TO_BATCH),
        ((1, 8, 3), [2, 2, 2], [[0, 0]] * 3, tflite_batches.TO_BATCH),
    ],
)
def test_blocks_that_do_not_fit_are_refused(
    shape: tuple[int, ...], block: list[int], border: list[list[int]], operator: str
) -> None:
    constants = [np.array(v, np.int32) for v in (block, border)]
    x = Value("x", TensorType(DType.FLOAT32, shape))
    inputs = [x, *(Value(f"c{i}", TensorType(DType.INT32, c.shape), c) for i, c in enumerate(constants))]
    with pytest.raises(VerifyError):
        tflite_batches.output_shape(operator, inputs)
    unknown = Value("b", TensorType(DType.INT32, (1,)))
    with pytest.raises(VerifyError, match="known at compile time"):
        tflite_batches.output_shape(operator, [x, unknown, inputs[2]])


@pytest.mark.parametrize("form", ["negated mean", "negated product", "difference", "beta minus", "beta plus"])
@pytest.mark.parametrize("gamma", [True, False])
def test_a_layer_normalization_by_parts(form: str, gamma: bool) -> None:
    rng = np.random.default_rng(2)
    b = GraphBuilder("test")
    x = b.input("x", TensorType(DType.FLOAT32, (1, 5, 8)))
    mean = b.add(OPS.Mean((2,), True), x)
    variance = b.add(OPS.Mean((2,), True), b.add(OPS.SquaredDifference(), x, mean))
    factor = b.add(OPS.Rsqrt(), b.add(OPS.Add(), variance, b.constant(np.array(1e-3, np.float32))))
    if gamma:
        factor = b.add(OPS.Mul(), factor, b.constant(rng.uniform(0.5, 1, (1, 1, 8)).astype(np.float32)))
    beta = b.constant(rng.uniform(0.5, 1, (8,)).astype(np.float32))
    product = b.add(OPS.Mul(), x, factor)
    shift = b.add(OPS.Mul(), mean, factor)
    if form == "negated mean":
        y = b.add(OPS.Add(), product, b.add(OPS.Mul(), b.add(OPS.Neg(), mean), factor))
    elif form == "negated product":
        y = b.add(OPS.Add(), b.add(OPS.Neg(), shift), product)
    elif form == "difference":
        y = b.add(OPS.Sub(), product, shift)
    elif form == "beta minus":
        y = b.add(OPS.Add(), product, b.add(OPS.Sub(), beta, shift))
    else:
        y = b.add(OPS.Add(), product, b.add(OPS.Add(), b.add(OPS.Neg(), shift), beta))
    graph = b.graph([y])
    found = optimize(graph)
    assert names(found) == ["LayerNorm"]
    given = rng.standard_normal((3, 1, 5, 8)).astype(np.float32)
    np.testing.assert_allclose(Session(found).run([given])[0], Session(graph).run([given])[0], atol=1e-5)


@pytest.mark.parametrize("wrong", ["mean", "factor", "sign"])
def test_what_is_no_layer_normalization(wrong: str) -> None:
    b = GraphBuilder("test")
    x = b.input("x", TensorType(DType.FLOAT32, (1, 5, 8)))
    mean = b.add(OPS.Mean((2,), True), x)
    variance = b.add(OPS.Mean((2,), True), b.add(OPS.SquaredDifference(), x, mean))
    factor = b.add(OPS.Rsqrt(), b.add(OPS.Add(), variance, b.constant(np.array(1e-3, np.float32))))
    product = b.add(OPS.Mul(), x, factor)
    other = b.add(OPS.Mean((1,), True), x) if wrong == "mean" else mean
    second = b.add(OPS.Abs(), factor) if wrong == "factor" else factor
    shift = b.add(OPS.Mul(), other, second)
    y = b.add(OPS.Add() if wrong == "sign" else OPS.Sub(), product, shift)
    graph = b.graph([y])
    assert "LayerNorm" not in names(optimize(graph))


def dilated(
    operator: type,
    shape: tuple[int, ...],
    block: list[int],
    before: list[list[int]],
    after: list[list[int]],
    wide: bool,
) -> tuple[Graph, Graph | None]:
    """(a convolution between two layers that move blocks, the same as a dilated one if it is recognized)."""
    rng = np.random.default_rng(6)
    b = GraphBuilder("test")
    x = b.input("x", TensorType(DType.FLOAT32, shape))
    channels = shape[-1]

    def operands(value: Value, border: list[list[int]]) -> tuple[Value, ...]:
        arrays = [np.array(v, np.int32) for v in (block, border)]
        return (value, *(Value(f"c{i}", TensorType(DType.INT32, a.shape), a) for i, a in enumerate(arrays)))

    def kind(name: str, inputs: tuple[Value, ...]) -> Value:
        return Value(name, TensorType(DType.FLOAT32, tflite_batches.output_shape(name, inputs)))

    there = operands(x, before)
    batch = kind(tflite_batches.TO_BATCH, there)
    nodes = tflite_batches.nodes(tflite_batches.TO_BATCH, there, batch)
    image = batch if wide else b.add(OPS.Reshape((batch.shape[0], 1, *batch.shape[1:])), batch)
    size = (3, 2) if wide else (1, 3)
    depth = 1 if operator is OPS.DepthwiseConv2D else 5
    first = (depth, *size, channels)
    weights = b.constant(rng.standard_normal(first).astype(np.float32))
    y = b.add(operator(), image, weights, None)
    if not wide:
        y = b.add(OPS.Reshape((y.shape[0], *y.shape[2:])), y)
    nodes += b._nodes
    back = operands(y, after)
    result = kind(tflite_batches.TO_SPACE, back)
    whole = Graph("g", [x], [result], nodes + tflite_batches.nodes(tflite_batches.TO_SPACE, back, result))
    found = tflite_batches.dilated(nodes, {batch: there}, back, result)
    return whole, None if found is None else Graph("g", [x], [result], found)


@pytest.mark.parametrize("operator", [OPS.Conv2D, OPS.DepthwiseConv2D])
@pytest.mark.parametrize(
    ("shape", "block", "before", "after"),
    [
        ((1, 16, 3), [2], [[2, 2]], [[0, 0]]),
        ((1, 15, 3), [4], [[4, 5]], [[0, 1]]),
        ((2, 16, 3), [4], [[0, 0]], [[0, 0]]),
        ((1, 11, 16, 3), [2, 3], [[2, 3], [1, 1]], [[0, 1], [0, 0]]),
        ((2, 11, 16, 3), [3, 2], [[1, 0], [0, 2]], [[0, 0], [0, 1]]),
    ],
)
def test_a_convolution_of_batches_of_blocks_is_dilated(
    operator: type, shape: tuple[int, ...], block: list[int], before: list[list[int]], after: list[list[int]]
) -> None:
    whole, found = dilated(operator, shape, block, before, after, len(shape) == 4)
    assert found is not None and [n for n in names(found) if n != "Reshape"] == [operator.name]
    given = np.random.default_rng(7).standard_normal((2, *shape)).astype(np.float32)
    np.testing.assert_allclose(Session(found).run([given])[0], Session(whole).run([given])[0], atol=1e-5)


def test_a_border_that_padding_cannot_make_stays() -> None:
    for after in ([[1, 0]], [[0, 3]]):
        _, found = dilated(OPS.Conv2D, (1, 16, 3), [2], [[2, 2]], after, False)
        assert found is None


@pytest.mark.parametrize(("size", "expected"), [(7, ["Gather"]), (6, ["Less", "Add", "Select", "Gather"])])
def test_an_embedding_whose_indices_count_from_the_end(size: int, expected: list[str]) -> None:
    b = GraphBuilder("test")
    ids = b.input("ids", TensorType(DType.INT32, (1, 5)))
    table = b.constant(np.random.default_rng(8).standard_normal((7, 3)).astype(np.float32))
    negative = b.add(OPS.Less(), ids, b.constant(np.array(0, np.int32)))
    wrapped = b.add(OPS.Add(), ids, b.constant(np.array(size, np.int32)))
    graph = b.graph([b.add(OPS.Gather(0), table, b.add(OPS.Select(), negative, wrapped, ids))])
    found = optimize(graph)
    assert names(found) == expected
    given = np.array([[[0, 6, -1, -5, 3]]], np.int32)
    np.testing.assert_array_equal(Session(found).run([given])[0], Session(graph).run([given])[0])
