"""Elementwise operators beyond their samples: rearranged operands, ONNX's spellings and its arithmetic of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, op_of
from microgen.ops.binary import Binary
from microgen.ops.bitwise import BitShift
from microgen.ops.celu import Celu
from microgen.ops.clip import Clip
from microgen.ops.comparisons import Equal, Less
from microgen.ops.div import Div
from microgen.ops.elu import Elu
from microgen.ops.gelu import Gelu
from microgen.ops.hard_sigmoid import HardSigmoid
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mod import Mod
from microgen.ops.onnx_form import OnnxSource
from microgen.ops.power import Pow
from microgen.ops.predicates import IsInf
from microgen.ops.prelu import PRelu
from microgen.ops.quantization import QuantRule
from microgen.ops.registry import operators
from microgen.ops.relu import Relu
from microgen.ops.relu6 import Relu6
from microgen.ops.rounding import Round
from microgen.ops.selu import Selu
from microgen.ops.sqrt import Sqrt
from microgen.ops.unary import Unary
from tests.op.test_operators_numpy import inputs_of

ELEMENTWISE = [o for o in operators() if issubclass(o, (Unary, Binary))]


def node_of(op: Op, *arrays: Any, constants: frozenset[int] = frozenset()) -> Node:
    """A node on operands like ``arrays``."""
    values = [
        Value(f"x{i}", TensorType(DType(str(a.dtype)), a.shape), a if i in constants else None)
        for i, a in enumerate(arrays)
    ]
    types = op.infer(Node(op, tuple(values), (), "node"))
    node = Node(op, tuple(values), tuple(Value("y", TensorType(*t)) for t in types), "node")
    op.check(node)
    return node


def compute(op: Op, *arrays: Any) -> Any:
    """The operator's result on plain arrays."""
    (result,) = op.evaluate(node_of(op, *arrays), [a[np.newaxis] for a in arrays])
    return result[0]


def rearranged(array: Any, permutation: tuple[int, ...]) -> Any:
    """An array with a sample axis, given leading dimensions of 1 where it has too few, transposed."""
    missing = len(permutation) - (array.ndim - 1)
    full = array.reshape(array.shape[:1] + (1,) * missing + array.shape[1:])
    return full.transpose(0, *(1 + axis for axis in permutation))


@pytest.mark.parametrize("operator", ELEMENTWISE, ids=lambda o: o.name)
def test_rearranged_operands_give_the_rearranged_result(operator: type[Op]) -> None:
    count = 0
    for sample in operator.samples():
        (node,) = sample.graph.nodes
        leader = next((v for v in node.inputs if v is not None and not v.is_const), None)
        if leader is None or len(leader.shape) < 2:
            continue
        permutation = tuple(int(i) for i in sampling.rng(sample.id).permutation(len(leader.shape)))
        permuted = op_of(node).permuted(node, permutation)
        assert permuted is not None
        given = dict(zip(sample.graph.inputs, inputs_of(sample.graph), strict=True))
        arrays = [node.input(i).const[np.newaxis] if v.is_const else given[v] for i, v in enumerate(node.inputs) if v]
        moved = [a if p is None else rearranged(a, p) for a, p in zip(arrays, permuted.inputs, strict=True)]
        values = tuple(
            Value(v.name, TensorType(v.type.dtype, a.shape[1:], v.type.quant), a[0] if v.is_const else None)
            for v, a in zip(node.inputs, moved, strict=True)
            if v is not None
        )
        (wanted,) = op_of(node).evaluate(node, arrays)
        wanted = rearranged(wanted, permuted.outputs[0])
        output = Value("y", TensorType(node.output.type.dtype, wanted.shape[1:], node.output.type.quant))
        other = Node(permuted.op, values, (output,), "rearranged")
        permuted.op.check(other)
        (found,) = permuted.op.evaluate(other, moved)
        np.testing.assert_array_equal(found, wanted, err_msg=sample.id)
        assert permuted.inputs[node.inputs.index(leader)] == permutation
        count += 1
    assert count > 0


