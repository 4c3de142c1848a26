"""WAV files as arrays: PCM of 8 to 32 bits, channels averaged."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, one_line

#: Endings of files that are taken for sounds.
SOUNDS = (".wav",)

_MAX_BYTES = 1 << 28

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]


@contextmanager
def _opened(path: Path, sample_rate: int | None) -> Iterator[tuple[wave.Wave_read, int]]:
    """A WAV file that can be used, and how many frames it holds at most; its header may promise more."""
    try:
        with wave.open(str(path), "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            if width > 4:
                raise InputError(f"has {8 * width} bits a value, at most 32 are read", where=str(path))
            if sample_rate is not None and rate != sample_rate:
                hint = "Resample it first"
                raise InputError(f"sample rate is {rate} Hz, not {sample_rate}", where=str(path), hint=hint)
            frames = min(stream.getnframes(), path.stat().st_size // (width * channels))
            if frames * width * channels > _MAX_BYTES:
                raise InputError(f"is larger than {_MAX_BYTES >> 20} MiB", where=str(path))
            if frames <= 0:
                raise InputError("holds no sound", where=str(path))
            yield stream, frames
    except (OSError, wave.Error, EOFError, RuntimeError) as error:
        # A plain RuntimeError is wave's for a chunk that leaves the one it is in.
        raise InputError(
            f"cannot be read as WAV ({one_line(str(error) or 'too short or damaged', 100)})", where=str(path)
        ) from None


def sound_length(path: Path, sample_rate: int | None = None) -> int:
    """How many values per channel a WAV file holds by its header and its size; InputError as ``read_sound``."""
    with _opened(path, sample_rate) as (_, frames):
        return frames


def read_sound(path: Path, sample_rate: int | None = None) -> Floats:
    """A WAV file as mono values in [-1, 1].

    Raises InputError for what is no WAV file of PCM, is larger than 256 MiB, holds nothing, or has another rate than
    ``sample_rate`` (Hz; None: any).
    """
    values, width, channels = _integers(path, sample_rate)
    if width == 1:
        real = ((values >> 24) + 128).astype(np.float32) / 128.0 - 1.0
    else:
        real = values.astype(np.float32) / np.float32(2**31)
    result: Floats = real.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return result


def read_sound_int16(path: Path, sample_rate: int | None = None) -> Shorts:
    """A WAV file as mono int16 samples, as a microphone's driver hands them out; errors as ``read_sound``.

    16-bit mono comes as it is; other widths and the mean of several channels are rounded to the nearest, halves up.
    """
    values, _, channels = _integers(path, sample_rate)
    # floor(mean / 2^16 + 1/2) in one division: floor((sum + n·2^15) / (n·2^16)).
    total = values.reshape(-1, channels).sum(axis=1, dtype=np.int64)
    rounded = (total + (channels << 15)) // (channels << 16)
    result: Shorts = np.clip(rounded, -32768, 32767).astype(np.int16)
    return result


def _integers(path: Path, sample_rate: int | None) -> tuple[NDArray[np.int32], int, int]:
    """(values in the upper bytes of 32 bits with their channels in turn, bytes a value, channels)."""
    with _opened(path, sample_rate) as (stream, frames):
        width, channels = stream.getsampwidth(), stream.getnchannels()
        data = stream.readframes(frames)
    data = data[: len(data) // (width * channels) * (width * channels)]
    if not data:
        raise InputError("holds no sound", where=str(path))
    raw = np.zeros((len(data) // width, 4), np.uint8)
    raw[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    if width == 1:
        raw[:, 3] ^= 128  # 8 bits are the only width without a sign
    return raw.view("<i4")[:, 0], width, channels
