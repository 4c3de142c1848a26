"""Folders of images and sounds as calibration samples."""

from __future__ import annotations

import importlib
import warnings
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, ToolMissing, one_line
from microgen.mindir import Array, TensorType
from microgen.quantize.config import Preprocess

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm")
SOUNDS = (".wav",)
SUFFIXES = IMAGES + SOUNDS

# What may be in a file with one of these endings, by Pillow's names; its further formats are not for strangers' files.
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "GIF", "WEBP")

_MAX_FILES = 100_000
_MAX_PIXELS = 1 << 26
_MAX_SOUND_BYTES = 1 << 28

Floats = NDArray[np.float32]


def read_folder(path: Path, t: TensorType, preprocess: Preprocess, limit: int | None, max_bytes: int) -> Array:
    """The images or WAV files in ``path`` and the folders below it, in the order of their names, as [samples, *shape].

    ``limit`` keeps that many samples, evenly spaced. Raises InputError for files that cannot be read or do not fit.
    """
    if not t.dtype.is_float:
        raise InputError(f"files serve a float input, this is {t.dtype}", where=str(path))
    files = _files(path)
    if all(f.suffix.lower() in SOUNDS for f in files):
        samples = _sounds(files, t, preprocess, limit, max_bytes, path)
    else:
        chosen = (
            files if limit is None or len(files) <= limit else [files[i * len(files) // limit] for i in range(limit)]
        )
        _bound(len(chosen), t, max_bytes, path)
        samples = [image(f, t, preprocess) for f in chosen]
    return np.stack(samples) if samples else np.empty((0, *t.shape), np.float32)


def _files(path: Path) -> list[Path]:
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
    kinds = {f.suffix.lower() in SOUNDS for f in found}
    if len(kinds) > 1:
        raise InputError("holds both images and sounds", where=str(path), hint="Keep them in folders of their own")
    return sorted(found)


def _bound(count: int, t: TensorType, max_bytes: int, path: Path) -> None:
    if count * t.nbytes > max_bytes:
        hint = f"Set samples to {max_bytes // t.nbytes} or fewer"
        raise InputError(f"{count} samples take more than {max_bytes >> 20} MiB", where=str(path), hint=hint)


# Images -----------------------------------------------------------------------------------------------


def image(path: Path, t: TensorType, preprocess: Preprocess) -> Floats:
    """One image file as a sample of type ``t``."""
    pillow = _pillow()
    height, width, channels, is_nchw = _image_shape(t.shape, preprocess, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are bounded here, and of damaged remarks in a file
            with pillow.open(path, formats=_FORMATS) as opened:
                if opened.width * opened.height > _MAX_PIXELS:
                    raise InputError(f"{opened.width}×{opened.height} pixels are too many", where=str(path))
                kind = preprocess.channels or {1: "gray"}.get(channels, "rgb")
                picture = _of_eight_bits(opened, pillow).convert("L" if kind == "gray" else "RGB")
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        # Pillow raises SyntaxError for files that break their format's rules.
        raise InputError(f"cannot be read as an image ({one_line(str(error), 100)})", where=str(path)) from None
    rows, columns = preprocess.resize or (height, width)
    picture = _scaled(picture, rows, columns, preprocess.crop, pillow, path)
    pixels = np.asarray(picture, np.float32).reshape(rows, columns, -1)
    if kind == "bgr":
        pixels = pixels[..., ::-1]
    if pixels.shape[2] != channels or (rows, columns) != (height, width):
        found = f"{rows}×{columns} with {pixels.shape[2]} channels"
        raise InputError(f"gives {found}, the input has {height}×{width} with {channels}", where=str(path))
    pixels = _normalized(pixels, preprocess, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) if is_nchw else pixels).reshape(t.shape)


def _pillow() -> Any:
    return _optional("PIL.Image", "pillow", "images")


def _optional(module: str, package: str, purpose: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ToolMissing(f"{package} is not installed", where=purpose, hint=f"pip install {package}") from None


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


def _of_eight_bits(picture: Any, pillow: Any) -> Any:
    """``picture`` with pixels of 0 to 255; Pillow itself cuts gray ones of 16 bits (its modes I…) off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    gray: NDArray[np.int64] = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
    return pillow.fromarray(((gray + 128) // 257).astype(np.uint8))


def _scaled(picture: Any, height: int, width: int, crop: str, pillow: Any, path: Path) -> Any:
    if crop == "center":
        factor = max(height / picture.height, width / picture.width)
        size = max(width, round(picture.width * factor)), max(height, round(picture.height * factor))
        if max(size) > 4 * _MAX_PIXELS // max(height, width):
            what = f"{picture.width}×{picture.height} pixels cannot be scaled to {width}×{height}"
            raise InputError(what, where=str(path))
        picture = picture.resize(size, pillow.Resampling.BILINEAR)
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        return picture.crop((left, top, left + width, top + height))
    return picture.resize((width, height), pillow.Resampling.BILINEAR)


def _normalized(values: Floats, preprocess: Preprocess, channels: int) -> Floats:
    for name, numbers in (("mean", preprocess.mean), ("std", preprocess.std)):
        if len(numbers) not in (1, channels):
            raise InputError(f"has {len(numbers)} numbers for {channels} channels", where=f"preprocess.{name}")
    mean, std = np.array(preprocess.mean, np.float32), np.array(preprocess.std, np.float32)
    result: Floats = ((values * np.float32(preprocess.scale) - mean) / std).astype(np.float32)
    return result


# Sounds -----------------------------------------------------------------------------------------------


def _sounds(
    files: Sequence[Path], t: TensorType, preprocess: Preprocess, limit: int | None, max_bytes: int, path: Path
) -> list[Floats]:
    """Windows of the files, all or ``limit`` of them, evenly spaced."""
    window = preprocess.window or t.elements
    if window != t.elements:
        what = f"windows of {window} values do not fill an input of {t.elements} {list(t.shape)}"
        hint = "Compute features first and give them as .npz"
        raise InputError(what, where="preprocess.window", hint=hint)
    hop = preprocess.hop or window
    ends = np.cumsum([_windows(_frames(file, preprocess), window, hop) for file in files])
    total = int(ends[-1])
    count = total if limit is None else min(total, limit)
    _bound(count, t, max_bytes, path)
    chosen = np.arange(count) * total // max(count, 1)
    owners = np.searchsorted(ends, chosen, side="right")
    samples: list[Floats] = []
    for owner in np.unique(owners):
        values = sound(files[owner], preprocess)
        first = int(ends[owner - 1]) if owner else 0
        for number in chosen[owners == owner] - first:
            piece = values[number * hop : number * hop + window]
            if number > 0 and len(piece) < window:
                break  # the file ends before its header says
            piece = np.pad(piece, (0, window - len(piece)))
            samples.append(_normalized(piece, preprocess, 1).reshape(t.shape))
    return samples


def _windows(frames: int, window: int, hop: int) -> int:
    """How many windows ``frames`` values give; the rest is dropped, a file that is shorter is filled with zeros."""
    return max(frames - window, 0) // hop + 1


@contextmanager
def _opened(path: Path, preprocess: Preprocess) -> Iterator[tuple[wave.Wave_read, int]]:
    """A WAV file that can be used, and how many frames it holds at most; its header may promise more."""
    try:
        with wave.open(str(path), "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            if width > 4:
                raise InputError(f"has {8 * width} bits a value, at most 32 are read", where=str(path))
            if preprocess.sample_rate is not None and rate != preprocess.sample_rate:
                hint = "Resample it first"
                raise InputError(f"sample rate is {rate} Hz, not {preprocess.sample_rate}", where=str(path), hint=hint)
            frames = min(stream.getnframes(), path.stat().st_size // (width * channels))
            if frames * width * channels > _MAX_SOUND_BYTES:
                raise InputError(f"is larger than {_MAX_SOUND_BYTES >> 20} MiB", where=str(path))
            if frames <= 0:
                raise InputError("holds no sound", where=str(path))
            yield stream, frames
    except (OSError, wave.Error, EOFError) as error:
        raise InputError(
            f"cannot be read as WAV ({one_line(str(error) or 'too short', 100)})", where=str(path)
        ) from None


def _frames(path: Path, preprocess: Preprocess) -> int:
    with _opened(path, preprocess) as (_, frames):
        return frames


def sound(path: Path, preprocess: Preprocess) -> Floats:
    """A WAV file (PCM of 8 to 32 bits) as mono values in [-1, 1]; channels are averaged."""
    with _opened(path, preprocess) as (stream, frames):
        width, channels = stream.getsampwidth(), stream.getnchannels()
        data = stream.readframes(frames)
    data = data[: len(data) // (width * channels) * (width * channels)]
    if not data:
        raise InputError("holds no sound", where=str(path))
    if width == 1:
        values = np.frombuffer(data, np.uint8).astype(np.float32) / 128.0 - 1.0
    else:
        # Little-endian integers, moved into the upper bytes of 32 bits.
        raw = np.zeros((len(data) // width, 4), np.uint8)
        raw[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
        values = raw.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    result: Floats = values.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return result
