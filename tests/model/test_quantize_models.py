"""Real float networks, quantized: accuracy on real data, and the exported file in the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen import compiler
from microgen.exporters import tflite
from microgen.passes import optimize
from microgen.quantize import QuantConfig, Quantized, quantize_graph
from microgen.quantize.convert import dequantized_array, quantized_array
from microgen.runtime import Session
from tests.support.models import oracle_layers, test_batch
from tests.support.photographs import crops

Find = Callable[[str], Path]


def int8_inputs(result: Quantized, samples: Any) -> Any:
    quant = result.graph.inputs[0].type.quant
    assert quant is not None
    return quantized_array(samples, quant)


def check_against_the_oracle(result: Quantized, samples: Any) -> None:
    """Every layer of the exported file gives the same bytes in the reference interpreter as in our runtime."""
    pattern = test_batch(result.graph, 1)[0]
    inputs = [np.concatenate([int8_inputs(result, samples), pattern])]
    expected = oracle_layers(tflite.save(result.graph), result.graph, inputs)
    computed = Session(result.graph).run_all(inputs, list(expected))
    for value, array in expected.items():
        np.testing.assert_array_equal(computed[value], array, err_msg=value.name)
    final = Session(optimize(result.graph)).run(inputs)[0]
    np.testing.assert_array_equal(final, computed[result.graph.outputs[0]])


# Keyword spotting: a hybrid model, unpacked and quantized fully ---------------------------------------


@pytest.fixture(scope="module")
def keywords(testdata: Path) -> tuple[Any, Any]:
    """(features in float [500, 1, 49, 10, 1], labels)."""
    path = testdata / "data" / "kws01.npz"
    if not path.is_file():
        pytest.skip(f"no test data {path}")
    with np.load(path) as data:
        scale, zero_point = np.float32(data["input_scale"]), int(data["input_zero_point"])
        return (data["x"].astype(np.float32) - zero_point)[:, None] * scale, data["y"].astype(int)


@pytest.mark.slow
def test_a_hybrid_keyword_spotter_keeps_its_accuracy(test_model: Find, keywords: Any) -> None:
    graph = compiler.load_graph(test_model("kws_dscnn_hybrid.tflite"))
    features, labels = keywords
    exact = Session(optimize(graph)).run([features])[0].reshape(len(labels), -1).argmax(axis=1)
    losses, agreements = [], []
    for draw in range(10):
        order = np.random.default_rng(draw).permutation(len(labels))
        chosen, rest = order[:100], order[100:]
        result = quantize_graph(graph, features[chosen], evaluation=features[chosen[:2]])
        assert all(v.type.dtype.value == "int8" for v in result.graph.values() if not v.is_const)
        answers = Session(result.graph).run([int8_inputs(result, features[rest])])[0]
        found = answers.reshape(len(rest), -1).argmax(axis=1)
        losses.append(np.mean(exact[rest] == labels[rest]) - np.mean(found == labels[rest]))
        agreements.append(np.mean(found == exact[rest]))
    assert np.mean(agreements) >= 0.97, agreements
    assert abs(np.mean(losses)) <= 0.008, losses


@pytest.mark.oracle
def test_the_quantized_keyword_spotter_in_the_oracle(test_model: Find, keywords: Any) -> None:
    graph = compiler.load_graph(test_model("kws_dscnn_hybrid.tflite"))
    features, _ = keywords
    result = quantize_graph(graph, features[::10], evaluation=features[:2])
    check_against_the_oracle(result, features[:3])


# Images -----------------------------------------------------------------------------------------------

# What the models were trained with: CIFAR-10 pixels as they are, pixels from 0 to 1.
IMAGES = {"ic_resnet8_float": (32, 1.0, 0.99), "vww_mobilenet_float": (96, 1 / 255, 0.97)}


def cosine(a: Any, b: Any, axis: int | None = None) -> Any:
    return (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_image_classifiers_keep_their_logits(test_model: Find, name: str) -> None:
    size, factor, least = IMAGES[name]
    graph = compiler.load_graph(test_model(f"{name}.tflite"))
    calibration, held_out = (crops(count, size, seed) * np.float32(factor) for count, seed in ((100, 1), (60, 2)))
    result = quantize_graph(graph, calibration, evaluation=held_out[:2])
    last = result.source.nodes[-1]
    assert last.op.name == "Softmax"
    logits = last.input(0)
    carrier = result.values[logits]
    exact = Session(result.source).run_all([held_out], [logits])[logits].reshape(60, -1).astype(np.float64)
    found = Session(result.graph).run_all([int8_inputs(result, held_out)], [carrier])[carrier]
    assert carrier.type.quant is not None
    real = dequantized_array(found, carrier.type.quant).reshape(60, -1).astype(np.float64)
    assert cosine(exact, real) >= least
    assert cosine(exact, real, axis=1).mean() >= least


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(IMAGES))
def test_quantized_image_classifiers_in_the_oracle(test_model: Find, name: str) -> None:
    size, factor, _ = IMAGES[name]
    graph = compiler.load_graph(test_model(f"{name}.tflite"))
    calibration = crops(16, size, 1) * np.float32(factor)
    result = quantize_graph(graph, calibration, QuantConfig(equalize=True), evaluation=calibration[:2])
    check_against_the_oracle(result, calibration[:2])


# Digits: a float ONNX file ----------------------------------------------------------------------------


def test_digits_keep_their_accuracy(repository: Path) -> None:
    folder = repository / "examples" / "digits"
    graph = compiler.load_graph(folder / "digits_float.onnx")
    with np.load(folder / "digits_calibration.npz") as data:
        pool = data["image"].reshape(-1, *graph.inputs[0].shape)
    with np.load(folder / "digits_float_test.npz") as data:
        images, labels = data["image"].reshape(-1, *graph.inputs[0].shape), data["y"].astype(int)
    exact = Session(optimize(graph)).run([images])[0].reshape(len(labels), -1).argmax(axis=1)
    accuracies = []
    for draw in range(10):
        chosen = np.random.default_rng(draw).permutation(len(pool))[:100]
        result = quantize_graph(graph, pool[chosen], evaluation=pool[:2])
        found = Session(result.graph).run([int8_inputs(result, images)])[0].reshape(len(labels), -1).argmax(axis=1)
        accuracies.append(np.mean(found == labels))
    assert abs(np.mean(accuracies) - np.mean(exact == labels)) <= 0.005, accuracies


# The others -------------------------------------------------------------------------------------------


@pytest.mark.oracle
def test_a_sine_stays_a_sine(test_model: Find) -> None:
    graph = compiler.load_graph(test_model("hello_world_float.tflite"))
    angles = np.linspace(0, 2 * np.pi, 200, dtype=np.float32)[:, None, None]
    result = quantize_graph(graph, angles)
    answers = Session(result.graph).run([int8_inputs(result, angles)])[0]
    quant = result.graph.outputs[0].type.quant
    assert quant is not None
    exact = Session(graph).run([angles])[0]
    assert np.abs(dequantized_array(answers, quant) - exact).max() < 0.06
    check_against_the_oracle(result, angles[::40])


@pytest.mark.oracle
def test_an_autoencoder_in_the_oracle(test_model: Find) -> None:
    graph = compiler.load_graph(test_model("ad_autoencoder_float.tflite"))
    samples = np.random.default_rng(0).normal(size=(50, 1, 640)).astype(np.float32)
    result = quantize_graph(graph, samples, QuantConfig(equalize=True, bias_correction=True))
    assert result.report.equalized == 9 and result.report.layers[-1].accumulated.cosine > 0.98
    check_against_the_oracle(result, samples[:3])
