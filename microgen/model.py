"""A model on the host: built for the paths that a context names, then run as often as wanted.

The shape is MindSpore Lite's (model, context, build, predict, resize), the habits are Python's::

    model = Model("kws.tflite").build(Context(devices=("c",)))
    scores, = model.predict([samples])          # [n, *input shape] -> [n, *output shape]
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from microgen.compiler import load_graph
from microgen.errors import UsageError
from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.passes import optimize
from microgen.runtime.delegate import REFERENCE, Executable, find_delegates
from microgen.runtime.partition import Assignment, Part, assign, partition, subgraph
from microgen.runtime.pipeline import Pipeline
from microgen.runtime.session import checked_inputs
from microgen.runtime.tensor import Tensor

Hook = Callable[[Node, Sequence[Array]], None]
Inputs = Sequence[Array] | Mapping[str, Array] | Array


@dataclass(frozen=True, slots=True)
class Context:
    """Where a model runs. ``devices`` are names of paths in order of preference; what none of them takes runs on the
    reference path. ``threads`` is how many each of them may use, 0 for one per processor.
    """

    devices: tuple[str, ...] = (REFERENCE,)
    threads: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise UsageError(f"{self.threads} threads are not possible", hint="0 stands for one per processor")


class Model:
    """A model file or graph. Thread-safe once built, but for the tensors in ``inputs`` and ``outputs``."""

    def __init__(self, source: Path | str | Graph) -> None:
        """Read the model; InputError and UnsupportedError as ``load_graph`` raises them."""
        self._path = None if isinstance(source, Graph) else Path(source)
        self._load({})
        self._lock = threading.RLock()
        self._pool: ThreadPoolExecutor | None = None
        self._context: Context | None = None
        self._parts: tuple[tuple[Part, Executable], ...] = ()
        if isinstance(source, Graph):
            self.graph = optimize(source)
            self._make_tensors()

    def _load(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if self._path is not None:
            self.graph = optimize(load_graph(self._path, shapes))
            self._make_tensors()

    def _make_tensors(self) -> None:
        self.inputs = tuple(Tensor(v.name, v.type) for v in self.graph.inputs)
        self.outputs = tuple(Tensor(v.name, v.type) for v in self.graph.outputs)

    def build(self, context: Context = Context()) -> Self:
        """Prepare every part of the graph for its path; returns the model itself.

        Raises UsageError for an unknown path and ToolMissing where one needs what is not installed.
        """
        threads = context.threads or os.cpu_count() or 1
        self.assignments: list[Assignment] = assign(self.graph, find_delegates(context.devices))
        parts = partition(self.graph, self.assignments)
        self._parts = tuple((part, part.delegate.compile(part.graph, threads)) for part in parts)
        self._single: dict[Node, Executable] = {}
        self._context = context
        self._threads = threads
        return self

    @property
    def context(self) -> Context:
        """What the model was built for; UsageError before ``build``."""
        self._require_built()
        assert self._context is not None
        return self._context

    @property
    def parts(self) -> tuple[Part, ...]:
        """The sub-graphs in the order in which they run."""
        return tuple(part for part, _ in self._parts)

    def predict(
        self, inputs: Inputs | None = None, *, before: Hook | None = None, after: Hook | None = None
    ) -> list[Array]:
        """The outputs, [samples, *shape] each, in the model's order.

        ``inputs`` are arrays in the model's order or by name, or the array of an only input; without them the tensors
        in ``inputs`` are taken, and those in ``outputs`` are set. ``before`` and ``after`` are told of every operator
        with its inputs or outputs (absent ones left out); operators then run one by one, on the path that each belongs
        to. Raises InputError for arrays that do not fit, UsageError before ``build``.
        """
        self._require_built()
        if inputs is not None:
            return self._run(checked_inputs(self.graph, inputs), before, after)
        with self._lock:
            results = self._run(checked_inputs(self.graph, [t.numpy() for t in self.inputs]), before, after)
            for tensor, array in zip(self.outputs, results, strict=True):
                tensor.set(array)
            return results

    def predict_async(self, inputs: Inputs) -> Future[list[Array]]:
        """``predict`` on another thread; at most as many at once as the context has threads."""
        self._require_built()
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="microgen")
            return self._pool.submit(self.predict, inputs)

    def pipeline(self, workers: int = 4, depth: int = 8) -> Pipeline[Inputs, list[Array]]:
        """The model as a chain of at most ``workers`` stages of about equal work, each on a thread of its own, with at
        most ``depth`` items waiting before each; an item is what ``predict`` takes. Close it, or use it in a ``with``
        statement.
        """
        self._require_built()
        order = [node for part, _ in self._parts for node in part.graph.nodes]
        return Pipeline(self._stages(_segments(order, max(1, workers))), depth)

    def resize(self, shapes: Sequence[tuple[int, ...]] | Mapping[str, tuple[int, ...]]) -> None:
        """Give the inputs other shapes (without the samples' axis), and build again as before.

        Raises UsageError where the model's file fixes a shape, and for a model that was made from a graph.
        """
        names = [tensor.name for tensor in self.inputs]
        if not isinstance(shapes, Mapping):
            if len(shapes) != len(names):
                raise UsageError(f"{len(shapes)} shapes were given, the model has {len(names)} inputs")
            shapes = dict(zip(names, shapes, strict=True))
        now = {tensor.name: tensor.type.shape for tensor in self.inputs}
        if all(now.get(name) == tuple(shape) for name, shape in shapes.items()):
            return
        if self._path is None:
            raise UsageError("a graph's shapes are fixed", hint="Load the model from its file")
        with self._lock:
            self._load({name: tuple(shape) for name, shape in shapes.items()})
            if self._context is not None:
                self.build(self._context)

    def close(self) -> None:
        """End the threads of ``predict_async``; what was submitted is finished first."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_built(self) -> None:
        if self._context is None:
            raise UsageError("the model is not built", hint="Call build() first")

    def _run(self, arrays: Sequence[Array], before: Hook | None, after: Hook | None) -> list[Array]:
        values: dict[Value, Array] = dict(zip(self.graph.inputs, arrays, strict=True))
        samples = len(arrays[0]) if arrays else 1
        if before is None and after is None:
            for part, executable in self._parts:
                _execute(part.graph, executable, values)
        else:
            self._run_each(values, before, after)
        return [_value(v, values, samples) for v in self.graph.outputs]

    def _run_each(self, values: dict[Value, Array], before: Hook | None, after: Hook | None) -> None:
        for assignment in self.assignments:
            node = assignment.node
            with self._lock:
                if node not in self._single:
                    alone = partition(Graph(node.name, _variables(node), node.outputs, [node]), [assignment])[0]
                    self._single[node] = assignment.delegate.compile(alone.graph, self._threads)
            if before is not None:
                before(node, [v.const if v.is_const else values[v] for v in node.inputs if v is not None])
            outputs = self._single[node].run([values[v] for v in _variables(node)])
            values.update(zip(node.outputs, outputs, strict=True))
            if after is not None:
                after(node, outputs)

    def _stages(self, segments: Sequence[Sequence[Node]]) -> list[Callable[..., object]]:
        """The stages of a pipeline: from inputs to states, from state to state, and to outputs in the end."""
        owner = {a.node: a for a in self.assignments}
        stages: list[Callable[..., object]] = []
        for index, nodes in enumerate(segments):
            parts = partition(subgraph(self.graph, nodes), [owner[node] for node in nodes]) if nodes else []
            work = _Work([(part.graph, part.delegate.compile(part.graph, 1)) for part in parts])
            first, last = index == 0, index == len(segments) - 1
            stages.append(functools.partial(self._run_stage, work, first, last))
        return stages

    def _run_stage(self, work: _Work, first: bool, last: bool, item: Any) -> _State | list[Array]:
        state: _State = _state(self.graph, item) if first else item
        for part, executable in work.parts:
            _execute(part, executable, state.values)
        return [_value(v, state.values, state.samples) for v in self.graph.outputs] if last else state


@dataclass(frozen=True, slots=True)
class _Work:
    """What one stage runs."""

    parts: list[tuple[Graph, Executable]]


@dataclass(frozen=True, slots=True)
class _State:
    """An item between two stages: the values that are known."""

    samples: int
    values: dict[Value, Array]


def _state(graph: Graph, inputs: Inputs) -> _State:
    arrays = checked_inputs(graph, inputs)
    return _State(len(arrays[0]) if arrays else 1, dict(zip(graph.inputs, arrays, strict=True)))


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


def _execute(graph: Graph, executable: Executable, values: dict[Value, Array]) -> None:
    outputs = executable.run([values[v] for v in graph.inputs])
    values.update(zip(graph.outputs, outputs, strict=True))


def _value(value: Value, values: Mapping[Value, Array], samples: int) -> Array:
    return np.broadcast_to(value.const, (samples, *value.shape)) if value.is_const else values[value]
