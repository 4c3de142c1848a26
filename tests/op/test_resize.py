"""ResizeNearest and ResizeBilinear as ONNX's Resize, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.onnx_form import OnnxSource
from microgen.ops.resize_bilinear import ResizeBilinear
from microgen.ops.resize_nearest import ResizeNearest
from microgen.ops.resizing import Coordinates, Rounding

# (input size, output size, factors): whole, halves, odd ratios, shrinking to one.
SIZES = [
    ((4, 6), (8, 3), (2.0, 0.5)),
    ((5, 7), (11, 4), (11 / 5, 4 / 7)),
    ((3, 4), (9, 20), (3.0, 5.0)),
    ((6, 5), (1, 1), (1 / 6, 1 / 5)),
    ((1, 1), (3, 2), (3.0, 2.0)),
    ((4, 5), (9, 7), (2.3, 1.5)),
]


def source(mode: str, coordinates: Coordinates, **attributes: Any) -> OnnxSource:
    """A Resize node whose inputs do not matter."""
    names = {"mode": mode, "coordinate_transformation_mode": coordinates.value, **attributes}
    return OnnxSource("Resize", 19, (), names)


def node_of(op: ResizeNearest | ResizeBilinear, kind: TensorType) -> Node:
    image = Value("x", kind)
    draft = Node(op, (image,), (), "resize")
    ((dtype, shape),) = op.infer(draft)
    return Node(op, (image,), (Value("y", TensorType(dtype, shape, kind.quant)),), "resize")


def by_onnxruntime(data: np.ndarray, size: tuple[int, int], factors: tuple[float, float], **attributes: Any) -> Any:
    """The image in NHWC, resized in NCHW."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    scales = numpy_helper.from_array(np.array([1.0, 1.0, *factors], np.float32), "scales")
    shape = (data.shape[0], data.shape[3], *data.shape[1:3])
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (*shape[:2], *size))],
        [scales],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.ascontiguousarray(data.transpose(0, 3, 1, 2))})
    return np.asarray(result).transpose(0, 2, 3, 1)


def image_of(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, *size, 3)).astype(np.float32)


@pytest.mark.parametrize(("size", "result", "factors"), SIZES)
@pytest.mark.parametrize("coordinates", [c for c in Coordinates if c is not Coordinates.TF_HALF_PIXEL])
@pytest.mark.parametrize("rounding", Rounding)
def test_nearest(
    size: tuple[int, int],
    result: tuple[int, int],
    factors: tuple[float, float],
    coordinates: Coordinates,
    rounding: Rounding,
) -> None:
    data = image_of(size)
    given = source("nearest", coordinates, nearest_mode=rounding.value)
    op = ResizeNearest.of_onnx(given, result, factors)
    node = node_of(op, TensorType(DType.FLOAT32, data.shape))
    (ours,) = op.evaluate(node, [data[np.newaxis]])
    theirs = by_onnxruntime(data, result, factors, **given.attributes)
    np.testing.assert_array_equal(ours[0], theirs)


@pytest.mark.parametrize(("size", "result", "factors"), SIZES)
@pytest.mark.parametrize("coordinates", [c for c in Coordinates if c is not Coordinates.TF_HALF_PIXEL])
def test_bilinear(
    size: tuple[int, int], result: tuple[int, int], factors: tuple[float, float], coordinates: Coordinates
) -> None:
    data = image_of(size)
    given = source("linear", coordinates)
    op = ResizeBilinear.of_onnx(given, result, factors)
    node = node_of(op, TensorType(DType.FLOAT32, data.shape))
    (ours,) = op.evaluate(node, [data[np.newaxis]])
    theirs = by_onnxruntime(data, result, factors, **given.attributes)
    np.testing.assert_allclose(ours[0], theirs, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("factors", [(2.0, 0.5), (2.3, 0.7)])
@pytest.mark.parametrize("coordinates", Coordinates)
def test_bilinear_int8_is_bilinear_within_a_step(factors: tuple[float, float], coordinates: Coordinates) -> None:
    data = np.random.default_rng(6).integers(-128, 128, (1, 6, 8, 3)).astype(np.int8)
    size = (int(6 * factors[0]), int(8 * factors[1]))
    op = ResizeBilinear.of_onnx(source("linear", coordinates), size, factors)
    quantized = node_of(op, TensorType(DType.INT8, data.shape, QuantParams.per_tensor(0.1, 7)))
    real = node_of(op, TensorType(DType.FLOAT32, data.shape))
    (ours,) = op.evaluate(quantized, [data[np.newaxis]])
    (exact,) = op.evaluate(real, [data[np.newaxis].astype(np.float32)])
    # Weights are rounded to 1/1024 in each direction, over differences of up to 255.
    assert np.abs(ours - exact).max() <= 0.5 + 2 * 255 / 2048


def test_what_tensorflow_lite_has_is_exported() -> None:
    kind = TensorType(DType.INT8, (1, 4, 6, 2), QuantParams.per_tensor(0.1, 7))
    half = ResizeNearest.of_onnx(
        source("nearest", Coordinates.HALF_PIXEL, nearest_mode="round_prefer_ceil"), (8, 12), (2.0, 2.0)
    )
    form = half.to_tflite(node_of(half, kind))
    assert form.options == {"AlignCorners": False, "HalfPixelCenters": True}
    corners = ResizeBilinear((8, 12), Coordinates.ALIGN_CORNERS)
    form = corners.to_tflite(node_of(corners, kind))
    assert form.options == {"AlignCorners": True, "HalfPixelCenters": False}
    up = ResizeNearest((8, 12), Coordinates.ASYMMETRIC, rounding=Rounding.CEIL)
    with pytest.raises(VerifyError, match="no such choice of the nearest pixel"):
        up.to_tflite(node_of(up, kind))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize is not supported"),
        ({"antialias": 1}, "antialias"),
    ],
)
def test_refusals(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        ResizeBilinear.of_onnx(OnnxSource("Resize", 19, (), attributes), (8, 8), (2.0, 2.0))


def test_a_tall_image_is_refused_for_the_device() -> None:
    op = ResizeNearest((40000, 1))
    node = node_of(op, TensorType(DType.FLOAT32, (1, 1, 1, 1)))
    assert not list(op_of(node).problems(node))
    (problem,) = op_of(node).problems(node, device=True)
    assert "40000" in problem
