"""``microgen verify``: host against device, every layer.

Integers are compared byte for byte. Floats are compared within a tolerance, for the device adds in another order and
has its own exponentials; so are integers that depend on floats, which may be rounded to the next step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microgen.compiler import Compiled
from microgen.device import DeviceRun, run_firmware
from microgen.errors import UsageError
from microgen.mindir import Array, DType, Graph, Node, TensorType, Value
from microgen.ops.base import every_value, op_of
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.toolchain import build_project

# Traces of one run are kept below this, so that any number of samples fits into memory.
_TRACE_BYTES = 1 << 26
_REPEAT = 2
#: How far a float may be off, as a share of the largest magnitude that its layer has on the host in a run.
TOLERANCE = 1e-5


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
    allowed: float = 0.0

    def __str__(self) -> str:
        place = f"sample {self.sample}, invocation {self.invocation}, element {list(self.element)}"
        more = f" by more than {self.allowed:.3g}" if self.allowed else ""
        return (
            f"layer {self.layer} {self.name} ({self.op}) differs first: {place}: host {self.host}, "
            f"device {self.device}; {self.differing} elements of this layer differ{more} in this run"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one board. ``difference`` is None when every layer agrees: in every byte when ``exact``,
    otherwise floats within ``TOLERANCE`` of their layer's largest magnitude and what depends on them within a step.
    """

    board: str
    samples: int
    layers: int
    difference: Difference | None
    exact: bool = True

    @property
    def agrees(self) -> bool:
        """Whether host and device computed the same, as far as it can be asked for."""
        return self.difference is None

    @property
    def bit_exact(self) -> bool:
        """Whether host and device computed the same bytes."""
        return self.agrees and self.exact

    @property
    def agreement(self) -> str:
        """What holds of host and device, in words."""
        if not self.agrees:
            return "do NOT agree"
        return "bit-exact" if self.exact else f"agrees within {TOLERANCE:g}"


def sample_inputs(types: Sequence[TensorType], samples: int, seed: int = 0) -> list[Array]:
    """Edge inputs (all lowest, all highest, all zero point), then ``samples`` random ones; [count, *shape] each."""
    generator = np.random.default_rng(seed)
    return [np.concatenate([_edges(t), _random(t, samples, generator)]) for t in types]


def _edges(t: TensorType) -> Array:
    if t.dtype.is_float:
        values: Sequence[float] = (-4.0, 4.0, 0.0)
    elif t.dtype is DType.BOOL:
        values = (0, 1, 0)
    else:
        low, high = t.dtype.limits
        values = (low, high, t.quant.zero_points[0] if t.quant is not None else 0)
    return np.stack([np.full(t.shape, v, t.dtype.numpy) for v in values])


