"""How close a quantized network comes to the float one, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, DType, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.quantize.convert import quantized_array, real_array
from microgen.quantize.data import Samples
from microgen.quantize.observe import Progress, batches
from microgen.quantize.ranges import Observed, Range, covered
from microgen.quantize.rewrite import Rewritten
from microgen.runtime import Session
from microgen.runtime.session import initial_states

#: Reported for outputs that agree exactly, for which the ratio is infinite.
EXACT_DB = 200.0


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like two signals are: the cosine of the angle between them, and signal over error in dB."""

    cosine: float
    sqnr: float


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's output.

    ``accumulated`` compares what the whole quantized network has computed up to here with the float network;
    ``alone`` what this layer computes in int8 from the float network's values (None: it is not in int8). ``observed``
    is the range on the calibration samples, ``used`` the one that int8 covers (None: not in int8), ``clipped`` the
    share of the float values outside of it.
    """

    index: int
    name: str
    op: str
    dtype: str
    accumulated: Likeness
    alone: Likeness | None
    observed: tuple[float, float]
    used: tuple[float, float] | None
    clipped: float
    note: str


@dataclass
class _Sums:
    """Running sums that a likeness follows from."""

    signal: float = 0.0
    other: float = 0.0
    product: float = 0.0
    error: float = 0.0

    def add(self, exact: Array, approximate: Array) -> None:
        a: NDArray[Any] = np.asarray(exact, np.float64).reshape(-1)
        b: NDArray[Any] = np.asarray(approximate, np.float64).reshape(-1)
        difference = a - b
        self.signal += float(a @ a)
        self.other += float(b @ b)
        self.product += float(a @ b)
        self.error += float(difference @ difference)

    def likeness(self) -> Likeness:
        if self.error == 0.0:
            return Likeness(1.0, EXACT_DB)
        norm = math.sqrt(self.signal) * math.sqrt(self.other)
        cosine = min(1.0, self.product / norm) if norm > 0.0 else 0.0
        ratio = self.signal / self.error
        decibels = 10.0 * math.log10(ratio) if ratio > 0.0 else -EXACT_DB
        return Likeness(cosine, max(-EXACT_DB, min(EXACT_DB, decibels)))


def compare(
    graph: Graph,
    rewritten: Rewritten,
    samples: Samples,
    seen: Mapping[Value, Observed],
    notes: Mapping[Node, str],
    progress: Progress,
) -> tuple[Layer, ...]:
    """Every float layer of ``graph`` against what ``rewritten`` makes of it, in execution order."""
    layers = [
        (node, value)
        for node in graph.nodes
        for value in node.outputs
        if value.type.dtype is DType.FLOAT32 and value in rewritten.values
    ]
    both = {value: (_Sums(), _Sums()) for _, value in layers}
    clipped = dict.fromkeys(both, 0)
    exact_session, session = Session(graph), Session(rewritten.graph)
    exact_states, states = initial_states(graph), initial_states(rewritten.graph)
    carriers = list(dict.fromkeys(rewritten.values[value] for _, value in layers))
    for start, arrays in batches(graph, samples, copies=3):
        exact = exact_session.run_all(arrays, None, exact_states)
        inputs = [
            a if v.type.quant is None else quantized_array(a, v.type.quant)
            for a, v in zip(arrays, rewritten.graph.inputs, strict=True)
        ]
        computed = session.run_all(inputs, carriers, states)
        for node, value in layers:
            carrier = rewritten.values[value]
            accumulated, alone = both[value]
            accumulated.add(exact[value], real_array(computed[carrier], carrier))
            if (used := _used(carrier)) is not None:
                step = carrier.type.quant.scale / 2 if carrier.type.quant is not None else 0.0
                real: NDArray[Any] = exact[value]
                outside = (real < used.low - step) | (real > used.high + step)
                clipped[value] += int(np.count_nonzero(outside))
                alone.add(exact[value], real_array(_alone(node, value, rewritten, exact), carrier))
        progress("Comparing layers", start + len(arrays[0]), len(samples))
    total = max(len(samples), 1)
    made = []
    for index, (node, value) in enumerate(layers):
        carrier, used = rewritten.values[value], _used(rewritten.values[value])
        made.append(
            Layer(
                index,
                value.name if len(node.outputs) > 1 else node.name,
                node.op.name,
                str(carrier.type.dtype),
                both[value][0].likeness(),
                None if used is None else both[value][1].likeness(),
                (seen[value].low, seen[value].high),
                None if used is None else (used.low, used.high),
                clipped[value] / (total * value.type.elements),
                notes.get(node, ""),
            )
        )
    return tuple(made)


def _used(carrier: Value) -> Range | None:
    return None if carrier.type.quant is None else covered(carrier.type.quant)


def _alone(node: Node, value: Value, rewritten: Rewritten, exact: Mapping[Value, Array]) -> Array:
    """``value`` as the int8 layer computes it from float inputs, each rounded to int8 first."""
    made = rewritten.nodes[node]
    inputs: list[Array | None] = []
    for source, operand in zip(node.inputs, made.inputs, strict=False):
        if operand is None or operand.is_const:
            inputs.append(None if operand is None else operand.const[None])
            continue
        assert source is not None
        quant = operand.type.quant
        array = exact[source]
        inputs.append(quantized_array(array, quant) if quant is not None and source.type.quant is None else array)
    inputs += [None if v is None else v.const[None] for v in made.inputs[len(node.inputs) :]]
    result = op_of(made).evaluate(made, inputs)[node.outputs.index(value)]
    return np.broadcast_to(result, exact[value].shape)
