"""RESIZE_BILINEAR: an image of another size, each pixel interpolated between four."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, Node, Value
from microgen.ops import sampling
from microgen.ops.attributes import image_size
from microgen.ops.base import Op, Sample, device_constraint
from microgen.ops.call import Call, Const, Input, Output, Struct, Target, ints
from microgen.ops.constraints import device_arithmetic, is_quantized
from microgen.ops.floats import FloatArray
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.resizing import Coordinates, Indices, Resize, onnx_coordinates
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_TFLITE = (Coordinates.ASYMMETRIC, Coordinates.HALF_PIXEL, Coordinates.ALIGN_CORNERS)
# Quantized weights are multiples of 2^-10.
_BITS = 10


@dataclass(frozen=True)
class ResizeBilinear(Resize):
    """Places outside of the source take its border.

    In int8 a place is a multiple of 1/1024 pixel and the weighted sum of four values is rounded, halves away from
    zero; values go over with the input's scale and zero point.
    """

    name: ClassVar[str] = "ResizeBilinear"
    tflite: ClassVar[tuple[str, ...]] = ("RESIZE_BILINEAR",)
    tflite_options: ClassVar[str | None] = "ResizeBilinearOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(*cls.tflite_coordinates(source)), (source.input(0),)

    @classmethod
    def of_onnx(cls, source: OnnxSource, size: tuple[int, int], scales: tuple[float, float]) -> ResizeBilinear:
        """ONNX's Resize with mode "linear" to ``size``, on an image in NHWC; VerifyError for what is unsupported.

        ``scales`` are the (vertical, horizontal) factors, those of the sizes where the node has sizes.
        """
        return cls(size, onnx_coordinates(source), scales)

    def to_tflite(self, node: Node) -> TFLiteForm:
        wanted = self._tables(node)
        # Its own coordinates first: on some images several choices come to the same.
        for coordinates in sorted(_TFLITE, key=lambda c: c is not self.coordinates):
            other = dataclasses.replace(self, coordinates=coordinates, scales=None)
            if other._tables(node) == wanted:
                return self.tflite_form(node, coordinates)
        raise VerifyError("TensorFlow Lite has no such choice of places to interpolate at", where=node.label)

    def to_onnx(self, node: Node) -> OnnxForm:
        return self.onnx_form(node, mode="linear")

    @device_constraint
    def int8_or_float32(self, node: Node) -> str | None:
        """tensors are quantized int8 or float32"""
        return device_arithmetic(node.input(0), node.output)

    def macs(self, node: Node) -> int:
        return 4 * node.output.type.elements

    def _fixed_places(self, node: Node, axis: int) -> arith.Ints:
        """``places`` in 1/1024 pixel: TensorFlow Lite's arithmetic, whose step from one to the next is rounded."""
        out, into = self.size[axis], image_size(node.input(0))[axis]
        if self.scales is not None or self.coordinates not in _TFLITE:
            scaled = np.clip(self.places(node, axis).astype(np.float64), 0.0, into - 1.0) * (1 << _BITS)
            return np.floor(scaled + 0.5).astype(np.int64)
        if self.coordinates is Coordinates.ALIGN_CORNERS and out > 1:
            step = ((into - 1 << _BITS) + (out - 1) // 2) // (out - 1)
        else:
            step = ((into << _BITS) + out // 2) // out
        places = np.arange(out, dtype=np.int64) * step
        if self.coordinates is Coordinates.HALF_PIXEL:
            places += step // 2 - (1 << (_BITS - 1))
        return places

    def table(self, node: Node, axis: int) -> tuple[Indices, Indices, Array]:
        """(lower, upper, weight): between which rows (``axis`` 0) or columns (1) of the source each of the result's
        lies, and the weight of the upper one: int16 in 1/1024 when quantized, else float32.
        """
        last = image_size(node.input(0))[axis] - 1
        if is_quantized(node):
            fixed = self._fixed_places(node, axis)
            lower = np.clip(fixed >> _BITS, 0, last)
            upper = np.clip((fixed + (1 << _BITS) - 1) >> _BITS, lower, last)
            weight = np.where(lower == upper, 0, fixed - (lower << _BITS)).astype(np.int16)
        else:
            places = np.clip(self.places(node, axis), np.float32(0), np.float32(last))
            lower = np.floor(places).astype(np.int64)
            upper = np.minimum(lower + 1, last)
            weight = (places - lower.astype(np.float32)).astype(np.float32)
        index = np.int16 if last <= np.iinfo(np.int16).max else np.int32
        return lower.astype(index), upper.astype(index), weight

    def _tables(self, node: Node) -> list[list[float]]:
        return [part.tolist() for axis in (0, 1) for part in self.table(node, axis)]

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        top, bottom, down = self.table(node, 0)
        left, right, across = self.table(node, 1)
        quantized = is_quantized(node)
        kind = source.dtype if source.dtype.kind == "f" and source.dtype.itemsize >= 4 else np.dtype(np.float32)
        work: FloatArray = source.astype(np.int64 if quantized else kind)
        one = work.dtype.type(1 << _BITS if quantized else 1)
        y, x = down.astype(work.dtype).reshape(-1, 1, 1), across.astype(work.dtype).reshape(-1, 1)
        rows = np.take(work, top, axis=2) * (one - y) + np.take(work, bottom, axis=2) * y
        result = np.take(rows, left, axis=3) * (one - x) + np.take(rows, right, axis=3) * x
        if quantized:
            half = 1 << (2 * _BITS - 1)
            result = np.sign(result) * ((np.abs(result) + half) >> (2 * _BITS))
        return [np.asarray(result, source.dtype)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        batch, height, width, channels = node.input(0).shape
        top, bottom, down = self.table(node, 0)
        left, right, across = self.table(node, 1)
        fields = (
            *ints(batch=batch, height=height, width=width, channels=channels),
            *ints(output_height=self.size[0], output_width=self.size[1]),
            ("top", Const("top", top)),
            ("bottom", Const("bottom", bottom)),
            ("down", Const("down", down)),
            ("left", Const("left", left)),
            ("right", Const("right", right)),
            ("across", Const("across", across)),
        )
        kind = "s8" if is_quantized(node) else "f32"
        params = Struct(f"mg_resize_bilinear_{kind}_params", fields)
        return (Call(f"mg_resize_bilinear_{kind}", (params, Input(0), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, int, int, int],
            size: tuple[int, int],
            coordinates: Coordinates = Coordinates.ASYMMETRIC,
            scales: tuple[float, float] | None = None,
            real: bool = False,
        ) -> Sample:
            given = sampling.float32(shape) if real else sampling.int8(shape, 0.05, -7)
            return sampling.single(cls(size, coordinates, scales), id, (given,), given.quant)

        for coordinates in _TFLITE:
            for real, prefix in ((False, ""), (True, "f32_")):
                name = prefix + coordinates.value
                yield make(f"{name}_double", (1, 3, 4, 3), (6, 8), coordinates, real=real)
                yield make(f"{name}_shrink", (1, 9, 8, 2), (4, 3), coordinates, real=real)
                yield make(f"{name}_odd", (2, 5, 7, 3), (11, 4), coordinates, real=real)
                yield make(f"{name}_one", (1, 4, 5, 3), (1, 1), coordinates, real=real)
                yield make(f"{name}_from_one", (1, 1, 1, 5), (3, 4), coordinates, real=real)
                yield make(f"{name}_large", (1, 6, 10, 1), (31, 47), coordinates, real=real)
        for coordinates in Coordinates:
            for real, prefix in ((False, ""), (True, "f32_")):
                name = f"{prefix}onnx_{coordinates.value}"
                for sample in (
                    make(name, (1, 4, 6, 2), (8, 3), coordinates, (2.0, 0.5), real),
                    make(f"{name}_own_scales", (1, 4, 5, 2), (9, 1), coordinates, (2.3, 0.3), real),
                ):
                    if not cls.is_tflite(sample):
                        yield sample
