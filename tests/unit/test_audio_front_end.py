"""The audio front end: its fields, its graph, how it joins a model, its file, its error against SciPy's numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microgen.boards import load_board
from microgen.compiler import Options, compile_graph
from microgen.data import audio_tables
from microgen.data.audio import FrontEnd, prepend
from microgen.data.audio_file import load_front_end, parse_front_end
from microgen.errors import InputError, UnsupportedError
from microgen.mindir import DType, Graph, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.reverse import Reverse
from microgen.runtime import Session
from tests.support.command import Run
from tests.support.sounds import RATE, sounds

FEW = FrontEnd(window=160, hop=80, bands=8, upper=3000.0)


def model(shape: tuple[int, ...], dtype: DType = DType.INT8, zero_point: int = -128) -> Graph:
    """A network of one layer whose input has that shape."""
    quant = None if dtype.is_float else QuantParams.per_tensor(0.001 if dtype.size == 2 else 0.1, zero_point)
    return sampling.single(Reverse((0,)), "model", [TensorType(dtype, shape, quant)], quant).graph


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"kind": "plp"}, "kind"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"window": 3}, "window"),
        ({"hop": 0}, "hop"),
        ({"fft": 256}, "fft"),
        ({"fft": 494}, "fft"),
        ({"shape": "kaiser"}, "shape"),
        ({"bands": 0}, "bands"),
        ({"bands": 129}, "bands"),
        ({"lower": -1.0}, "lower"),
        ({"lower": float("nan")}, "lower"),
        ({"upper": 8000.0}, "upper"),
        ({"upper": 100.0}, "upper"),
        ({"kind": "mfcc", "coefficients": 41}, "coefficients"),
        ({"noise_reduction": False}, "gain_control"),
        ({"window": 20, "hop": 20}, "fft"),
        ({"samples": 100}, "samples"),
    ],
)
def test_fields_that_make_no_sense(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as error:
        FrontEnd(**fields)
    assert error.value.where == where


def test_frames() -> None:
    front_end = FrontEnd()
    assert (front_end.fft_length, front_end.features) == (512, 40)
    assert [front_end.frames(n) for n in (0, 479, 480, 799, 800, 16000)] == [0, 0, 1, 1, 2, 49]
    assert front_end.samples_for(49) == 15840
    assert front_end.graph(16000).outputs[0].type == TensorType(DType.INT16, (49, 40), front_end.quant)
    for samples in (479, 1 << 23):
        with pytest.raises(InputError, match="must be 480 to"):
            front_end.graph(samples)


def test_samples_of_another_type_are_refused() -> None:
    with pytest.raises(InputError, match="must be int16, not float32"):
        FEW.run(np.zeros(200, np.float32))


def test_a_batch_is_its_sounds() -> None:
    made = np.stack(list(sounds(1000).values()))
    found = FEW.run(made)
    assert found.shape == (len(made), FEW.frames(1000), 8)
    np.testing.assert_array_equal(found[2], FEW.run(made[2]))
    np.testing.assert_array_equal(FEW(made[2]), FEW.real(found[2]))


# Joining -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "zero_point", "shape"),
    [
        (DType.INT8, -128, (1, 40)),
        (DType.UINT8, 3, (5, 8, 1)),
        (DType.INT16, 0, (1, 5, 8)),
        (DType.FLOAT32, 0, (40,)),
    ],
)
def test_a_model_gets_its_features(dtype: DType, zero_point: int, shape: tuple[int, ...]) -> None:
    joined = prepend(FEW, model(shape, dtype, zero_point))
    assert [(v.name, v.type) for v in joined.inputs] == [("samples", TensorType(DType.INT16, (480,)))]
    sound = sounds(480)["vowel"]
    features = FEW.real(FEW.run(sound)).reshape(shape)
    (target,) = (node.inputs[0] for node in joined.nodes if node.op.name == "Reverse")
    assert target is not None
    cut = Graph("cut", joined.inputs, [target], [n for n in joined.nodes if n.op.name != "Reverse"])
    found = Session(cut).run([sound[np.newaxis]])[0][0]
    assert found.dtype == dtype.numpy and found.shape == shape
    if dtype.is_float:
        np.testing.assert_allclose(found, features, rtol=1e-6)
        return
    assert target.type.quant is not None
    expected = np.clip(np.round(features / target.type.quant.scale) + zero_point, *dtype.limits)
    assert np.abs(found.astype(np.int64) - expected).max() <= 1
    assert len(np.unique(found)) > 5


def test_one_rounding() -> None:
    """Features become int8 as micro_speech's own code does it: (256 q + 333) / 666 - 128."""
    front_end = FrontEnd()
    quant = QuantParams.per_tensor(25.9375 / 255, -128)
    joined = prepend(
        front_end, sampling.single(Reverse((0,)), "m", [TensorType(DType.INT8, (1, 1960), quant)], quant).graph
    )
    (node,) = (node for node in joined.nodes if node.op.name == "SignalRescale")
    features = np.arange(32768, dtype=np.int16)
    quantized = TensorType(DType.INT16, features.shape, front_end.quant)
    one = sampling.single(node.op, "all", [quantized], quant)  # type: ignore[arg-type]
    (found,) = Session(one.graph).run([features[np.newaxis]])
    np.testing.assert_array_equal(found[0], np.clip((256 * features.astype(np.int64) + 333) // 666 - 128, -128, 127))


def test_models_that_no_front_end_fits() -> None:
    with pytest.raises(InputError, match="holds no whole number of frames of 8 features"):
        prepend(FEW, model((1, 41)))
    with pytest.raises(InputError, match="300 samples have 2 frames") as error:
        prepend(dataclasses.replace(FEW, samples=300), model((1, 40)))
    assert error.value.hint == "480 samples have as many"
    plain = sampling.single(Reverse((0,)), "m", [TensorType(DType.INT32, (40,))], None).graph
    with pytest.raises(UnsupportedError, match="quantized int8, uint8 or int16, or float32"):
        prepend(FEW, plain)
    two = model((1, 40))
    both = Graph("two", [*two.inputs, Value("more", two.inputs[0].type)], two.outputs, two.nodes)
    with pytest.raises(UnsupportedError, match="feeds one input, the model has 2"):
        prepend(FEW, both)


def test_the_header_says_what_the_samples_are() -> None:
    options = Options(frontend=FEW)
    graph = prepend(FEW, model((1, 40)))
    compiled = compile_graph(graph, load_board("mps2-an386"), options, model_file="m.tflite", sha256="0" * 64)
    header = compiled.files["m.h"].decode()
    assert "Samples of sound at 16000 Hz, mono; the front end (micro) takes a frame every 80 samples" in header
    assert "#define M_INPUT_0_TYPE int16_t" in header
    assert compiled.manifest["options"]["frontend"]["fft"] == 256


# Numbers -----------------------------------------------------------------------------------------------


def exact(front_end: FrontEnd, sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """The same features in double precision, with SciPy's transforms."""
    import scipy.fft  # type: ignore[import-untyped]

    frames = np.lib.stride_tricks.sliding_window_view(sound / 32768.0, front_end.window)[:: front_end.hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi / front_end.window * (np.arange(front_end.window) + 0.5))
    spectrum = scipy.fft.rfft(frames * window, front_end.fft_length)
    low, high = (float(1127 * np.log1p(f / 700)) for f in (front_end.lower, front_end.upper))
    edges = np.linspace(low, high, front_end.bands + 2)
    places = 1127 * np.log1p(np.fft.rfftfreq(front_end.fft_length, 1 / front_end.sample_rate) / 700)
    rising = (places - edges[:-2, np.newaxis]) / np.diff(edges)[0]
    bank = np.clip(np.minimum(rising, 2 - rising), 0, None)
    logs = np.log(np.maximum(np.abs(spectrum) ** 2 @ bank.T, 1e-30))
    if front_end.kind == "log-mel":
        return np.asarray(logs)
    return np.asarray(scipy.fft.dct(logs, norm="ortho")[:, : front_end.coefficients])


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
@pytest.mark.parametrize(
    "fields", [{}, {"window": 400, "hop": 160, "lower": 20.0, "upper": 7600.0}, {"fft": 480, "bands": 64}]
)
def test_error_against_scipy(kind: str, fields: dict[str, Any]) -> None:
    """In units of the natural logarithm: 0.01 is 0.04 dB. Bands 100 dB below the loudest are not looked at."""
    front_end = FrontEnd(kind=kind, **fields)
    for name in ("vowel", "noise", "quiet"):
        sound = sounds(RATE)[name]
        expected = exact(front_end, sound)
        error = np.abs(front_end.real(front_end.run(sound)) - expected)
        root_mean_square = np.sqrt((error**2).mean())
        assert root_mean_square < (0.003 if kind == "log-mel" else 0.01), name
        assert error.max() < (0.05 if kind == "log-mel" else 0.1), name


def test_tables_of_cosines_are_orthonormal() -> None:
    matrix = audio_tables.cosines(40, 40, 14) / (1 << 14)
    assert np.abs(matrix @ matrix.T - np.eye(40)).max() < 1e-3


# Files -------------------------------------------------------------------------------------------------


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "front.yaml"
    file.write_text("kind: mfcc\nsample_rate: 8000\nwindow_ms: 25\nhop_ms: 10\nupper: 3900\nbands: 26\n")
    expected = FrontEnd("mfcc", 8000, 200, 80, upper=3900.0, bands=26)
    assert load_front_end(file) == expected
    assert parse_front_end("", "x") == FrontEnd()
    assert parse_front_end("gain_control: no\nnoise_reduction: no", "x").noise_reduction is False


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("kind: mfcc\nbandz: 4", "f, line 2: bandz", "is not a key"),
        ("frontend:\n  kind: mfcc", "f, line 1: frontend", "is not a key"),
        ("bands: many", "f, line 1: bands", "must be an integer, not 'many'"),
        ("bands: 3\nbands: 4", "f, line 2: bands", "stands twice, first in line 1"),
        ("bands: [3]", "f, line 1: bands", "must be a plain value"),
        ("hop: 3\nhop_ms: 4", "f, line 2: hop_ms", "does not go together with hop"),
        ("hop_ms: -1", "f, line 1: hop_ms", "must be up to"),
        ("\nwindow_ms: 0.01", "f, line 2: window", "must be 4 to"),
        ("kind: plp", "f, line 1: kind", "must be one of"),
        ("window: 20", "f: fft", "for micro"),
        ("- a", "f", "must hold keys and values"),
        ("a: &x 1\nb: *x", "f, line 2", "aliases"),
        ("a: [", "f, line 1", "is not YAML"),
        ("bands: 2001-99-99", "f", "is not a front end"),
        ("bands: !!python/object:os.system 3", "f, line 1", "is not YAML"),
    ],
)
def test_files_that_make_no_sense(text: str, where: str, what: str) -> None:
    with pytest.raises(InputError) as error:
        parse_front_end(text, "f")
    assert error.value.where == where
    assert what in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 15))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    for name, what in (("large.yaml", "is not a front end"), ("binary.yaml", "UTF-8"), ("none.yaml", "cannot be read")):
        with pytest.raises(InputError, match=what):
            load_front_end(tmp_path / name)


