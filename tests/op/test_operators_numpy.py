"""Every operator on every sample: the host arithmetic against an interpreter that others wrote.

Quantized integers are compared byte for byte with the reference interpreter of TensorFlow Lite Micro; floats within a
tolerance with that or, where it lacks the operator, with onnxruntime. int8 operators that only we have are compared
with themselves in float, within one step.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microgen import arith
from microgen.errors import VerifyError
from microgen.exporters import tflite as exporter
from microgen.mindir import DType, Graph, TensorType
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.registry import operators
from microgen.runtime import Session
from tests.support import onnx_oracle, oracle
from tests.support.tolerance import assert_close
from tests.support.twins import float_twin, real

Array = NDArray[Any]

#: Operators that the reference interpreter has for quantized tensors: it takes every sample that can be compiled but
#: those of ``BEYOND_REFERENCE``. Of the others it takes none.
IN_REFERENCE = frozenset(
    ("Abs", "Add", "AddN", "ArgMax", "ArgMin", "AveragePool2D", "BatchMatMul", "BroadcastTo", "Concatenation", "Conv2D",
     "Copy", "CumulativeSum", "DepthToSpace", "DepthwiseConv2D", "Dequantize", "Elu", "Equal", "ExpandDims",
     "FullyConnected", "Gather", "GatherND", "Greater", "GreaterEqual", "HardSwish", "L2Normalization", "LeakyRelu",
     "Less", "LessEqual", "LogSoftmax", "Logistic", "MaxPool2D", "Maximum", "Mean", "Minimum", "MirrorPad", "Mul",
     "NotEqual", "PRelu", "Pack", "Pad", "Quantize", "ReduceMax", "ReduceMin", "Relu", "Relu6", "Reshape",
     "ResizeBilinear", "ResizeNearest", "Reverse", "Rsqrt", "Select", "Slice", "Softmax", "SpaceToDepth",
     "Split", "SquaredDifference", "Squeeze", "Sub", "Sum", "Svdf", "Tanh", "Transpose", "TransposeConv2D",
     "UnidirectionalLstm", "UpdateSlice")
)  # fmt: skip
#: What of those operators it lacks: patterns of samples' names.
BEYOND_REFERENCE = {
    # Of equal values it knows the first, and it drops the axis.
    "ArgMax": "kept|last_one",
    "ArgMin": "kept|last_one",
    "BatchMatMul": "rank_6",
    "DepthToSpace": "channels_first",
    # alpha other than 1.
    "Elu": ".*_steep",
    # It refuses indices that are out of range.
    "Gather": "outside_.*",
    "GatherND": "outside",
    "LogSoftmax": "axis_.*",
    # The result has one scale.
    "Logistic": "other_scale",
    # TensorFlow Lite's modes are reflect and symmetric.
    "MirrorPad": "edge_.*|wrap_.*",
    # It stops at the first negative number.
    "Rsqrt": "image|zero_point_0|i16_image",
    # ONNX has more coordinate modes and roundings than TensorFlow Lite.
    "ResizeBilinear": "onnx_.*",
    "ResizeNearest": "onnx_.*",
    "Softmax": "axis_.*",
    "Tanh": "other_scale",
    "TransposeConv2D": "dilated|cut|cut_and_added",
}
#: Float and integer samples that neither the reference interpreter nor onnxruntime computes; every other is compared
#: with one of them. Tests of their own or, for float16, NumPy's conversion stand for these.
WITHOUT_REFERENCE = {
    "BitShift": "i32_.*",
    # tests/unit/test_data_graph.py has it from the pixels' side.
    "ChannelTable": ".*",
    "DepthToSpace": "f32_channels_first",
    "Dequantize": "float16",
    "FloorDiv": "i32",
    "LayerNorm": "f32_plain|f32_no_gamma",
    # There an operator gets one frame; tests/op/test_signal.py asks it for one after the other.
    "SignalEnergy": "some_bins|frames",
    "SignalFftAutoScale": "frames",
    "SignalFilterBank": "frames",
    "SignalFilterBankLog": "frames",
    "SignalFilterBankSpectralSubtraction": "(?!kept).*",
    "SignalFilterBankSquareRoot": "frames",
    "SignalLinear": ".*",
    "SignalPCAN": "frames",
    "SignalSpectrogram": ".*",
    "TopK": "f32_last",
    "TransposeConv2D": "f32_dilated|f32_cut|f32_cut_and_added",
}
#: Samples that the reference takes and computes nonsense of: it has one scale for the whole tensor.
NONSENSE = {("Dequantize", "per_channel")}
#: Where the second output is false, the reference leaves the first one as it was; here it is zeros.
COMPLETE_OR_NOT = ("SignalFramer", "SignalStacker")
CASES = [pytest.param(s, id=f"{o.name}-{s.id}") for o in operators() for s in o.samples()]


def patterns(kind: TensorType, key: int, quantizes: bool, whole: bool = False) -> Array:
    """Several values for an input, along a leading axis: random, lowest, highest, zero, ramps up and down. Floats
    are between -4 and 4 unless they are quantized, plain integers between -100 and 100 unless ``whole``.
    """
    random = np.random.default_rng((kind.elements, key))
    shape, dtype = kind.shape, kind.dtype.numpy
    if kind.dtype.is_float:
        ramp = np.linspace(-4.0, 4.0, kind.elements)
        noise = random.normal(0.0, 2.0, (2, kind.elements))
        rows = [*(noise if quantizes else noise.clip(-4.0, 4.0)), ramp * 0.0, ramp, ramp[::-1]]
        rows.append(ramp * 1e3 if quantizes else np.round(ramp))
    elif kind.dtype is DType.BOOL:
        rows = [*random.integers(0, 2, (3, kind.elements)), *(np.full(kind.elements, value) for value in (0, 1))]
    else:
        low, high = kind.dtype.limits
        if kind.quant is None and kind.dtype.size > 1 and not whole:
            low, high = max(low, -100), min(high, 100)
        zero = kind.quant.zero_points[0] if kind.quant is not None else 0
        wide = np.uint64 if high >> 63 else np.int64
        steps = np.arange(kind.elements, dtype=object if high >> 63 else np.int64)
        ramp = low + steps * (37 * (high - low + 1) // 256 + 1) % (high - low + 1)
        rows = [
            *random.integers(low, high, (3, kind.elements), wide, endpoint=True),
            *([random.integers(low, high, kind.elements, wide) >> steps.astype(wide) % (8 * dtype.itemsize)] * whole),
            *(np.full(kind.elements, value) for value in (low, high, zero)),
            ramp,
            low + high - ramp,
        ]
    return np.stack([row.astype(dtype) for row in rows]).reshape(-1, *shape)


def inputs_of(graph: Graph) -> list[Array]:
    """The patterns for every input; a second input has them in another order."""
    quantizes = any(value.type.quant is not None for value in graph.outputs)
    whole = all(op_of(node).whole_range for node in graph.nodes)
    made = [patterns(value.type, index, quantizes, whole) for index, value in enumerate(graph.inputs)]
    count = min(map(len, made), default=1)
    return [np.roll(array[:count], index, axis=0) for index, array in enumerate(made)]


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a graph of one node; of one with states, the samples are a stream."""
    (node,) = graph.nodes
    if graph.states:
        return Session(graph).run(inputs)
    given = dict(zip(graph.inputs, inputs, strict=True))
    operands = [None if v is None else v.const[np.newaxis] if v.is_const else given[v] for v in node.inputs]
    made = dict(zip(node.outputs, op_of(node).evaluate(node, operands), strict=True))
    return [made[value] for value in graph.outputs]


