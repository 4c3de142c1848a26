"""Every operator's samples as .tflite files in the reference interpreter: the same bytes as on the host."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.exporters import tflite as exporter
from microgen.frontends import tflite as frontend
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.concatenation import Concatenation
from microgen.ops.mish import Mish
from microgen.ops.registry import operators
from microgen.ops.transpose import Transpose
from microgen.runtime import Session
from tests.op.test_operators_numpy import inputs_of, is_quantized
from tests.support import oracle

#: Quantized samples that cannot be expressed.
REFUSED = frozenset(
    (
        "OneHot-last",
        *(f"ResizeBilinear-onnx_{name}_own_scales" for name in ("asymmetric", "half_pixel", "half_pixel_symmetric")),
        "ResizeBilinear-onnx_pytorch_half_pixel_own_scales",
        "ResizeBilinear-onnx_tf_half_pixel_for_nn_own_scales",
        "ResizeBilinear-onnx_tf_half_pixel_for_nn",
        "ResizeBilinear-onnx_align_corners",
        *(f"SignalRescale-{d}_{i}" for d in ("int8", "int16") for i in ("half", "third", "saturating", "vanishing")),
    )
)
#: Quantized samples that TensorFlow Lite runs and its reference interpreter for microcontrollers does not: int64
#: results, six dimensions, unsigned bytes, sorting, roots of negative numbers. Indices outside of the data are
#: nobody's.
LARGER_INTERPRETER = frozenset(
    (
        "ArgMax-last_one",
        "ArgMin-last_one",
        "BatchMatMul-rank_6",
        "Gather-outside_int32",
        "Gather-outside_int64",
        "GatherND-outside",
        "Quantize-float32_to_uint8",
        "Quantize-per_channel",
        "Rsqrt-i16_image",
        "TopK-last",
    )
)
#: Float operators of the larger interpreter, and what has no counterpart at all.
FLOAT_ELSEWHERE = frozenset(
    ("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Erf", "OneHot", "Pow", "ReduceProd", "Sign", "TopK")
)  # fmt: skip
QUANTIZED = [
    pytest.param(s, f"{o.name}-{s.id}", id=f"{o.name}-{s.id}")
    for o in operators()
    for s in o.samples()
    if is_quantized(s.graph)
]


@pytest.mark.oracle
@pytest.mark.parametrize(("sample", "name"), QUANTIZED)
def test_quantized_files_give_the_same_bytes(sample: Sample, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(VerifyError) as refusal:
            exporter.save(sample.graph)
        assert sample.graph.nodes[0].name in refusal.value.where and refusal.value.hint
        return
    data = exporter.save(sample.graph)
    assert data == exporter.save(sample.graph)
    inputs = inputs_of(sample.graph)
    if name in LARGER_INTERPRETER:
        with pytest.raises(oracle.OracleRefused):
            oracle.run_batch(data, inputs)
        return
    # The float arithmetic that stands for these may round another way.
    steps = 1 if sample.graph.nodes[0].op.name in ("Div", "LayerNorm") else 0
    for ours, theirs in zip(Session(sample.graph).run(inputs), oracle.run_batch(data, inputs).outputs, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert np.abs(ours.astype(np.float64) - theirs).max(initial=0) <= steps


def _is_float(sample: Sample) -> bool:
    values = (*sample.graph.inputs, *sample.graph.outputs)
    return bool(sample.graph.inputs) and all(value.type.dtype is DType.FLOAT32 for value in values)


def _runs_in_float(operator: type[Op]) -> list[str]:
    """The float32 samples whose files the reference interpreter takes; their results are right where finite."""
    taken = []
    for sample in filter(_is_float, operator.samples()):
        inputs = inputs_of(sample.graph)
        try:
            found = oracle.run_batch(exporter.save(sample.graph), inputs).outputs
        except (VerifyError, oracle.OracleRefused):
            continue
        for ours, theirs in zip(Session(sample.graph).run(inputs), found, strict=True):
            assert ours.shape == theirs.shape
            numbers = np.isfinite(ours)
            largest = float(np.abs(ours[numbers]).max(initial=0.0))
            np.testing.assert_allclose(theirs[numbers], ours[numbers], rtol=0, atol=2e-5 * largest, err_msg=sample.id)
        taken.append(sample.id)
    return taken


FLOAT = [operator for operator in operators() if any(map(_is_float, operator.samples()))]


@pytest.mark.oracle
@pytest.mark.parametrize("operator", FLOAT, ids=lambda o: o.name)
def test_float_files_give_the_same_numbers(operator: Any) -> None:
    assert bool(_runs_in_float(operator)) == (operator.name not in FLOAT_ELSEWHERE)


def _chain(op: Op, source: Value, quant: QuantParams | None) -> Graph:
    ((dtype, shape),) = op.infer(Node(op, (source,), (), "node"))
    result = Value("result", TensorType(dtype, shape, quant))
    return Graph("chain", [source], [result], [Node(op, (source,), (result,), "node")])


def test_tensors_of_one_name_get_their_own() -> None:
    quant = QuantParams.per_tensor(0.1, 3)
    kind = TensorType(DType.INT8, (2, 3), quant)
    first, second, last = (Value("same", kind) for _ in range(3))
    nodes = [Node(Mish(), (first,), (second,), "same"), Node(Mish(), (second,), (last,), "same")]
    graph = frontend.load(exporter.save(Graph("names", [first], [last], nodes)), "names")
    names = [value.name for value in graph.values()]
    assert len(set(names)) == len(names)
    assert graph.inputs[0].name == "same" and graph.outputs[0].name == "same_2"


@pytest.mark.oracle
def test_many_parts_are_joined_in_groups() -> None:
    kind = TensorType(DType.INT8, (1, 2), QuantParams.per_tensor(0.1, 0))
    parts = tuple(Value(f"part{i}", kind) for i in range(23))
    result = Value("result", dataclasses.replace(kind, shape=(1, 46)))
    graph = Graph("join", parts, [result], [Node(Concatenation(1), parts, (result,), "join")])
    inputs = [np.full((1, 2), i, np.int8) for i in range(23)]
    (found,) = oracle.run(exporter.save(graph), inputs).outputs
    np.testing.assert_array_equal(found, np.repeat(np.arange(23, dtype=np.int8), 2)[np.newaxis])


@pytest.mark.oracle
def test_transposes_of_many_dimensions_merge_neighbours() -> None:
    quant = QuantParams.per_tensor(0.1, 0)
    source = Value("source", TensorType(DType.INT8, (2, 1, 3, 2, 2, 3), quant))
    graph = _chain(Transpose((4, 5, 1, 0, 2, 3)), source, quant)
    inputs = [np.arange(72, dtype=np.int8).reshape(1, *source.shape)]
    (found,) = oracle.run_batch(exporter.save(graph), inputs).outputs
    np.testing.assert_array_equal(found, Session(graph).run(inputs)[0])


def test_what_needs_no_rewriting_is_left_alone() -> None:
    sample = next(s for o in operators() if o.name == "Conv2D" for s in o.samples())
    assert exporter.legalize(sample.graph) is sample.graph
    source = sampling.single(Transpose((1, 0)), "plain", [sampling.int8((2, 3))], sampling.int8((2, 3)).quant)
    assert exporter.legalize(source.graph) is source.graph
