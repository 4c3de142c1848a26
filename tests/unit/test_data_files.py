"""Image and sound files of every kind, honest and hostile; steps in configuration files."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen.data import (
    Affine,
    Color,
    Crop,
    Form,
    Normalize,
    Pad,
    PadTo,
    Pipeline,
    Preprocess,
    Resize,
    Rotate,
    Scale,
    decode,
    read_sound,
    read_sound_int16,
)  # fmt: skip
from microgen.data.files import image_sample, window_sample
from microgen.data.stepfile import known_steps
from microgen.errors import InputError
from microgen.mindir import DType, TensorType
from microgen.quantize.settings import parse_config

Image = pytest.importorskip("PIL.Image")

RNG = np.random.default_rng(5)
RGB = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)


def real(*shape: int) -> TensorType:
    return TensorType(DType.FLOAT32, shape)


# What a camera, held so, writes beside an upright picture: the stored pixels for each value of the tag.
STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[:, ::-1],
}


@pytest.mark.parametrize("value", [*STORED, 0, 99])
def test_pictures_stand_upright(tmp_path: Path, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    stored = Image.fromarray(np.ascontiguousarray(STORED.get(value, STORED[1])(RGB)))
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), RGB)
    ops = pytest.importorskip("PIL.ImageOps")
    with Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(decode(tmp_path / "a.png"), np.asarray(ops.exif_transpose(opened)))


def test_every_kind_of_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gray = RGB[..., 0]
    Image.fromarray(gray).save(path)
    np.testing.assert_array_equal(decode(path), np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_array_equal(decode(path, gray=True)[..., 0], gray)
    alpha = np.concatenate([RGB, RNG.integers(0, 256, (6, 9, 1)).astype(np.uint8)], axis=2)
    Image.fromarray(alpha).save(path)
    np.testing.assert_array_equal(decode(path), RGB)
    palette = Image.fromarray(RGB).quantize(16)
    palette.save(path)
    np.testing.assert_array_equal(decode(path), np.asarray(palette.convert("RGB")))
    deep = RNG.integers(0, 65536, (6, 9)).astype(np.uint16)
    Image.fromarray(deep).save(path)
    np.testing.assert_array_equal(decode(path, gray=True)[..., 0], np.round(deep / 257))
    Image.fromarray(RGB[..., 0] > 127).save(path)
    np.testing.assert_array_equal(decode(path)[..., 1], (RGB[..., 0] > 127) * 255)
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg", quality=100)
    assert np.abs(decode(tmp_path / "c.jpg")[..., :].astype(int).mean() - RGB.mean()) < 12
    Image.fromarray(RGB).save(tmp_path / "g.png", format="GIF", save_all=True, append_images=[Image.new("RGB", (9, 6))])
    assert decode(tmp_path / "g.png").shape == (6, 9, 3) and decode(tmp_path / "g.png").any()


def refusal(read: Callable[[], Any], otherwise: str) -> str:
    """The error's line, or ``otherwise`` where there is none; another exception is a failure."""
    try:
        read()
    except InputError as error:
        return str(error)
    return otherwise


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_hostile_images(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    head = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = head + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    path.write_bytes(bomb)
    with pytest.raises(InputError, match=r"a\.png: .*(60000×60000 pixels are too many|decompression bomb)"):
        decode(path)
    texts = head + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    texts += chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 27))) + chunk(b"IDAT", zlib.compress(b"\0\0"))
    path.write_bytes(texts + chunk(b"IEND", b""))
    with pytest.raises(InputError, match="cannot be read as an image"):
        decode(path)
    Image.fromarray(RGB).save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole) * 4 // 5, 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"a\.png: cannot be read as an image"):
            decode(path)
    for seed in range(60):  # damaged: an image or a clear word
        damaged = bytearray(whole)
        for at in np.random.default_rng(seed).integers(0, len(whole), 4):
            damaged[at] ^= 0x55
        path.write_bytes(damaged)
        assert str(path) in refusal(lambda: decode(path), str(path))
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")  # a format that starts programs
    with pytest.raises(InputError, match="cannot be read as an image"):
        decode(path)
    with pytest.raises(InputError, match="cannot be read as an image"):
        decode(tmp_path)


