"""What ResizeNearest and ResizeBilinear share: where each row and column of the result lies in the source."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, Value
from microgen.ops import sampling
from microgen.ops.attributes import image_size
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.constraints import quantized_or_plain
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

Positions: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.integer[Any]]
# The largest row or column number in the tables of the generated C.
_LARGEST = 32767


class Coordinates(enum.Enum):
    """How a place in the result maps to one in the source; values are ONNX's names."""

    ASYMMETRIC = "asymmetric"
    HALF_PIXEL = "half_pixel"
    HALF_PIXEL_SYMMETRIC = "half_pixel_symmetric"
    PYTORCH_HALF_PIXEL = "pytorch_half_pixel"
    ALIGN_CORNERS = "align_corners"
    TF_HALF_PIXEL = "tf_half_pixel_for_nn"


class Rounding(enum.Enum):
    """How a place between two pixels becomes the nearest one; values are ONNX's names."""

    FLOOR = "floor"
    CEIL = "ceil"
    ROUND_PREFER_FLOOR = "round_prefer_floor"
    ROUND_PREFER_CEIL = "round_prefer_ceil"


@dataclass(frozen=True)
class Resize(Op):
    """Input: an NHWC image. ``size`` is the result's (height, width).

    ``scales`` are the (vertical, horizontal) factors that coordinates are divided by where they are not those of the
    sizes; with them places are computed as onnxruntime computes them, without them as TensorFlow Lite does.
    """

    size: tuple[int, int]
    coordinates: Coordinates = Coordinates.ASYMMETRIC
    scales: tuple[float, float] | None = None

    #: Whether there is an int16 form.
    takes_int16: ClassVar[bool] = False

    @classmethod
    def tflite_coordinates(cls, source: TFLiteSource) -> tuple[tuple[int, int], Coordinates]:
        """(size, coordinates) of a layer of a .tflite file."""
        size = source.integers(1)
        if len(size) != 2:
            raise VerifyError(f"the size has {len(size)} numbers, not height and width")
        align, half = bool(source.option("AlignCorners")), bool(source.option("HalfPixelCenters"))
        if align and half:
            raise VerifyError("align_corners and half_pixel_centers exclude each other")
        if align:
            return (size[0], size[1]), Coordinates.ALIGN_CORNERS
        return (size[0], size[1]), Coordinates.HALF_PIXEL if half else Coordinates.ASYMMETRIC

    def tflite_form(self, node: Node, coordinates: Coordinates) -> TFLiteForm:
        """The layer of a .tflite file with these coordinates."""
        options = {
            "AlignCorners": coordinates is Coordinates.ALIGN_CORNERS,
            "HalfPixelCenters": coordinates is Coordinates.HALF_PIXEL,
        }
        size = sampling.constant("size", np.array(self.size, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), size), self.tflite_options, options, version=3)

    def onnx_form(self, node: Node, **attributes: str) -> OnnxForm:
        """ONNX's Resize of dimensions 1 and 2."""
        source = node.input(0)
        if self.scales is None:
            shape = constant_input("sizes", np.array([source.shape[0], *self.size, source.shape[3]], np.int64))
            operands: tuple[Value | None, ...] = (source, None, None, shape)
        else:
            operands = (source, None, constant_input("scales", np.array([1.0, *self.scales, 1.0], np.float32)))
        mode = {"coordinate_transformation_mode": self.coordinates.value, **attributes}
        return OnnxForm("Resize", operands, mode)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(source.shape) != 4:
            raise VerifyError(f"the input must have 4 dimensions, not {len(source.shape)}")
        if min(self.size) < 1:
            raise VerifyError(f"the size {list(self.size)} must be at least 1")
        if self.scales is not None and not all(math.isfinite(s) and s > 0.0 for s in self.scales):
            raise VerifyError(f"scales {list(self.scales)} must be finite and positive")
        return ((source.type.dtype, (source.shape[0], *self.size, source.shape[3])),)

    @constraint
    def same_kind(self, node: Node) -> str | None:
        """input and output are both int8 with per-tensor quantization parameters (nearest neighbours also int16 with \
zero point 0), or neither is quantized
        """
        return quantized_or_plain(node, (node.input(0), node.output), int16=self.takes_int16)

    @device_constraint
    def short_tables(self, node: Node) -> str | None:
        """input and output have at most 32767 rows and columns"""
        largest = max(*image_size(node.input(0)), *self.size)
        return f"there are {largest}" if largest > _LARGEST else None

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    @staticmethod
    def is_tflite(sample: Sample) -> bool:
        """Whether a sample's operator is one of TensorFlow Lite's by another name."""
        (node,) = sample.graph.nodes
        assert isinstance(node.op, Resize)
        try:
            node.op.to_tflite(node)
        except VerifyError:
            return False
        return True

    def places(self, node: Node, axis: int) -> Positions:
        """Where each row (``axis`` 0) or column (1) of the result lies in the source, unclamped, in pixels."""
        out, into = self.size[axis], image_size(node.input(0))[axis]
        x = np.arange(out, dtype=np.float32)
        half = np.float32(0.5)
        coordinates = self.coordinates
        if coordinates is Coordinates.ALIGN_CORNERS and out > 1:
            if self.scales is None:
                return x * np.float32((into - 1) / np.float32(out - 1))
            return x * np.float32(into - 1) / np.float32(out - 1)
        if out == 1 and (
            coordinates is Coordinates.PYTORCH_HALF_PIXEL
            or (coordinates is Coordinates.ALIGN_CORNERS and self.scales is not None)
        ):
            return np.zeros(1, np.float32)
        if self.scales is None:
            step = np.float32(into) / np.float32(out)
            if coordinates in (Coordinates.ASYMMETRIC, Coordinates.ALIGN_CORNERS):
                return x * step
            return (x + half) * step - (np.float32(0) if coordinates is Coordinates.TF_HALF_PIXEL else half)
        scale = np.float32(self.scales[axis])
        match coordinates:
            case Coordinates.ASYMMETRIC:
                return x / scale
            case Coordinates.TF_HALF_PIXEL:
                return (x + half) / scale
            case Coordinates.HALF_PIXEL_SYMMETRIC:
                adjustment = np.float32(out) / (scale * np.float32(into))
                offset = np.float32(into) / np.float32(2) * (np.float32(1) - adjustment)
                return offset + (x + half) / scale - half
            case _:
                return (x + half) / scale - half


def onnx_coordinates(source: OnnxSource) -> Coordinates:
    """The coordinate transformation of ONNX's Resize (or Upsample); VerifyError for those that are not supported."""
    if source.operator == "Upsample" or source.opset < 11:
        return Coordinates.ASYMMETRIC
    name = source.text("coordinate_transformation_mode", "half_pixel")
    if source.integer("antialias", 0):
        raise VerifyError("resizing with antialias is not supported")
    try:
        return Coordinates(name)
    except ValueError:
        raise VerifyError(f"coordinate_transformation_mode {name} is not supported") from None


def onnx_rounding(source: OnnxSource) -> Rounding:
    """The rounding of ONNX's Resize to the nearest pixel."""
    if source.operator == "Upsample" or source.opset < 11:
        return Rounding.FLOOR
    name = source.text("nearest_mode", "round_prefer_floor")
    try:
        return Rounding(name)
    except ValueError:
        raise VerifyError(f"nearest_mode {name} is not supported") from None