def onnx(op: type[Op], *inputs: Any, opset: int = 13, **attributes: Any) -> Op:
    """The operator that an ONNX node makes; arrays are constants, types are computed."""
    values = tuple(
        item if item is None or isinstance(item, Value) else Value(f"x{i}", item)
        for i, item in enumerate(sampling.constant("c", v) if isinstance(v, np.ndarray) else v for v in inputs)
    )
    made, operands = op.from_onnx(OnnxSource(op.name, opset, values, attributes))
    assert operands[0] is values[0]
    return made


X = TensorType(DType.FLOAT32, (2, 3))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (onnx(Clip, X, opset=6), Clip()),
        (onnx(Clip, X, opset=6, min=0.0, max=6.0), Clip(0.0, 6.0)),
        (onnx(Clip, X, opset=6, min=-3.4028234663852886e38, max=1.0), Clip(high=1.0)),
        (onnx(Clip, X, None, np.array(2, np.float32)), Clip(high=2.0)),
        (onnx(Clip, X, np.array([-1], np.float32)), Clip(low=-1.0)),
        (onnx(Clip, TensorType(DType.INT64, (2,)), np.array(-(2**63)), np.array(5)), Clip(high=5.0)),
        (onnx(Elu, X), Elu(1.0)),
        (onnx(HardSigmoid, X), HardSigmoid(0.2, 0.5)),
        (onnx(Gelu, X), Gelu(False)),
        (onnx(Gelu, X, approximate="tanh"), Gelu(True)),
        (onnx(Celu, X, alpha=2.0), Celu(2.0)),
        (onnx(Mod, X, X, fmod=1), Mod(True)),
        (onnx(BitShift, X, X, direction="LEFT"), BitShift(True)),
        (onnx(IsInf, X, detect_negative=0), IsInf(True, False)),
        (onnx(Add, X, X), Add()),
    ],
    ids=str,
)
def test_onnx_attributes(made: Op, expected: Op) -> None:
    assert made == expected


def test_onnx_selu_defaults() -> None:
    made = onnx(Selu, X)
    assert isinstance(made, Selu)
    assert (np.float32(made.alpha), np.float32(made.gamma)) == (np.float32(1.67326319), np.float32(1.05070102))


def test_onnx_refusals() -> None:
    with pytest.raises(VerifyError, match="must be known at compile time"):
        onnx(Clip, X, TensorType(DType.FLOAT32, ()))
    with pytest.raises(VerifyError, match="has 2 elements, not 1"):
        onnx(Clip, X, np.zeros(2, np.float32))
    with pytest.raises(VerifyError, match="not exact in double precision"):
        onnx(Clip, TensorType(DType.INT64, (2,)), np.array(2**53 + 1))
    with pytest.raises(VerifyError, match="is not a number"):
        onnx(Clip, X, np.array(np.nan, np.float32))
    with pytest.raises(VerifyError, match="broadcast and axis are of operator sets before 7"):
        onnx(Add, X, X, opset=6, broadcast=1, axis=1)
    with pytest.raises(VerifyError, match="neither none nor tanh"):
        onnx(Gelu, X, approximate="other")
    with pytest.raises(VerifyError, match="neither LEFT nor RIGHT"):
        onnx(BitShift, X, X, direction="UP")
    with pytest.raises(VerifyError, match="alpha is not 0"):
        compute(Celu(0.0), np.zeros(3, np.float32))
    with pytest.raises(VerifyError, match="do not broadcast"):
        compute(PRelu(), np.zeros((3,), np.float32), np.zeros((2, 3), np.float32))
    with pytest.raises(VerifyError, match="the inputs are float32 and int32"):
        compute(Add(), np.zeros(3, np.float32), np.zeros(3, np.int32))
    with pytest.raises(VerifyError, match="is bool"):
        compute(Less(), np.zeros(3, np.bool_), np.zeros(3, np.bool_))
    with pytest.raises(VerifyError, match="without quantization parameters"):
        compute(Sqrt(), np.zeros(3, np.int32))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integers(dtype: str) -> None:
    def ints(*values: int) -> Any:
        return np.array(values, dtype)

    a, b = ints(7, -7, 7, -7, 6, 5), ints(2, 2, -2, -2, 3, 0)
    np.testing.assert_array_equal(compute(Div(), a, b), ints(3, -3, -3, 3, 2, 0))
    np.testing.assert_array_equal(compute(Mod(), a[:5], b[:5]), ints(1, 1, -1, -1, 0))
    np.testing.assert_array_equal(compute(Mod(True), a[:5], b[:5]), ints(1, -1, 1, -1, 0))
    low = np.iinfo(dtype).min
    np.testing.assert_array_equal(compute(Div(), ints(low), ints(-1)), ints(low))
    np.testing.assert_array_equal(compute(Pow(), ints(2, -3, 5), ints(3, 3, 0)), ints(8, -27, 1))
    np.testing.assert_array_equal(compute(Pow(), ints(2, 1, 9), np.array([-1.0, -3.0, 0.5])), ints(0, 1, 3))
    np.testing.assert_array_equal(compute(Clip(-1.5, 2.5), ints(-9, -1, 2, 9)), ints(-1, -1, 2, 2))
    np.testing.assert_array_equal(compute(Add(Activation.RELU6), ints(-5, 3, 5), ints(1, 1, 5)), ints(0, 4, 6))
    np.testing.assert_array_equal(compute(BitShift(), ints(-8, 5, -1), ints(1, 100, 100)), ints(-4, 0, -1))
    np.testing.assert_array_equal(compute(BitShift(True), ints(1, 5, 5), ints(3, 100, -1)), ints(8, 0, 0))