def is_quantized(graph: Graph) -> bool:
    """Whether any tensor has quantization parameters."""
    return any(value.type.quant is not None for value in graph.values())


def reference(sample: Sample, inputs: Sequence[Array]) -> list[Array] | None:
    """What the reference interpreter computes; None where it has no such operator, and for quantizations that only
    our host runtime knows, of which it computes nonsense. Fails where a quantized sample has no reference although it
    should, and the other way round.
    """
    graph = sample.graph
    (node,) = graph.nodes
    quantized = is_quantized(graph)
    if (quantized and list(op_of(node).problems(node, device=True))) or (node.op.name, sample.id) in NONSENSE:
        return None
    found: list[Array] | None = None
    with contextlib.suppress(VerifyError, oracle.OracleRefused):
        found = oracle.run_batch(exporter.write(graph), inputs).outputs
    if quantized:
        beyond = re.fullmatch(BEYOND_REFERENCE.get(node.op.name, ""), sample.id)
        expected = node.op.name in IN_REFERENCE and not beyond
        assert (found is not None) == expected, "IN_REFERENCE and BEYOND_REFERENCE say where there is a reference"
    return found


def through_onnx(graph: Graph, inputs: Sequence[Array]) -> list[Array] | None:
    """What onnxruntime computes; None where the operator has no form there."""
    try:
        return onnx_oracle.run_batch(graph, inputs)
    except VerifyError:
        return None


