"""Calibration samples: every way in, and a clear word for what cannot be used."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen.data import images
from microgen.errors import InputError, ToolMissing
from microgen.mindir import DType, Graph, QuantParams, TensorType, Value
from microgen.quantize import Preprocess, load_samples


def network(*shapes: tuple[int, ...], quant: QuantParams | None = None, dtype: DType = DType.FLOAT32) -> Graph:
    """A graph that has inputs ``in0``, ``in1``, … and does nothing."""
    inputs = [Value(f"in{i}", TensorType(dtype, shape, quant)) for i, shape in enumerate(shapes)]
    return Graph("net", inputs, inputs, [])


IMAGE = network((1, 4, 6, 3))
PAIR = network((1, 5), (1, 2, 2))
VECTOR = network((1, 5))


def noise(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(20, 1, 4, 6, 3), (20, 4, 6, 3)])
def test_an_array_of_samples(shape: tuple[int, ...]) -> None:
    samples = load_samples(noise(*shape), IMAGE)
    assert samples.arrays[0].shape == (20, 1, 4, 6, 3) and len(samples) == 20 and samples.warnings == ()


@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (4, 6, 3)])
def test_a_single_sample_is_taken_with_a_warning(shape: tuple[int, ...]) -> None:
    samples = load_samples(noise(*shape), IMAGE)
    assert samples.arrays[0].shape == (1, 1, 4, 6, 3)
    assert "1 sample can hardly show the ranges" in samples.warnings[0]


def test_arrays_by_name_in_a_mapping_and_a_file(tmp_path: Path) -> None:
    arrays = {"in1": noise(12, 2, 2), "in0": noise(12, 5)}
    np.savez(tmp_path / "c.npz", **arrays)
    for source in (arrays, tmp_path / "c.npz", str(tmp_path / "c.npz")):
        samples = load_samples(source, PAIR)
        assert [a.shape for a in samples.arrays] == [(12, 1, 5), (12, 1, 2, 2)]
        np.testing.assert_array_equal(samples.arrays[1][:, 0], arrays["in1"])


def test_an_npy_file_serves_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", noise(12, 5))
    assert load_samples(tmp_path / "c.npy", VECTOR).arrays[0].shape == (12, 1, 5)


def test_a_generator_gives_one_sample_at_a_time() -> None:
    def one() -> Iterator[Any]:
        yield from noise(12, 5)

    def pairs() -> Iterator[Any]:
        for i in range(12):
            yield noise(5) + i, noise(2, 2)

    def named() -> Iterator[Any]:
        for i in range(12):
            yield {"in1": noise(2, 2), "in0": noise(1, 5) + i}

    assert load_samples(one(), VECTOR).arrays[0].shape == (12, 1, 5)
    assert load_samples([[row] for row in noise(12, 5)], VECTOR).arrays[0].shape == (12, 1, 5)
    for source in (pairs(), named()):
        samples = load_samples(source, PAIR)
        assert [a.shape for a in samples.arrays] == [(12, 1, 5), (12, 1, 2, 2)]
        assert samples.arrays[0][3, 0, 0] == noise(5)[0] + 3


def test_integers_and_doubles_become_single_precision() -> None:
    for dtype in (np.uint8, np.int64, np.float64, np.bool_):
        samples = load_samples((noise(12, 5) > 0).astype(dtype), VECTOR)
        assert samples.arrays[0].dtype == np.float32


def test_a_limit_takes_evenly_spaced_samples() -> None:
    data = np.repeat(np.arange(100, dtype=np.float32)[:, None], 5, axis=1)
    assert list(load_samples(data, VECTOR, limit=4).arrays[0][:, 0, 0]) == [0, 25, 50, 75]


def with_value(value: float, at: int) -> Any:
    array = noise(20, 5)
    array[at, 2] = value
    array[at + 2, 1] = value
    return array


@pytest.mark.parametrize(
    ("source", "graph", "message"),
    [
        (np.empty((0, 5), np.float32), VECTOR, "holds no samples. Give 100 or more"),
        ([], VECTOR, "holds no samples"),
        (noise(20, 6), VECTOR, "shape is [20, 6], not [samples, 5]"),
        (noise(20, 3, 4, 6), IMAGE, "shape is [20, 3, 4, 6], not [samples, 4, 6, 3]"),
        (np.array(["a"] * 5), VECTOR, "element type is <U1, not float32"),
        (with_value(np.nan, 7), VECTOR, "input in0: sample 7 (and 1 more samples) has NaN values"),
        (with_value(-np.inf, 3), VECTOR, "sample 3 (and 1 more samples) has infinite values"),
        ({"in0": noise(12, 5)}, PAIR, "has no array for input 'in1'; it has in0. Name the arrays after"),
        ({"in0": noise(12, 5), "x": noise(1)}, VECTOR, "'x' is no input of the model. The model's inputs are in0"),
        ({"in0": noise(12, 5), "in1": noise(11, 2, 2)}, PAIR, "different numbers of samples: [11, 12]"),
        (noise(12, 5), PAIR, "one array was given, the model has 2 inputs"),
        ([noise(5), noise(6)], VECTOR, "calibration, sample 1, input in0: shape is [6]"),
        ([(noise(5),), (noise(5),)], PAIR, "sample 0: has 1 arrays, the model has 2 inputs"),
        ([[[1.0, 2.0], [3.0]]], VECTOR, "sample 0: is no array"),
        (3, VECTOR, "int is no source of samples"),
        (noise(12, 5), network((1, 5), dtype=DType.INT8), "element type is float32, not int8"),
    ],
)
def test_what_cannot_be_used_is_named(source: Any, graph: Graph, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_samples(source, graph)
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and nothing more")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("missing.npz", "cannot be read"),
        ("text.npz", "neither a .npy nor a .npz"),
        ("cut.npz", "is damaged"),
        ("empty", "holds no files that end in"),
    ):
        with pytest.raises(InputError, match=message):
            load_samples(tmp_path / name, VECTOR)
    with pytest.raises(InputError, match="a folder serves one input, the model has 2"):
        load_samples(tmp_path / "empty", PAIR)


def test_constant_inputs_and_channels_are_pointed_out() -> None:
    assert load_samples(np.full((20, 5), 3.0), VECTOR).warnings == ("input in0 is 3 everywhere, in every sample",)
    image = noise(20, 4, 6, 3)
    image[..., 1] = 0.5
    (warning,) = load_samples(image, IMAGE).warnings
    assert warning == "1 of 3 channels of input in0 are constant (channel 1; 1 is always 0.5)"
    planes = noise(20, 3, 4, 6)
    planes[:, 2] = -1.0
    (warning,) = load_samples(planes, network((1, 3, 4, 6))).warnings
    assert warning == "1 of 3 channels of input in0 are constant (channel 2; 2 is always -1)"


def test_memory_is_bounded_before_it_is_taken(tmp_path: Path) -> None:
    huge = np.lib.format.open_memmap(tmp_path / "huge.npy", "w+", np.uint8, (600, 1024, 1024))
    graph = network((1, 1024, 1024))
    with pytest.raises(InputError, match="600 samples take more than 1024 MiB"):
        load_samples(huge, graph)
    endless = (huge[0] for _ in iter(int, 1))
    with pytest.raises(InputError, match="sample 256: more than 256 samples take over 1024 MiB"):
        load_samples(endless, graph)


# Images -----------------------------------------------------------------------------------------------


def write_image(path: Path, pixels: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def test_images_of_their_own_size_come_pixel_by_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (3, 4, 6, 3))
    for i, suffix in enumerate((".png", ".bmp", ".ppm")):
        write_image(tmp_path / ("bcd"[i] + suffix), pixels[i])
    found = load_samples(tmp_path, IMAGE).arrays[0]
    np.testing.assert_array_equal(found[:, 0], pixels)
    bgr = load_samples(tmp_path, IMAGE, Preprocess(channels="bgr", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(2.0,)))
    expected = (pixels[..., ::-1] / 255 - np.array([0.5, 0.4, 0.3])) / 2
    np.testing.assert_allclose(bgr.arrays[0][:, 0], expected, atol=1e-6)
    planes = load_samples(tmp_path, network((1, 3, 4, 6))).arrays[0]
    np.testing.assert_array_equal(planes[:, 0], pixels.transpose(0, 3, 1, 2))
    assert len(load_samples(tmp_path, IMAGE, limit=2)) == 2


def test_images_are_scaled_and_cropped(tmp_path: Path) -> None:
    # Left third black, middle white, right black: the middle of it is white.
    pixels = np.zeros((8, 24, 3))
    pixels[:, 8:16] = 255
    write_image(tmp_path / "sub" / "a.png", pixels)
    graph = network((1, 8, 8, 3))
    cropped = load_samples(tmp_path, graph).arrays[0]
    assert cropped.min() == 255
    whole = load_samples(tmp_path, graph, Preprocess(crop="none")).arrays[0]
    assert whole[0, 0, :, 0].max() < 30 and whole[0, 0, 4, 4, 0] > 200
    gray = load_samples(tmp_path, network((1, 8, 8))).arrays[0]
    assert gray.shape == (1, 1, 8, 8) and gray.min() == 255


def test_images_that_do_not_suit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", np.zeros((4, 6, 3)))
    with pytest.raises(InputError, match="gives 5×5 with 3 channels, the input has 4×6 with 3"):
        load_samples(tmp_path, IMAGE, Preprocess(resize=(5, 5)))
    with pytest.raises(InputError, match="gives 4×6 with 1 channels, the input has 4×6 with 3"):
        load_samples(tmp_path, IMAGE, Preprocess(channels="gray"))
    with pytest.raises(InputError, match=r"preprocess\.mean: has 2 numbers for 3 channels"):
        load_samples(tmp_path, IMAGE, Preprocess(mean=(1.0, 2.0)))
    with pytest.raises(InputError, match="is a folder of images, the input's shape is"):
        load_samples(tmp_path, VECTOR)
    with pytest.raises(InputError, match="is a single file"):
        load_samples(tmp_path / "a.png", IMAGE)
    with pytest.raises(InputError, match="files serve a float input, this is int8"):
        load_samples(tmp_path, network((1, 4, 6, 3), dtype=DType.INT8))
    monkeypatch.setattr(images, "MAX_PIXELS", 23)
    with pytest.raises(InputError, match="6×4 pixels are too many"):
        load_samples(tmp_path, IMAGE)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"b\.png: cannot be read as an image"):
        load_samples(tmp_path, IMAGE)
    (tmp_path / "c.wav").write_bytes(b"")
    with pytest.raises(InputError, match="holds both images and sounds"):
        load_samples(tmp_path, IMAGE)


def test_without_pillow_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(images.importlib, "import_module", missing)
    with pytest.raises(ToolMissing, match=r"pillow is not installed\. pip install pillow"):
        load_samples(tmp_path, IMAGE)


# Sounds -----------------------------------------------------------------------------------------------


def write_wav(path: Path, frames: bytes, *, width: int = 2, channels: int = 1, rate: int = 16000) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((channels, width, rate, 0, "NONE", ""))
        stream.writeframes(frames)


def encoded(values: Any, width: int) -> bytes:
    """Values in [-1, 1) as PCM."""
    if width == 1:
        return np.clip(np.round(values * 128 + 128), 0, 255).astype(np.uint8).tobytes()
    integers = np.round(values * 2 ** (8 * width - 1)).astype("<i4")
    return integers.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sounds_of_every_width(tmp_path: Path, width: int) -> None:
    values = np.sin(np.arange(60) / 3) * 0.9
    write_wav(tmp_path / "a.wav", encoded(values, width), width=width)
    found = load_samples(tmp_path, network((1, 20, 1))).arrays[0]
    assert found.shape == (3, 1, 20, 1)
    np.testing.assert_allclose(found.reshape(-1), values, atol=2 ** -(8 * width - 1) + 1e-6)


def test_windows_channels_and_short_files(tmp_path: Path) -> None:
    ramp = np.arange(50) / 100
    stereo = np.stack([ramp, ramp + 0.2], axis=1).reshape(-1)
    write_wav(tmp_path / "a.wav", encoded(stereo, 2), channels=2)
    write_wav(tmp_path / "b.wav", encoded(ramp[:10], 2))
    found = load_samples(tmp_path, network((1, 20)), Preprocess(hop=15, scale=2.0, mean=(0.1,))).arrays[0]
    assert found.shape == (4, 1, 20)  # at 0, 15 and 30 of the first, the whole second
    np.testing.assert_allclose(found[1, 0], (ramp[15:35] + 0.1) * 2 - 0.1, atol=1e-3)
    np.testing.assert_allclose(found[3, 0, 10:], -0.1, atol=1e-6)
    assert len(load_samples(tmp_path, network((1, 20)), limit=2)) == 2


def test_sounds_that_do_not_suit(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", encoded(noise(50) / 10, 2))
    graph = network((1, 20))
    with pytest.raises(InputError, match=r"sample rate is 16000 Hz, not 8000\. Resample it first"):
        load_samples(tmp_path, graph, Preprocess(sample_rate=8000))
    with pytest.raises(InputError, match="windows of 30 values do not fill an input of 20"):
        load_samples(tmp_path, graph, Preprocess(window=30))
    write_wav(tmp_path / "a.wav", b"")
    with pytest.raises(InputError, match="holds no sound"):
        load_samples(tmp_path, graph)
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVEfmt ")
    with pytest.raises(InputError, match="cannot be read as WAV"):
        load_samples(tmp_path, graph)
