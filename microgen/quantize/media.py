"""Folders of images and sounds as calibration samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgen.data.config import Preprocess
from microgen.data.files import SUFFIXES, Floats, image_sample, is_sound, list_files, sound_values, window_sample
from microgen.data.sounds import sound_length
from microgen.errors import InputError
from microgen.mindir import Array, TensorType

__all__ = ["SUFFIXES", "read_folder"]


def read_folder(path: Path, t: TensorType, preprocess: Preprocess, limit: int | None, max_bytes: int) -> Array:
    """The images or WAV files in ``path`` and the folders below it, in the order of their names, as [samples, *shape].

    ``limit`` keeps that many samples, evenly spaced. Raises InputError for files that cannot be read or do not fit.
    """
    if not t.dtype.is_float:
        raise InputError(f"files serve a float input, this is {t.dtype}", where=str(path))
    files = list_files(path)
    if is_sound(files[0]):
        samples = _sounds(files, t, preprocess, limit, max_bytes, path)
    else:
        chosen = (
            files if limit is None or len(files) <= limit else [files[i * len(files) // limit] for i in range(limit)]
        )
        _bound(len(chosen), t, max_bytes, path)
        samples = [image_sample(f, t, preprocess) for f in chosen]
    return np.stack(samples) if samples else np.empty((0, *t.shape), np.float32)


def _bound(count: int, t: TensorType, max_bytes: int, path: Path) -> None:
    if count * t.nbytes > max_bytes:
        hint = f"Set samples to {max_bytes // t.nbytes} or fewer"
        raise InputError(f"{count} samples take more than {max_bytes >> 20} MiB", where=str(path), hint=hint)


def _sounds(
    files: Sequence[Path], t: TensorType, preprocess: Preprocess, limit: int | None, max_bytes: int, path: Path
) -> list[Floats]:
    """Windows of the files, all or ``limit`` of them, evenly spaced."""
    window = preprocess.window_of(t.elements)
    if window != t.elements and not preprocess.steps:
        what = f"windows of {window} values do not fill an input of {t.elements} {list(t.shape)}"
        hint = "Compute features first and give them as .npz, or list steps that compute them"
        raise InputError(what, where="preprocess.window", hint=hint)
    hop = preprocess.hop or window
    ends = np.cumsum([_windows(sound_length(file, preprocess.rate), window, hop) for file in files])
    total = int(ends[-1])
    count = total if limit is None else min(total, limit)
    _bound(count, t, max_bytes, path)
    chosen = np.arange(count) * total // max(count, 1)
    owners = np.searchsorted(ends, chosen, side="right")
    samples: list[Floats] = []
    for owner in np.unique(owners):
        values = sound_values(files[owner], preprocess)
        first = int(ends[owner - 1]) if owner else 0
        for number in chosen[owners == owner] - first:
            piece = values[number * hop : number * hop + window]
            if number > 0 and len(piece) < window:
                break  # the file ends before its header says
            samples.append(window_sample(files[owner], piece, t, preprocess))
    return samples


def _windows(frames: int, window: int, hop: int) -> int:
    """How many windows ``frames`` values give; the rest is dropped, a file that is shorter is filled with zeros."""
    return max(frames - window, 0) // hop + 1
