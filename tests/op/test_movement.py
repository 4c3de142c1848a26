"""Operators that move and reduce data: how source files spell them, what they refuse, and their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.arg_max import ArgMax
from microgen.ops.base import Op
from microgen.ops.broadcast_to import BroadcastTo
from microgen.ops.call import Int, Struct, Target
from microgen.ops.cast import Cast, cast
from microgen.ops.concatenation import Concatenation
from microgen.ops.cumulative_sum import CumulativeSum
from microgen.ops.expand_dims import ExpandDims
from microgen.ops.gather import Gather
from microgen.ops.gather_elements import GatherElements
from microgen.ops.gather_nd import GatherND
from microgen.ops.mean import Mean
from microgen.ops.mirror_pad import MirrorPad
from microgen.ops.movement import copy_loops
from microgen.ops.onnx_form import OnnxSource
from microgen.ops.pad import Pad
from microgen.ops.quantization import QuantRule
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reduce_prod import ReduceProd
from microgen.ops.reshape import Reshape
from microgen.ops.scatter_nd import ScatterND
from microgen.ops.select import Select
from microgen.ops.slice import Slice
from microgen.ops.split import Split
from microgen.ops.squeeze import Squeeze
from microgen.ops.sum import Sum
from microgen.ops.tflite_form import TFLiteSource
from microgen.ops.tile import Tile
from microgen.ops.top_k import TopK
from microgen.ops.transpose import Transpose

F32 = sampling.float32
INT8 = sampling.int8


def const(*values: Any, dtype: str = "int64", shape: tuple[int, ...] | None = None) -> Value:
    data = np.array(values, dtype)
    return sampling.constant("constant", data if shape is None else data.reshape(shape))


def values(inputs: tuple[TensorType | Value | None, ...]) -> tuple[Value | None, ...]:
    return tuple(Value(f"x{i}", v) if isinstance(v, TensorType) else v for i, v in enumerate(inputs))


def onnx(operator: type[Op], name: str, *inputs: Any, opset: int = 18, outputs: int = 1, **attributes: Any) -> Op:
    """The operator that a node of an ONNX file becomes."""
    return operator.from_onnx(OnnxSource(name, opset, values(inputs), attributes, outputs))[0]


def tflite(operator: type[Op], name: str, *inputs: Any, outputs: int = 1, **options: Any) -> Op:
    """The operator that a layer of a .tflite file becomes."""
    made = tuple(Value(f"y{i}", INT8((1,))) for i in range(outputs))
    return operator.from_tflite(TFLiteSource(name, values(inputs), made, lambda field: options.get(field, 0)))[0]


def node(op: Op, *inputs: TensorType | Value, quant: QuantParams | None = None) -> Node:
    return sampling.single(op, "case", inputs, quant).graph.nodes[0]


def problems(found: Node, *, device: bool = False) -> list[str]:
    assert isinstance(found.op, Op)
    return list(found.op.problems(found, device=device))


# Spellings --------------------------------------------------------------------------------------------


def test_transpose_reverses_by_default() -> None:
    assert onnx(Transpose, "Transpose", F32((2, 3, 4))) == Transpose((2, 1, 0))
    assert onnx(Transpose, "Transpose", F32((2, 3, 4)), perm=(0, 2, 1)) == Transpose((0, 2, 1))
    assert tflite(Transpose, "TRANSPOSE", INT8((2, 3)), const(-1, 0)) == Transpose((1, 0))


def test_slice_of_onnx() -> None:
    x = F32((10, 6))
    assert onnx(Slice, "Slice", x, opset=9, starts=(1,), ends=(1000,)) == Slice((1, 0), (9, 6))
    assert onnx(Slice, "Slice", x, const(-3), const(-1), const(-1)) == Slice((0, 3), (10, 2))
    backwards = onnx(Slice, "Slice", x, const(-1), const(-(2**63) + 1), const(0), const(-2))
    assert backwards == Slice((9, 0), (5, 6), (-2, 1))
    with pytest.raises(VerifyError, match="are none"):
        onnx(Slice, "Slice", x, const(5), const(5))
    with pytest.raises(VerifyError, match="stride is 0"):
        onnx(Slice, "Slice", x, const(0), const(5), const(0), const(0))
    with pytest.raises(VerifyError, match="known at compile time"):
        onnx(Slice, "Slice", x, TensorType(DType.INT64, (1,)), const(5))
    with pytest.raises(VerifyError, match="differ in length"):
        onnx(Slice, "Slice", x, const(0, 1), const(5))


def test_slices_of_tflite() -> None:
    x = INT8((4, 6, 8))
    assert tflite(Slice, "SLICE", x, const(1, 0, 2), const(2, -1, 3)) == Slice((1, 0, 2), (2, 6, 3))
    masked = tflite(Slice, "STRIDED_SLICE", x, const(1, 2, 3), const(3, 4, 5), const(1, 2, -1), BeginMask=2, EndMask=6)
    assert masked == Slice((1, 0, 3), (2, 3, 4), (1, 2, -1))
    shrunk = tflite(Slice, "STRIDED_SLICE", x, const(-1, 0), const(0, 6), const(1, 1), ShrinkAxisMask=1)
    assert shrunk == Slice((3, 0, 0), (1, 6, 8), (1, 1, 1), (0,))
    offset = tflite(Slice, "STRIDED_SLICE", x, const(1), const(2), const(1), Offset=True)
    assert offset == Slice((1, 0, 0), (2, 6, 8))
    rows, last, ones = const(0, 1), const(0, 2), const(1, 1)
    assert tflite(Slice, "STRIDED_SLICE", x, rows, last, ones, EllipsisMask=1) == Slice((0, 0, 1), (4, 6, 1))
    shrunk = tflite(Slice, "STRIDED_SLICE", x, rows, last, ones, EllipsisMask=1, ShrinkAxisMask=2)
    assert shrunk == Slice((0, 0, 1), (4, 6, 1), dropped=(2,))
    around = tflite(Slice, "STRIDED_SLICE", x, const(1, 0, 3), const(2, 0, 5), const(1, 1, 1), EllipsisMask=2)
    assert around == Slice((1, 0, 3), (1, 6, 2))
    assert tflite(Slice, "STRIDED_SLICE", x, const(0), const(0), const(1), NewAxisMask=1) == Reshape((1, 4, 6, 8))
    both = {"EllipsisMask": 1, "NewAxisMask": 2}
    assert tflite(Slice, "STRIDED_SLICE", x, const(0, 0), const(0, 0), ones, **both) == Reshape((4, 6, 8, 1))
    with pytest.raises(VerifyError, match="new axes"):
        tflite(Slice, "STRIDED_SLICE", x, rows, last, ones, NewAxisMask=1)
    with pytest.raises(VerifyError, match="2 ellipses"):
        tflite(Slice, "STRIDED_SLICE", x, rows, last, ones, EllipsisMask=3)
    with pytest.raises(VerifyError, match="not all in shape"):
        node(Slice((3, 0, 0), (2, 6, 8)), x)


def test_splits() -> None:
    x = F32((2, 7))
    assert onnx(Split, "Split", x, const(3, 4), axis=1) == Split(1, (3, 4))
    assert onnx(Split, "Split", x, opset=11, axis=1, split=(3, 4)) == Split(1, (3, 4))
    assert onnx(Split, "Split", x, axis=1, num_outputs=3, outputs=3) == Split(1, (3, 3, 1))
    assert onnx(Split, "Split", x, opset=13, outputs=2) == Split(0, (1, 1))
    with pytest.raises(VerifyError, match="does not split into 2 parts"):
        onnx(Split, "Split", x, opset=13, axis=1, outputs=2)
    assert tflite(Split, "SPLIT_V", INT8((2, 7)), const(2, -1), const(1), outputs=2) == Split(1, (2, 5))
    with pytest.raises(VerifyError, match="do not make up axis 1"):
        node(Split(1, (3, 3)), x)


def test_views_of_onnx() -> None:
    x = F32((2, 1, 3, 1))
    assert onnx(Reshape, "Reshape", x, const(0, -1)) == Reshape((2, -1))
    assert onnx(Reshape, "Flatten", x, axis=-2) == Reshape((2, 3))
    assert onnx(Reshape, "Flatten", x, axis=0) == Reshape((1, 6))
    with pytest.raises(VerifyError, match="keeps dimensions"):
        onnx(Reshape, "Reshape", x, const(2, 1, 3, 1, 0))
    assert onnx(Squeeze, "Squeeze", x, const(-1)) == Squeeze((-1,))
    assert onnx(Squeeze, "Squeeze", x, opset=11, axes=(1,)) == Squeeze((1,))
    assert onnx(ExpandDims, "Unsqueeze", x, const(-1)) == ExpandDims(-1)
    assert onnx(ExpandDims, "Unsqueeze", F32((2, 3)), const(0, -1)) == Reshape((1, 2, 3, 1))
    with pytest.raises(VerifyError, match="not distinct"):
        onnx(ExpandDims, "Unsqueeze", F32((2, 3)), const(0, -4))


def test_reductions_of_onnx() -> None:
    x = F32((2, 3, 4))
    assert onnx(Mean, "ReduceMean", x, opset=13, axes=(-1, 1)) == Mean((1, 2), True)
    assert onnx(Mean, "ReduceMean", x, const(-1), keepdims=0) == Mean((2,), False)
    assert onnx(Sum, "ReduceSum", x, const(1), opset=13) == Sum((1,), True)
    assert onnx(ReduceMax, "ReduceMax", x, keepdims=0) == ReduceMax((0, 1, 2), False)
    assert onnx(ReduceMax, "ReduceMax", x, noop_with_empty_axes=1) == Reshape((2, 3, 4))
    assert onnx(ReduceProd, "ReduceProd", F32(())) == Reshape(())
    with pytest.raises(VerifyError, match="axis 3 is outside of 3 dimensions"):
        onnx(Mean, "ReduceMean", x, const(3))
    with pytest.raises(VerifyError, match="no axis to reduce"):
        node(Mean(()), x)


def test_pads_of_onnx() -> None:
    x = F32((4, 5))
    assert onnx(Pad, "Pad", x, const(0, 1, 2, 3)) == Pad(((0, 2), (1, 3)))
    assert onnx(Pad, "Pad", x, const(1, 2), None, const(-1)) == Pad(((0, 0), (1, 2)))
    assert onnx(Pad, "Pad", x, const(1, 0, 0, 0), const(2.5, dtype="float32")) == Pad(((1, 0), (0, 0)), 2.5)
    assert onnx(Pad, "Pad", x, opset=10, pads=(1, 0, 0, 0), value=-1.0) == Pad(((1, 0), (0, 0)), -1.0)
    assert onnx(Pad, "Pad", x, const(1, 0, 0, 0), mode="edge") == MirrorPad(((1, 0), (0, 0)), "edge")
    with pytest.raises(VerifyError, match="3 pads for 2 dimensions"):
        onnx(Pad, "Pad", x, const(0, 1, 2))
    with pytest.raises(VerifyError, match="known at compile time"):
        onnx(Pad, "Pad", x, const(0, 1, 2, 3), F32(()))
    with pytest.raises(VerifyError, match="cannot reflect"):
        node(MirrorPad(((4, 0), (0, 0))), x)


def test_other_operators_of_onnx() -> None:
    x = F32((2, 3))
    assert onnx(Concatenation, "Concat", x, x, axis=-1) == Concatenation(-1)
    assert onnx(CumulativeSum, "CumSum", x, const(1), reverse=1) == CumulativeSum(1, False, True)
    assert onnx(ArgMax, "ArgMax", x, axis=1, select_last_index=1) == ArgMax(1, True, DType.INT64, True)
    assert onnx(TopK, "TopK", x, const(2), axis=1, largest=0) == TopK(1, 2, False)
    assert onnx(Cast, "Cast", x, to=7) == Cast(DType.INT64)
    with pytest.raises(VerifyError, match="element type 16"):
        onnx(Cast, "Cast", x, to=16)


def test_gather_of_tflite_counts_batch_dimensions_of_the_indices() -> None:
    which = const(1, 2, 3, 4, shape=(2, 2))
    assert tflite(Gather, "GATHER", INT8((4, 5)), const(1), Axis=1) == Gather(1)
    assert tflite(Gather, "GATHER", INT8((2, 5)), which, Axis=1, BatchDims=1) == Gather(1, 1)
    assert tflite(Gather, "GATHER", INT8((2, 5)), which, Axis=-1, BatchDims=-1) == Gather(-1, 1)


# Refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "inputs", "message"),
    [
        (Gather(0), (F32((4, 5)), const(4)), "index 4 is outside of a dimension of 4"),
        (Gather(1), (F32((4, 5)), const(0, -6)), "index -6 is outside of a dimension of 5"),
        (Gather(1, 1), (F32((4, 5)), const(0, 1, shape=(2, 1))), "do not go with data"),
        (Gather(0, 1), (F32((2, 5)), const(0, 1, shape=(2, 1))), "do not go with data"),
        (GatherND(), (F32((4, 5)), const(1, 5)), "outside of dimensions"),
        (GatherND(1), (F32((4, 5)), const(1, shape=(1, 1))), "do not go with data"),
        (GatherElements(1), (F32((2, 5)), const(0, 5, shape=(1, 2))), "index 5 is outside"),
        (GatherElements(1), (F32((2, 5)), const(0, 0, 0, shape=(3, 1))), "do not go with data"),
        (ScatterND(), (F32((4, 5)), const(4, shape=(1, 1)), F32((1, 5))), "outside of dimensions"),
        (ScatterND(), (F32((4, 5)), const(1, shape=(1, 1)), F32((1, 4))), "updates have shape"),
        (ScatterND("average"), (F32((4, 5)), const(1, shape=(1, 1)), F32((1, 5))), "reduction average"),
        (Transpose((0, 0)), (F32((2, 3)),), "is no permutation of 2 dimensions"),
        (BroadcastTo((2, 4)), (F32((2, 3)),), "does not broadcast"),
        (BroadcastTo((3,)), (F32((2, 3)),), "does not broadcast"),
        (Tile((1,)), (F32((2, 3)),), "do not go with shape"),
        (Tile((1 << 20, 1 << 20)), (F32((2, 3)),), "is larger than"),
        (BroadcastTo((1 << 16, 1 << 16)), (F32((1, 1)),), "is larger than"),
        (TopK(1, 4), (F32((2, 3)),), "there are no 4 of 3 elements"),
        (ArgMax(2), (F32((2, 3)),), "axis 2 is outside of 2 dimensions"),
        (ArgMax(1, dtype=DType.INT8), (F32((2, 3)),), "indices cannot be int8"),
        (Select(), (TensorType(DType.BOOL, (2,)), F32((3,)), F32((3,))), "do not broadcast"),
        (Select(), (TensorType(DType.BOOL, (2,)), F32((2,)), TensorType(DType.INT32, (2,))), "float32 and int32"),
    ],
)
def test_refused_types(op: Op, inputs: tuple[TensorType | Value, ...], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        node(op, *inputs)


def test_quantization_must_stay() -> None:
    other = QuantParams.per_tensor(0.25, 3)
    for op in (Transpose((1, 0)), Slice((0, 0), (1, 3)), Tile((2, 1)), MirrorPad(((1, 0), (0, 0))), ReduceMax((0,))):
        (problem,) = problems(node(op, INT8((2, 3)), quant=other))
        assert "same scale and zero point" in problem
    pair = Node(Pad(((1, 0),)), (Value("x", INT8((3,))),), (Value("y", TensorType(DType.INT8, (4,))),), "pad")
    assert problems(pair) == [
        "input and output are quantized with one scale each, or both are not, but 'y' has no quantization parameters"
    ]
    assert problems(node(Pad(((1, 0),), 200), INT8((3,)), quant=INT8(()).quant)) == [
        "the value of the border is one of the element type, but it is 200"
    ]
    assert problems(node(ReduceProd((0,)), INT8((3,)), quant=other))


def test_limits_of_the_device() -> None:
    assert problems(node(Tile((2,) * 6), F32((2,) * 6))) == []
    (problem,) = problems(node(Tile((2,) * 6), F32((2,) * 6)), device=True)
    assert problem == "the elements are reached by at most 8 nested loops, but 11 are needed"
    plain = TensorType(DType.INT64, (2, 3))
    assert problems(node(Sum((1,)), plain)) == []
    assert problems(node(Sum((1,)), plain), device=True)


def test_what_the_quantizer_is_told() -> None:
    x = F32((2, 3))
    rules: list[tuple[Node, QuantRule | None]] = [
        (node(Transpose((1, 0)), x), QuantRule(tied=True)),
        (node(Mean((1,)), x), QuantRule()),
        (node(Gather(0), x, const(1)), QuantRule(untouched=frozenset({1}), tied=True)),
        (node(ArgMax(1), x), QuantRule(untouched_outputs=True)),
        (node(Pad(((1, 0), (0, 0))), x), QuantRule(tied=True)),
        (node(Pad(((1, 0), (0, 0)), 2.0), x), None),
        (node(ReduceProd((1,)), x), None),
        (node(Cast(DType.INT32), x), None),
    ]
    for found, rule in rules:
        assert isinstance(found.op, Op)
        assert found.op.quant_rule(found) == rule, found.label


# Edges ------------------------------------------------------------------------------------------------


def test_indices_outside_give_the_nearest() -> None:
    found = node(Gather(0), F32((4,)), TensorType(DType.INT64, (5,)))
    data = np.arange(4, dtype=np.float32)[None]
    indices = np.array([[-9, -4, -1, 3, 2**40]])
    (result,) = found.op.evaluate(found, [data, indices])
    np.testing.assert_array_equal(result, [[0, 0, 3, 3, 3]])


def test_data_may_differ_by_sample_with_constant_indices_and_the_other_way_round() -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    indices = np.array([[1, 0], [3, 3], [2, 1]])
    one = node(Gather(0), F32((4, 3)), TensorType(DType.INT64, (2,)))
    (result,) = one.op.evaluate(one, [data[:1], indices])
    np.testing.assert_array_equal(result, np.stack([data[0][i] for i in indices]))
    (result,) = one.op.evaluate(one, [data, indices[:1]])
    np.testing.assert_array_equal(result, data[:, [1, 0]])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (DType.INT8, [2, -2, 0, 44, 0, -1]),
        (DType.INT32, [2, -2, 0, 300, -(2**31), 2**31 - 1]),
        (DType.INT64, [2, -2, 0, 300, -(2**63), 2**63 - 1]),
        (DType.UINT64, [2, 2**64 - 2, 0, 300, 2**63, 2**63 - 1]),
        (DType.BOOL, [True, True, True, True, True, True]),
    ],
)
def test_casts_of_floats(dtype: DType, expected: list[int]) -> None:
    x = np.array([2.9, -2.9, np.nan, 300.0, -np.inf, np.inf], np.float32)
    assert cast(x, dtype).tolist() == expected


def test_means_of_integers_are_cut_off() -> None:
    found = node(Mean((0,)), TensorType(DType.INT32, (2, 2)))
    (result,) = found.op.evaluate(found, [np.array([[[1, -1], [2, -2]]], np.int32)])
    assert result.dtype == np.int32 and result.tolist() == [[1, -1]]


def test_zeros_around_a_float_image_are_padding() -> None:
    image, amounts = F32((1, 4, 4, 2)), ((0, 0), (1, 2), (0, 1), (0, 0))
    for fill, expected in ((None, True), (0.0, True), (1.0, False)):
        found = node(Pad(amounts, fill), image)
        assert isinstance(found.op, Op)
        assert (found.op.as_padding(found) is not None) == expected


def test_copies_merge_loops() -> None:
    image = np.empty((1, 6, 5, 4), np.int8)
    assert copy_loops(image, 1) == (120, [])
    assert copy_loops(image[:, 1:4], 1) == (60, [])
    assert copy_loops(image[:, :, 1:3], 1) == (8, [(6, 20, 8)])
    # To channels first: pixels are one loop, the innermost for being longest.
    assert copy_loops(image.transpose(0, 3, 1, 2), 1) == (1, [(4, 1, 30), (30, 4, 1)])
    assert copy_loops(image[:, ::-1, :, :], 1) == (20, [(6, -20, 20)])


def test_a_copy_starts_where_its_view_starts() -> None:
    found = node(Slice((1, 4), (2, 2), (1, -3)), F32((4, 6)))
    assert isinstance(found.op, Op)
    (call,) = found.op.lower(found, Target())
    params, source, _ = call.args
    assert isinstance(params, Struct) and source.offset == 4 * (6 + 4)  # type: ignore[union-attr]
    assert dict(params.fields)["bytes"] == Int(4)


@pytest.mark.parametrize("fill", [np.inf, np.nan, 0.5, 128])
def test_a_border_that_no_integer_has(fill: float) -> None:
    (problem,) = problems(node(Pad(((1, 0),), fill), TensorType(DType.INT8, (3,))))
    assert problem.startswith("the value of the border is one of the element type, but it is ")


def test_scalars_move() -> None:
    for op in (Transpose(()), Slice((), ()), Tile(()), BroadcastTo(()), Pad(())):
        found = node(op, F32(()))
        (result,) = op.evaluate(found, [np.float32([1.5, 2.5])])
        assert result.tolist() == [1.5, 2.5]
        *_, copy = op.lower(found, Target())
        assert copy.function == "mg_strided_copy"
