"""A graph made ready for its paths, to be run whole, operator by operator, or in stages."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgen.errors import MicrogenError
from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.runtime.delegate import Delegate, Executable
from microgen.runtime.partition import Part, assign, partition, subgraph
from microgen.runtime.session import checked_inputs, initial_states

Hook = Callable[[Node, Sequence[Array]], None]


class Program:
    """Each part of ``graph`` compiled by the delegate that claims it. It never changes: any thread may run it.

    But for what the graph keeps from one invocation to the next: that belongs to the program, which then runs one call
    after the other.
    """

    def __init__(self, graph: Graph, delegates: Sequence[Delegate], threads: int) -> None:
        """``delegates`` in order of preference, the last of which takes everything. Raises what they raise."""
        self.graph = graph
        self.threads = threads
        self.assignments = tuple(assign(graph, delegates))
        self.parts = tuple(partition(graph, self.assignments))
        self._work = _compiled(self.parts, threads)
        self._single: dict[Node, list[_Compiled]] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._kept = initial_states(graph)

    def reset(self) -> None:
        """Let the next invocation find the initial states."""
        with self._turn:
            self._kept = initial_states(self.graph)

    def run(self, inputs: object, before: Hook | None = None, after: Hook | None = None) -> list[Array]:
        """See ``Model.predict``."""
        state = self._state(inputs)
        if self.graph.states:
            return self._stream(state, before, after)
        self._execute(state, before, after)
        return self._outputs(state)

    def _execute(self, state: _State, before: Hook | None, after: Hook | None) -> None:
        if before is None and after is None:
            _execute(self._work, state)
        else:
            self._run_each(state, before, after)

    def _stream(self, samples: _State, before: Hook | None, after: Hook | None) -> list[Array]:
        """One sample after the other; each finds what the one before has left. One that fails leaves nothing."""
        parts = [[np.empty((0, *v.shape), v.type.dtype.numpy) for v in self.graph.outputs]]
        with self._turn:
            for i in range(samples.samples):
                values = {value: array[i : i + 1] for value, array in samples.values.items()}
                values |= {state.before: self._kept[state.name][np.newaxis] for state in self.graph.states}
                one = _State(1, values)
                self._execute(one, before, after)
                parts.append(self._outputs(one))
                self._kept = {
                    s.name: (s.after.const if s.after.is_const else values[s.after][0]) for s in self.graph.states
                }
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def stages(self, count: int) -> list[Callable[..., object]]:
        """At most ``count`` functions of about equal work: from inputs to states, from state to state, to outputs.

        One function if the graph keeps something: an item can only begin when the one before is done.
        """
        if self.graph.states:
            return [self.run]
        owner = {a.node: a for a in self.assignments}
        segments = _segments([node for part in self.parts for node in part.graph.nodes], count)
        stages: list[Callable[..., object]] = []
        for index, nodes in enumerate(segments):
            parts = partition(subgraph(self.graph, nodes), [owner[node] for node in nodes]) if nodes else []
            first, last = index == 0, index == len(segments) - 1
            stages.append(functools.partial(self._run_stage, _compiled(parts, 1), first, last))
        return stages

    def _run_stage(self, work: Sequence[_Compiled], first: bool, last: bool, item: Any) -> _State | list[Array]:
        state: _State = self._state(item) if first else item
        _execute(work, state)
        return self._outputs(state) if last else state

    def _run_each(self, state: _State, before: Hook | None, after: Hook | None) -> None:
        values = state.values
        for assignment in self.assignments:
            node = assignment.node
            variables = _variables(node)
            with self._lock:
                if node not in self._single:
                    alone = Part(assignment.delegate, Graph(node.name, variables, node.outputs, [node]))
                    self._single[node] = _compiled([alone], self.threads)
            if before is not None:
                before(node, [v.const if v.is_const else values[v] for v in node.inputs if v is not None])
            _execute(self._single[node], state)
            if after is not None:
                after(node, [values[v] for v in node.outputs])

    def _state(self, inputs: object) -> _State:
        arrays = checked_inputs(self.graph, inputs)
        return _State(len(arrays[0]) if arrays else 1, dict(zip(self.graph.inputs, arrays, strict=True)))

    def _outputs(self, state: _State) -> list[Array]:
        """Arrays of the caller's own: not the inputs, not constants, not one array twice."""
        results: list[Array] = []
        taken = set(self.graph.sources)
        for value in self.graph.outputs:
            if value.is_const:
                array = np.broadcast_to(value.const, (state.samples, *value.shape)).copy()
            else:
                array = state.values[value].copy() if value in taken else state.values[value]
            taken.add(value)
            results.append(array)
        return results


@dataclass(frozen=True, slots=True)
class _State:
    """An item on its way: the values that are known."""

    samples: int
    values: dict[Value, Array]


_Compiled = tuple[Part, Executable]


def _compiled(parts: Sequence[Part], threads: int) -> list[_Compiled]:
    return [(part, part.delegate.compile(part.graph, threads)) for part in parts]


def _execute(work: Sequence[_Compiled], state: _State) -> None:
    for part, executable in work:
        outputs = executable.run([state.values[v] for v in part.graph.inputs])
        if not part.graph.inputs:  # constants alone: one sample, whatever the others are
            outputs = [np.repeat(array, state.samples, axis=0) for array in outputs]
        found = [(array.dtype, array.shape) for array in outputs]
        if found != [(v.type.dtype.numpy, (state.samples, *v.shape)) for v in part.graph.outputs]:
            given = [f"{dtype} {list(shape)}" for dtype, shape in found]
            wanted = [f"{v.type.dtype} {[state.samples, *v.shape]}" for v in part.graph.outputs]
            raise MicrogenError(f"gave {given}, not {wanted}", where=f"path {part.delegate.name}")
        state.values.update(zip(part.graph.outputs, outputs, strict=True))


def _segments(nodes: Sequence[Node], count: int) -> list[list[Node]]:
    """``nodes`` cut into at most ``count`` runs of about equal work; one empty run where there are none."""
    work = [op_of(node).macs(node) + sum(v.type.elements for v in node.outputs) for node in nodes]
    total, done, segments = sum(work), 0, [[]]  # type: int, int, list[list[Node]]
    for node, cost in zip(nodes, work, strict=True):
        if segments[-1] and done + cost / 2 >= total * len(segments) / count and len(segments) < count:
            segments.append([])
        segments[-1].append(node)
        done += cost
    return segments


def _variables(node: Node) -> list[Value]:
    return list(dict.fromkeys(v for v in node.inputs if v is not None and not v.is_const))
