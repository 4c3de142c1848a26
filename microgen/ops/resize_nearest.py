"""RESIZE_NEAREST_NEIGHBOR: an image of another size, each pixel a copy of the nearest one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import image_size
from microgen.ops.base import Op, Sample
from microgen.ops.call import Call, Const, Input, Output, Struct, Target, ints
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.resizing import Coordinates, Indices, Resize, Rounding, onnx_coordinates, onnx_rounding
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# How TensorFlow Lite rounds, for each of its coordinates.
_TFLITE = {
    Coordinates.ASYMMETRIC: Rounding.FLOOR,
    Coordinates.HALF_PIXEL: Rounding.ROUND_PREFER_CEIL,
    Coordinates.ALIGN_CORNERS: Rounding.ROUND_PREFER_CEIL,
}
_TIE = 1e-6


@dataclass(frozen=True)
class ResizeNearest(Resize):
    """Elements of any type go over as they are.

    ``rounding`` None is TensorFlow's choice for the coordinates: down, for ALIGN_CORNERS and HALF_PIXEL to the nearest,
    halves up.
    """

    rounding: Rounding | None = None

    name: ClassVar[str] = "ResizeNearest"
    tflite: ClassVar[tuple[str, ...]] = ("RESIZE_NEAREST_NEIGHBOR",)
    tflite_options: ClassVar[str | None] = "ResizeNearestNeighborOptions"
    takes_int16: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        size, coordinates = cls.tflite_coordinates(source)
        return cls(size, coordinates), (source.input(0),)

    @classmethod
    def of_onnx(cls, source: OnnxSource, size: tuple[int, int], scales: tuple[float, float]) -> ResizeNearest:
        """ONNX's Resize with mode "nearest" to ``size``, on an image in NHWC; VerifyError for what is unsupported.

        ``scales`` are the (vertical, horizontal) factors, those of the sizes where the node has sizes.
        """
        return cls(size, onnx_coordinates(source), scales, onnx_rounding(source))

    def to_tflite(self, node: Node) -> TFLiteForm:
        wanted = self._table(node)
        # Its own coordinates first: on some images several choices come to the same.
        for coordinates in sorted(_TFLITE, key=lambda c: c is not self.coordinates):
            other = dataclasses.replace(self, coordinates=coordinates, scales=None, rounding=None)
            if other._table(node) == wanted:
                return self.tflite_form(node, coordinates)
        raise VerifyError("TensorFlow Lite has no such choice of the nearest pixel", where=node.label)

    def to_onnx(self, node: Node) -> OnnxForm:
        return self.onnx_form(node, mode="nearest", nearest_mode=self._rounding.value)

    @property
    def _rounding(self) -> Rounding:
        return _TFLITE.get(self.coordinates, Rounding.FLOOR) if self.rounding is None else self.rounding

    def indices(self, node: Node, axis: int) -> Indices:
        """The source's row (``axis`` 0) or column (1) of each of the result's."""
        last = image_size(node.input(0))[axis] - 1
        places = self.places(node, axis)
        below = np.floor(places)
        rest = places - below
        half = np.float32(0.5)
        # onnxruntime takes what is as near as this to a tie for one.
        slack = np.float32(0 if self.scales is None else _TIE)
        match self._rounding:
            case Rounding.FLOOR:
                found = below
            case Rounding.CEIL:
                found = np.ceil(places)
            case Rounding.ROUND_PREFER_FLOOR:
                found = below + (rest > half + slack)
            case Rounding.ROUND_PREFER_CEIL:
                found = below + (rest >= half - slack)
        return np.clip(found, 0, last).astype(np.int16 if last <= np.iinfo(np.int16).max else np.int32)

    def _table(self, node: Node) -> list[list[int]]:
        return [self.indices(node, axis).tolist() for axis in (0, 1)]

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        rows = np.take(source, self.indices(node, 0), axis=2)
        return [np.take(rows, self.indices(node, 1), axis=3)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0)
        batch, height, width, channels = source.shape
        fields = (
            *ints(
                batch=batch,
                input_row=width * channels * source.type.dtype.size,
                input_image=height * width * channels * source.type.dtype.size,
                pixel=channels * source.type.dtype.size,
                output_height=self.size[0],
                output_width=self.size[1],
            ),
            ("rows", Const("rows", self.indices(node, 0))),
            ("columns", Const("columns", self.indices(node, 1))),
        )
        return (Call("mg_resize_nearest", (Struct("mg_resize_nearest_params", fields), Input(0), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, int, int, int],
            size: tuple[int, int],
            coordinates: Coordinates = Coordinates.ASYMMETRIC,
            rounding: Rounding | None = None,
            scales: tuple[float, float] | None = None,
            source: TensorType | None = None,
        ) -> Sample:
            op = cls(size, coordinates, scales, rounding)
            given = source or sampling.int8(shape, 0.05, 3)
            return sampling.single(op, id, (given,), given.quant)

        for coordinates in _TFLITE:
            name = coordinates.value
            yield make(f"{name}_double", (1, 3, 4, 3), (6, 8), coordinates)
            yield make(f"{name}_shrink", (1, 9, 8, 2), (4, 3), coordinates)
            yield make(f"{name}_odd", (2, 5, 7, 3), (11, 4), coordinates)
            yield make(f"{name}_one", (1, 4, 5, 3), (1, 1), coordinates)
            yield make(f"{name}_from_one", (1, 1, 1, 5), (3, 4), coordinates)
            yield make(f"{name}_large", (1, 6, 10, 1), (31, 47), coordinates)
        for coordinates in Coordinates:
            for rounding in Rounding:
                name = f"onnx_{coordinates.value}_{rounding.value}"
                sample = make(name, (1, 4, 6, 2), (8, 3), coordinates, rounding, (2.0, 0.5))
                if not cls.is_tflite(sample):
                    yield sample
        yield make("onnx_own_scales", (1, 4, 5, 2), (9, 7), Coordinates.HALF_PIXEL, Rounding.FLOOR, (2.3, 1.5))
        yield make("f32_double", (1, 3, 4, 3), (6, 8), source=sampling.float32((1, 3, 4, 3)))
        half = Coordinates.HALF_PIXEL
        yield make("f32_half_pixel", (1, 3, 4, 3), (7, 5), half, source=sampling.float32((1, 3, 4, 3)))
        yield make("plain_int16", (1, 3, 4, 3), (6, 8), source=TensorType(DType.INT16, (1, 3, 4, 3)))
