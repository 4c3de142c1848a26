"""Path gpu against the reference path: every operator's samples, models layer by layer, random convolutions.

Whole models: tests/model/test_paths_agree.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import Context, Model
from microgen.delegates.gpu import Gpu
from microgen.delegates.gpu.program import Program
from microgen.mindir import Array, DType, Graph, QuantParams
from microgen.ops import sampling
from microgen.ops.attributes import Activation, Padding
from microgen.ops.base import Op, Sample
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.registry import operators
from microgen.runtime import Session
from microgen.runtime.delegate import No, Yes, known_paths
from microgen.verification import sample_inputs
from tests.op.test_operators_numpy import inputs_of
from tests.support.models import INT8_MODELS, test_batch
from tests.support.tolerance import assert_close

#: Operators with a row: each of their quantized samples is claimed, but for those named below.
QUANTIZED = frozenset(
    ("Abs", "Add", "AveragePool2D", "BatchMatMul", "BroadcastTo", "Clip", "Concatenation", "Conv2D", "DepthToSpace",
     "DepthwiseConv2D", "Dequantize", "Elu", "Equal", "ExpandDims", "FullyConnected", "Gather", "Greater",
     "GreaterEqual", "HardSwish", "LeakyRelu", "Less", "LessEqual", "Logistic", "MaxPool2D", "Maximum", "Mean",
     "Minimum", "Mul", "Neg", "NotEqual", "Pad", "Quantize", "ReduceMax", "ReduceMin", "Relu", "Relu6", "Reshape",
     "ResizeNearest", "Reverse", "Rsqrt", "Slice", "Softmax", "SpaceToDepth", "Split", "Sqrt", "Square",
     "SquaredDifference", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose", "TransposeConv2D")
)  # fmt: skip
_REFUSED = {("Gather", "outside_int32"), ("Gather", "outside_int64"), ("Gather", "batches"),
            ("Gather", "batches_behind"), ("Gather", "batch_of_scalars"), ("Dequantize", "float16"),
            ("Quantize", "per_channel")}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def samples(operator: type[Op]) -> list[Sample]:
    return [s for s in operator.samples() if isinstance(Gpu().claims(s.graph.nodes[0]), Yes)]


def assert_like_reference(graph: Graph, inputs: Sequence[Array], program: Program | None = None) -> None:
    """Integers byte for byte, floats within 1e-5 of the largest magnitude."""
    before = [array.copy() for array in inputs]
    found = (program or Program(graph, 1)).run(inputs)
    for value, ours, expected in zip(graph.outputs, found, Session(graph).run(inputs), strict=True):
        assert ours.dtype == expected.dtype and ours.shape == expected.shape
        assert_close(ours, expected, [*inputs, *(v.const for v in graph.constants())], value.name)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy, err_msg="the path changed its input")


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_every_sample_that_is_claimed(operator: type[Op]) -> None:
    for sample in samples(operator):
        try:
            assert_like_reference(sample.graph, inputs_of(sample.graph))
        except AssertionError as error:
            raise AssertionError(f"sample {sample.id}: {error}") from error


def test_what_is_claimed() -> None:
    claimed, refused = set(), []
    for operator in operators():
        for sample in operator.samples():
            (node,) = sample.graph.nodes
            match Gpu().claims(node):
                case Yes():
                    claimed.add(operator.name)
                case No(reason):
                    refused.append(reason)
                    types = [v.type for v in sample.graph.values()]
                    quantized = any(t.quant is not None for t in types) and DType.INT16 not in {t.dtype for t in types}
                    expected = operator.name not in QUANTIZED or (operator.name, sample.id) in _REFUSED
                    assert expected or not quantized, f"{operator.name} {sample.id}: {reason}"
    assert claimed >= QUANTIZED
    assert refused and all(refused)


@pytest.mark.parametrize("name", INT8_MODELS)
def test_the_same_bytes_in_every_layer(name: str, testdata: Path) -> None:
    graph = Model(testdata / "models" / f"{name}.tflite").graph
    inputs = test_batch(graph, 3)
    whole = Graph(graph.name, graph.inputs, [v for node in graph.nodes for v in node.outputs], graph.nodes)
    expected = Session(graph).run_all(inputs)
    for value, found in zip(whole.outputs, Program(whole, 1).run(inputs), strict=True):
        np.testing.assert_array_equal(found, expected[value], err_msg=value.name)


def test_a_batch_of_any_size_in_portions_of_any_size(testdata: Path) -> None:
    graph = Model(testdata / "models" / "kws_dscnn_int8.tflite").graph
    inputs = sample_inputs([v.type for v in graph.inputs], 61)
    (expected,) = Session(graph).run(inputs)
    program = Program(graph, 1)
    for count in (0, 1, 2, 3, 17, 63, 64):
        for program.portion in (1, 7, 64) if count in (3, 17) else (24,):
            (found,) = program.run([a[:count] for a in inputs])
            np.testing.assert_array_equal(found, expected[:count])


def test_many_threads_share_a_program(testdata: Path) -> None:
    model = Model(testdata / "models" / "kws_dscnn_int8.tflite").build(Context(("gpu",), threads=1))
    inputs = sample_inputs([v.type for v in model.graph.inputs], 13)
    (expected,) = Session(model.graph).run(inputs)
    with ThreadPoolExecutor(4) as pool:
        for (found,) in pool.map(model.predict, [inputs] * 12):
            np.testing.assert_array_equal(found, expected)


def test_what_is_not_claimed_runs_on_the_reference(testdata: Path) -> None:
    assert "gpu" in known_paths()
    model = Model(testdata / "models" / "kws_dscnn_hybrid.tflite").build(Context(("gpu",), threads=1))
    inputs = test_batch(model.graph, 2)
    for found, expected in zip(model.predict(inputs), Session(model.graph).run(inputs), strict=True):
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_read_only_and_strided_inputs(testdata: Path) -> None:
    graph = Model(testdata / "models" / "kws_dscnn_int8.tflite").graph
    (batch,) = sample_inputs([v.type for v in graph.inputs], 9)
    batch.setflags(write=False)
    for given_ in (batch, batch[::-2]):
        (found,) = Program(graph, 1).run([given_])
        np.testing.assert_array_equal(found, Session(graph).run([given_])[0])


@st.composite
def convolutions(draw: st.DrawFn) -> Graph:
    """A node whose window fits into its padded image."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = Padding(*draw(st.tuples(*(st.integers(0, 3),) * 4)))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    height = draw(st.integers(max(1, spans[0] - pads.top - pads.bottom), spans[0] + 6))
    width = draw(st.integers(max(1, spans[1] - pads.left - pads.right), spans[1] + 6))
    groups, depth, size = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 1000))
    image = sampling.int8((draw(st.integers(1, 2)), height, width, groups * depth), 0.05, draw(st.integers(-128, 127)))
    if draw(st.booleans()):
        op: Op = Conv2D(stride, dilation, pads, draw(st.sampled_from(Activation)))
        filter_ = sampling.weights(seed, (groups * size, *kernel, depth), draw(st.sampled_from((0, None))))
        channels = groups * size
    else:
        op = DepthwiseConv2D(stride, dilation, pads, draw(st.sampled_from(Activation)))
        channels = groups * depth * size
        filter_ = sampling.weights(seed, (1, *kernel, channels), draw(st.sampled_from((3, None))))
    bias = sampling.bias(seed, image, filter_, channels, draw(st.sampled_from((0, 1 << 20, 1 << 30))))
    # Powers of two make ties.
    scale = draw(st.one_of(st.floats(0.002, 2.0), st.sampled_from((0.0625, 0.5))))
    output = QuantParams.per_tensor(scale, draw(st.integers(-128, 127)))
    return sampling.single(op, "random", (image, filter_, draw(st.sampled_from((bias, None)))), output).graph


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_random_convolutions(graph: Graph) -> None:
    assert_like_reference(graph, inputs_of(graph))
