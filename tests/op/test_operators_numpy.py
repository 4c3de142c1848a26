"""Every operator on every sample: the host arithmetic against an interpreter that others wrote.

Quantized integers are compared byte for byte with the reference interpreter of TensorFlow Lite Micro; floats within a
tolerance with that or, where it lacks the operator, with onnxruntime. int8 operators that only we have are compared
with themselves in float, within one step.
"""

from __future__ import annotations

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
from tests.support import onnx_oracle, oracle
from tests.support.tolerance import assert_close
from tests.support.twins import float_twin, real

Array = NDArray[Any]

#: Operators whose quantized samples the reference interpreter takes, every one that can be compiled.
IN_REFERENCE = frozenset(
    ("Add", "AveragePool2D", "Concatenation", "Conv2D", "DepthwiseConv2D", "Dequantize", "ExpandDims",
     "FullyConnected", "LeakyRelu", "LogSoftmax", "Logistic", "MaxPool2D", "Mean", "Mul", "Pad", "Quantize", "Relu",
     "Relu6", "Reshape", "Softmax", "Squeeze")
)  # fmt: skip
CASES = [pytest.param(s, id=f"{o.name}-{s.id}") for o in operators() for s in o.samples()]


def patterns(kind: TensorType, key: int, quantizes: bool) -> Array:
    """Several values for an input, along a leading axis: random, lowest, highest, zero, ramps up and down. Floats
    are between -4 and 4 unless they are quantized, plain integers between -100 and 100.
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
        if kind.quant is None and kind.dtype.size > 1:
            low, high = max(low, -100), min(high, 100)
        zero = kind.quant.zero_points[0] if kind.quant is not None else 0
        ramp = low + np.arange(kind.elements) * (37 * (high - low + 1) // 256 + 1) % (high - low + 1)
        rows = [
            *random.integers(low, high, (3, kind.elements), endpoint=True),
            *(np.full(kind.elements, value) for value in (low, high, zero)),
            ramp,
            low + high - ramp,
        ]
    return np.stack(rows).astype(dtype).reshape(-1, *shape)


def inputs_of(graph: Graph) -> list[Array]:
    """The patterns for every input; a second input has them in another order."""
    quantizes = any(value.type.quant is not None for value in graph.outputs)
    made = [patterns(value.type, index, quantizes) for index, value in enumerate(graph.inputs)]
    count = min(map(len, made), default=1)
    return [np.roll(array[:count], index, axis=0) for index, array in enumerate(made)]


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a graph of one node."""
    (node,) = graph.nodes
    given = dict(zip(graph.inputs, inputs, strict=True))
    operands = [None if v is None else v.const[np.newaxis] if v.is_const else given[v] for v in node.inputs]
    made = dict(zip(node.outputs, op_of(node).evaluate(node, operands), strict=True))
    return [made[value] for value in graph.outputs]


def is_quantized(graph: Graph) -> bool:
    """Whether any tensor has quantization parameters."""
    return any(value.type.quant is not None for value in graph.values())


def reference(graph: Graph, inputs: Sequence[Array]) -> list[Array] | None:
    """What the reference interpreter computes; None where it has no such operator, and for quantizations that only
    our host runtime knows, of which it computes nonsense.
    """
    (node,) = graph.nodes
    if is_quantized(graph) and list(op_of(node).problems(node, device=True)):
        return None
    try:
        model = exporter.write(graph)
    except VerifyError:
        return None
    try:
        return oracle.run_batch(model, inputs).outputs
    except oracle.OracleRefused:
        assert not (is_quantized(graph) and node.op.name in IN_REFERENCE)
        return None


def through_onnx(graph: Graph, inputs: Sequence[Array]) -> list[Array] | None:
    """What onnxruntime computes; None where the operator has no form there."""
    try:
        return onnx_oracle.run_batch(graph, inputs)
    except VerifyError:
        return None


def check_within_a_step(graph: Graph, inputs: Sequence[Array], found: Sequence[Array]) -> None:
    """A quantized node is its float self up to the rounding of its results."""
    floats = float_twin(graph)
    given = [real(value, array) for value, array in zip(graph.inputs, inputs, strict=True)]
    for value, ours, exact in zip(graph.outputs, found, evaluate(floats, given), strict=True):
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
    expected = reference(graph, inputs)
    converts = graph.nodes[0].op.name in ("Quantize", "Dequantize")
    if expected is None and (converts or not is_quantized(graph)):
        expected = through_onnx(graph, inputs)
        if graph.nodes[0].op.name == "Quantize" and expected is not None:
            # ONNX rounds halves to even.
            assert int(np.abs(found[0].astype(np.int64) - expected[0]).max()) <= 1
            return
    if expected is None:
        # Without another's word on it a float operator stands by the tests of its C against its NumPy form.
        if is_quantized(graph):
            check_within_a_step(graph, inputs, found)
        return
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
