"""Every operator's float samples go through the quantizer: they become int8 and stay close, or say why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.errors import InputError
from microgen.mindir import DType, Graph
from microgen.ops.base import Op
from microgen.ops.registry import operators
from microgen.quantize import Layer, QuantConfig, Quantized, quantize_graph

SAMPLES = 12
# A layer by itself: 8 bits give 40 dB and more where values fill their range, far less where few are large.
LEAST_DB = 12.0


def float_samples(op: type[Op]) -> list[tuple[str, Graph]]:
    """The samples of ``op`` that compute in float, by name."""
    return [
        (sample.id, sample.graph)
        for sample in op.samples()
        if any(v.type.dtype is DType.FLOAT32 for v in sample.graph.inputs)
    ]


def inputs(graph: Graph, low: float, high: float, signed: bool) -> dict[str, Any]:
    """Random inputs by name; indices point at the first element, which exists."""
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for value in graph.inputs:
        shape = (SAMPLES, *value.shape)
        if value.type.dtype is DType.FLOAT32:
            signs = random.choice([-1.0, 1.0], shape) if signed else 1.0
            arrays[value.name] = (random.uniform(low, high, shape) * signs).astype(np.float32)
        elif value.type.dtype is DType.BOOL:
            arrays[value.name] = random.integers(0, 2, shape).astype(bool)
        else:
            arrays[value.name] = np.zeros(shape, value.type.dtype.numpy)
    return arrays


def quantized(graph: Graph) -> Quantized | InputError:
    """The quantized graph, or why there is none. Not every number is in the domain of a logarithm or a square root."""
    for low, high, signed in ((0.3, 0.9, True), (0.3, 0.9, False), (1.2, 3.0, False)):
        try:
            with np.errstate(all="ignore"):
                return quantize_graph(graph, inputs(graph, low, high, signed), QuantConfig(bias_correction=True))
        except InputError as error:
            if "not finite" not in str(error):
                return error
    pytest.fail(f"{graph.name}: no inputs are in the domain")


def is_spread(layer: Layer) -> bool:
    """Whether the values fill their range: that of a softmax is fixed, however small its shares are."""
    assert layer.used is not None
    return layer.observed[1] - layer.observed[0] > 0.1 * (layer.used[1] - layer.used[0])


@pytest.mark.parametrize("op", operators(), ids=lambda op: op.name)
def test_float_samples_become_int8_or_say_why_not(op: type[Op]) -> None:
    for name, graph in float_samples(op):
        result = quantized(graph)
        if isinstance(result, InputError):
            assert op.name in str(result), name
            continue
        for layer in result.report.layers:
            assert layer.alone is not None or layer.note, f"{name}: {layer}"
            if layer.alone is not None and is_spread(layer):
                assert layer.alone.sqnr >= LEAST_DB, f"{name}: {layer}"
