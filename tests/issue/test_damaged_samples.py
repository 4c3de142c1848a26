"""Samples in files that are not as they should be: one line, and pictures that stand upright."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from microgen.errors import InputError
from microgen.mindir import DType, Graph, TensorType, Value
from microgen.quantize import load_samples


def network(*shape: int) -> Graph:
    inputs = [Value("x", TensorType(DType.FLOAT32, shape))]
    return Graph("net", inputs, inputs, [])


def test_a_wav_file_whose_chunk_leaves_it_is_named(tmp_path: Path) -> None:
    """Python's wave module raises a bare RuntimeError for it."""
    chunk = b"LIST" + struct.pack("<I", 4000) + bytes(8)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WAVE" + chunk)
    with pytest.raises(InputError, match=r"a\.wav: cannot be read as WAV"):
        load_samples(tmp_path, network(1, 20))


def test_a_photograph_that_was_held_upright_is_not_calibrated_with_lying_down(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    stored = np.zeros((4, 8, 3), np.uint8)
    stored[:, :4] = 255  # left half white: the upper half once it is turned
    exif = image.Exif()
    exif[0x0112] = 6
    image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    found = load_samples(tmp_path, network(1, 8, 4, 3)).arrays[0][0, 0]
    assert found[:4].min() == 255 and found[4:].max() == 0
