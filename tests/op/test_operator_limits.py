"""What operators accept and refuse beyond their samples: spellings of a source file, constraints, and that the
reference interpreter refuses the same where a constraint is taken from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.exporters import tflite as exporter
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Padding
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import Op, Sample
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.log_softmax import LogSoftmax
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.mean import Mean
from microgen.ops.onnx_form import OnnxSource
from microgen.ops.pad import Pad
from microgen.ops.softmax import Softmax
from microgen.ops.tflite_form import TFLiteSource
from tests.support import oracle

INT8 = sampling.int8


def source(operator: str, *inputs: Value | TensorType | None, output: TensorType | None = None, **options: Any):
    """A layer of a .tflite file."""
    values = tuple(Value(f"x{i}", v) if isinstance(v, TensorType) else v for i, v in enumerate(inputs))
    result = Value("y", output or INT8((1,)))
    return TFLiteSource(operator, values, (result,), lambda name: options.get(name, 0))


def const(*values: int, dtype: str = "int32", shape: tuple[int, ...] | None = None) -> Value:
    data = np.array(values, dtype)
    return sampling.constant("constant", data if shape is None else data.reshape(shape))


def problems(sample: Sample) -> list[str]:
    (node,) = sample.graph.nodes
    assert isinstance(node.op, Op)
    return list(node.op.problems(node))


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (const(1, 2), (1, 2)),
        (const(2, 1), (1, 2)),
        (const(-1, 0), (0, 3)),
        (const(3, -1, 3), (3,)),
        (const(-2, shape=()), (2,)),
        (const(1, 2, dtype="int64"), (1, 2)),
    ],
)
def test_mean_axes(axes: Value, expected: tuple[int, ...]) -> None:
    op, inputs = Mean.from_tflite(source("MEAN", INT8((1, 4, 5, 3)), axes, KeepDims=True))
    assert op == Mean(expected, True)
    assert len(inputs) == 1


def test_mean_refuses_axes() -> None:
    with pytest.raises(VerifyError, match="axis 4 is outside of the input's 4 dimensions"):
        Mean.from_tflite(source("MEAN", INT8((1, 4, 5, 3)), const(4)))
    with pytest.raises(VerifyError, match="must be a constant"):
        Mean.from_tflite(source("MEAN", INT8((1, 4, 5, 3)), TensorType(DType.INT32, (2,))))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_pad_amounts(dtype: str) -> None:
    paddings = const(0, 0, 1, 2, 3, 4, 0, 0, dtype=dtype, shape=(4, 2))
    op, _ = Pad.from_tflite(source("PAD", INT8((1, 4, 5, 3)), paddings))
    assert op == Pad(((0, 0), (1, 2), (3, 4), (0, 0)))


def test_pad_value() -> None:
    kind = INT8((4, 5))
    paddings = const(0, 0, 1, 2, shape=(2, 2))
    value = Value("v", TensorType(DType.INT8, (1,), kind.quant), np.array([-7], np.int8))
    op, _ = Pad.from_tflite(source("PADV2", kind, paddings, value, output=kind))
    assert op == Pad(((0, 0), (1, 2)), -7)
    other = Value("v", INT8((1,), 0.25), np.array([-7], np.int8))
    with pytest.raises(VerifyError, match="another scale or zero point"):
        Pad.from_tflite(source("PADV2", kind, paddings, other, output=kind))


def test_pad_refuses_amounts() -> None:
    with pytest.raises(VerifyError, match="do not go with an input of 4 dimensions"):
        Pad.from_tflite(source("PAD", INT8((1, 4, 5, 3)), const(0, 0, 1, 2, shape=(2, 2))))
    with pytest.raises(VerifyError, match="must not be negative"):
        sampling.single(Pad(((0, -1),)), "negative", (INT8((4,)),), INT8((4,)).quant)


@pytest.mark.parametrize(
    ("amounts", "fill", "expected"),
    [
        (((0, 0), (1, 2), (3, 4), (0, 0)), None, Padding(1, 3, 2, 4)),
        (((0, 0), (1, 2), (3, 4), (0, 0)), 3, Padding(1, 3, 2, 4)),
        (((0, 0), (1, 2), (3, 4), (0, 0)), 4, None),
        (((0, 1), (1, 2), (3, 4), (0, 0)), None, None),
        (((0, 0), (1, 2), (3, 4), (1, 0)), None, None),
    ],
)
def test_pad_as_padding_of_an_image(amounts, fill, expected) -> None:
    (node,) = sampling.single(Pad(amounts, fill), "p", (INT8((1, 4, 5, 2)),), INT8(()).quant).graph.nodes
    assert node.op.as_padding(node) == expected


def test_pad_to_other_quantization_is_no_padding_of_an_image() -> None:
    op = Pad(((0, 0), (1, 1), (1, 1), (0, 0)))
    (node,) = sampling.single(op, "p", (INT8((1, 4, 5, 2)),), QuantParams.per_tensor(0.05, 4)).graph.nodes
    assert op.as_padding(node) is None


def test_pad_of_rank_6() -> None:
    op = Pad(((1, 0), (0, 2), (1, 1), (2, 1), (0, 3), (1, 1)))
    (node,) = sampling.single(op, "p", (INT8((2, 1, 2, 1, 2, 3)),), INT8(()).quant).graph.nodes
    data = np.arange(2 * 24, dtype=np.int8).reshape(2, 2, 1, 2, 1, 2, 3)
    (result,) = op.evaluate(node, [data])
    np.testing.assert_array_equal(result[:, 1:, :1, 1:3, 2:3, :2, 1:4], data)
    assert (result == 3).sum() - (data == 3).sum() == result.size - data.size
    assert [call.function for call in op.lower(node, None)] == ["mg_pad_s8"]  # type: ignore[arg-type]


def test_fully_connected_refuses_formats() -> None:
    inputs = (INT8((1, 4)), sampling.weights("w", (3, 4), None))
    with pytest.raises(VerifyError, match="weights format SHUFFLED4x16INT8"):
        FullyConnected.from_tflite(source("FULLY_CONNECTED", *inputs, WeightsFormat=1))
    with pytest.raises(VerifyError, match="fused activation TANH"):
        FullyConnected.from_tflite(source("FULLY_CONNECTED", *inputs, FusedActivationFunction=4))
    with pytest.raises(VerifyError, match="does not divide into rows of 4"):
        sampling.single(FullyConnected(), "rows", (INT8((1, 6)), inputs[1]), INT8(()).quant)


@pytest.mark.oracle
def test_fully_connected_bias_scale() -> None:
    weights = sampling.weights("w", (3, 4), None)
    bias = sampling.constant("bias", np.array([1, 2, 3], np.int32), QuantParams.per_tensor(0.01, 0))
    sample = sampling.single(FullyConnected(), "bias", (INT8((1, 4)), weights, bias), QuantParams.per_tensor(0.1, 0))
    (problem,) = problems(sample)
    assert problem.startswith("the scale of the bias is input scale times weight scale")
    assert problem.endswith(", but 0.01, not 0.001")
    with pytest.raises(oracle.OracleRefused):
        oracle.Oracle(exporter.write(sample.graph))


def test_fully_connected_channel_axis() -> None:
    weights = sampling.weights("w", (3, 4), 1)
    sample = sampling.single(FullyConnected(), "axis", (INT8((1, 4)), weights), INT8(()).quant)
    assert [p.rsplit(", but ", 1)[1] for p in problems(sample)] == ["scales along axis 1"]


def test_depthwise_multiplier_comes_from_the_shapes() -> None:
    inputs = (INT8((1, 4, 4, 3)), sampling.weights("w", (1, 2, 2, 6), 3))
    options = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "DepthMultiplier": 0}
    op, operands = DepthwiseConv2D.from_tflite(source("DEPTHWISE_CONV_2D", *inputs, **options))
    assert isinstance(op, DepthwiseConv2D)
    (node,) = sampling.single(op, "multiplier", operands, INT8(()).quant).graph.nodes
    assert op.multiplier(node) == 2
    with pytest.raises(VerifyError, match="5 output channels are not a multiple of 3 input channels"):
        sampling.single(op, "bad", (inputs[0], sampling.weights("w", (1, 2, 2, 5), 3)), INT8(()).quant)


@pytest.mark.oracle
@pytest.mark.parametrize("operator", [AveragePool2D, MaxPool2D])
@pytest.mark.parametrize(("scale", "zero_point", "good"), [(0.0500009, 3, True), (0.0502, 3, False), (0.05, 4, False)])
def test_pooling_keeps_the_quantization(operator, scale: float, zero_point: int, good: bool) -> None:
    kind = INT8((1, 4, 4, 2))
    sample = sampling.single(operator((2, 2), (2, 2)), "q", (kind,), QuantParams.per_tensor(scale, zero_point))
    model = exporter.write(sample.graph)
    if good:
        assert problems(sample) == []
        oracle.Oracle(model)
    else:
        (problem,) = problems(sample)
        assert problem.startswith("input and output have the same scale (up to 1e-6) and zero point, but ")
        with pytest.raises(oracle.OracleRefused):
            oracle.Oracle(model)


def test_pooling_window_in_the_padding() -> None:
    kind = INT8((1, 4, 4, 2))
    sample = sampling.single(AveragePool2D((2, 2), (1, 1), Padding(2, 0, 0, 0)), "p", (kind,), kind.quant)
    assert problems(sample) == [
        "every window has at least one position inside the input, but padding (2, 0, 0, 0) around a (2, 2) window"
    ]


@pytest.mark.parametrize(
    ("op", "shape", "filter_"),
    [
        (Conv2D(), (1, 4, 4, 2), (3, 2, 2, 2)),
        (DepthwiseConv2D(), (1, 4, 4, 2), (1, 2, 2, 2)),
        (FullyConnected(), (1, 4), (3, 4)),
        (AveragePool2D((2, 2)), (1, 4, 4, 2), None),
        (MaxPool2D((2, 2)), (1, 4, 4, 2), None),
        (Softmax(), (1, 4), None),
        (LogSoftmax(), (1, 4), None),
    ],
)
def test_float_tensors_are_not_mixed_with_quantized_ones(op: Op, shape, filter_) -> None:
    inputs: list[TensorType | Value] = [TensorType(DType.FLOAT32, shape)]
    if filter_ is not None:
        inputs.append(sampling.constant("filter", np.ones(filter_, np.float32)))
    plain = sampling.single(op, "float", inputs, None)
    assert problems(plain) == []
    (node,) = plain.graph.nodes
    assert list(op.problems(node, device=True)) == []
    # The result is quantized, the input is not.
    quant = QuantParams.per_tensor(16 / 256, 127) if op == LogSoftmax() else QuantParams.per_tensor(1 / 256, -128)
    result = Value("result", TensorType(DType.INT8, node.output.shape, quant))
    found = list(op.problems(Node(op, node.inputs, (result,), "mixed")))
    assert len(found) == 1
    assert found[0].endswith("'input_0' is float32, quantize the model to int8")


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.FLOAT64])
def test_other_floats_are_computed_on_the_host_only(dtype: DType) -> None:
    sample = sampling.single(Softmax(), "wide", [TensorType(dtype, (1, 4))], None)
    (node,) = sample.graph.nodes
    assert problems(sample) == []
    (result,) = node.op.evaluate(node, [np.zeros((1, 1, 4), dtype.numpy)])
    assert result.dtype == dtype.numpy and result.tolist() == [[[0.25] * 4]]
    assert any("tensors are quantized or float32" in p for p in node.op.problems(node, device=True))


def test_a_filter_that_is_computed_differs_between_samples() -> None:
    """Each sample is convolved with its own filter, and each row multiplied with its own weights."""
    random = np.random.default_rng(0)
    operands = [TensorType(DType.FLOAT32, s) for s in ((1, 4, 5, 2), (3, 2, 2, 2), (3,))]
    (conv,) = sampling.single(Conv2D(), "computed", operands, None).graph.nodes
    operands = [TensorType(DType.FLOAT32, s) for s in ((2, 6), (3, 6), (3,))]
    (dense,) = sampling.single(FullyConnected(), "computed", operands, None).graph.nodes
    for node in (conv, dense):
        arrays = [random.normal(size=(4, *v.shape)).astype(np.float32) for v in node.inputs if v is not None]
        (together,) = node.op.evaluate(node, arrays)
        for i in range(4):
            (alone,) = node.op.evaluate(node, [a[i : i + 1] for a in arrays])
            np.testing.assert_allclose(together[i : i + 1], alone, rtol=1e-5, atol=1e-5)


def test_an_int8_filter_must_be_a_constant() -> None:
    kinds = (INT8((1, 4, 4, 2)), TensorType(DType.INT8, (3, 2, 2, 2), QuantParams.per_tensor(0.1, 0)))
    sample = sampling.single(Conv2D(), "computed", kinds, INT8(()).quant)
    assert problems(sample) == [
        "filter and bias of a quantized input are constants, but 'input_1' is computed at run time"
    ]


@pytest.mark.parametrize(("opset", "axis", "expected"), [(13, None, 3), (13, 1, 1), (11, 3, 3), (11, -1, 3)])
def test_onnx_softmax_axis(opset: int, axis: int | None, expected: int) -> None:
    value = Value("x", TensorType(DType.FLOAT32, (1, 2, 3, 4)))
    attributes = {} if axis is None else {"axis": axis}
    op, _ = Softmax.from_onnx(OnnxSource("Softmax", opset, (value,), attributes))
    assert op == Softmax(axis=expected)


def test_onnx_softmax_over_several_axes_is_refused() -> None:
    value = Value("x", TensorType(DType.FLOAT32, (1, 2, 3, 4)))
    with pytest.raises(VerifyError, match="means several axes at once"):
        LogSoftmax.from_onnx(OnnxSource("LogSoftmax", 11, (value,), {}))
    with pytest.raises(VerifyError, match="axis 4 is outside of the input's 4 dimensions"):
        Softmax.from_onnx(OnnxSource("Softmax", 13, (value,), {"axis": 4}))
