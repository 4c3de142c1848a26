"""Which files of a folder are samples, and how one file becomes a sample of an input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microgen.data.config import Preprocess
from microgen.data.images import IMAGES
from microgen.data.sounds import SOUNDS, read_sound, read_sound_int16
from microgen.data.steps import Form
from microgen.errors import InputError
from microgen.mindir import Array, TensorType

#: Endings of the files that can be samples.
SUFFIXES = IMAGES + SOUNDS

_MAX_FILES = 100_000

Floats = NDArray[np.float32]


def list_files(path: Path) -> list[Path]:
    """The images or WAV files in ``path`` and the folders below it, in the order of their names.

    Raises InputError where there are none, too many, or both kinds.
    """
    found: list[Path] = []
    try:
        for file in path.rglob("*"):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                found.append(file)
            if len(found) > _MAX_FILES:
                raise InputError(f"holds more than {_MAX_FILES:,} files", where=str(path))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if not found:
        raise InputError(f"holds no files that end in {', '.join(SUFFIXES)}", where=str(path))
    check_one_kind(found, path)
    return sorted(found)


def check_one_kind(files: list[Path], path: Path) -> None:
    """InputError where there are both images and sounds."""
    if len({is_sound(f) for f in files}) > 1:
        raise InputError("holds both images and sounds", where=str(path), hint="Keep them in folders of their own")


def is_sound(path: Path) -> bool:
    """Whether a file's name says that it is a sound."""
    return path.suffix.lower() in SOUNDS


def image_sample(path: Path, t: TensorType, preprocess: Preprocess) -> Floats:
    """One image file as a sample of shape ``t.shape``; InputError where its size is not the input's in the end."""
    height, width, channels, is_nchw = _image_shape(t.shape, preprocess, path)
    pixels = preprocess.image_pipeline(height, width, channels).read(path, channels)
    if pixels.ndim != 3 or pixels.shape != (height, width, channels):
        size = "×".join(map(str, pixels.shape[:2]))
        found = f"{size} with {pixels.shape[2]} channels" if pixels.ndim == 3 else str(list(pixels.shape))
        raise InputError(f"gives {found}, the input has {height}×{width} with {channels}", where=str(path))
    values = pixels.astype(np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1) if is_nchw else values).reshape(t.shape)


def _image_shape(shape: tuple[int, ...], preprocess: Preprocess, path: Path) -> tuple[int, int, int, bool]:
    """(height, width, channels, whether channels come first) of an input."""
    dims = shape[1:] if len(shape) == 4 and shape[0] == 1 else shape
    if len(dims) == 2 and dims[0] > 1:
        return dims[0], dims[1], 1, False
    if len(dims) == 3:
        few = (1, 3)
        is_nchw = preprocess.layout == "nchw" or (preprocess.layout is None and dims[0] in few and dims[2] not in few)
        if is_nchw:
            return dims[1], dims[2], dims[0], True
        return dims[0], dims[1], dims[2], False
    raise InputError(f"is a folder of images, the input's shape is {list(shape)}", where=str(path.parent))


def sound_values(path: Path, preprocess: Preprocess) -> Array:
    """A whole WAV file in the form in which the steps take it: int16 samples for a front end, else [-1, 1]."""
    if preprocess.sound_pipeline().takes is Form.SOUND:
        return read_sound_int16(path, preprocess.rate)
    return read_sound(path, preprocess.rate)


def window_sample(path: Path, piece: Array, t: TensorType, preprocess: Preprocess) -> Floats:
    """A piece of ``sound_values`` as a sample of shape ``t.shape``, filled up with zeros where it is shorter than the
    window; InputError where the steps' result does not fill the input.
    """
    piece = np.pad(piece, (0, preprocess.window_of(t.elements) - len(piece)))
    values = preprocess.sound_pipeline().on(path, piece, Form.SOUND)
    if values.size != t.elements:
        what = f"gives {values.size} values {list(values.shape)}, the input has {t.elements} {list(t.shape)}"
        raise InputError(what, where=str(path))
    return values.astype(np.float32).reshape(t.shape)
