"""``microgen evaluate``: how right a model is on a data set, on every path, and where the paths part.

A path is one of the host's, ``reference`` among them, or ``qemu:BOARD``: the compiled firmware on the emulated board.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from microgen.boards import load_board
from microgen.compare.observe import QEMU
from microgen.compiler import Options, Source, compile_graph, device_form, read_source
from microgen.data.config import Preprocess
from microgen.data.datasets import Dataset
from microgen.device import run_firmware
from microgen.errors import UsageError, one_line
from microgen.metrics import Reals
from microgen.mindir import Array, Graph, Value
from microgen.model import Context, Model
from microgen.ops.layout import Permutation
from microgen.project import write_project
from microgen.quantize.observe import Progress, silent
from microgen.runtime.delegate import REFERENCE
from microgen.scoring import Evaluation, Judge, PathFigures, choose_metric
from microgen.target.toolchain import build_project

# How many samples are computed at once on the host, and on an emulated board.
_HOST_BATCH, _DEVICE_BATCH = 256, 64

Predict: TypeAlias = Callable[[Sequence[Array]], list[Array]]


class Subject:
    """A model file that is to be evaluated: read, quantized where ``options`` say so, compiled for boards on demand."""

    def __init__(self, path: Path, options: Options | None = None, progress: Progress = silent) -> None:
        """Errors as ``compile_model``."""
        self.options = options = options or Options()
        self.source: Source = read_source(path, options, progress)
        self.graph: Graph
        self.layouts: Mapping[str, Permutation]
        self.graph, self.layouts = device_form(self.source.graph, self.source.channels_first, options)

    def predictor(self, path: str) -> AbstractContextManager[tuple[Predict, int]]:
        """What computes the outputs on ``path``, and how many samples it is given at once.

        Raises UsageError for a path that does not exist or a board without emulator, and what building raises.
        """
        if path.startswith(QEMU):
            return self._on_board(path.removeprefix(QEMU))
        if ":" in path:
            raise UsageError(f"unknown path {path!r}", where="--paths", hint=f"On an emulated board: {QEMU}BOARD")
        model = Model(self.graph).build(Context(() if path == REFERENCE else (path,)))
        return nullcontext((model.predict, _HOST_BATCH))

    @contextmanager
    def _on_board(self, name: str) -> Iterator[tuple[Predict, int]]:
        board = load_board(name)
        if board.emulator is None:
            raise UsageError(f"board {name} has no emulator", where="--paths", hint="See: microgen boards")
        s = self.source
        compiled = compile_graph(
            s.graph, board, self.options, model_file=s.model_file, sha256=s.sha256, channels_first=s.channels_first
        )
        types = [v.type for v in compiled.graph.outputs]
        with tempfile.TemporaryDirectory(prefix="microgen-evaluate-") as folder:
            write_project(compiled.files, Path(folder) / "project")
            elf = build_project(Path(folder) / "project").elf

            def predict(inputs: Sequence[Array]) -> list[Array]:
                return [a[:, 0] for a in run_firmware(board, elf, inputs, types).outputs]

            yield predict, _DEVICE_BATCH


def metric_of(subject: Subject, dataset: Dataset, metric: str | None = None, output: str | None = None) -> str:
    """The metric that ``evaluate`` will use; its errors for what does not exist."""
    return choose_metric(metric, subject.graph, _output(subject.graph, output), dataset)


def evaluate(
    subject: Subject,
    dataset: Dataset,
    paths: Sequence[str] = (REFERENCE,),
    *,
    metric: str | None = None,
    output: str | None = None,
    top: int = 5,
    preprocess: Preprocess = Preprocess(),
    progress: Progress = silent,
) -> Evaluation:
    """Run ``dataset`` through the model on every path and compare one output (``output``: its name) with what is known.

    ``metric``: ``accuracy`` of a classifier (the default where there are labels); ``mse`` and ``mae`` between the
    output and the data set's targets, or the input where there are none and the output has its shape; ``auc``: how well
    the error of a reconstruction tells samples of label 1 from those of label 0 (the default for labels of a model
    whose output has the input's shape). ``top`` is K of top-K. ``progress`` is told (path, samples done, in all).

    Raises InputError where the data do not serve the model or the metric, UsageError for what does not exist.
    """
    if subject.options.frontend is not None and preprocess.sample_rate is None:
        preprocess = replace(preprocess, sample_rate=subject.options.frontend.sample_rate)
    value = _output(subject.graph, output)
    index = subject.graph.outputs.index(value)
    judge = Judge(subject.graph, value, dataset, metric, top)
    ports = [(v.name, v.type) for v in subject.graph.inputs]
    figures: list[PathFigures] = []
    first: Array | None = None
    for path in dict.fromkeys(paths):
        parts: list[Array] = []
        errors: list[Reals] = []
        progress(path, 0, len(dataset))
        with subject.predictor(path) as (predict, size):
            done = 0
            for batch in dataset.batches(ports, preprocess, size=size, layouts=subject.layouts):
                found = predict(batch.inputs)[index]
                errors += judge.errors(batch.inputs, found, done)
                parts.append(found)
                done += len(found)
                progress(path, done, len(dataset))
        outputs = np.concatenate(parts)
        first = outputs if first is None else first
        figures.append(judge.figures(path, outputs, np.concatenate(errors) if errors else None, _same(first, outputs)))
    return judge.evaluation(tuple(figures))


def _output(graph: Graph, name: str | None) -> Value:
    names = [v.name for v in graph.outputs]
    listed = ", ".join(one_line(n, 60) for n in names)
    if name is None and len(names) == 1:
        return graph.outputs[0]
    if name is None:
        raise UsageError(f"the model has {len(names)} outputs", where="--output", hint=f"Name one of {listed}")
    if name not in names:
        raise UsageError(f"{one_line(name, 60)!r} is no output", where="--output", hint=f"Outputs are {listed}")
    return graph.outputs[names.index(name)]


def _same(first: Array, outputs: Array) -> int:
    """How many samples have the same bytes."""
    a, b = (np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8) for x in (first, outputs))
    return int((a == b).all(axis=1).sum())
