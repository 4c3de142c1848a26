"""BatchMatMul, TransposeConv2D and LayerNorm beyond their samples: other element types, operands computed at run time,
changes of layout, and onnxruntime's transposed convolution.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops.attributes import Activation, Padding
from microgen.ops.base import Op, op_of
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.layer_norm import LayerNorm
from microgen.ops.layout import Permuted
from microgen.ops.transpose_conv2d import TransposeConv2D


def node_of(op: Op, *operands: Array | TensorType | None) -> Node:
    """A node of unquantized operands, arrays being constants."""
    values: list[Value | None] = []
    for i, item in enumerate(operands):
        if item is None:
            values.append(None)
        elif isinstance(item, TensorType):
            values.append(Value(f"x{i}", item))
        else:
            values.append(Value(f"c{i}", TensorType(DType(str(item.dtype)), item.shape), item))
    draft = Node(op, tuple(values), (), "node")
    outputs = [Value(f"y{i}", TensorType(dtype, shape)) for i, (dtype, shape) in enumerate(op.infer(draft))]
    node = Node(op, tuple(values), tuple(outputs), "node")
    op_of(node).check(node)
    return node


def run(op: Op, *operands: Array | None) -> Array:
    """The result on operands of one sample, all of them constants."""
    node = node_of(op, *operands)
    (result,) = op.evaluate(node, [None if a is None else a[np.newaxis] for a in operands])
    return result[0]


def random(*shape: int, dtype: str = "float32") -> Array:
    generator = np.random.default_rng(len(shape) + sum(shape))
    return np.asarray(generator.normal(0.0, 3.0, shape), np.float32).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "int64", "uint8", "int8"])
def test_products_of_plain_types(dtype: str) -> None:
    a, b = (np.abs(random(*shape)).astype(dtype) for shape in ((2, 3, 4), (4, 5)))
    found = run(BatchMatMul(), a, b)
    assert found.dtype == a.dtype
    np.testing.assert_array_equal(found, a @ b)
    node = node_of(BatchMatMul(), *(TensorType(DType(dtype), x.shape) for x in (a, b)))
    assert list(op_of(node).problems(node, device=True))


def assert_permuted(op: Op, permutation: Sequence[int], operands: Sequence[Array | None]) -> Permuted:
    """The rearranged operator on rearranged operands gives the rearranged result; all operands are inputs."""
    kinds = [None if a is None else TensorType(DType.FLOAT32, a.shape) for a in operands]
    node = node_of(op, *kinds)
    found = op.permuted(node, tuple(permutation))
    assert found is not None
    turned = []
    for array, order in zip(operands, found.inputs, strict=True):
        if array is not None and order is not None:
            array = array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)
        turned.append(array)
    np.testing.assert_allclose(
        run(found.op, *turned),
        run(op, *operands).transpose(found.outputs[0]),
        rtol=1e-4,
        atol=1e-5,  # type: ignore[arg-type]
    )
    return found


@pytest.mark.parametrize("permutation", [p for p in itertools.permutations(range(4)) if set(p[:2]) == {0, 1}])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("right", [(2, 3), (3,), ()])
def test_products_are_rearranged(
    permutation: tuple[int, ...], flags: tuple[bool, bool], right: tuple[int, ...]
) -> None:
    a = random(2, 3, *((5, 4) if flags[0] else (4, 5)))
    b = random(*right, *((6, 5) if flags[1] else (5, 6)))
    assert_permuted(BatchMatMul(*flags), permutation, (a, b))


def test_products_that_cannot_be_rearranged() -> None:
    kinds = [TensorType(DType.FLOAT32, shape) for shape in ((2, 4, 5), (3, 2, 5, 6))]
    node = node_of(BatchMatMul(), *kinds)
    assert op_of(node).permuted(node, (1, 0, 2)) is None


def test_rearranged_constant_on_the_left() -> None:
    node = node_of(BatchMatMul(), random(4, 5), TensorType(DType.FLOAT32, (5, 6)))
    found = op_of(node).permuted(node, (1, 0))
    assert found == Permuted(BatchMatMul(False, True), (None, (1, 0)), ((0, 1),))


@pytest.mark.parametrize("permutation", [(0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2)])
def test_normalization_is_rearranged(permutation: tuple[int, ...]) -> None:
    operands = (random(2, 3, 4, 5), random(4, 5), random(5))
    assert_permuted(LayerNorm(2), permutation, operands)


def test_normalization_across_its_border_stays() -> None:
    node = node_of(LayerNorm(1), TensorType(DType.FLOAT32, (2, 3, 4)), None, None)
    assert op_of(node).permuted(node, (0, 2, 1)) is None


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_normalization_of_other_floats(dtype: str) -> None:
    x, gamma = random(3, 8, dtype=dtype), random(8, dtype=dtype)
    found = run(LayerNorm(), x, gamma, None)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    exact = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + 1e-5) * gamma
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, exact, atol=1e-2 if dtype == "float16" else 1e-12)


def by_onnxruntime(image: Array, filter_: Array, bias: Array | None, **attributes: Any) -> Array:
    """ConvTranspose of an NHWC image and a filter [out, h, w, in]."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    turned = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    constants = [numpy_helper.from_array(np.ascontiguousarray(filter_.transpose(3, 0, 1, 2)), "w")]
    names = ["x", "w"]
    if bias is not None:
        constants.append(numpy_helper.from_array(bias, "b"))
        names.append("b")
    graph = helper.make_graph(
        [helper.make_node("ConvTranspose", names, ["y"], **attributes)],
        "transposed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, turned.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": turned})
    return np.asarray(result).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize(
    ("padding", "added"), [(Padding(), (0, 0)), (Padding(1, 0, 1, 2), (0, 0)), (Padding(1, 1, 1, 1), (1, 1))]
)
@pytest.mark.parametrize("has_bias", [False, True])
def test_transposed_convolution(
    stride: tuple[int, int], dilation: tuple[int, int], padding: Padding, added: tuple[int, int], has_bias: bool
) -> None:
    # onnxruntime refuses more than a stride.
    added = (min(added[0], stride[0] - 1), min(added[1], stride[1] - 1))
    image, filter_ = random(2, 4, 5, 3), random(6, 3, 2, 3)
    bias = random(6) if has_bias else None
    op = TransposeConv2D(stride, dilation, padding, added)
    theirs = by_onnxruntime(
        image,
        filter_,
        bias,
        strides=stride,
        dilations=dilation,
        pads=(padding.top, padding.left, padding.bottom, padding.right),
        output_padding=added,
    )
    np.testing.assert_allclose(run(op, image, filter_, bias), theirs, atol=1e-5 * np.abs(theirs).max())


