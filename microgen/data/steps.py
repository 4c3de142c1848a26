"""What can be done to an image on its way into a network, each thing a frozen value that is called with the image.

An image is an array [height, width, channels] of uint8 (0 to 255) or float32. A step leaves the element type as it is,
except for ``Scale`` and ``Normalize``, which give float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.data.images import MAX_PIXELS
from microgen.data.step import MAX_SIDE, Form, ImageStep, SoundFrontEnd, Step, check, check_finite, check_sides, colour
from microgen.data.warps import Affine, Resize, Rotate
from microgen.errors import InputError
from microgen.mindir import Array

__all__ = [
    "MAX_SIDE",
    "STEPS",
    "Affine",
    "Color",
    "Crop",
    "Form",
    "Normalize",
    "Pad",
    "PadTo",
    "Resize",
    "Rotate",
    "Scale",
    "SoundFrontEnd",
    "Step",
]


@dataclass(frozen=True, slots=True)
class Crop(ImageStep):
    """A part of height × width; its upper left corner is (``top``, ``left``), None: in the middle, rounded up-left."""

    height: int
    width: int
    top: int | None = None
    left: int | None = None

    def __post_init__(self) -> None:
        check_sides("crop", self.height, self.width)
        check("crop", min(self.top or 0, self.left or 0) >= 0, "top and left must not be negative")

    def __call__(self, array: Array) -> Array:
        """The part; InputError where the image does not contain it."""
        rows, columns = array.shape[:2]
        top = (rows - self.height) // 2 if self.top is None else self.top
        left = (columns - self.width) // 2 if self.left is None else self.left
        if top < 0 or left < 0 or top + self.height > rows or left + self.width > columns:
            part = f"{self.width}×{self.height} at ({left}, {top})"
            raise InputError(f"{part} is not within an image of {columns}×{rows}", where="crop")
        return array[top : top + self.height, left : left + self.width]


_BORDERS = ("constant", "edge", "reflect")


@dataclass(frozen=True, slots=True)
class Pad(ImageStep):
    """More pixels around: of ``value`` (one number or one per channel), or by ``mode`` like those at the border."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    value: tuple[float, ...] = (0.0,)
    mode: str = "constant"

    def __post_init__(self) -> None:
        sides = (self.top, self.bottom, self.left, self.right)
        check("pad", min(sides) >= 0 and max(sides) <= MAX_SIDE, f"sides must be 0 to {MAX_SIDE}")
        check("pad.mode", self.mode in _BORDERS, f"must be one of {', '.join(_BORDERS)}, not {self.mode!r}")
        check("pad.value", bool(self.value), "must not be empty")
        check_finite("pad.value", *self.value)

    def __call__(self, array: Array) -> Array:
        """The larger image."""
        height, width = array.shape[0] + self.top + self.bottom, array.shape[1] + self.left + self.right
        if height * width > MAX_PIXELS:
            raise InputError(f"{width}×{height} pixels are too many", where="pad")
        if self.mode != "constant":
            around = ((self.top, self.bottom), (self.left, self.right), (0, 0))
            return np.pad(array, around, "edge" if self.mode == "edge" else "reflect")
        padded = np.empty((height, width, array.shape[2]), array.dtype)
        padded[:] = colour(self.value, array, "pad.value")
        padded[self.top : height - self.bottom, self.left : width - self.right] = array
        return padded


@dataclass(frozen=True, slots=True)
class PadTo(ImageStep):
    """As many pixels of ``value`` around as make it height × width, the image in the middle (letterbox)."""

    height: int
    width: int
    value: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        check_sides("pad_to", self.height, self.width)
        check("pad_to.value", bool(self.value), "must not be empty")
        check_finite("pad_to.value", *self.value)

    def __call__(self, array: Array) -> Array:
        """The larger image; InputError where it is larger already."""
        more, wider = self.height - array.shape[0], self.width - array.shape[1]
        if more < 0 or wider < 0:
            what = f"{array.shape[1]}×{array.shape[0]} pixels are more than {self.width}×{self.height}"
            raise InputError(what, where="pad_to", hint="Resize first, with fit: contain")
        pad = Pad(more // 2, more - more // 2, wider // 2, wider - wider // 2, self.value)
        return pad(array)


@dataclass(frozen=True, slots=True)
class Color(ImageStep):
    """The order of channels of an RGB or gray image: ``rgb``, ``bgr``, or ``gray`` by ITU-R 601 as Pillow rounds it."""

    order: str

    def __post_init__(self) -> None:
        orders = ("rgb", "bgr", "gray")
        check("color.order", self.order in orders, f"must be one of {', '.join(orders)}, not {self.order!r}")

    def __call__(self, array: Array) -> Array:
        """The image with its channels in that order; gray ones become three equal channels."""
        channels = array.shape[2]
        if channels not in (1, 3):
            raise InputError(f"has {channels} channels, not 1 or 3", where="color")
        if channels == 1:
            return array if self.order == "gray" else np.repeat(array, 3, axis=2)
        if self.order == "gray":
            weights = np.array([19595, 38470, 7471])
            if array.dtype == np.uint8:
                sums: NDArray[np.int64] = array.astype(np.int64) @ weights + 32768
                return (sums >> 16).astype(np.uint8)[..., None]
            return (array @ (weights / 65536).astype(np.float32))[..., None].astype(np.float32)
        return array if self.order == "rgb" else np.ascontiguousarray(array[..., ::-1])


@dataclass(frozen=True, slots=True)
class Scale:
    """value · ``factor`` + ``offset``, in single precision, of images and of other numbers."""

    factor: float = 1.0
    offset: float = 0.0

    takes: ClassVar[Form | None] = None
    gives: ClassVar[Form | None] = None

    def __post_init__(self) -> None:
        check_finite("scale", self.factor, self.offset)

    def __call__(self, array: Array) -> Array:
        """float32."""
        return array.astype(np.float32) * np.float32(self.factor) + np.float32(self.offset)


@dataclass(frozen=True, slots=True)
class Normalize:
    """(value · ``scale`` - ``mean``) / ``std``, in single precision, of images and of other numbers.

    ``mean`` and ``std`` hold one number, or one for each channel (the last axis).
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1.0

    takes: ClassVar[Form | None] = None
    gives: ClassVar[Form | None] = None

    def __post_init__(self) -> None:
        if any(s == 0.0 for s in self.std) or not self.std or not self.mean:
            raise InputError("std must not be 0, mean and std must not be empty", where="normalize")
        check_finite("normalize", *self.mean, *self.std, self.scale)

    def __call__(self, array: Array) -> Array:
        """float32."""
        channels = array.shape[-1] if array.ndim > 1 else 1
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, channels):
                raise InputError(f"has {len(numbers)} numbers for {channels} channels", where=f"preprocess.{name}")
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        values: NDArray[np.float32] = array.astype(np.float32)
        return ((values * np.float32(self.scale) - mean) / std).astype(np.float32)


#: The steps of a configuration file, by their names there.
STEPS: dict[str, type[Any]] = {
    "resize": Resize,
    "crop": Crop,
    "pad": Pad,
    "pad_to": PadTo,
    "color": Color,
    "rotate": Rotate,
    "affine": Affine,
    "scale": Scale,
    "normalize": Normalize,
}
