"""Detections against TensorFlow Lite Micro's, on encodings of many kinds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from microgen.errors import UnsupportedError, VerifyError
from microgen.exporters.tflite import write
from microgen.frontends.tflite import load
from microgen.mindir import Array, DType, Graph, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import op_of
from microgen.ops.detection_post_process import DetectionPostProcess
from microgen.runtime import Session
from tests.support.oracle import Oracle, OracleRefused

_SCALES = (10.0, 10.0, 5.0, 5.0)


def grid(side: int, sizes: tuple[float, ...]) -> NDArray[np.float32]:
    """Anchors: squares of some sizes around the middles of a grid's cells."""
    middles = (np.arange(side) + 0.5) / side
    rows = [(y, x, size, size) for y in middles for x in middles for size in sizes]
    return np.array(rows, np.float32)


def single(op: DetectionPostProcess, boxes: int, columns: int, anchors: NDArray[np.float32]) -> Graph:
    kinds = [sampling.float32((1, boxes, 4)), sampling.float32((1, boxes, columns))]
    return sampling.single(op, "one", [*kinds, sampling.constant("anchors", anchors)], None).graph


@pytest.mark.oracle
@pytest.mark.parametrize("regular", [False, True], ids=["fast", "regular"])
@pytest.mark.parametrize("background", [0, 1])
@pytest.mark.parametrize(
    ("score", "overlap"), [(0.0, 0.5), (0.75, 0.5), (-1.0, 1.0), (0.25, 0.125), (2.0, 0.5)], ids=str
)
def test_detections(regular: bool, background: int, score: float, overlap: float) -> None:
    """Scores are multiples of 1/16: many are equal."""
    random = np.random.default_rng(7)
    anchors = grid(4, (0.2, 0.45))
    for detections, per_class in ((1, 100), (10, 2), (50, 100)):
        op = DetectionPostProcess(detections, 3, score, overlap, _SCALES, 1, regular, per_class)
        data = write(single(op, len(anchors), 3 + background, anchors))
        graph = load(data)
        assert graph.nodes[0].op == op
        encodings = random.normal(0.0, 1.5, (4, 1, len(anchors), 4)).astype(np.float32)
        scores = (random.integers(0, 17, (4, 1, len(anchors), 3 + background)) / 16).astype(np.float32)
        found = Session(graph).run([encodings, scores])
        expected = Oracle(data).run_batch([encodings, scores]).outputs
        np.testing.assert_array_equal(found[3], expected[3])
        assert score > 1 or found[3].min() > 0
        for i, count in enumerate(found[3][:, 0].astype(int)):
            for ours, theirs in zip(found[:3], expected[:3], strict=True):
                # What comes behind the last detection is nobody's in the interpreter.
                np.testing.assert_array_equal(ours[i, 0, :count], theirs[i, 0, :count])
                assert not ours[i, 0, count:].any()


def refusal(graph: Graph) -> str:
    with pytest.raises((UnsupportedError, VerifyError)) as error:
        load(write(graph))
    return str(error.value)


@pytest.mark.parametrize(
    ("op", "what"),
    [
        (DetectionPostProcess(4, 2, 0.5, 0.0, _SCALES), "the overlap is 0.0"),
        (DetectionPostProcess(4, 2, 0.5, 1.5, _SCALES), "the overlap is 1.5"),
        (DetectionPostProcess(4, 2, 0.5, 0.5, (10.0, 10.0, 0.0, 5.0)), "the scales are 10.0, 10.0, 0.0, 5.0"),
        (DetectionPostProcess(4, 2, 0.5, 0.5, _SCALES, 2), "a detection has one class"),
        (DetectionPostProcess(4, 2, 0.5, 0.5, _SCALES, 0), "there are 0"),
        (DetectionPostProcess(4, 2, 0.5, 0.5, _SCALES, 1, True, 0), "there are 0"),
        (DetectionPostProcess(1 << 12, 2, 0.5, 0.5, _SCALES), "8 boxes, 2 classes and 4096 detections"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_options_that_make_no_sense(op: DetectionPostProcess, what: str) -> None:
    assert what in refusal(single(op, 8, 2, grid(2, (0.2, 0.4))))


def test_anchors_without_a_size() -> None:
    anchors = grid(2, (0.25,))
    anchors[1, 3] = 0.0
    op = DetectionPostProcess(4, 2, 0.5, 0.5, _SCALES)
    assert "anchors have a height and a width above 0, but the least are 0.25 and 0.0" in refusal(
        single(op, 4, 3, anchors)
    )


@pytest.mark.oracle
def test_quantized_encodings_are_refused_as_the_interpreter_does() -> None:
    op = DetectionPostProcess(4, 2, 0.5, 0.5, _SCALES)
    quantized = TensorType(DType.INT8, (1, 4, 4), QuantParams.per_tensor(0.1, 0))
    anchors = sampling.constant("anchors", grid(2, (0.25,)))
    graph = sampling.single(op, "int8", [quantized, sampling.float32((1, 4, 3)), anchors], None).graph
    inputs: list[Array] = [np.zeros((1, 4, 4), np.int8), np.zeros((1, 4, 3), np.float32)]
    with pytest.raises(OracleRefused):
        Oracle(write(graph)).run(inputs)
    assert "encodings, scores and anchors are float32" in refusal(graph)


def test_options_that_may_be_missing() -> None:
    """``use_regular_nms`` and ``detections_per_class``, which old files lack; one that nobody knows is passed over."""
    from flatbuffers import flexbuffers

    from microgen.ops.tflite_form import TFLiteSource

    given = {"max_detections": 10, "max_classes_per_detection": 1, "num_classes": 4, "nms_score_threshold": 0.5}
    given |= {"nms_iou_threshold": 0.25, "_output_quantized": True}
    given |= dict(zip(("y_scale", "x_scale", "h_scale", "w_scale"), (10, 10.0, 5.0, 5.0), strict=True))
    found = flexbuffers.Loads(bytes(flexbuffers.Dumps(given)))

    def option(name: str) -> float:
        if name not in found:
            raise VerifyError("missing")
        return float(found[name]) if isinstance(found[name], float) else int(found[name])

    op, _ = DetectionPostProcess.from_tflite(TFLiteSource("TFLite_Detection_PostProcess", (), (), option))
    assert op == DetectionPostProcess(10, 4, 0.5, 0.25, _SCALES)


def test_boxes_without_an_area_overlap_with_none() -> None:
    """The interpreter stops at them; here they come and go with their score."""
    op = DetectionPostProcess(4, 1, 0.5, 0.5, (1.0, 1.0, 1.0, 1.0))
    graph = single(op, 3, 1, np.full((3, 4), 0.5, np.float32))
    encodings = np.zeros((1, 1, 3, 4), np.float32)
    encodings[0, 0, :2, 2] = -1e4
    scores = np.array([[[[0.75], [1.0], [0.5]]]], np.float32)
    boxes, _, found, count = Session(graph).run([encodings, scores])
    assert count[0, 0] == 3 and found[0, 0].tolist() == [1.0, 0.75, 0.5, 0.0]
    assert boxes[0, 0, 0].tolist() == [0.5, 0.25, 0.5, 0.75]
    assert not list(op_of(graph.nodes[0]).problems(graph.nodes[0], device=True))
    assert isinstance(graph.nodes[0].input(2), Value)