def test_transposed_convolution_with_operands_of_the_samples() -> None:
    """Filter and bias may be computed: then each sample has its own."""
    op = TransposeConv2D((2, 2), padding=Padding(1, 0, 0, 1), activation=Activation.RELU)
    images, filters, biases = random(3, 1, 4, 5, 2), random(3, 6, 3, 2, 2), random(3, 6)
    kinds = [TensorType(DType.FLOAT32, a.shape[1:]) for a in (images, filters, biases)]
    node = node_of(op, *kinds)
    (found,) = op.evaluate(node, [images, filters, biases])
    (shared,) = op.evaluate(node, [images[:1], filters, biases])
    for i in range(3):
        np.testing.assert_allclose(found[i], run(op, images[i], filters[i], biases[i]), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(shared[i], run(op, images[0], filters[i], biases[i]), rtol=1e-5, atol=1e-5)
    assert any("constants" in problem for problem in op_of(node).problems(node, device=True))


@pytest.mark.parametrize(
    "op",
    [
        TransposeConv2D((1 << 20, 1 << 20), padding=Padding(0, 0, (3 << 20) - 1, (4 << 20) - 1)),
        TransposeConv2D(dilation=(1 << 20, 1 << 20), padding=Padding(0, 0, 2 << 20, 1 << 20)),
        TransposeConv2D(padding=Padding(1 << 30, 1 << 30), output_padding=(1 << 30, 1 << 30)),
    ],
    ids=["stride", "dilation", "added"],
)
def test_a_small_result_of_something_huge_is_refused(op: TransposeConv2D) -> None:
    with pytest.raises(VerifyError, match="larger than 256 MiB"):
        node_of(op, TensorType(DType.FLOAT32, (1, 4, 5, 2)), random(1, 3, 2, 2))
