"""Calibration files and configurations that were misread, or ended in a traceback."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen.arrays import read_inputs
from microgen.errors import InputError
from microgen.mindir import DType, Graph, TensorType, Value
from microgen.quantize import Method, load_samples
from microgen.quantize.settings import parse_config

X = ("x", TensorType(DType.FLOAT32, (4,)))


def network(*shape: int) -> Graph:
    value = Value("in0", TensorType(DType.FLOAT32, shape))
    return Graph("net", [value], [value], [])


# Images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_a_pixel_are_scaled_to_255(tmp_path: Path, suffix: str, channels: int) -> None:
    image = pytest.importorskip("PIL.Image")
    gray = (np.arange(16, dtype=np.uint16) * 4369).reshape(4, 4)
    if suffix == ".png":
        image.fromarray(gray).save(tmp_path / "a.png")
    else:
        (tmp_path / "a.pgm").write_bytes(b"P5 4 4 65535\n" + gray.astype(">u2").tobytes())
    found = load_samples(tmp_path, network(1, 4, 4, channels)).arrays[0]
    expected = np.repeat(np.arange(16, dtype=np.float32).reshape(4, 4, 1) * 17, channels, axis=2)
    np.testing.assert_array_equal(found[0, 0], expected)


def test_only_the_formats_of_the_documentation_are_opened(tmp_path: Path) -> None:
    """Pillow opens two dozen formats, one of them (EPS) by starting a program."""
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, "EPS")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="cannot be read as an image"):
        load_samples(tmp_path, network(1, 4, 4, 3))


def test_a_picture_too_long_to_scale_is_named(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.zeros((1, 60000, 3), np.uint8)).save(tmp_path / "long.png")
    with pytest.raises(InputError) as caught:
        load_samples(tmp_path, network(1, 224, 224, 3))
    assert str(caught.value).startswith(str(tmp_path / "long.png"))


# Sounds -----------------------------------------------------------------------------------------------


def write_wav(path: Path, values: Any) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, 16000, 0, "NONE", ""))
        stream.writeframes(np.asarray(values, "<i2").tobytes())


def test_a_limit_takes_windows_of_all_recordings(tmp_path: Path) -> None:
    for number in range(4):
        write_wav(tmp_path / f"{number}.wav", np.full(50, 4096 * number))
    found = load_samples(tmp_path, network(1, 10), limit=4).arrays[0]
    np.testing.assert_array_equal(found[:, 0, 0] * 8, [0, 1, 2, 3])
    assert len(load_samples(tmp_path, network(1, 10)).arrays[0]) == 20


def test_recordings_beyond_the_bound_are_refused_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "a.wav", np.ones(50))
    monkeypatch.setattr("microgen.quantize.data.MAX_BYTES", 160)
    with pytest.raises(InputError, match=r"Set samples to 4 or fewer"):
        load_samples(tmp_path, network(1, 10))
    assert len(load_samples(tmp_path, network(1, 10), limit=4)) == 4


def test_a_header_that_promises_more_than_the_file_holds(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full(25, 16384))
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[40:44] = struct.pack("<I", 0x7FFFFF00)
    (tmp_path / "a.wav").write_bytes(data)
    found = load_samples(tmp_path, network(1, 10)).arrays[0]
    np.testing.assert_array_equal(found, np.full((2, 1, 10), 0.5))


@pytest.mark.parametrize("bits", [40, 64])
def test_wider_sounds_are_refused(tmp_path: Path, bits: int) -> None:
    write_wav(tmp_path / "a.wav", np.ones(400))
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[34:36] = struct.pack("<H", bits)
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(InputError, match=f"{bits} bits a value"):
        load_samples(tmp_path, network(1, 10))


# Arrays -----------------------------------------------------------------------------------------------


def npy(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    "member",
    [npy((10**12, 4)), npy((3 * 10**9,), b"0123"), npy((2**40, 2**40)), b"\x93NUMPY\x01\x00\x04\x00{'a'", npy((-4, 4))],
    ids=["terabytes", "gigabytes", "overflow", "header", "negative"],
)
def test_arrays_whose_header_lies(tmp_path: Path, member: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(InputError, match="is damaged"):
        read_inputs(tmp_path / "x.npz", [X])


@pytest.mark.parametrize(("at", "value"), [("version", 99), ("flags", 1), ("flags", 32), ("method", 99)])
def test_archives_of_other_kinds(tmp_path: Path, at: str, value: int) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 4), np.float32))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    here, central = {"version": (4, 6), "flags": (6, 8), "method": (8, 10)}[at]
    data[here] = data[data.index(b"PK\x01\x02") + central] = value
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        read_inputs(tmp_path / "x.npz", [X])


def test_damaged_compression(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.savez_compressed(tmp_path / "x.npz", x=noise)
    good = (tmp_path / "x.npz").read_bytes()
    start = 30 + sum(struct.unpack("<HH", good[26:30]))  # behind the member's header, name and extra field
    for place in range(start, len(good) // 2):
        data = bytearray(good)
        data[place] ^= 0xFF
        (tmp_path / "x.npz").write_bytes(data)
        with pytest.raises(InputError, match="is damaged"):
            read_inputs(tmp_path / "x.npz", [X])


def test_what_is_no_array_of_numbers_is_passed_over(tmp_path: Path) -> None:
    samples = np.ones((3, 4), np.float32)
    np.savez(tmp_path / "x.npz", x=samples, labels=np.array(["a", None], object), names=np.array(["a", "b"]))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("readme.txt", b"hello")
        archive.writestr("folder/", b"")
    (found,) = read_inputs(tmp_path / "x.npz", [X])
    np.testing.assert_array_equal(found, samples)


def test_doubles_beyond_single_precision_raise_no_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    np.save(tmp_path / "x.npy", np.full((20, 4), 1e300))
    with pytest.raises(InputError, match="infinite values"):
        load_samples(tmp_path / "x.npy", network(4))
    with pytest.raises(InputError, match="infinite values"):
        load_samples(np.full((20, 4), 1e300), network(4))
    assert not recwarn.list


def test_ragged_lists_in_a_mapping() -> None:
    with pytest.raises(InputError, match="is no array"):
        load_samples({"in0": [[1, 2, 3, 4], [5]]}, network(4))


# Configurations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["samples", "percentile", "preprocess: {window", "method"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_numbers_of_thousands_of_digits(key: str, sign: str) -> None:
    text = f"{key}: {sign}0x{'f' * 5000}" + ("}" if "{" in key else "")
    with pytest.raises(InputError, match=r"q\.yaml, line 1: .*must be"):
        parse_config(text, "q.yaml")


def doubled(kind: str) -> str:
    """Two dozen levels, each of which names the one before it ten times."""
    lines = ["a0: &a0 {method: kl}"]
    for i in range(24):
        refer = ", ".join([f"*a{i}"] * 10)
        lines.append(f"a{i + 1}: &a{i + 1} [{refer}]" if kind == "list" else f"a{i + 1}: &a{i + 1} {{<<: [{refer}]}}")
    return "\n".join([*lines, "samples: *a24" if kind == "list" else "<<: *a24"])


@pytest.mark.parametrize("kind", ["list", "merge"])
def test_aliases_are_refused_before_they_are_expanded(kind: str) -> None:
    with pytest.raises(InputError, match=r"q\.yaml, line 2: aliases"):
        parse_config(doubled(kind), "q.yaml")


@pytest.mark.parametrize("text", ["[" * 60000, "{a: " * 15000, "- " * 30000])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    with pytest.raises(InputError, match="nested"):
        parse_config(text, "q.yaml")


def test_a_key_given_twice() -> None:
    with pytest.raises(InputError, match=r"q\.yaml, line 3: method: stands twice"):
        parse_config("method: kl\nsamples: 5\nmethod: mse", "q.yaml")
    with pytest.raises(InputError, match=r"q\.yaml, line 3: skip\.layers: stands twice"):
        parse_config("skip:\n  layers: [a]\n  layers: [b]", "q.yaml")


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.0e-3", "+1e-03", "0.001"])
def test_exponents_as_everybody_writes_them(text: str) -> None:
    """YAML 1.1 takes 1e-3, without a point, for text."""
    assert parse_config(f"method: kl\npreprocess: {{scale: {text}}}", "q.yaml").preprocess.scale == 1e-3
    assert parse_config(f"method: kl\npreprocess: {{scale: {text}}}", "q.yaml").method is Method.KL


def test_the_line_of_a_value_out_of_range_in_a_section() -> None:
    with pytest.raises(InputError, match=r"q\.yaml, line 3: preprocess\.resize: must be"):
        parse_config("method: kl\npreprocess:\n  resize: [0, 5]", "q.yaml")
