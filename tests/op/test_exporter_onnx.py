"""Every operator's samples as .onnx files: checked, run by onnxruntime, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen import frontends
from microgen.errors import VerifyError
from microgen.exporters import onnx as exporter
from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.base import Op, Sample
from microgen.ops.registry import operators
from microgen.ops.relu import Relu
from microgen.passes import optimize
from microgen.runtime import Session
from tests.op.test_operators_numpy import inputs_of, is_quantized

SAMPLES = [pytest.param(s, f"{o.name}-{s.id}", id=f"{o.name}-{s.id}") for o in operators() for s in o.samples()]
#: What ONNX cannot express: signed shifts by what is only known later, quantization to int32, tables of bytes, audio in
#: fixed point, states, detections of another format, batches of indices, computed int32 ones.
REFUSED = (
    *(
        "BitShift-i32",
        "ChannelTable",
        "DetectionPostProcess",
        "FloorDiv-i32",
        "Gather-batch",
        "GatherND-outside",
        "Quantize-int8_to_int32",
        "Quantize-int16_to_int32",
        "Signal",
    ),
    *("Svdf-", "UnidirectionalLstm-", "UpdateSlice-"),
)
#: Element types of data movement, and indices outside of the data, that onnxruntime does not take.
NOT_IN_ONNXRUNTIME = frozenset(
    ("Gather-outside_int32", "Gather-outside_int64", "Pad-i16_value_image", "ResizeNearest-plain_int16",
     "Select-i16_same_shapes")
)  # fmt: skip
#: Samples of what int8 arithmetic does at its limits: products that leave 32 bits, tables of functions whose input
#: reaches far beyond where they are steep, sums that start from the zero point, places rounded to 1/1024 pixel.
#: Negative numbers have no uint32.
OTHER_ARITHMETIC = frozenset(
    (
        # The zero point counts once more.
        *(f"AddN-{name}" for name in ("two", "three", "fifteen", "saturating")),
        "Cast-f32_float32_to_uint32",
        "Conv2D-factor_far_above_1",
        "CumulativeSum-long",
        "DepthwiseConv2D-factor_far_above_1",
        "FullyConnected-factor_far_above_1",
        *(f"Logistic-scale_2e{i}" for i in (2, 3, 4, 6)),
        "Quantize-int32_to_int16_same_scale",
        "Quantize-int32_to_int16_saturating",
        *(f"ResizeBilinear-{name}_large" for name in ("align_corners", "asymmetric", "half_pixel")),
        *(f"Tanh-scale_2e{i}" for i in (3, 4, 6)),
    )
)
#: Functions that have no value for some numbers.
PARTIAL = frozenset(("Acos", "Acosh", "Asin", "Atanh", "Div", "Log", "Pow", "Rsqrt", "Sqrt"))
#: Operators that come back as other ones, or in float, and so with another rounding; their int8 form is not ONNX's.
COME_BACK_OTHERWISE = frozenset(
    ("AddN", "CumulativeSum", "L2Normalization", "Quantize", "ResizeBilinear", "Rsqrt", "Square", "SquaredDifference")
)  # fmt: skip
COMES_BACK_OTHERWISE = frozenset(("AveragePool2D-scales_within_tolerance", "TransposeConv2D-larger_result"))
#: A file whose integers change their meaning in between is refused when it is read.
NOT_READ = frozenset(("Pad-other_quantization",))


def is_refused(sample: Sample, name: str) -> bool:
    """Whether ONNX cannot express a sample: besides what is listed, no arithmetic of quantized int16."""
    (node,) = sample.graph.nodes
    kinds = [value.type for value in (*node.inputs, *node.outputs) if value is not None]
    is_wide = any(kind.dtype is DType.INT16 and kind.quant is not None for kind in kinds)
    return name.startswith(REFUSED) or (is_wide and node.op.name not in ("Quantize", "Dequantize"))


def run(data: bytes, inputs: Sequence[Array]) -> list[Array]:
    """The outputs in onnxruntime, as the file says it, for samples along a leading axis."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    results = []
    for i in range(len(inputs[0]) if inputs else 1):
        feed = {name: np.asarray(array[i]) for name, array in zip(names, inputs, strict=True)}
        results.append([np.asarray(part) for part in session.run(None, feed)])
    return [np.stack(parts) for parts in zip(*results, strict=True)]


