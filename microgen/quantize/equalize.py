"""Cross-layer equalization: channels of consecutive layers are scaled so that their weights have like ranges.

Where a layer's output passes at most a ReLU on its way to the only layer that reads it, channel i may be divided by any
s > 0 in the first and multiplied by it in the second. Nagel et al., "Data-Free Quantization Through Weight Equalization
and Bias Correction" (2019), section 4.1: s = sqrt(r1 · r2) / r2 makes both ranges equal. A channel between them never
grows beyond the largest: all of them share one int8 scale, and one of weak weights and a strong bias would claim it
whole (the paper's bias absorption serves the same end without data). The result computes the same up to rounding in
float32.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.attributes import Activation
from microgen.ops.quantization import QuantRule
from microgen.quantize.assign import source_index
from microgen.quantize.data import Samples
from microgen.quantize.facts import activation
from microgen.quantize.observe import channel_peaks

# Sweeps over all pairs; a chain's ranges have settled long before.
_SWEEPS = 20
_SETTLED = 1e-3
# A factor beyond this would move a layer's whole range into its neighbour.
_LIMIT = 1e4
# Activations that commute with a positive factor.
_HOMOGENEOUS = (Activation.NONE, Activation.RELU)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Pair:
    first: Node
    second: Node


def equalize(graph: Graph, rules: Mapping[Node, QuantRule], samples: Samples) -> tuple[Graph, int]:
    """An equalized copy of the float ``graph``, and the number of pairs of layers. ``rules`` are by its nodes."""
    pairs = _pairs(graph, rules)
    peaks = channel_peaks(graph, samples, [pair.first.output for pair in pairs])
    data: dict[Node, Floats] = {}
    biases: dict[Node, Floats] = {}
    for node in dict.fromkeys(n for pair in pairs for n in (pair.first, pair.second)):
        weights, bias = rules[node].weights, _bias(node, rules[node])
        assert weights is not None
        data[node] = node.input(weights.index).const.astype(np.float64)
        if bias is not None:
            biases[node] = bias.const.astype(np.float64)
    for _ in range(_SWEEPS):
        change = max((_balance(pair, rules, data, biases, peaks) for pair in pairs), default=0.0)
        if change < _SETTLED:
            break
    result = graph.copy()
    for node, numbers in data.items():
        weights, bias = rules[node].weights, _bias(node, rules[node])
        assert weights is not None
        inputs = list(node.inputs)
        inputs[weights.index] = _constant(node.input(weights.index), numbers)
        if bias is not None:
            inputs[inputs.index(bias)] = _constant(bias, biases[node])
        result.replace_node(node, dataclasses.replace(node, inputs=tuple(inputs)))
    return result, len(pairs)


def _pairs(graph: Graph, rules: Mapping[Node, QuantRule]) -> list[_Pair]:
    found = []
    for second in graph.nodes:
        rule = rules.get(second)
        if rule is None or rule.weights is None:
            continue
        source = second.input(source_index(second, rule))
        first = graph.producer(source)
        if first is None or first not in rules or graph.sole_user(source) is not second:
            continue
        own = rules[first].weights
        if own is None or own.channel_axis is None or activation(first) not in _HOMOGENEOUS:
            continue
        channels = source.shape[-1]
        if first.input(own.index).shape[own.channel_axis] == channels == _inputs(second, rule):
            found.append(_Pair(first, second))
    return found


def _input_axis(rule: QuantRule) -> int | None:
    assert rule.weights is not None
    axis = rule.weights.input_axis
    return rule.weights.channel_axis if axis is None else axis


def _inputs(node: Node, rule: QuantRule) -> int | None:
    """The number of input channels that the weights tell apart; None where they cannot be scaled one by one."""
    assert rule.weights is not None
    axis = _input_axis(rule)
    return None if axis is None else node.input(rule.weights.index).shape[axis]


def _bias(node: Node, rule: QuantRule) -> Value | None:
    return node.optional_input(rule.bias) if rule.bias is not None else None


def _balance(
    pair: _Pair,
    rules: Mapping[Node, QuantRule],
    data: dict[Node, Floats],
    biases: dict[Node, Floats],
    peaks: dict[Value, Floats],
) -> float:
    """Equalize one pair; the largest relative change of a channel."""
    out = rules[pair.first].weights
    into = _input_axis(rules[pair.second])
    assert out is not None and out.channel_axis is not None and into is not None
    first, second = data[pair.first], data[pair.second]
    ranges = [_peaks(first, out.channel_axis), _peaks(second, into)]
    between = peaks[pair.first.output]
    # A channel that one side does not use, or that never showed a value, is left alone.
    used = (ranges[0] > 0.0) & (ranges[1] > 0.0) & (between > 0.0)
    factors = np.ones(len(used))
    factors[used] = np.clip(np.sqrt(ranges[0][used] / ranges[1][used]), 1.0 / _LIMIT, _LIMIT)
    factors[used] = np.maximum(factors[used], between[used] / between.max(initial=0.0))
    peaks[pair.first.output] = between / factors
    data[pair.first] = first / _along(factors, out.channel_axis, first.ndim)
    data[pair.second] = second * _along(factors, into, second.ndim)
    if pair.first in biases:
        biases[pair.first] = biases[pair.first] / factors.reshape(biases[pair.first].shape)
    return float(np.abs(factors - 1.0).max())


def _peaks(array: Floats, axis: int) -> Floats:
    peaks: Floats = np.abs(array).max(axis=tuple(i for i in range(array.ndim) if i != axis))
    return peaks


def _along(factors: Floats, axis: int, rank: int) -> Floats:
    return factors.reshape([-1 if i == axis else 1 for i in range(rank)])


def _constant(value: Value, numbers: Floats) -> Value:
    data: Array = numbers.astype(np.float32)
    return Value(value.name, value.type, data)
