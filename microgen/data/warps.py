"""Steps that compute new pixels from several old ones: Pillow does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgen.data.images import MAX_PIXELS, pillow
from microgen.data.step import METHODS, ImageStep, check, check_finite, check_method, check_sides, colour
from microgen.errors import InputError
from microgen.mindir import Array


@dataclass(frozen=True, slots=True)
class Resize(ImageStep):
    """Another size, with Pillow's filters, which take in all pixels when they shrink (``nearest`` picks one).

    ``fit``: ``stretch`` to exactly height × width; ``cover``: keep the proportions, neither side shorter (cut the rest
    off with ``Crop``); ``contain``: keep the proportions, neither side longer (fill it up with ``PadTo``).
    """

    height: int
    width: int
    method: str = "bilinear"
    fit: str = "stretch"

    def __post_init__(self) -> None:
        check_sides("resize", self.height, self.width)
        check_method("resize", self.method)
        fits = ("stretch", "cover", "contain")
        check("resize.fit", self.fit in fits, f"must be one of {', '.join(fits)}, not {self.fit!r}")

    def __call__(self, array: Array) -> Array:
        """The image in its new size."""
        rows, columns = array.shape[:2]
        height, width = self.size(rows, columns)
        if (height, width) == (rows, columns):
            return array
        if height * width > 4 * MAX_PIXELS:
            raise InputError(f"{columns}×{rows} pixels cannot be scaled to {self.width}×{self.height}")
        if self.method == "nearest":
            # The pixel in whose area the new one's middle lies, in whole numbers: devices compute the same.
            taken = array[(2 * np.arange(height) + 1) * rows // (2 * height)]
            return np.ascontiguousarray(taken[:, (2 * np.arange(width) + 1) * columns // (2 * width)])
        resampling = getattr(pillow().Resampling, self.method.upper())
        return _with_pillow(array, lambda picture: picture.resize((width, height), resampling))

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """(height, width) that an image of ``rows`` × ``columns`` gets."""
        if self.fit == "stretch":
            return self.height, self.width
        vertical, horizontal = self.height / rows, self.width / columns
        if self.fit == "cover":
            factor = max(vertical, horizontal)
            return max(self.height, round(rows * factor)), max(self.width, round(columns * factor))
        factor = min(vertical, horizontal)
        return tuple(  # type: ignore[return-value]
            min(side, max(1, round(length * factor))) for side, length in ((self.height, rows), (self.width, columns))
        )


@dataclass(frozen=True, slots=True)
class Rotate(ImageStep):
    """Turned by ``degrees`` counter-clockwise about the middle; what comes from outside has ``value``.

    ``expand`` makes the image as large as the turned one; otherwise it keeps its size.
    """

    degrees: float
    method: str = "bilinear"
    expand: bool = False
    value: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        check_finite("rotate.degrees", self.degrees)
        check_method("rotate", self.method, METHODS[:3])
        check_finite("rotate.value", *self.value)

    def __call__(self, array: Array) -> Array:
        """The turned image."""
        fill = _fill(self.value, array, "rotate.value")
        resampling = getattr(pillow().Resampling, self.method.upper())

        def turn(picture: Any, channel: int | None) -> Any:
            return picture.rotate(self.degrees, resampling, expand=self.expand, fillcolor=fill(channel))

        return _by_channel(array, turn)


@dataclass(frozen=True, slots=True)
class Affine(ImageStep):
    """A linear map with a shift: the new pixel (x, y) is taken at (a·x + b·y + c, d·x + e·y + f) of the image.

    ``matrix`` is (a, b, c, d, e, f), with coordinates of pixels' upper left corners as in Pillow's ``transform``: the
    middle of the first pixel is at (0.5, 0.5). ``height`` and ``width`` are the new size (None: as before).
    """

    matrix: tuple[float, ...]
    height: int | None = None
    width: int | None = None
    method: str = "bilinear"
    value: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        check("affine.matrix", len(self.matrix) == 6, f"must be 6 numbers, not {len(self.matrix)}")
        check_finite("affine.matrix", *self.matrix)
        within = max(map(abs, self.matrix), default=0.0) <= 1e6
        check("affine.matrix", within, "must be between -1e6 and 1e6")
        check_sides("affine", self.height or 1, self.width or 1)
        check_method("affine", self.method, METHODS[:3])
        check_finite("affine.value", *self.value)

    def __call__(self, array: Array) -> Array:
        """The mapped image."""
        fill = _fill(self.value, array, "affine.value")
        module = pillow()
        size = self.width or array.shape[1], self.height or array.shape[0]
        resampling = getattr(module.Resampling, self.method.upper())

        def move(picture: Any, channel: int | None) -> Any:
            return picture.transform(size, module.Transform.AFFINE, self.matrix, resampling, fillcolor=fill(channel))

        return _by_channel(array, move)


# Pillow ----------------------------------------------------------------------------------------------


def _by_channel(array: Array, change: Callable[[Any, int | None], Any]) -> Array:
    """``change`` of Pillow's picture of an image: of all channels at once (None), or of each where Pillow has no such
    picture.
    """
    module = pillow()
    if array.dtype == np.uint8 and array.shape[2] in (1, 3):
        picture = module.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array))
        changed = np.asarray(change(picture, None), np.uint8)
        return changed.reshape(*changed.shape[:2], array.shape[2])
    planes = [
        np.asarray(change(module.fromarray(np.ascontiguousarray(array[..., i])), i)) for i in range(array.shape[2])
    ]
    return np.stack(planes, axis=2).astype(array.dtype)


def _with_pillow(array: Array, change: Callable[[Any], Any]) -> Array:
    return _by_channel(array, lambda picture, channel: change(picture))


def _fill(value: tuple[float, ...], array: Array, where: str) -> Callable[[int | None], Any]:
    """Pillow's fill colour: of a channel, or of all."""
    numbers = colour(value, array, where).tolist()

    def of(channel: int | None) -> Any:
        if channel is not None:
            return numbers[channel]
        return tuple(numbers) if len(numbers) > 1 else numbers[0]

    return of
