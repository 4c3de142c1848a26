"""Image files as arrays, from strangers: sizes are bounded before memory is taken, damage is one clear line."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, ToolMissing, one_line

#: Endings of files that are taken for images.
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm")

#: What an image may have at most.
MAX_PIXELS = 1 << 26

# What may be in a file with one of these endings, by Pillow's names; its further formats are not for strangers' files.
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "GIF", "WEBP")

Pixels = NDArray[np.uint8]


def pillow() -> Any:
    """Pillow's module ``Image``; ToolMissing where it is not installed."""
    return optional("PIL.Image", "pillow", "images")


def optional(module: str, package: str, purpose: str) -> ModuleType:
    """A module of a package that not everybody has; ToolMissing says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ToolMissing(f"{package} is not installed", where=purpose, hint=f"pip install {package}") from None


def decode(path: Path, gray: bool = False) -> Pixels:
    """An image file as [height, width, 3] in RGB, or [height, width, 1] where ``gray``.

    It stands upright: the orientation that a camera wrote into its EXIF data is applied. Palettes are looked up, an
    alpha channel is left away (what lies under transparent pixels shows), gray pixels of 16 bits are rounded to 8, CMYK
    and others are converted without colour profiles; of an animation the first picture is taken. Raises InputError for
    files that are no image, are damaged or are larger than ``MAX_PIXELS``.
    """
    image = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are bounded here, and of damaged remarks in a file
            with image.open(path, formats=_FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise InputError(f"{opened.width}×{opened.height} pixels are too many", where=str(path))
                orientation = opened.getexif().get(_ORIENTATION, 1)
                picture = _of_eight_bits(opened, image).convert("L" if gray else "RGB")
                if orientation in _TURNS:
                    picture = picture.transpose(getattr(image.Transpose, _TURNS[orientation]))
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        # Pillow raises SyntaxError for files that break their format's rules.
        raise InputError(f"cannot be read as an image ({one_line(str(error), 100)})", where=str(path)) from None
    return np.asarray(picture, np.uint8).reshape(picture.height, picture.width, -1)


# The number of the tag in EXIF, and what brings a picture with each of its values upright, by Pillow's names.
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def _of_eight_bits(picture: Any, image: Any) -> Any:
    """``picture`` with pixels of 0 to 255; Pillow itself cuts gray ones of 16 bits (its modes I…) off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    gray: NDArray[np.int64] = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
    return image.fromarray(((gray + 128) // 257).astype(np.uint8))