def write_wav(path: Path, data: bytes, width: int, channels: int = 1, rate: int = 16000) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((channels, width, rate, 0, "NONE", ""))
        stream.writeframes(data)


def test_sound_as_a_microphone_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    shorts = RNG.integers(-32768, 32768, 100).astype("<i2")
    write_wav(path, shorts.tobytes(), 2)
    np.testing.assert_array_equal(read_sound_int16(path), shorts)
    np.testing.assert_array_equal(read_sound(path), shorts / np.float32(32768))
    write_wav(path, shorts.tobytes(), 2, channels=2)
    np.testing.assert_array_equal(
        read_sound_int16(path), np.floor(shorts.reshape(-1, 2).astype(float).mean(axis=1) + 0.5)
    )
    longs = np.array([-(2**31), 2**31 - 1, 32768, 32767, -32768, -32769], "<i4")
    write_wav(path, longs.tobytes(), 4)
    assert read_sound_int16(path).tolist() == [-32768, 32767, 1, 0, 0, -1]
    write_wav(path, bytes([0, 128, 255]), 1)
    assert read_sound_int16(path).tolist() == [-32768, 0, 127 * 256]
    assert read_sound(path).tolist() == [-1.0, 0.0, 127 / 128]


def test_hostile_sounds(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, bytes(400), 2)
    whole = path.read_bytes()
    for cut in range(0, 44, 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"a\.wav: "):
            read_sound_int16(path)
    path.write_bytes(whole[:40] + b"\xff\xff\xff\xff" + whole[44:])  # promises 4 GiB
    assert len(read_sound_int16(path)) == 200
    for seed in range(100):
        damaged = bytearray(whole)
        for at in np.random.default_rng(seed).integers(0, 44, 3):
            damaged[at] ^= 1 << seed % 8
        path.write_bytes(damaged)
        assert str(path) in refusal(lambda: read_sound(path), str(path))


STEPS = """\
preprocess:
  steps:
    - color: bgr
    - resize: {height: 8, width: 10, method: nearest, fit: cover}
    - crop: [6, 9]
    - rotate: 180
    - affine: {matrix: [1, 0, 0, 0, 1, 0]}
    - pad: {top: 1, bottom: 1, value: 7}
    - pad_to: {height: 9, width: 9, value: [1, 2, 3]}
    - scale: {factor: 0.5}
    - normalize:
        mean: [1, 2, 3]
        std: 2
"""
EXPECTED = (
    Color("bgr"), Resize(8, 10, "nearest", "cover"), Crop(6, 9), Rotate(180), Affine((1, 0, 0, 0, 1, 0)),
    Pad(1, 1, value=(7.0,)), PadTo(9, 9, (1.0, 2.0, 3.0)), Scale(0.5), Normalize((1.0, 2.0, 3.0), (2.0,)),
)  # fmt: skip


def test_steps_of_a_file(tmp_path: Path) -> None:
    preprocess = parse_config(STEPS, "q.yaml").preprocess
    assert preprocess == Preprocess(steps=EXPECTED)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    expected = RGB
    for step in EXPECTED:
        expected = step(expected)
    sample = image_sample(tmp_path / "a.png", real(1, 9, 9, 3), preprocess)
    np.testing.assert_array_equal(sample[0], expected)
    np.testing.assert_array_equal(
        image_sample(tmp_path / "a.png", real(1, 3, 9, 9), preprocess)[0], np.moveaxis(expected, 2, 0)
    )
    assert {type(step) for step in EXPECTED} <= set(known_steps().values())


