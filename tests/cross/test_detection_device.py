"""A small single-shot detector, as a file, on a board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_model
from microgen.exporters.tflite import write
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation, Padding
from microgen.ops.base import Op
from microgen.ops.conv2d import Conv2D
from microgen.ops.dequantize import Dequantize
from microgen.ops.detection_post_process import DetectionPostProcess
from microgen.ops.logistic import Logistic
from microgen.ops.reshape import Reshape
from microgen.runtime import Session
from microgen.verification import verify_board
from tests.op.test_detection import grid
from tests.support.oracle import Oracle

_CLASSES = 3
_SIDE = 4
_SIZES = (0.3, 0.7)


def detector(regular: bool) -> Graph:
    """int8 image [1, 16, 16, 3] to detections: two convolutions, a head for boxes, one for classes with background."""
    nodes: list[Node] = []

    def add(op: Op, inputs: tuple[Value, ...], quant: QuantParams | None, label: str) -> Value:
        ((dtype, shape),) = op.infer(Node(op, inputs, (), label))
        made = Value(label, TensorType(dtype, shape, quant))
        nodes.append(Node(op, inputs, (made,), label))
        return made

    def convolution(x: Value, channels: int, stride: int, scale: float, zero_point: int, label: str) -> Value:
        filter_ = sampling.weights(label, (channels, 3, 3, x.shape[3]), 0, 0.02)
        activation = Activation.RELU if zero_point == -128 else Activation.NONE
        # SAME: one row and column more below and to the right where the stride leaves one over.
        op = Conv2D((stride, stride), (1, 1), Padding(int(stride == 1), int(stride == 1), 1, 1), activation)
        bias = sampling.bias(label, x.type, filter_, channels)
        return add(op, (x, filter_, bias), QuantParams.per_tensor(scale, zero_point), label)

    boxes = _SIDE * _SIDE * len(_SIZES)
    image = Value("image", TensorType(DType.INT8, (1, 16, 16, 3), QuantParams.per_tensor(1 / 128, 0)))
    features = convolution(image, 8, 2, 0.02, -128, "features_0")
    features = convolution(features, 8, 2, 0.05, -128, "features_1")
    places = convolution(features, 4 * len(_SIZES), 1, 0.1, 3, "places")
    places = add(Reshape((1, boxes, 4)), (places,), places.type.quant, "encodings_int8")
    classes = convolution(features, (_CLASSES + 1) * len(_SIZES), 1, 0.1, -5, "classes")
    classes = add(Reshape((1, boxes, _CLASSES + 1)), (classes,), classes.type.quant, "classes_int8")
    scores = add(Logistic(), (classes,), QuantParams.per_tensor(1 / 256, -128), "scores_int8")
    floats = tuple(add(Dequantize(), (v,), None, v.name.removesuffix("_int8")) for v in (places, scores))
    op = DetectionPostProcess(10, _CLASSES, 0.5, 0.5, (10.0, 10.0, 5.0, 5.0), 1, regular)
    inputs = (*floats, sampling.constant("anchors", grid(_SIDE, _SIZES)))
    found = [TensorType(*kind) for kind in op.infer(Node(op, inputs, (), "detections"))]
    names = ("detection_boxes", "detection_classes", "detection_scores", "detection_count")
    outputs = tuple(Value(name, kind) for name, kind in zip(names, found, strict=True))
    nodes.append(Node(op, inputs, outputs, "detections"))
    return Graph("detector", [image], outputs, nodes)


@pytest.mark.parametrize("regular", [False, True], ids=["fast", "regular"])
def test_a_detector_finds_what_the_interpreter_finds(
    regular: bool, arm_gcc: str, qemu_arm: str, tmp_path: Path
) -> None:
    path = tmp_path / "detector.tflite"
    path.write_bytes(write(detector(regular)))
    compiled = compile_model(path, load_board("mps2-an386"), Options())
    images = np.random.default_rng(3).integers(-128, 128, (4, 1, 16, 16, 3)).astype(np.int8)
    expected = Oracle(path.read_bytes()).run_batch([images]).outputs
    assert expected[3].min() > 1 and len(np.unique(expected[1])) > 1
    found = Session(compiled.graph).run([images])
    np.testing.assert_array_equal(found[3], expected[3])
    for i, count in enumerate(expected[3][:, 0].astype(int)):
        for ours, theirs in zip(found[:3], expected[:3], strict=True):
            np.testing.assert_array_equal(ours[i, 0, :count], theirs[i, 0, :count])
    verdict = verify_board(compiled, inputs=[images])
    assert verdict.agrees, str(verdict.difference)
