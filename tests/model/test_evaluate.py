"""evaluate: known accuracies on every path, thresholds, and data that do not serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen import Session, load_graph, optimize
from microgen.quantize.convert import dequantized_array, quantized_array
from tests.support.command import Outcome, Run
from tests.unit.test_data_files import write_wav

Find = Callable[[str], Path]


@pytest.fixture
def keywords(testdata: Path) -> Path:
    return testdata / "data" / "kws01.npz"


def read(outcome: Outcome, code: int = 0) -> Any:
    assert outcome.code == code, outcome
    return json.loads(outcome.out)


def test_keywords_on_the_host(microgen: Run, test_model: Find, keywords: Path) -> None:
    found = read(microgen("evaluate", test_model("kws_dscnn_int8.tflite"), "--data", keywords, "--paths", "reference,c",
                          "--top", 2, "--min-accuracy", 0.9, "--json", "-"))  # fmt: skip
    assert found["samples"] == 500 and found["metric"] == "accuracy" and found["passed"]
    reference, c = found["paths"]
    assert reference["accuracy"] == 0.904 == c["accuracy"]
    assert 0.904 < reference["top_k_accuracy"] < 1
    assert {k: v for k, v in reference.items() if k != "path"} == {k: v for k, v in c.items() if k != "path"}
    assert c["same_bytes_as_first"] == 500 and found["differing"] == [] and found["differing_count"] == 0
    assert found["agreement"] == [{"paths": ["reference", "c"], "same": 500}]
    assert [e["class"] for e in reference["per_class"]] == found["classes"] and found["classes"][10] == "Silence"
    assert np.trace(reference["confusion"]) == 452 and np.sum(reference["confusion"]) == 500
    assert reference["per_class"][11]["recall"] == pytest.approx(43 / 45)


@pytest.mark.cross
def test_keywords_on_emulated_boards(microgen: Run, test_model: Find, keywords: Path) -> None:
    paths = "qemu:mps2-an386,qemu:mps3-an547,reference"
    outcome = microgen("evaluate", test_model("kws_dscnn_int8.tflite"), "--data", keywords, "--limit", 20,
                       "--paths", paths)  # fmt: skip
    assert outcome.code == 0
    rows = [line.split() for line in outcome.out.splitlines() if line.startswith(("qemu:", "reference"))]
    assert [row[0] for row in rows] == paths.split(",") and len({row[1] for row in rows}) == 1
    assert all(row[-6:] == ["20", "of", "20"] * 2 for row in rows)
    assert "Confusion on qemu:mps2-an386" in outcome.out


def test_a_threshold_fails(microgen: Run, test_model: Find, keywords: Path) -> None:
    outcome = microgen("evaluate", test_model("kws_dscnn_int8.tflite"), "--data", keywords, "--limit", 50,
                       "--min-accuracy", 1)  # fmt: skip
    assert outcome.code == 1 and "Beyond the threshold: reference: accuracy 0.9" in outcome.out


def test_paths_that_differ_are_shown(microgen: Run, test_model: Find, keywords: Path, tmp_path: Path) -> None:
    """The float keyword spotter and its labels turned by one: every prediction wrong, every sample known by number."""
    with np.load(keywords) as data:
        arrays = {**data, "y": (data["y"] + 1) % 12}
    np.savez(tmp_path / "turned.npz", **arrays)
    found = read(microgen("evaluate", test_model("kws_dscnn_hybrid.tflite"), "--data", tmp_path / "turned.npz",
                          "--limit", 40, "--json", "-"))  # fmt: skip
    assert found["paths"][0]["accuracy"] < 0.1
    right = read(microgen("evaluate", test_model("kws_dscnn_hybrid.tflite"), "--data", keywords, "--limit", 40,
                          "--json", "-"))  # fmt: skip
    assert right["paths"][0]["accuracy"] > 0.85  # the file says what its integers stand for


def test_quantized_on_the_way(microgen: Run, repository: Path, tmp_path: Path) -> None:
    folder = repository / "examples" / "digits"
    (tmp_path / "q.yaml").write_text("samples: 40\n")
    found = read(microgen("evaluate", folder / "digits_float.onnx", "--data", folder / "digits_float_test.npz",
                          "--calibration", folder / "digits_calibration.npz", "--config", tmp_path / "q.yaml",
                          "--paths", "reference,c", "--limit", 200, "--json", "-"))  # fmt: skip
    reference, c = found["paths"]
    assert reference["accuracy"] == c["accuracy"] > 0.9 and c["same_bytes_as_first"] == 200


def test_images_in_folders(microgen: Run, test_model: Find, tmp_path: Path) -> None:
    """A classifier's own predictions, as the folders' names, are what it predicts."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(3).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
    pixels[4:] //= 4
    for i, p in enumerate(pixels):
        (tmp_path / "p" / str(i // 4)).mkdir(parents=True, exist_ok=True)
        image.fromarray(p).resize((64, 64), 0).save(tmp_path / "p" / str(i // 4) / f"{i}.png")
    config = "preprocess:\n  steps:\n    - resize: {height: 32, width: 32, method: nearest}\n"
    (tmp_path / "p.yaml").write_text(config)
    classes = "".join(f"{i}\n" for i in range(10))
    (tmp_path / "classes.txt").write_text(classes)
    model = test_model("ic_resnet8_int8.tflite")
    by_file = read(microgen("evaluate", model, "--data", tmp_path / "p", "--preprocess", tmp_path / "p.yaml",
                            "--classes", tmp_path / "classes.txt", "--json", "-"))  # fmt: skip
    np.savez(tmp_path / "a.npz", x=(pixels.astype(np.int64) - 128).astype(np.int8), y=np.arange(8) // 4)
    by_array = read(microgen("evaluate", model, "--data", tmp_path / "a.npz", "--json", "-"))
    assert by_file["paths"][0]["confusion"] == by_array["paths"][0]["confusion"]
    assert by_file["classes"] == list("0123456789")
    on_device = read(microgen("evaluate", model, "--data", tmp_path / "p", "--preprocess", tmp_path / "p.yaml",
                              "--pixels", "64,64", "--classes", tmp_path / "classes.txt", "--paths", "reference,c",
                              "--json", "-"))  # fmt: skip
    assert on_device["paths"][0] == by_file["paths"][0] and on_device["paths"][1]["same_bytes_as_first"] == 8


def test_raw_pixels_of_a_project(microgen: Run, test_model: Find, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("preprocess:\n  steps: [crop: [32, 32], color: bgr, scale: 1]\n")
    model = test_model("ic_resnet8_int8.tflite")
    compiled = microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "out", "--pixels", "48,64",
                        "--preprocess", tmp_path / "p.yaml")  # fmt: skip
    assert compiled.code == 0, compiled
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["options"]["pixels"]
    assert facts["height"] == 48 and facts["width"] == 64 and len(facts["steps"]) == 3
    (tmp_path / "short.yaml").write_text("preprocess:\n  scale: 2\n")
    for options, message in (
        (("--preprocess", tmp_path / "p.yaml"), "--preprocess: needs --pixels"),
        (("--pixels", "48"), "'48' is no height and width"),
        (("--pixels", "48,64", "--preprocess", tmp_path / "short.yaml"), "must list steps for --pixels"),
        (("--pixels", "48,64"), "the steps give [48, 64, 3], the model's input is [1, 32, 32, 3]"),
    ):
        outcome = microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "x", *options)
        assert outcome.code == 2 and message in outcome.err, outcome


def test_sounds_through_a_front_end(microgen: Run, test_model: Find, tmp_path: Path) -> None:
    """As a step on the host and as a part of the graph: the same predictions of the same WAV files."""
    random = np.random.default_rng(0)
    for i in range(6):
        (tmp_path / "s" / str(i % 2)).mkdir(parents=True, exist_ok=True)
        tone = np.sin(np.arange(16000) * (0.02 + 0.1 * i)) * 6000 + random.normal(size=16000) * 300 * i
        write_wav(tmp_path / "s" / str(i % 2) / f"{i}.wav", tone.astype("<i2").tobytes(), 2)
    (tmp_path / "f.yaml").write_text("kind: micro\nsamples: 16000\n")
    (tmp_path / "p.yaml").write_text("preprocess:\n  steps:\n    - frontend: {kind: micro, samples: 16000}\n")
    model = test_model("micro_speech_int8.tflite")
    by_step = read(microgen("evaluate", model, "--data", tmp_path / "s", "--preprocess", tmp_path / "p.yaml",
                            "--json", "-"))  # fmt: skip
    by_graph = read(microgen("evaluate", model, "--data", tmp_path / "s", "--frontend", tmp_path / "f.yaml",
                             "--json", "-"))  # fmt: skip
    assert by_step["samples"] == 6 and by_step["paths"] == by_graph["paths"]
    write_wav(tmp_path / "s" / "0" / "0.wav", bytes(100), 2, rate=8000)
    for options in (("--preprocess", tmp_path / "p.yaml"), ("--frontend", tmp_path / "f.yaml")):
        outcome = microgen("evaluate", model, "--data", tmp_path / "s", *options)
        assert outcome.code == 2 and "0.wav: sample rate is 8000 Hz, not 16000" in outcome.err


def test_errors_of_a_regression(microgen: Run, test_model: Find, tmp_path: Path) -> None:
    x = np.linspace(0, 6.28, 100, dtype=np.float32)[:, None]
    np.savez(tmp_path / "sine.npz", x=x, y=np.sin(x))
    model = test_model("hello_world_int8.tflite")
    found = read(microgen("evaluate", model, "--data", tmp_path / "sine.npz", "--max-error", 0.01, "--json", "-"))
    assert found["metric"] == "mse" and 0 < found["paths"][0]["mse"] < 0.01 and "confusion" not in found["paths"][0]
    strict = microgen("evaluate", model, "--data", tmp_path / "sine.npz", "--metric", "mae", "--max-error", 1e-9)
    assert strict.code == 1 and "Beyond the threshold: reference: mae 0.0" in strict.out


def test_anomalies_are_told_by_their_errors(microgen: Run, test_model: Find, tmp_path: Path) -> None:
    measure = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    x = random.normal(size=(40, 640)).astype(np.float32) * np.where(labels, 20, 18)[:, None]
    np.savez(tmp_path / "a.npz", x=x, y=labels)
    np.savez(tmp_path / "b.npz", x=x)
    model = test_model("ad_autoencoder_int8.tflite")
    found = read(microgen("evaluate", model, "--data", tmp_path / "a.npz", "--paths", "reference,c", "--json", "-"))
    graph = optimize(load_graph(model))
    source, result = graph.inputs[0].type.quant, graph.outputs[0].type.quant
    assert source is not None and result is not None
    given = quantized_array(x, source)[:, None]
    rebuilt = dequantized_array(Session(graph).run([given])[0], result)[:, 0]
    errors = ((rebuilt.astype(np.float64) - dequantized_array(given[:, 0], source)) ** 2).mean(axis=1)
    expected = measure.roc_auc_score(labels, errors)
    assert found["metric"] == "auc" and [p["auc"] for p in found["paths"]] == pytest.approx([expected] * 2)
    assert 0.5 < expected < 1.0 and found["agreement"][0]["same"] == 40
    unlabelled = read(microgen("evaluate", model, "--data", tmp_path / "b.npz", "--json", "-"))
    assert unlabelled["metric"] == "mse" and unlabelled["paths"][0]["mse"] == pytest.approx(errors.mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("model", "arrays", "options", "message"),
    [
        ("kws_dscnn_int8", {"x": 0}, (), "the output has 12 values, the input does not: nothing to compare with"),
        ("kws_dscnn_int8", {"x": 0}, ("--metric", "accuracy"), "has no labels. Give --labels FILE"),
        ("kws_dscnn_int8", {"x": 0, "y": 12}, (), "has label 12, the model's output has classes 0 to 11"),
        ("kws_dscnn_int8", {"x": 0, "y": 0.5}, ("--metric", "accuracy"), "has targets that are no classes"),
        ("kws_dscnn_int8", {"x": 0, "y": 0.5}, (), "has targets [4], the output is [4, 1, 12]"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--metric", "auc"), "auc needs samples of 0 (normal) and of 1"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--max-error", "1"), "--max-error: does not serve the metric accuracy"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--output", "no"), "'no' is no output. Outputs are "),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--paths", "fpga"), "unknown path 'fpga'"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--paths", "x:y"), "On an emulated board: qemu:BOARD"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--paths", "qemu:nrf52840-dk"), "has no emulator"),
        ("kws_dscnn_int8", {"x": 0, "y": 1}, ("--config", "q.yaml"), "--config: needs --calibration"),
        ("ic_resnet8_int8", {"x": 0, "y": 1}, (), "shape is [4, 49, 10, 1], not [samples, 32, 32, 3]"),
    ],
)
def test_what_does_not_serve_is_said(
    microgen: Run, test_model: Find, tmp_path: Path, model: str, arrays: Any, options: Any, message: str
) -> None:
    made = {"x": np.zeros((4, 49, 10, 1), np.int8)}
    if "y" in arrays:
        made["y"] = np.full(4, arrays["y"])
    np.savez(tmp_path / "a.npz", **made)
    outcome = microgen("evaluate", test_model(f"{model}.tflite"), "--data", tmp_path / "a.npz", *options)
    assert outcome.code == 2 and message in outcome.err, outcome
    assert len(outcome.err.strip().splitlines()) == 1
