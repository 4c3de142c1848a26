"""The pass that hands parts of an optimized graph to an Ethos-U: what Vela takes and computes exactly."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microgen.errors import InputError, MicrogenError, UnsupportedError, UsageError, one_line
from microgen.exporters import tflite as exporter
from microgen.mindir import Graph, Node, Value, verify
from microgen.npu.accelerators import accelerator
from microgen.npu.claims import refusal
from microgen.npu.compiled import Compiled
from microgen.npu.decoder import check_installed
from microgen.npu.groups import group, in_order
from microgen.npu.operator import EthosU
from microgen.npu.vela import NotWhollyError, compile_for_npu
from microgen.ops.base import op_of
from microgen.runtime.partition import subgraph

_NUMBER, _NAME = r"\d{1,10}", r"[^-].*"
_VALUES = {
    "arena-cache-size": _NUMBER,
    "config": _NAME,
    "hillclimb-max-iterations": _NUMBER,
    "max-block-dependency": "[0-3]",
    "memory-mode": _NAME,
    "optimise": "Size|Performance",
    "recursion-limit": _NUMBER,
    "system-config": _NAME,
    "tensor-allocator": "LinearAlloc|Greedy|HillClimb",
}
#: Options of Vela that a user may give; the others would change what is written where.
VELA_OPTIONS = tuple(_VALUES)
_CACHED = 32
_FREE = "costs nothing on the core, and stands at the border of what the NPU computes"
_MOVES = "only moves data, and not between layers of the NPU"


@dataclass(frozen=True, slots=True)
class NpuTarget:
    """An NPU to compile for: one of ``ACCELERATORS``, and options of Vela as ``NAME=VALUE`` (names of VELA_OPTIONS).

    Raises UsageError for an unknown accelerator, an unknown option and a configuration file that does not exist.
    """

    accelerator: str
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        accelerator(self.accelerator)
        object.__setattr__(self, "arguments", tuple(_arguments(self.options)))


def _arguments(options: Sequence[str]) -> Iterator[str]:
    for option in options:
        name, separator, value = option.partition("=")
        if name not in _VALUES or not separator:
            hint = f"Use NAME=VALUE with one of {', '.join(VELA_OPTIONS)}"
            raise UsageError(f"{one_line(option, 60)!r} is no option of Vela", where="--npu-option", hint=hint)
        if re.fullmatch(_VALUES[name], value) is None:
            known = {_NUMBER: "a number", _NAME: "a name"}.get(_VALUES[name], _VALUES[name].replace("|", " or "))
            raise UsageError(f"{one_line(value, 60)!r} is not {known}", where=f"--npu-option {name}")
        if name == "config" and (Path(value).is_absolute() or Path(value).is_file()):
            # Vela runs elsewhere. Other names, Arm/vela.ini for example, are those of its own files.
            if not Path(value).is_file():
                raise UsageError("is no file", where=f"--npu-option config={value}")
            value = str(Path(value).resolve())
        yield f"--{name}"
        yield value


@dataclass(frozen=True, slots=True)
class Offloaded:
    """``graph`` with parts as ``EthosU`` nodes; ``refusals`` gives for layers of the original graph that stay on the
    processor the reason.
    """

    graph: Graph
    refusals: Mapping[Node, str]

    @property
    def parts(self) -> list[tuple[Node, EthosU]]:
        """The nodes that the NPU runs."""
        return [(node, node.op) for node in self.graph.nodes if isinstance(node.op, EthosU)]

    def as_json(self) -> dict[str, object]:
        """Parts and refusals by name."""
        return {
            "parts": [
                {"name": node.name, "layers": list(op.inside_names), "cycles": op.npu_cycles,
                 "commands": len(op.compiled.command_stream), "weights": len(op.compiled.weights)}
                for node, op in self.parts
            ],
            "refusals": [
                {"name": node.name, "op": node.op.name, "reason": reason} for node, reason in self.refusals.items()
            ],
        }  # fmt: skip


def offload(graph: Graph, target: NpuTarget) -> Offloaded:
    """Hand to the NPU what it computes byte for byte as the processor does, in as few parts as can be.

    ``graph`` is not changed. Layers that Vela leaves to the processor, or refuses, stay there. Raises ToolMissing
    without the package ethos-u-vela, and InputError, with the reasons, where nothing is left for the NPU.
    """
    check_installed()
    refusals = {node: reason for node in graph.nodes if (reason := refusal(node))}
    parts: list[tuple[list[Node], EthosU]] = []
    pending = True
    while pending:
        pending = False
        parts = []
        wanted = set(graph.nodes) - refusals.keys()
        for nodes in group(graph, wanted):
            part = subgraph(graph, nodes)
            try:
                parts.append((nodes, EthosU(_compiled(part, target), part)))
            except (InputError, NotWhollyError) as error:
                refusals.update(_blamed(part, error, target))
                pending = True
    taken = {node for nodes, _ in parts for node in nodes}
    for node in graph.nodes:
        if node not in taken:
            refusals.setdefault(node, _FREE if op_of(node).is_view else _MOVES)
    if not parts:
        lines = dict.fromkeys(f"{node.op.name}: {reason}" for node, reason in refusals.items())
        hint = "It computes int8 networks: quantize with --calibration, or leave out --npu"
        raise InputError(f"nothing in the model is for the NPU ({'; '.join(lines)})", hint=hint)
    replaced: dict[Node, Node] = {}
    for index, (nodes, op) in enumerate(parts):
        node = Node(op, op.layers.inputs, op.layers.outputs, f"npu_{index}")
        replaced.update(dict.fromkeys(nodes, node))
    offloaded = Graph(graph.name, graph.inputs, graph.outputs, in_order(graph, replaced), graph.states)
    verify(offloaded)
    return Offloaded(offloaded, refusals)


def _blamed(part: Graph, error: MicrogenError, target: NpuTarget) -> dict[Node, str]:
    """The layers of ``part`` that keep Vela from taking all of it, at least one."""
    reasons = _explained(error)
    names = _names(part)
    found = {node: reasons[names[node]] for node in part.nodes if names[node] in reasons}
    if found:
        return found
    if len(part.nodes) > 1:
        for node in part.nodes:
            try:
                _compiled(subgraph(part, [node]), target)
            except (InputError, NotWhollyError) as alone:
                found[node] = f"Vela: {_text(alone)}"
    return found or {node: f"Vela: {_text(error)}" for node in part.nodes}


def _text(error: MicrogenError) -> str:
    return "; ".join(error.problems) if isinstance(error, UnsupportedError) else error.what


def _explained(error: MicrogenError) -> dict[str, str]:
    """Vela's reasons by the name of the layer's first output."""
    found = {}
    for problem in error.problems if isinstance(error, NotWhollyError) else ():
        layer, _, reason = problem.partition(": ")
        # A layer that was prepared for Vela consists of several, with names below its own.
        found[layer.partition(" ")[0].partition("/")[0]] = f"Vela: {reason}"
    return found


def _names(part: Graph) -> dict[Node, str]:
    return {node: f"layer{index}" for index, node in enumerate(part.nodes)}


def _compiled(part: Graph, target: NpuTarget) -> Compiled:
    return _by_vela(exporter.save(_renamed(part), int4=False), target.accelerator, target.arguments)


@functools.lru_cache(_CACHED)
def _by_vela(model: bytes, name: str, arguments: tuple[str, ...]) -> Compiled:
    return compile_for_npu(model, name, arguments)


def _renamed(part: Graph) -> Graph:
    """``part`` with names of our own, by which Vela's messages can be understood whatever the model's are."""
    labels = _names(part)
    new: dict[Value, Value] = {}
    for index, value in enumerate(part.values()):
        new[value] = Value(f"tensor{index}", value.type, value.data)
    for node, label in labels.items():
        for index, value in enumerate(node.outputs):
            new[value] = Value(label if index == 0 else f"{label}/{index}", value.type)
    nodes = [
        Node(n.op, tuple(None if v is None else new[v] for v in n.inputs), tuple(new[v] for v in n.outputs), labels[n])
        for n in part.nodes
    ]
    return Graph("part", [new[v] for v in part.inputs], [new[v] for v in part.outputs], nodes)