def test_what_is_not_a_number_wins() -> None:
    a, b = np.array([np.nan, 1.0, 2.0], np.float32), np.array([0.0, np.nan, 3.0], np.float32)
    np.testing.assert_array_equal(compute(Maximum(), a, b), np.array([np.nan, np.nan, 3.0], np.float32))
    np.testing.assert_array_equal(compute(Minimum(), a, b), np.array([np.nan, np.nan, 2.0], np.float32))
    np.testing.assert_array_equal(compute(Clip(0.0, 1.0), a), np.array([np.nan, 1.0, 1.0], np.float32))


def test_other_element_types() -> None:
    halves = np.array([-2.5, -1.5, 0.5, 1.5, 2.5])
    for dtype in ("float16", "float32", "float64"):
        result = compute(Round(), halves.astype(dtype))
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, [-2.0, -2.0, 0.0, 2.0, 2.0])
    for array in (np.array([1, 2], np.uint64), np.array([True, False]), np.array([1.5, 2.0], np.float16)):
        np.testing.assert_array_equal(compute(Equal(), array, array[:1]), [True, False])
    # The device has neither.
    half = node_of(Round(), halves.astype(np.float16))
    assert list(half.op.problems(half)) == []  # type: ignore[attr-defined]
    assert any("float16" in problem for problem in half.op.problems(half, device=True))  # type: ignore[attr-defined]


def test_clamps_simplify() -> None:
    x = np.zeros(3, np.float32)
    for clip, simple, activation in (
        (Clip(0.0, 6.0), Relu6(), Activation.RELU6),
        (Clip(0.0), Relu(), Activation.RELU),
        (Clip(-1.0, 1.0), None, Activation.RELU_N1_TO_1),
        (Clip(-1.0, 2.0), None, None),
    ):
        node = node_of(clip, x)
        simplified = clip.simplified(node)
        assert (simplified.op if simplified is not None else None) == simple
        assert clip.as_clamp(node) is activation
    assert Clip().is_identity(node_of(Clip(), x))
    requantized = sampling.single(Clip(0.0), "q", [sampling.int8((3,))], QuantParams.per_tensor(0.1, 0))
    (node,) = requantized.graph.nodes
    assert op_of(node).simplified(node) is None and op_of(node).as_clamp(node) is None


def test_quantization_rules() -> None:
    x = np.zeros((2, 3), np.float32)
    rules = {
        op.name: op.quant_rule(node_of(op, *(x,) * count))
        for op, count in ((Maximum(), 2), (Less(), 2), (Pow(), 2), (Add(), 2), (Sqrt(), 1), (IsInf(), 1), (Relu6(), 1))
    }
    assert rules == {
        "Maximum": QuantRule(tied=True),
        "Less": QuantRule(untouched_outputs=True),
        "Pow": None,
        "Add": QuantRule(),
        "Sqrt": QuantRule(),
        "IsInf": None,
        "Relu6": QuantRule(tied=True),
    }