def check(data: bytes) -> Any:
    """The model, which obeys the format's rules."""
    import onnx

    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    return model


def domain(sample: Sample, inputs: Sequence[Array]) -> Array | None:
    """Where the real function has a value; None for everywhere. Elsewhere int8 gives the zero point, ONNX anything."""
    from tests.support.twins import float_twin, real

    (node,) = sample.graph.nodes
    if not is_quantized(sample.graph) or node.op.name not in PARTIAL:
        return None
    given = [real(value, array) for value, array in zip(sample.graph.inputs, inputs, strict=True)]
    with np.errstate(all="ignore"):
        (exact,) = Session(float_twin(sample.graph)).run(given)
    return np.isfinite(exact)


@pytest.mark.parametrize(("sample", "name"), SAMPLES)
def test_onnxruntime_agrees(sample: Sample, name: str) -> None:
    if is_refused(sample, name):
        with pytest.raises(VerifyError) as refusal:
            exporter.save(sample.graph)
        named = [sample.graph.nodes[0].name, *(repr(state.name) for state in sample.graph.states)]
        assert any(name in refusal.value.where for name in named) and refusal.value.hint
        return
    data = exporter.save(sample.graph)
    assert data == exporter.save(sample.graph)
    check(data)
    if name in NOT_IN_ONNXRUNTIME or name in OTHER_ARITHMETIC:
        return
    inputs = inputs_of(sample.graph)
    where = domain(sample, inputs)
    for ours, theirs in zip(Session(sample.graph).run(inputs), run(data, inputs), strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        if ours.dtype.kind == "f":
            largest = float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
            np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5 * largest)
            continue
        difference = np.abs(ours.astype(np.float64) - theirs)
        assert (difference if where is None else difference[where]).max(initial=0) <= is_quantized(sample.graph)


@pytest.mark.parametrize(("sample", "name"), SAMPLES)
def test_files_come_back(sample: Sample, name: str) -> None:
    """What microgen reads of its own files computes the same, quantized operators byte for byte."""
    if is_refused(sample, name) or name in NOT_READ:
        return
    graph = optimize(frontends.load(Path("sample.onnx"), exporter.save(sample.graph)))
    values = zip((*sample.graph.inputs, *sample.graph.outputs), (*graph.inputs, *graph.outputs), strict=True)
    for value, again in values:
        assert (again.type.dtype, again.shape) == (value.type.dtype, value.shape)
        if value.type.dtype is DType.INT8 and value.type.quant is not None and value.type.quant.is_per_tensor:
            assert again.type.quant == value.type.quant
    if sample.graph.nodes[0].op.name in COME_BACK_OTHERWISE or name in COMES_BACK_OTHERWISE:
        return
    inputs = inputs_of(sample.graph)
    for before, after in zip(Session(sample.graph).run(inputs), Session(graph).run(inputs), strict=True):
        if before.dtype.kind == "f":
            largest = float(np.abs(before[np.isfinite(before)]).max(initial=0.0))
            np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * largest)
        else:
            np.testing.assert_array_equal(after, before)


def test_says_who_made_it() -> None:
    import microgen

    (sample, *_) = next(o for o in operators() if o.name == "Add").samples()
    model = check(exporter.save(sample.graph))
    assert (model.producer_name, model.producer_version) == ("microgen", microgen.__version__)


def test_names_are_kept_and_unique() -> None:
    quant = QuantParams.per_tensor(0.1, -3)
    kind = TensorType(DType.INT8, (2, 3), quant)
    first, second, last = (Value(name, kind) for name in ("image", "image", "scores"))
    op: Op = Relu()
    nodes = [Node(op, (first,), (second,), "image"), Node(op, (second,), (last,), "image")]
    model = check(exporter.save(Graph("names", [first], [last], nodes)))
    assert [v.name for v in model.graph.input] == ["image"] and [v.name for v in model.graph.output] == ["scores"]
    names = [name for node in model.graph.node for name in node.output]
    assert len(set(names)) == len(names)
