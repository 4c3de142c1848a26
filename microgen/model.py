"""A model on the host: built for the paths that a context names, then run as often as wanted.

The shape is MindSpore Lite's (model, context, build, predict, resize), the habits are Python's::

    model = Model("kws.tflite").build(Context(devices=("c",)))
    scores, = model.predict([samples])          # [n, *input shape] -> [n, *output shape]
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from microgen.compiler import load_graph
from microgen.errors import UsageError, one_line
from microgen.mindir import Array, Graph
from microgen.passes import optimize
from microgen.runtime.delegate import REFERENCE, find_delegates
from microgen.runtime.partition import Assignment, Part
from microgen.runtime.pipeline import Pipeline
from microgen.runtime.program import Hook, Program
from microgen.runtime.tensor import Tensor

Inputs = Sequence[Array] | Mapping[str, Array] | Array

_MAX_THREADS = 1024


@dataclass(frozen=True, slots=True)
class Context:
    """Where a model runs. ``devices`` are names of paths in order of preference, or one name; what none of them takes
    runs on the reference path. ``threads`` is how many each of them may use, 0 for one per processor.
    """

    devices: Sequence[str] = (REFERENCE,)
    threads: int = 0

    def __post_init__(self) -> None:
        names = (self.devices,) if isinstance(self.devices, str) else self.devices
        object.__setattr__(self, "devices", tuple(dict.fromkeys(names)) or (REFERENCE,))
        object.__setattr__(self, "threads", operator.index(self.threads))
        if not 0 <= self.threads <= _MAX_THREADS:
            hint = f"0 stands for one per processor, {_MAX_THREADS} are the most"
            raise UsageError(f"{self.threads} threads are not possible", hint=hint)


class Model:
    """A model file or graph. Thread-safe once built, but for the tensors in ``inputs`` and ``outputs``: what runs while
    another thread builds or resizes ends as it began.
    """

    def __init__(self, source: Path | str | Graph, shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
        """Read the model; ``shapes`` gives inputs of a file static shapes, by name, where it leaves them open.

        InputError and UnsupportedError as ``load_graph`` raises them, UsageError for shapes as by ``resize``.
        """
        self._path = None if isinstance(source, Graph) else Path(source)
        self._shapes = _shapes(shapes or {})
        self._lock = threading.RLock()
        self._pool: ThreadPoolExecutor | None = None
        self._pool_process = 0
        self._context: Context | None = None
        self._program: Program | None = None
        self._take(optimize(source) if isinstance(source, Graph) and not shapes else self._read(self._shapes))

    def _take(self, graph: Graph) -> None:
        self.graph = graph
        self.inputs = tuple(Tensor(v.name, v.type) for v in graph.inputs)
        self.outputs = tuple(Tensor(v.name, v.type) for v in graph.outputs)

    def _read(self, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
        if self._path is None:
            raise UsageError("a graph's shapes are fixed", hint="Load the model from its file")
        try:
            return optimize(load_graph(self._path, shapes))
        except UsageError as error:  # which names the command line's option
            raise UsageError(error.what, hint=error.hint) from None

    def build(self, context: Context = Context()) -> Self:
        """Prepare every part of the graph for its path; returns the model itself. May be called again.

        Raises UsageError for an unknown path and ToolMissing where one needs what is not installed; the model then
        stays as it was.
        """
        with self._lock:
            self._program = _made(self.graph, context)
            self._context = context
            pool = self._take_pool()
        if pool is not None:  # its threads are as many as the context before had
            pool.shutdown(wait=False)
        return self

    @property
    def context(self) -> Context:
        """What the model was built for; UsageError before ``build``."""
        self._built()
        assert self._context is not None
        return self._context

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """Who runs each operator, in the order of execution; UsageError before ``build``."""
        return self._built().assignments

    @property
    def parts(self) -> tuple[Part, ...]:
        """The sub-graphs in the order in which they run; UsageError before ``build``."""
        return self._built().parts

    def predict(
        self, inputs: Inputs | None = None, *, before: Hook | None = None, after: Hook | None = None
    ) -> list[Array]:
        """The outputs, [samples, *shape] each, in the model's order: new arrays, which no other call touches.

        ``inputs`` are arrays in the model's order or by name, or the array of an only input; without them the tensors
        in ``inputs`` are taken, and those in ``outputs`` are set. ``before`` and ``after`` are told of every operator
        with its inputs (constants as they are, without samples) or outputs (absent ones left out), which may be kept
        but not written to; what they raise ends the call. Operators then run one by one, on the path that each belongs
        to. Raises InputError for arrays that do not fit, UsageError before ``build``.

        Of a model that keeps tensors between invocations the samples are a stream, which goes on with the next call
        until ``reset``; calls then take turns.
        """
        if inputs is not None:
            return self._built().run(inputs, before, after)
        with self._lock:
            results = self._built().run([t.numpy() for t in self.inputs], before, after)
            for tensor, array in zip(self.outputs, results, strict=True):
                tensor.set(array)
            return results

    def reset(self) -> None:
        """Let the next sample be the first of a stream; of no effect on a model that keeps nothing between samples."""
        self._built().reset()

    def predict_async(self, inputs: Inputs) -> Future[list[Array]]:
        """``predict`` on another thread; at most as many at once as the context has threads, of a model that keeps
        tensors between invocations one, in the order of the calls.

        The arrays must stay as they are until the future is done. What ``predict`` would raise, the future does.
        """
        with self._lock:
            program = self._built()
            # A forked process has its parent's pool, but not the threads.
            if self._pool is None or self._pool_process != os.getpid():
                threads = 1 if program.graph.states else program.threads
                self._pool = ThreadPoolExecutor(threads, thread_name_prefix="microgen")
                self._pool_process = os.getpid()
            return self._pool.submit(program.run, inputs)

    def pipeline(self, workers: int = 4, depth: int = 8) -> Pipeline[Inputs, list[Array]]:
        """The model as a chain of at most ``workers`` stages of about equal work, each on a thread of its own, with at
        most ``depth`` items waiting before each; an item is what ``predict`` takes, and stays as it is until its future
        is done. Close it, or use it in a ``with`` statement. UsageError unless there is a worker and room for an item.
        """
        program = self._built()
        if workers < 1:
            raise UsageError(f"{workers} workers are not possible")
        return Pipeline(program.stages(workers), depth)

    def resize(self, shapes: Sequence[tuple[int, ...]] | Mapping[str, tuple[int, ...]]) -> None:
        """Give inputs other shapes (without the samples' axis), in order or by name, and build again as before. Those
        that are not named keep theirs; ``inputs`` and ``outputs`` are new tensors. Nothing changes where this fails.

        Raises UsageError where the model's file fixes a shape, and for a model that was made from a graph.
        """
        with self._lock:
            now = {tensor.name: tensor.type.shape for tensor in self.inputs}
            if not isinstance(shapes, Mapping):
                if len(shapes) != len(now):
                    raise UsageError(f"{len(shapes)} shapes were given, the model has {len(now)} inputs")
                shapes = dict(zip(now, shapes, strict=True))
            wanted = _shapes(shapes)
            for name in wanted.keys() - now.keys():
                listed = ", ".join(one_line(repr(known), 60) for known in now)
                raise UsageError(
                    f"{one_line(repr(name), 60)} is no input of the model", hint=f"Its inputs are {listed}"
                )
            if all(now[name] == shape for name, shape in wanted.items()):
                return
            wanted = {**self._shapes, **wanted}
            graph = self._read(wanted)
            program = None if self._context is None else _made(graph, self._context)
            self._take(graph)
            self._program, self._shapes = program, wanted

    def close(self) -> None:
        """End the threads of ``predict_async``; what was submitted is finished first. The model may be used again."""
        pool = self._take_pool()
        if pool is not None:
            pool.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Model cannot be copied or pickled: make one in each process")

    def _take_pool(self) -> ThreadPoolExecutor | None:
        with self._lock:
            pool, self._pool = self._pool, None
        return pool

    def _built(self) -> Program:
        if self._program is None:
            raise UsageError("the model is not built", hint="Call build() first")
        return self._program


def _shapes(shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(operator.index(size) for size in shape) for name, shape in shapes.items()}


def _made(graph: Graph, context: Context) -> Program:
    return Program(graph, find_delegates(context.devices), context.threads or os.cpu_count() or 1)
