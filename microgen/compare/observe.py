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
from microgen.device import run_firmware
from microgen.errors import DeviceFault, UsageError
from microgen.mindir import Array, Node
from microgen.model import Context, Model
from microgen.project import write_project
from microgen.runtime import Session
from microgen.runtime.delegate import REFERENCE, find_delegate
from microgen.target.toolchain import build_project
from microgen.verification import layer_values

#: (layer, output of that layer)
Place: TypeAlias = tuple[int, int]
_REPEAT = 2
QEMU = "qemu:"


@dataclass(frozen=True, slots=True)
class Observation:
    """Every layer's outputs: [samples, invocations, *shape]. ``fault`` says how the path ended early, "" if it did not.

    ``exact``: integers must be those of the reference, byte for byte.
    """

    path: str
    layers: Mapping[Place, Array]
    exact: bool
    fault: str = ""


Observer: TypeAlias = Callable[[Sequence[Array]], Observation]


def places(compiled: Compiled) -> list[Place]:
    """The outputs of all layers in the order in which they are computed."""
    return [(i, k) for i, node in enumerate(compiled.graph.nodes) for k in range(len(node.outputs))]


def reference(compiled: Compiled, inputs: Sequence[Array]) -> Observation:
    """The exact path."""
    values = Session(compiled.graph).run_all(inputs)
    arrays = {p: values[compiled.graph.nodes[p[0]].outputs[p[1]]][:, None] for p in places(compiled)}
    return Observation(REFERENCE, arrays, exact=True)


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
    values = HostLibrary(compiled.graph, 1, traced=True).trace(inputs)
    arrays = {p: values[compiled.graph.nodes[p[0]].outputs[p[1]]][:, None] for p in places(compiled)}
    return Observation("c", arrays, exact=True)


def _by_operator(path: str, compiled: Compiled, exact: bool, inputs: Sequence[Array]) -> Observation:
    model = Model(compiled.graph).build(Context((path,)))
    found: dict[str, list[Array]] = {}

    def after(node: Node, outputs: Sequence[Array]) -> None:
        found[node.name] = [np.array(a) for a in outputs]

    model.predict(inputs, after=after)
    nodes = compiled.graph.nodes
    return Observation(path, {(i, k): found[nodes[i].name][k][:, None] for i, k in places(compiled)}, exact)


def on_emulator(path: str, compiled: Compiled, inputs: Sequence[Array]) -> Observation:
    """The traced firmware: every sample twice, in a poisoned arena."""
    types = [v.type for _, _, v in layer_values(compiled)]
    outputs = [v.type for v in compiled.graph.outputs]
    with tempfile.TemporaryDirectory(prefix="microgen-compare-") as folder:
        write_project(compiled.files, Path(folder) / "project")
        elf = build_project(Path(folder) / "project", variables={"TRACE": "1"}).elf
        try:
            run = run_firmware(
                compiled.board, elf, inputs, outputs, trace=types, repeat=_REPEAT, poison=True, network=compiled.index
            )
        except DeviceFault as fault:
            return Observation(path, {}, exact=True, fault=str(fault))
    return Observation(path, dict(zip(places(compiled), run.trace, strict=True)), exact=True)
