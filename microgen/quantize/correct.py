"""Bias correction: rounded weights and activations shift a layer's mean output; its bias takes the shift back.

The layers are corrected one by one in execution order on calibration samples, each with the inputs that the corrected
int8 layers before it give: the empirical form of Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction" (2019), section 4.2. Means are taken before the activation, where the bias acts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.quantization import QuantRule
from microgen.quantize.assign import Assignment, source_index
from microgen.quantize.config import QuantConfig
from microgen.quantize.convert import dequantized, dequantized_array, quantized_array
from microgen.quantize.data import Samples
from microgen.quantize.facts import without_activation
from microgen.quantize.observe import Progress
from microgen.quantize.rewrite import float_bias, rewrite, with_input
from microgen.quantize.weights import quantize_bias, quantize_weights

# The mean of a channel needs few samples, whose activations in float and int8 are all held at once.
_SAMPLES = 64
_HELD_BYTES = 1 << 29
# Samples that a layer computes at once: convolutions unfold their input.
_CHUNK = 16

Values = dict[Value, Array]
Floats = NDArray[np.float64]


def correct_biases(
    graph: Graph, assignment: Assignment, config: QuantConfig, samples: Samples, progress: Progress
) -> dict[Node, Array]:
    """The corrected bias, in float, of every layer of ``graph`` with weights that becomes int8. May raise Refused."""
    rewritten = rewrite(graph, assignment, config)
    exact, count = _chosen(graph, samples)
    held: Values = {}
    for value, array in zip(rewritten.graph.inputs, exact.values(), strict=True):
        held[value] = array if value.type.quant is None else quantized_array(array, value.type.quant, value.type.dtype)
    source = {made: node for node, made in rewritten.nodes.items()}
    biases: dict[Node, Array] = {}
    for done, made in enumerate(rewritten.graph.nodes):
        node = source.get(made)
        final = made
        if node is not None:
            _run(node, exact, count)
            rule = assignment.rules.get(node)
            if rule is not None and _can(node, rule):
                biases[node], final = _corrected(node, made, rule, exact, held)
        _run(final, held, count)
        progress("Correcting biases", done + 1, len(rewritten.graph.nodes))
    return biases


def correct_float_biases(
    graph: Graph, rules: Mapping[Node, QuantRule], config: QuantConfig, samples: Samples, progress: Progress
) -> dict[Node, Array]:
    """The same for layers that compute in float with weights rounded to int8."""
    exact, count = _chosen(graph, samples)
    held = dict(exact)
    biases: dict[Node, Array] = {}
    for done, node in enumerate(graph.nodes):
        _run(node, exact, count)
        final, rule = node, rules.get(node)
        if rule is not None and rule.weights is not None:
            original = node.input(rule.weights.index)
            stored = quantize_weights(original.name, original.const, rule.weights, config.weights).value
            final = with_input(node, rule.weights.index, Value(original.name, original.type, dequantized(stored)))
            if rule.bias is not None and _can(node, rule):
                linear = without_activation(node)
                mean = _mean(_evaluate(linear, node.inputs, exact, count)[0])
                shift = mean - _mean(_evaluate(linear, final.inputs, held, count)[0])
                biases[node] = _shifted(node, rule, shift)
                final = with_input(final, rule.bias, float_bias(node, rule, biases[node]))
        _run(final, held, count)
        progress("Correcting biases", done + 1, len(graph.nodes))
    return biases


def _chosen(graph: Graph, samples: Samples) -> tuple[Values, int]:
    """The graph's inputs for as many samples as are used, and their number."""
    per_sample = 2 * sum(v.type.nbytes for v in graph.values() if not v.is_const)
    count = min(len(samples), _SAMPLES, max(1, _HELD_BYTES // max(per_sample, 1)))
    chosen = np.arange(count) * len(samples) // count
    return dict(zip(graph.inputs, (a[chosen] for a in samples.arrays), strict=True)), count


def _run(node: Node, values: Values, count: int) -> None:
    for value, array in zip(node.outputs, _evaluate(node, node.inputs, values, count), strict=True):
        values[value] = array


def _evaluate(node: Node, operands: Sequence[Value | None], values: Values, count: int) -> list[Array]:
    parts: list[list[Array]] = []
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        inputs = [
            None if v is None else v.const[None] if v.is_const else values[v][start : start + size] for v in operands
        ]
        results = op_of(node).evaluate(node, inputs)
        parts.append([np.broadcast_to(r, (size, *v.shape)) for r, v in zip(results, node.outputs, strict=True)])
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _can(node: Node, rule: QuantRule) -> bool:
    if rule.bias is None or rule.weights is None or len(node.outputs) != 1:
        return False
    axis = rule.weights.channel_axis
    if node.input(source_index(node, rule)).is_const:
        return False
    return axis is not None and node.input(rule.weights.index).shape[axis] == node.output.shape[-1]


def _corrected(node: Node, made: Node, rule: QuantRule, exact: Values, held: Values) -> tuple[Array, Node]:
    """``node``'s corrected bias, and its int8 layer ``made`` with that bias."""
    assert rule.weights is not None and rule.bias is not None
    index, place = rule.weights.index, source_index(node, rule)
    source = made.input(place)
    weights, quant = made.input(index), source.type.quant
    assert quant is not None and weights.type.quant is not None
    linear = without_activation(node)
    # In float, with the weights and the inputs that the int8 layer sees: rounding of the result itself is no shift.
    rounded = Value(weights.name, node.input(index).type, dequantized(weights))
    operands = tuple(rounded if i == index else v for i, v in enumerate(node.inputs))
    seen = {node.input(place): dequantized_array(held[source], quant)}
    count = len(held[source])
    mean = _mean(_evaluate(linear, node.inputs, exact, count)[0])
    shift = mean - _mean(_evaluate(linear, operands, {**exact, **seen}, count)[0])
    after = _shifted(node, rule, shift)
    name = float_bias(node, rule, after).name
    value, _ = quantize_bias(name, after, quant.scale, weights.type.quant, source.type.dtype)
    return after, with_input(made, rule.bias, value)


def _shifted(node: Node, rule: QuantRule, shift: Floats) -> Array:
    """``node``'s bias plus ``shift``, which has a number for each channel."""
    assert rule.bias is not None
    bias = node.optional_input(rule.bias)
    before = np.zeros(len(shift), np.float32) if bias is None else bias.const
    after: NDArray[np.float32] = (before.astype(np.float64) + shift.reshape(before.shape)).astype(np.float32)
    return after


def _mean(array: Array) -> Floats:
    """Over everything but the last axis."""
    result: Floats = np.asarray(array, np.float64).reshape(-1, array.shape[-1]).mean(axis=0)
    return result
