"""TFLite_Detection_PostProcess: boxes from a single-shot detector's encodings, the best ones that do not overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, Float, Input, Output, Scratch, Struct, Target, ints
from microgen.ops.constraints import short
from microgen.ops.movement import present
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_MOST_BOXES = 1 << 14
_MOST_DETECTIONS = 1 << 10
_MOST_CLASSES = 1 << 12
_PER_CLASS = 100
_SCALES = ("y_scale", "x_scale", "h_scale", "w_scale")
_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DetectionPostProcess(Op):
    """Inputs, float32: encodings [1, boxes, 4 or more] (center y and x, height, width, relative to anchors), scores
    [1, boxes, classes, with one more in front where there is a background], anchors [boxes, 4]. Outputs, float32: the
    boxes found [1, n, 4] (y and x of the lowest and of the highest corner), their classes [1, n] and scores [1, n],
    the best first, and how many there are [1]; behind them are zeros.

    Each class by itself (``regular``, at most ``per_class`` of a class), or each box with its best class: in the order
    of scores of at least ``score``, boxes stay that have no intersection over union of more than ``overlap`` with one
    that stays. Of equal scores the first one counts. n is ``detections`` times ``classes_per_detection``.

    The host computes boxes in double precision as the reference does, the generated C in single precision. For boxes
    without height or width the reference stops with an error at run time; here they overlap with none.
    """

    detections: int
    classes: int
    score: float
    overlap: float
    scales: tuple[float, float, float, float]
    classes_per_detection: int = 1
    regular: bool = False
    per_class: int = _PER_CLASS

    name: ClassVar[str] = "DetectionPostProcess"
    tflite_custom: ClassVar[tuple[str, ...]] = ("TFLite_Detection_PostProcess",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        def number(name: str, default: int) -> int:
            return source.int_option(name) if source.given(name) else default

        y, x, h, w = map(source.float_option, _SCALES)
        op = cls(
            source.int_option("max_detections"),
            source.int_option("num_classes"),
            source.float_option("nms_score_threshold"),
            source.float_option("nms_iou_threshold"),
            (y, x, h, w),
            number("max_classes_per_detection", 0),
            bool(number("use_regular_nms", 0)),
            number("detections_per_class", _PER_CLASS),
        )
        return op, source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {
            "max_detections": self.detections,
            "max_classes_per_detection": self.classes_per_detection,
            "detections_per_class": self.per_class,
            "use_regular_nms": self.regular,
            "nms_score_threshold": self.score,
            "nms_iou_threshold": self.overlap,
            "num_classes": self.classes,
            **dict(zip(_SCALES, self.scales, strict=True)),
        }
        return TFLiteForm(self.tflite_custom[0], node.inputs, options=options, custom=True)

    @property
    def _room(self) -> int:
        """How many boxes the outputs have room for."""
        return self.detections * max(self.classes_per_detection, 1)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        encodings, scores, anchors = (node.input(i) for i in range(3))
        if len(encodings.shape) != 3 or encodings.shape[0] != 1 or encodings.shape[2] < 4:
            raise VerifyError(f"encodings are {list(encodings.shape)}, not [1, boxes, 4]")
        boxes = encodings.shape[1]
        if scores.shape not in ((1, boxes, self.classes), (1, boxes, self.classes + 1)):
            raise VerifyError(f"scores are {list(scores.shape)} for {boxes} boxes of {self.classes} classes")
        if anchors.shape != (boxes, 4):
            raise VerifyError(f"anchors are {list(anchors.shape)}, not {[boxes, 4]}")
        shapes = ((1, self._room, 4), (1, self._room), (1, self._room), (1,))
        return tuple((DType.FLOAT32, shape) for shape in shapes)

    @constraint
    def types(self, node: Node) -> str | None:
        """encodings, scores and anchors are float32"""
        for value in node.inputs:
            if value is not None and value.type.dtype is not DType.FLOAT32:
                return f"{short(value)} is {value.type.dtype}"
        return None

    @constraint
    def limits(self, node: Node) -> str | None:
        """there are 1 to 16384 boxes, 1 to 4096 classes and 1 to 1024 detections"""
        counts = (node.input(0).shape[1], self.classes, self._room)
        good = all(
            1 <= n <= most for n, most in zip(counts, (_MOST_BOXES, _MOST_CLASSES, _MOST_DETECTIONS), strict=True)
        )
        return None if good else "there are {} boxes, {} classes and {} detections".format(*counts)

    @constraint
    def thresholds(self, node: Node) -> str | None:
        """the largest overlap is above 0 and no more than 1, and scales are not 0"""
        if not 0.0 < self.overlap <= 1.0:
            return f"the overlap is {self.overlap}"
        return None if all(self.scales) else f"the scales are {', '.join(map(str, self.scales))}"

    @constraint
    def results(self, node: Node) -> str | None:
        """a detection has one class, or with regular suppression a class at least one detection"""
        if self.regular:
            return None if self.per_class >= 1 else f"there are {self.per_class}"
        # The reference writes further ones to other places, some beyond its outputs.
        count = min(self.classes_per_detection, self.classes)
        return None if count == 1 else f"there are {count}"

    @constraint
    def sized_anchors(self, node: Node) -> str | None:
        """anchors have a height and a width above 0"""
        anchors = node.input(2)
        if not anchors.is_const or np.all(np.greater(anchors.const[:, 2:], 0)):
            return None
        return f"the least are {anchors.const[:, 2].min()} and {anchors.const[:, 3].min()}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        encodings, scores, anchors = present(inputs)
        count = max(len(encodings), len(scores), len(anchors))
        made: list[Array] = [np.zeros((count, *value.shape), np.float32) for value in node.outputs]
        for i in range(count):
            corners = self._corners(encodings[i % len(encodings), 0], anchors[i % len(anchors)])
            chosen = self._chosen(corners, scores[i % len(scores), 0])
            for j, (score, kind, box) in enumerate(chosen):
                made[0][i, 0, j], made[1][i, 0, j], made[2][i, 0, j] = corners[box], kind, score
            made[3][i, 0] = len(chosen)
        return made

    def _corners(self, encodings: _Floats, anchors: _Floats) -> _Floats:
        """[boxes, 4]: lowest and highest corner."""
        scaled = encodings[:, :4].astype(np.float64) / np.array(self.scales)
        places, sizes = anchors[:, :2].astype(np.float64), anchors[:, 2:].astype(np.float64)
        with np.errstate(over="ignore"):
            middles = (scaled[:, :2] * sizes + places).astype(np.float32)
            halves = (0.5 * np.exp(scaled[:, 2:]) * sizes).astype(np.float32)
        return np.concatenate([middles - halves, middles + halves], axis=1)

    def _chosen(self, corners: _Floats, scores: _Floats) -> list[tuple[float, int, int]]:
        """(score, class, box) of the detections."""
        scores = scores[:, scores.shape[1] - self.classes :]
        if not self.regular:
            best = scores.argmax(axis=1)
            tops = scores[np.arange(len(scores)), best]
            return [(tops[box], int(best[box]), box) for box in self._apart(corners, tops, self.detections)]
        chosen: list[tuple[float, int, int]] = []
        for kind in range(self.classes):
            column = scores[:, kind]
            chosen += [(column[box], kind, box) for box in self._apart(corners, column, self.per_class)]
            chosen = sorted(chosen, key=lambda one: -one[0])[: self.detections]
        return chosen

    def _apart(self, corners: _Floats, scores: _Floats, most: int) -> list[int]:
        """Up to ``most`` boxes of high scores, the best first."""
        found: list[int] = []
        waiting = scores >= np.float32(self.score)
        while waiting.any() and len(found) < most:
            best = int(np.where(waiting, scores, -np.inf).argmax())
            if not waiting[best]:
                best = int(waiting.argmax())
            found.append(best)
            waiting[best] = False
            waiting &= ~(_overlaps(corners[best], corners) > np.float32(self.overlap))
        return found

    def macs(self, node: Node) -> int:
        return 8 * node.input(0).shape[1]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        _, boxes, width = node.input(0).shape
        columns = node.input(1).shape[2]
        sizes = ints(
            boxes=boxes, width=width, classes=self.classes, columns=columns, detections=self.detections,
            room=self._room, most=self.per_class if self.regular else self.detections, regular=int(self.regular),
        )  # fmt: skip
        floats = (*zip(_SCALES, map(Float, self.scales), strict=True), ("score", Float(self.score)))
        params = Struct("mg_detection_params", (*sizes, *floats, ("overlap", Float(self.overlap))))
        args: tuple[Arg, ...] = (params, *(Input(i) for i in range(3)), *(Output(i) for i in range(4)), Scratch())
        return (
            Call(
                "mg_detection_post_process_f32", args, scratch=(17 if self.regular else 21) * boxes, scratch_alignment=4
            ),
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, op: DetectionPostProcess, boxes: int, background: int, width: int = 4) -> Sample:
            sides = sampling.rng("anchors", id).uniform(0.1, 0.6, (boxes, 4)).astype(np.float32)
            anchors = sampling.constant("anchors", sides)
            kinds = [sampling.float32((1, boxes, width)), sampling.float32((1, boxes, op.classes + background))]
            return sampling.single(op, id, [*kinds, anchors], None)

        scales = (10.0, 10.0, 5.0, 5.0)
        yield make("f32_fast", cls(3, 3, -4.0, 0.625, scales), 9, 1)
        yield make("f32_regular", cls(5, 2, 0.25, 0.375, scales, regular=True, per_class=3), 8, 0)
        yield make("f32_wide", cls(4, 1, -8.0, 1.0, (1.0, 2.0, 4.0, 3.0)), 6, 0, 6)


def _overlaps(one: _Floats, others: _Floats) -> _Floats:
    """Intersection over union of a box [4] with each of [n, 4]; 0 where one has no area."""

    def area(low: _Floats, high: _Floats) -> _Floats:
        sides: _Floats = high - low
        return sides[..., 0] * sides[..., 1]

    with np.errstate(all="ignore"):
        own, other = area(one[:2], one[2:]), area(others[:, :2], others[:, 2:])
        low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
        common = area(low, np.maximum(high, low))
        shares: _Floats = np.where((own <= 0) | (other <= 0), np.float32(0), common / (own + other - common))
    return shares
