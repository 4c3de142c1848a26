"""``microgen verify``: host against device, every layer, byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.compiler import Compiled
from microgen.device import DeviceRun, run_firmware
from microgen.errors import UsageError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.toolchain import build_project

# Traces of one run are kept below this, so that any number of samples fits into memory.
_TRACE_BYTES = 1 << 26
_REPEAT = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where the device differs from the host."""

    layer: int
    name: str
    op: str
    sample: int
    invocation: int
    element: tuple[int, ...]
    host: str
    device: str
    differing: int

    def __str__(self) -> str:
        place = f"sample {self.sample}, invocation {self.invocation}, element {list(self.element)}"
        return (
            f"layer {self.layer} {self.name} ({self.op}) differs first: {place}: host {self.host}, "
            f"device {self.device}; {self.differing} elements of this layer differ in this run"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one board. ``difference`` is None when every byte agrees."""

    board: str
    samples: int
    layers: int
    difference: Difference | None

    @property
    def bit_exact(self) -> bool:
        """Whether host and device computed the same bytes."""
        return self.difference is None


def sample_inputs(types: Sequence[TensorType], samples: int, seed: int = 0) -> list[Array]:
    """Edge inputs (all lowest, all highest, all zero point), then ``samples`` random ones; [count, *shape] each."""
    generator = np.random.default_rng(seed)
    return [np.concatenate([_edges(t), _random(t, samples, generator)]) for t in types]


def _edges(t: TensorType) -> Array:
    if t.dtype is DType.FLOAT32:
        values: Sequence[float] = (-1e6, 1e6, 0.0)
    elif t.dtype is DType.BOOL:
        values = (0, 1, 0)
    else:
        low, high = t.dtype.limits
        values = (low, high, t.quant.zero_point if t.quant is not None else 0)
    return np.stack([np.full(t.shape, v, t.dtype.numpy) for v in values])


def _random(t: TensorType, samples: int, generator: np.random.Generator) -> Array:
    shape = (samples, *t.shape)
    if t.dtype is DType.FLOAT32:
        return generator.normal(0.0, 2.0, shape).astype(np.float32)
    if t.dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    low, high = t.dtype.limits
    return generator.integers(low, high, shape, dtype=t.dtype.value, endpoint=True)


def layer_values(compiled: Compiled) -> list[tuple[int, Node, Value]]:
    """(layer index, node, output) in the order in which a traced build reports them."""
    return [(i, n, v) for i, n in enumerate(compiled.graph.nodes) for v in n.outputs]


def verify_board(
    compiled: Compiled,
    *,
    samples: int = 10,
    seed: int = 0,
    inputs: Sequence[Array] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Build ``compiled`` with and without trace, run both on its board's emulator and compare with the host.

    The arena is poisoned before each sample and each sample runs twice in a row. ``inputs`` replaces the
    generated ones. ``progress`` is told (samples done, samples in all). Raises what building and running raise.
    """
    if compiled.board.emulator is None:
        raise UsageError(f"board {compiled.board.name} has no emulator", hint="Choose one that has: microgen boards")
    session = Session(compiled.graph)
    data = list(inputs) if inputs is not None else sample_inputs([v.type for v in compiled.graph.inputs], samples, seed)
    total = len(data[0])
    traced = layer_values(compiled)
    trace_types = [v.type for _, _, v in traced]
    output_types = [v.type for v in compiled.graph.outputs]
    batch = max(1, _TRACE_BYTES // (sum(t.nbytes for t in trace_types) * _REPEAT + 1))
    with tempfile.TemporaryDirectory(prefix="microgen-verify-") as name:
        firmware = {}
        for label, variables in (("traced", {"TRACE": "1"}), ("plain", {})):
            write_project(compiled.files, Path(name) / label)
            firmware[label] = build_project(Path(name) / label, variables=variables).elf
        for start in range(0, total, batch):
            part = [a[start : start + batch] for a in data]
            host = session.run_all(part)

            def run(label: str, trace: Sequence[TensorType], part: Sequence[Array] = part) -> DeviceRun:
                elf = firmware[label]
                return run_firmware(compiled.board, elf, part, output_types, trace=trace, repeat=_REPEAT, poison=True)

            with_trace = run("traced", trace_types)
            layers = ((i, n, host[v], t) for (i, n, v), t in zip(traced, with_trace.trace, strict=True))
            difference = _first_difference(layers, start)
            end = len(compiled.graph.nodes)
            for outcome in (with_trace, run("plain", ())) if difference is None else ():
                outputs = _outputs(compiled, host, outcome, end)
                difference = difference or _first_difference(outputs, start)
            if difference is not None:
                return Verdict(compiled.board.name, total, end, difference)
            progress(min(start + batch, total), total)
    return Verdict(compiled.board.name, total, len(compiled.graph.nodes), None)


def _outputs(
    compiled: Compiled, host: dict[Value, Array], run: DeviceRun, end: int
) -> Iterator[tuple[int, Node | None, Array, Array]]:
    for value, array in zip(compiled.graph.outputs, run.outputs, strict=True):
        expected = host[value] if value in host else np.broadcast_to(value.const, (len(array), *value.shape))
        yield end, compiled.graph.producer(value), expected, array


def _first_difference(layers: Iterator[tuple[int, Node | None, Array, Array]], first_sample: int) -> Difference | None:
    for index, node, host, device in layers:
        # Bytes are compared, not numbers: -0.0 and NaN must be the same too.
        wanted = np.ascontiguousarray(host).view(np.uint8)
        found = np.ascontiguousarray(device).view(np.uint8)
        for invocation in range(device.shape[1]):
            if np.array_equal(found[:, invocation], wanted):
                continue
            width = host.dtype.itemsize
            unequal = (found[:, invocation] != wanted).reshape(-1, width).any(axis=1)
            flat = int(np.flatnonzero(unequal)[0])
            sample, *element = (int(i) for i in np.unravel_index(flat, host.shape))
            return Difference(
                index,
                node.name if node else "output",
                node.op.name if node else "-",
                first_sample + sample,
                invocation,
                tuple(element),
                str(host.reshape(-1)[flat]),
                str(device[:, invocation].reshape(-1)[flat]),
                int(unequal.sum()),
            )
    return None
