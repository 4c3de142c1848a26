"""What a path computes, layer by layer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from microgen.compiler import Compiled
from microgen.delegates.host_c import HostLibrary
from microgen.device import Stopped, run_firmware
from microgen.errors import DeviceFault, UsageError
from microgen.mindir import Array, Node, TensorType
from microgen.model import Context, Model
from microgen.npu import restored
from microgen.project import write_project
from microgen.runtime import Session
from microgen.runtime.delegate import REFERENCE, find_delegate
from microgen.target.elf import Elf
from microgen.target.fault import STACK_FAULT
from microgen.target.toolchain import build_project
from microgen.verification import layer_values

#: (layer, output of that layer)
Place: TypeAlias = tuple[int, int]
_REPEAT = 2
QEMU = "qemu:"


@dataclass(frozen=True, slots=True)
class Stack:
    """A firmware's stack, and how the run ended.

    ``reserved`` and ``used`` are bytes; ``used`` is the deepest of all invocations, 0 where the run ended early.
    ``overflow`` is the layer during which the stack's end was passed or reached, None where it was not. ``faulted``:
    the overflow ended the run. ``running`` is the layer during which the run ended early, whatever ended it; None where
    it did not, or in no layer.
    """

    reserved: int
    used: int = 0
    overflow: int | None = None
    faulted: bool = False
    running: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Every layer's outputs: [samples, invocations, *shape]. ``fault`` says how the path ended early, "" if it did not.

    ``exact``: integers must be those of the reference, byte for byte. ``inputs`` are the graph's inputs as they were
    when the network started, likewise, where the path tells them; ``stack`` says whether a stack was large enough.
    """

    path: str
    layers: Mapping[Place, Array]
    exact: bool
    fault: str = ""
    inputs: Sequence[Array] = ()
    stack: Stack | None = None


Observer: TypeAlias = Callable[[Sequence[Array]], Observation]


def places(compiled: Compiled) -> list[Place]:
    """The outputs of all layers in the order in which they are computed."""
    return [(i, k) for i, node in enumerate(compiled.graph.nodes) for k in range(len(node.outputs))]


def reference(compiled: Compiled, inputs: Sequence[Array]) -> Observation:
    """The exact path."""
    values = Session(compiled.graph).run_all(inputs)
    arrays = {p: values[compiled.graph.nodes[p[0]].outputs[p[1]]][:, None] for p in places(compiled)}
    return Observation(REFERENCE, arrays, exact=True, inputs=[a[:, None] for a in inputs])


def make_observer(path: str, compile_for: Callable[[str], Compiled], compiled: Compiled) -> Observer:
    """How to observe ``path``: a delegate's name, or ``qemu:BOARD``, for which ``compile_for`` compiles the model.

    ``compiled`` has the graph that all paths run. UsageError for a path that does not exist.
    """
    if path == REFERENCE:
        return lambda inputs: reference(compiled, inputs)
    if path.startswith(QEMU):
        target = compile_for(path.removeprefix(QEMU))
        return lambda inputs: on_emulator(path, target, inputs)
    if ":" in path:
        raise UsageError(f"unknown path {path!r}", where="--paths", hint=f"On an emulated board: {QEMU}BOARD")
    delegate = find_delegate(path)
    if path == "c":
        return lambda inputs: _on_host_c(compiled, inputs)
    return lambda inputs: _by_operator(path, compiled, delegate.exact, inputs)


def _on_host_c(compiled: Compiled, inputs: Sequence[Array]) -> Observation:
    """The whole network at once, as the device runs it."""
    values = HostLibrary(restored(compiled.graph), 1, traced=True).trace(inputs)
    arrays = {p: values[compiled.graph.nodes[p[0]].outputs[p[1]]][:, None] for p in places(compiled)}
    return Observation("c", arrays, exact=True)


def _by_operator(path: str, compiled: Compiled, exact: bool, inputs: Sequence[Array]) -> Observation:
    graph = restored(compiled.graph)
    model = Model(graph).build(Context((path,)))
    found: dict[str, list[list[Array]]] = {}

    def after(node: Node, outputs: Sequence[Array]) -> None:
        # Once for all samples, or once for each of a stream.
        found.setdefault(node.name, []).append([np.array(a) for a in outputs])

    model.predict(inputs, after=after)
    arrays: dict[Place, Array] = {}
    for layer, number in places(compiled):
        value = compiled.graph.nodes[layer].outputs[number]
        node = graph.producer(value)
        assert node is not None
        parts = [outputs[node.outputs.index(value)] for outputs in found[node.name]]
        arrays[layer, number] = np.concatenate(parts)[:, None]
    return Observation(path, arrays, exact)


def on_emulator(path: str, compiled: Compiled, inputs: Sequence[Array]) -> Observation:
    """The traced firmware: every sample twice, in a poisoned arena."""
    types = [v.type for _, _, v in layer_values(compiled)]
    outputs = [v.type for v in compiled.graph.outputs]
    seen = [v.type for v in compiled.graph.inputs]
    with tempfile.TemporaryDirectory(prefix="microgen-compare-") as folder:
        write_project(compiled.files, Path(folder) / "project")
        elf = build_project(Path(folder) / "project", variables={"TRACE": "1"}).elf
        symbols = Elf(elf)
        reserved = symbols.symbol("__stack_top").address - symbols.symbol("__stack_limit").address
        try:
            run = run_firmware(
                compiled.board,
                elf,
                inputs,
                outputs,
                trace=types,
                seen=seen,
                repeat=1 if compiled.graph.states else _REPEAT,
                poison=True,
                network=compiled.index,
            )
        except Stopped as fault:
            running = _running(compiled, types, fault.traced)
            faulted = STACK_FAULT in fault.what
            overflow = fault.stack_end if fault.stack_end is not None else running if faulted else None
            stack = Stack(reserved, overflow=overflow, faulted=faulted, running=running)
            return Observation(path, {}, exact=True, fault=str(fault), stack=stack)
        except DeviceFault as fault:
            return Observation(path, {}, exact=True, fault=str(fault))
    stack = Stack(reserved, run.stack_bytes, run.stack_end)
    traces = dict(zip(places(compiled), run.trace, strict=True))
    return Observation(path, traces, exact=True, inputs=run.seen, stack=stack)


def _running(compiled: Compiled, types: Sequence[TensorType], traced: int) -> int | None:
    """The layer behind the last one that wrote its results to a trace of so many bytes; None without any layer."""
    invocation = sum(t.nbytes for t in types)
    left = traced % invocation if invocation else 0
    for (layer, _), t in zip(places(compiled), types, strict=True):
        if left < t.nbytes:
            return layer
        left -= t.nbytes
    return None
