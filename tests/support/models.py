"""The int8 models of the test data, and the oracle's word on each of their layers."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Array, Graph, TensorType, Value
from microgen.verification import sample_inputs
from tests.support.oracle import Oracle

INT8_MODELS = (
    "ad_autoencoder_int8",
    "hello_world_int8",
    "ic_resnet8_int8",
    "kws_dscnn_int8",
    "micro_speech_int8",
    "vww_mobilenet_int8",
)


def pattern_input(t: TensorType) -> Array:
    """The published input x[i] = ((37·i + 11) mod 256) - 128, of one sample."""
    values = (37 * np.arange(t.elements, dtype=np.int64) + 11) % 256 - 128
    return values.reshape(1, *t.shape).astype(t.dtype.numpy)


def test_batch(graph: Graph, random: int) -> list[Array]:
    """The published input, the edge inputs and ``random`` random ones; [samples, *shape] per input."""
    generated = sample_inputs([v.type for v in graph.inputs], random, seed=7)
    return [np.concatenate([pattern_input(v.type), a]) for v, a in zip(graph.inputs, generated, strict=True)]


test_batch.__test__ = False  # type: ignore[attr-defined]


def oracle_layers(model: bytes, source: Graph, inputs: list[Array]) -> dict[Value, Array]:
    """What the oracle computes for every node output of ``source`` (the graph as the frontend read it)."""
    result = Oracle(model, all_tensors=True).run_batch(inputs)
    computed = list(result.tensors.values())[len(inputs) :]
    values = [v for node in source.nodes for v in node.outputs]
    assert len(values) == len(computed)
    return dict(zip(values, computed, strict=True))