def _random(t: TensorType, samples: int, generator: np.random.Generator) -> Array:
    shape = (samples, *t.shape)
    if t.dtype.is_float:
        return generator.normal(0.0, 2.0, shape).astype(t.dtype.numpy)
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

    The arena is poisoned before each sample and each sample runs twice in a row; of a network with states the samples
    are a stream, in which each runs once and the poison spares the states. ``inputs`` replaces the generated ones.
    ``progress`` is told (samples done, samples in all). Raises what building and running raise.
    """
    if compiled.board.emulator is None:
        raise UsageError(f"board {compiled.board.name} has no emulator", hint="Choose one that has: microgen boards")
    session = Session(compiled.graph)
    data = list(inputs) if inputs is not None else sample_inputs([v.type for v in compiled.graph.inputs], samples, seed)
    total = len(data[0]) if data else 1
    traced = layer_values(compiled)
    trace_types = [v.type for _, _, v in traced]
    output_types = [v.type for v in compiled.graph.outputs]
    rounded = behind_floats(compiled.graph)
    exact = True
    repeat = 1 if compiled.graph.states else _REPEAT
    batch = max(1, _TRACE_BYTES // (sum(t.nbytes for t in trace_types) * repeat + 1))
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
                return run_firmware(
                    compiled.board,
                    elf,
                    part,
                    output_types,
                    trace=trace,
                    repeat=repeat,
                    poison=True,
                    network=compiled.index,
                )

            with_trace = run("traced", trace_types)
            layers = [
                _Layer(i, n, host[v], t, v in rounded) for (i, n, v), t in zip(traced, with_trace.trace, strict=True)
            ]
            difference = _first_difference(layers, start)
            end = len(compiled.graph.nodes)
            for outcome in (with_trace, run("plain", ())) if difference is None else ():
                outputs = list(_outputs(compiled, host, outcome, rounded))
                layers += outputs
                difference = difference or _first_difference(outputs, start)
            if difference is not None:
                return Verdict(compiled.board.name, total, end, difference, exact=False)
            exact = exact and all(layer.is_exact for layer in layers)
            progress(min(start + batch, total), total)
    return Verdict(compiled.board.name, total, len(compiled.graph.nodes), None, exact)


def behind_floats(graph: Graph) -> set[Value]:
    """The quantized values that depend on float ones, which may be a step off."""
    floats = {value for value in graph.values() if value.type.dtype.is_float}
    for node in graph.nodes:
        inner = any(v.type.dtype.is_float for part in op_of(node).graphs for v in every_value(part))
        if inner or not floats.isdisjoint(v for v in node.inputs if v is not None and not v.is_const):
            floats.update(node.outputs)
    return {value for value in floats if value.type.quant is not None}


@dataclass(frozen=True, slots=True)
class _Layer:
    """One result on the host [samples, *shape] and on the device [samples, invocations, *shape].

    ``rounded`` tells that it may be a step off.
    """

    index: int
    node: Node | None
    host: Array
    device: Array
    rounded: bool

    @property
    def is_exact(self) -> bool:
        return all(not self.unequal_bytes(i).any() for i in range(self.device.shape[1]))

    @property
    def allowed(self) -> float:
        """How far an element may be off."""
        if self.host.dtype.kind != "f":
            return 1.0 if self.rounded else 0.0
        finite = np.abs(self.host[np.isfinite(self.host)])
        return float(finite.max(initial=0.0)) * TOLERANCE

    def unequal_bytes(self, invocation: int) -> NDArray[np.bool_]:
        """Which elements differ, flattened. Bytes are compared, not numbers."""
        wanted = np.ascontiguousarray(self.host).view(np.uint8)
        found = np.ascontiguousarray(self.device[:, invocation]).view(np.uint8)
        unequal: NDArray[np.bool_] = (found != wanted).reshape(-1, self.host.dtype.itemsize).any(axis=1)
        return unequal

    def differing(self, invocation: int) -> NDArray[np.bool_]:
        """Which elements differ by more than is allowed, flattened; NaN equals NaN."""
        unequal = self.unequal_bytes(invocation)
        if self.allowed or self.host.dtype.kind == "f":
            host = self.host.reshape(-1).astype(np.float64)
            device = self.device[:, invocation].reshape(-1).astype(np.float64)
            with np.errstate(invalid="ignore"):
                near = (np.abs(host - device) <= self.allowed) | (host == device)
            unequal &= ~(near | (np.isnan(host) & np.isnan(device)))
        return unequal


def _outputs(compiled: Compiled, host: dict[Value, Array], run: DeviceRun, rounded: set[Value]) -> Iterator[_Layer]:
    end = len(compiled.graph.nodes)
    for value, array in zip(compiled.graph.outputs, run.outputs, strict=True):
        expected = host[value] if value in host else np.broadcast_to(value.const, (len(array), *value.shape))
        yield _Layer(end, compiled.graph.producer(value), expected, array, value in rounded)


def _first_difference(layers: Iterable[_Layer], first_sample: int) -> Difference | None:
    for layer in layers:
        for invocation in range(layer.device.shape[1]):
            unequal = layer.differing(invocation)
            if not unequal.any():
                continue
            flat = int(np.flatnonzero(unequal)[0])
            sample, *element = (int(i) for i in np.unravel_index(flat, layer.host.shape))
            return Difference(
                layer.index,
                layer.node.name if layer.node else "output",
                layer.node.op.name if layer.node else "-",
                first_sample + sample,
                invocation,
                tuple(element),
                str(layer.host.reshape(-1)[flat]),
                str(layer.device[:, invocation].reshape(-1)[flat]),
                int(unequal.sum()),
                layer.allowed,
            )
    return None