def check_within_a_step(graph: Graph, inputs: Sequence[Array], found: Sequence[Array]) -> None:
    """A quantized node is its float self up to the rounding of its results."""
    given = [real(value, array) for value, array in zip(graph.inputs, inputs, strict=True)]
    # A conversion has no float self: it keeps the numbers.
    keeps = graph.nodes[0].op.name == "SignalRescale"
    wanted_reals = given if keeps else evaluate(float_twin(graph), given)
    for value, ours, exact in zip(graph.outputs, found, wanted_reals, strict=True):
        quant = value.type.quant
        if quant is None:
            np.testing.assert_array_equal(ours, exact)
            continue
        wanted = arith.quantize_float(
            exact.astype(np.float32), quant.scale, quant.zero_point, *value.type.dtype.limits
        ).astype(np.int64)
        assert int(np.abs(wanted - ours).max()) <= 1


@pytest.mark.oracle
@pytest.mark.parametrize("sample", CASES)
def test_equals_reference(sample: Sample) -> None:
    graph = sample.graph
    for node in graph.nodes:
        op_of(node).check(node)
    inputs = inputs_of(graph)
    before = [array.copy() for array in inputs]
    found = evaluate(graph, inputs)
    for value, ours in zip(graph.outputs, found, strict=True):
        assert ours.dtype == value.type.dtype.numpy
        assert ours.shape == (len(inputs[0]) if inputs else 1, *value.shape)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy, err_msg="the operator changed its input")
    expected = reference(sample, inputs)
    converts = graph.nodes[0].op.name in ("Quantize", "Dequantize")
    if expected is None and (converts or not is_quantized(graph)):
        expected = through_onnx(graph, inputs)
        if graph.nodes[0].op.name == "Quantize" and expected is not None:
            # ONNX rounds halves to even.
            assert int(np.abs(found[0].astype(np.int64) - expected[0]).max()) <= 1
            return
    if is_quantized(graph) and expected is None:
        check_within_a_step(graph, inputs, found)
        return
    if not is_quantized(graph):
        alone = re.fullmatch(WITHOUT_REFERENCE.get(graph.nodes[0].op.name, ""), sample.id)
        assert (expected is None) == bool(alone), "WITHOUT_REFERENCE says where there is none"
    if expected is None:
        return
    if graph.nodes[0].op.name in COMPLETE_OR_NOT:
        expected[0][~expected[1]] = 0
    operands = [*inputs, *(value.const for value in graph.constants())]
    for value, ours, theirs in zip(graph.outputs, found, expected, strict=True):
        assert_close(ours, theirs, operands, value.name)


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_samples_are_distinct_and_say_something(operator: type[Op]) -> None:
    samples = list(operator.samples())
    ids = [sample.id for sample in samples]
    assert len(set(ids)) == len(ids)
    telling = 0
    for sample in samples:
        (output, *_) = evaluate(sample.graph, inputs_of(sample.graph))
        telling += len(np.unique(output)) > (1 if output.dtype == np.bool_ else 2)
    # Saturating and vanishing samples may be constant; most must depend on their input.
    assert telling > len(samples) / 2