def test_command_line(microgen: Run, tmp_path: Path) -> None:
    from microgen.exporters.tflite import write

    weights = sampling.weights("audio", (3, 40), axis=None)
    kind = TensorType(DType.INT8, (1, 40), QuantParams.per_tensor(0.05, -128))
    dense = sampling.single(FullyConnected(), "dense", [kind, weights, None], QuantParams.per_tensor(0.5, 0)).graph
    (tmp_path / "m.tflite").write_bytes(write(dense))
    (tmp_path / "f.yaml").write_text("window: 160\nhop: 80\nbands: 8\nupper: 3000\n")
    given = ["--frontend", tmp_path / "f.yaml", "--board", "mps2-an386", "-o", tmp_path / "out"]
    done = microgen("compile", tmp_path / "m.tflite", *given)
    assert done.code == 0, done.err
    assert "int16_t [480]" in (tmp_path / "out" / "m.h").read_text()
    (tmp_path / "f.yaml").write_text("band: 8\n")
    done = microgen("compile", tmp_path / "m.tflite", *given)
    assert done.code == 2
    assert "line 1: band" in done.err and "Did you mean bands?" in done.err
    done = microgen("compile", tmp_path / "m.tflite", tmp_path / "m.tflite", "--name", "a,b", *given)
    assert done.code == 2
