"""``microgen bench --host``: how long a model takes on this computer, path by path, and how right it is.

Wall time: good for comparing paths in one run on a quiet computer, and for nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, UsageError, one_line
from microgen.exporters import check_folder
from microgen.mindir import Array, Node, Value
from microgen.model import Model

Reals = NDArray[np.float64]

_NAME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """The mean time of one operator in a loop, in milliseconds, and the path that ran it."""

    index: int
    name: str
    op: str
    path: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How an output compares with what was expected of it, both as real numbers.

    ``bias`` is the mean of |found - expected| over the mean of |expected| (of whichever is not 0), ``cosine`` that of
    the angle between the two, ``largest`` the largest difference.
    """

    name: str
    bias: float
    cosine: float
    largest: float


@dataclass(frozen=True, slots=True)
class HostFigures:
    """One path's figures. Times are milliseconds per loop, which runs all samples.

    ``operators`` are timed one by one in a run of their own, without what joining them saves.
    """

    paths: tuple[str, ...]
    threads: int
    samples: int
    loops: int
    warmup: int
    shortest: float
    longest: float
    mean: float
    operators: tuple[OperatorTime, ...]
    accuracy: tuple[Accuracy, ...]

    def by_type(self) -> list[tuple[str, int, float]]:
        """(operator, how many, milliseconds), the slowest first."""
        totals: dict[str, tuple[int, float]] = {}
        for entry in self.operators:
            count, spent = totals.get(entry.op, (0, 0.0))
            totals[entry.op] = count + 1, spent + entry.milliseconds
        return sorted(((op, *rest) for op, rest in totals.items()), key=lambda row: -row[2])

    def as_json(self) -> dict[str, Any]:
        """The documented JSON object."""
        return {
            "paths": list(self.paths),
            "threads": self.threads,
            "samples": self.samples,
            "loops": self.loops,
            "warmup": self.warmup,
            "milliseconds": {"min": self.shortest, "max": self.longest, "mean": self.mean},
            "operators": [{name: getattr(o, name) for name in OperatorTime.__slots__} for o in self.operators],
            "accuracy": [{name: getattr(a, name) for name in Accuracy.__slots__} for a in self.accuracy],
        }


def bench_host(
    model: Model,
    inputs: Sequence[Array],
    *,
    loops: int = 10,
    warmup: int = 3,
    expected: Mapping[str, Array] | None = None,
) -> HostFigures:
    """Time a built ``model`` on ``inputs`` ([samples, *shape] each) over ``loops`` runs after ``warmup`` untimed ones.

    ``expected`` maps outputs' names to what they should be, [samples, *shape], as real numbers or in the output's own
    element type. InputError where it does not fit, UsageError unless a run is timed.
    """
    if loops < 1 or warmup < 0:
        raise UsageError(f"{loops} runs after {warmup} are not possible")
    context = model.context
    samples = len(inputs[0]) if inputs else 1
    wanted = {} if expected is None else {v.name: _expected(v, expected, samples) for v in model.graph.outputs}
    for _ in range(warmup):
        model.predict(inputs)
    spent = []
    results: list[Array] = []
    for _ in range(loops):
        begin = time.perf_counter()
        results = model.predict(inputs)
        spent.append((time.perf_counter() - begin) * 1e3)
    pairs = zip(model.graph.outputs, results, strict=True)
    accuracy = tuple(_accuracy(v, found, wanted[v.name]) for v, found in pairs if v.name in wanted)
    return HostFigures(
        tuple(context.devices),
        context.threads,
        samples,
        loops,
        warmup,
        min(spent),
        max(spent),
        sum(spent) / len(spent),
        _operators(model, inputs, min(loops, 3)),
        accuracy,
    )


def _operators(model: Model, inputs: Sequence[Array], loops: int) -> tuple[OperatorTime, ...]:
    spent: dict[Node, float] = {}
    begin = 0.0

    def before(node: Node, arrays: Sequence[Array]) -> None:
        nonlocal begin
        begin = time.perf_counter()

    def after(node: Node, arrays: Sequence[Array]) -> None:
        spent[node] = spent.get(node, 0.0) + (time.perf_counter() - begin) * 1e3

    model.predict(inputs, before=before, after=after)  # compiles what runs alone for the first time
    spent.clear()
    for _ in range(loops):
        model.predict(inputs, before=before, after=after)
    return tuple(
        OperatorTime(index, a.node.name, a.node.op.name, a.delegate.name, spent[a.node] / loops)
        for index, a in enumerate(model.assignments)
    )


def _real(value: Value, array: Array) -> Reals:
    """``array`` in real numbers: what has the output's integer type is dequantized."""
    quant = value.type.quant
    if quant is None or array.dtype.kind == "f":
        return array.astype(np.float64)
    return (array.astype(np.float64) - quant.zero_point) * quant.scale


def _expected(value: Value, given: Mapping[str, Array], samples: int) -> Reals:
    where = f"expected output {one_line(value.name, _NAME_LIMIT)}"
    if value.name not in given:
        listed = ", ".join(one_line(name, _NAME_LIMIT) for name in sorted(given)) or "none"
        raise InputError("is missing", where=where, hint=f"The file has {listed}")
    array = np.asarray(given[value.name])
    if array.size != samples * value.type.elements or array.dtype.kind not in "biuf":
        raise InputError(f"is {array.dtype} {list(array.shape)}, not {[samples, *value.shape]}", where=where)
    return _real(value, array.reshape(samples, *value.shape))


def _accuracy(value: Value, found: Array, expected: Reals) -> Accuracy:
    real = _real(value, found)
    difference = np.abs(real - expected)
    size = np.abs(expected)
    scale = float(size[size > 0].mean()) if (size > 0).any() else 1.0
    norm = float(np.linalg.norm(real) * np.linalg.norm(expected))
    # Two zero vectors agree; a zero and another one do not.
    cosine = float(np.vdot(real, expected)) / norm if norm else float(not difference.any())
    largest = float(difference.max(initial=0.0))
    return Accuracy(value.name, float(difference.mean()) / scale, cosine, largest)


def check_dump(folder: Path) -> None:
    """InputError where ``dump_tensors`` cannot write into ``folder``."""
    check_folder(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("exists and is not an empty folder", where=str(folder), hint="Name a new one")


def dump_tensors(model: Model, inputs: Sequence[Array], folder: Path) -> int:
    """Write every operator's outputs as ``NNN_output.npy`` into ``folder``, which must be new or empty, with an
    ``index.tsv`` of files, names, operators and paths. Returns how many files there are.
    """
    check_dump(folder)
    lines = ["file\tname\toperator\tpath"]
    paths = {a.node: a.delegate.name for a in model.assignments}
    position = {a.node: index for index, a in enumerate(model.assignments)}
    try:
        folder.mkdir(exist_ok=True)

        def after(node: Node, arrays: Sequence[Array]) -> None:
            for number, array in enumerate(arrays):
                name = f"{position[node]:03}_{number}.npy"
                np.save(folder / name, array, allow_pickle=False)
                lines.append(f"{name}\t{one_line(node.name)}\t{node.op.name}\t{paths[node]}")

        model.predict(inputs, after=after)
        (folder / "index.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    return len(lines) - 1
