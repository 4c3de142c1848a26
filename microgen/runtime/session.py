"""The reference path: a graph executed in NumPy, exactly as the device computes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from microgen.errors import InputError, one_line
from microgen.mindir import Array, Graph, Value
from microgen.ops.base import op_of
from microgen.runtime.tensor import as_array, check_array

# Samples that run at once: enough to keep NumPy busy, few enough to bound the im2col buffers.
_CHUNK = 16


#: What a graph keeps from one invocation to the next, by its states' names: [*shape] each.
States = dict[str, Array]


class Session:
    """Runs one graph. Calls do not influence each other: what a graph keeps between invocations is the caller's."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: Sequence[Array] | Mapping[str, Array], states: States | None = None) -> list[Array]:
        """The graph's outputs for a batch.

        ``inputs`` holds one array per graph input, in order or by name, each of shape [samples, *input shape]
        and the input's element type; results are [samples, *output shape]. Raises InputError otherwise.

        Of a graph with states the samples are invocations one after the other; the first finds ``states``
        (``initial_states``), in which the last leaves its own; without them it finds the initial ones.
        """
        values = self.run_all(inputs, self.graph.outputs, states)
        return [values[v] for v in self.graph.outputs]

    def run_all(
        self,
        inputs: Sequence[Array] | Mapping[str, Array],
        wanted: Sequence[Value] | None = None,
        states: States | None = None,
    ) -> dict[Value, Array]:
        """Like ``run``, but every value that is not a constant (or those ``wanted``), by Value."""
        arrays = checked_inputs(self.graph, inputs)
        samples = len(arrays[0]) if arrays else 1
        keep = [v for v in self.graph.values() if not v.is_const] if wanted is None else list(wanted)
        parts: dict[Value, list[Array]] = {value: [] for value in keep}
        kept = initial_states(self.graph) if states is None else states
        at_once = 1 if self.graph.states else _CHUNK
        for start in range(0, samples, at_once):
            count = min(at_once, samples - start)
            found = [kept[state.name][None] for state in self.graph.states]
            chunk = self._run_chunk([a[start : start + count] for a in arrays] + found, count)
            kept.update({state.name: chunk[state.after][0] for state in self.graph.states})
            for value, collected in parts.items():
                collected.append(chunk[value])
        return {v: np.concatenate(p) if p else np.empty((0, *v.shape), v.type.dtype.numpy) for v, p in parts.items()}

    def _run_chunk(self, arrays: Sequence[Array], count: int) -> dict[Value, Array]:
        values: dict[Value, Array] = dict(zip(self.graph.sources, arrays, strict=True))
        for value in self.graph.results:
            if value.is_const:
                values[value] = np.broadcast_to(value.const, (count, *value.shape))
        for node in self.graph.nodes:
            operands = [
                None if v is None else (v.const[None] if v.data is not None else values[v]) for v in node.inputs
            ]
            for value, result in zip(node.outputs, op_of(node).evaluate(node, operands), strict=True):
                full = np.broadcast_to(result, (count, *value.shape))
                assert full.dtype == value.type.dtype.numpy, node.label
                values[value] = full
        return values


def initial_states(graph: Graph) -> States:
    """What the first invocation of ``graph`` finds."""
    return {state.name: state.initial for state in graph.states}


def checked_inputs(graph: Graph, inputs: object) -> list[Array]:
    """The inputs of ``graph`` in order: from arrays in order or by name, or from the array of an only input.

    InputError where one is missing, is too many or does not fit.
    """
    names = [v.name for v in graph.inputs]
    if isinstance(inputs, Mapping):
        if set(inputs) != set(names):
            raise InputError(f"inputs {_listed(inputs)} were given, the model has {_listed(names)}")
        inputs = [inputs[name] for name in names]
    elif not isinstance(inputs, Sequence) or isinstance(inputs, str | bytes):
        inputs = [inputs]  # an array, or what NumPy can take for one
    if len(inputs) != len(names):
        raise InputError(f"{len(inputs)} inputs were given, the model has {len(names)}: {_listed(names)}")
    arrays = [as_array(name, a) for name, a in zip(names, inputs, strict=True)]
    for value, array in zip(graph.inputs, arrays, strict=True):
        check_array(value.name, value.type, array)
        if len(array) != len(arrays[0]):
            raise InputError(f"{len(array)} samples, but {len(arrays[0])} for the first input", where=value.name)
    return arrays


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(one_line(repr(name), 60) for name in names)) or "none"