def test_short_keys_are_steps(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    keys = Preprocess(resize=(4, 4), channels="bgr", scale=0.5, mean=(1.0,), std=(3.0,))
    steps = Preprocess(steps=(Color("bgr"), Resize(4, 4, fit="cover"), Crop(4, 4), Normalize((1.0,), (3.0,), 0.5)))
    found = [image_sample(tmp_path / "a.png", real(1, 4, 4, 3), p) for p in (keys, steps)]
    np.testing.assert_array_equal(*found)
    gray = image_sample(tmp_path / "a.png", real(1, 6, 9, 1), Preprocess(steps=(Scale(),)))
    np.testing.assert_array_equal(gray[0], Color("gray")(RGB))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("resize", "line 2: preprocess.steps: must be a list of steps, not 'resize'"),
        ("[]", "must be a list of steps"),
        ("[resize: [4, 4], crup: [4, 4]]", "preprocess.steps.1: 'crup' is no step. Did you mean crop?"),
        ("[blur]", "'blur' is no step. Steps are resize, crop"),
        ("[{crop: [4, 4], pad: 1}]", "must be a step's name with its arguments"),
        ("[3]", "must be a step's name with its arguments, not 3"),
        ("[resize: {height: 4}]", "resize needs width"),
        ("[resize: {height: 4, width: 4, depth: 1}]", "'depth' is no argument of resize. It has height, width"),
        ("[resize: {height: big, width: 4}]", "preprocess.steps.0.height: must be an integer, not 'big'"),
        ("[resize: [4, 4, 4]]", "must be an integer, not [4, 4, 4]"),
        ("[resize: {height: 4, width: 4, method: best}]", "preprocess.steps.0.method: must be one of nearest"),
        ("[normalize: {std: [1, 0]}]", "preprocess.steps.0: std must not be 0"),
        ("[scale: .inf]", "must be a finite number"),
        ("[resize: {height: 4, height: 5, width: 4}]", "stands twice"),
        ("[[[[[[1]]]]]]", "nested too deeply"),
        ("[scale: 2]\n  mean: 5", "line 3: preprocess.mean: does not go together with steps"),
    ],
)
def test_steps_that_are_not_understood(steps: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(f"preprocess:\n  steps: {steps}\n", "q.yaml")
    assert message in str(caught.value) and str(caught.value).startswith("q.yaml, line")


def test_errors_name_file_and_step(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: crop: 20×20 at .* is not within an image of 9×6"):
        Pipeline((Crop(20, 20),)).read(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: gives 4×4 with 3 channels, the input has 5×5 with 3"):
        image_sample(tmp_path / "a.png", real(1, 5, 5, 3), Preprocess(steps=(Resize(4, 4),)))
    write_wav(tmp_path / "a.wav", bytes(40), 2)
    with pytest.raises(InputError, match=r"a\.wav: gives int16 samples of sound, the steps take an image"):
        Pipeline((Crop(20, 20),)).read(tmp_path / "a.wav")
    with pytest.raises(InputError, match="does not end in"):
        Pipeline().read(tmp_path / "a.txt")


class Envelope:
    """A front end: the largest magnitude of each ten samples."""

    takes = Form.SOUND
    gives = Form.VALUES
    features = 1
    sample_rate = 16000
    samples = 0

    def samples_for(self, frames: int) -> int:
        return 10 * frames

    def __call__(self, array: Any) -> Any:
        assert array.dtype == np.int16
        return np.abs(array.astype(np.int32)).reshape(-1, 10).max(axis=1)


def test_a_front_end_takes_int16(tmp_path: Path) -> None:
    shorts = RNG.integers(-32768, 32768, 35).astype("<i2")
    write_wav(tmp_path / "a.wav", shorts.tobytes(), 2)
    preprocess = Preprocess(steps=(Envelope(), Scale(0.5)))
    assert preprocess.window_of(4) == 40
    sample = window_sample(tmp_path / "a.wav", read_sound_int16(tmp_path / "a.wav"), real(1, 4), preprocess)
    padded = np.abs(np.pad(shorts.astype(np.int32), (0, 5))).reshape(4, 10).max(axis=1) / 2
    np.testing.assert_array_equal(sample, padded[None].astype(np.float32))
    assert preprocess.rate == 16000
    wide = Preprocess(steps=(Envelope(),), window=40)
    with pytest.raises(InputError, match=r"a\.wav: gives 4 values \[4\], the input has 5"):
        window_sample(tmp_path / "a.wav", shorts, real(1, 5), wide)
