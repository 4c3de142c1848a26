"""``microgen bench``: instructions by layer, flash, RAM and stack of a model on a board."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgen.boards import Board
from microgen.compiler import Compiled
from microgen.device import input_blob, run_firmware
from microgen.errors import UsageError
from microgen.npu.cosimulation import simulated_npu
from microgen.ops.base import op_of
from microgen.project import check_limits, write_project
from microgen.target.counting import METHODS, counting_method
from microgen.target.elf import Elf
from microgen.target.emulator import QEMU
from microgen.target.layers import count_layers
from microgen.target.lines import line_table
from microgen.target.toolchain import GCC, BuildResult, build_project, measure_model, model_objects, tool_version
from microgen.verification import sample_inputs, verify_board

_LAYER = re.compile(r"^(?: {4,8}/\* (\d+)\. |/\* Layer (\d+): sub-graph )")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's part: ``instructions`` of the second invocation, from its first call to that of the next layer.

    What runs before the first call counts for the first layer that calls, what runs after the last for the last;
    a view has no call and no instructions. ``npu_cycles`` is what an NPU needs besides for its part of a network, as
    its compiler estimates it; it is not measured.
    """

    index: int
    name: str
    op: str
    kernel: str
    macs: int
    instructions: int
    npu_cycles: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The documented JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model costs on a board. Bytes, but for ``instructions`` (of the second invocation) and ``macs``.

    ``bit_exact`` and ``agrees`` (floats within a tolerance) are None where it was not asked for. ``instructions`` is
    the sum over ``layers`` and ``other``, which is not 0 only for a model none of whose layers computes. ``method``,
    ``compiler`` and ``emulator`` say how it was measured.
    """

    board: str
    bit_exact: bool | None
    instructions: int
    macs: int
    flash_code: int
    flash_const: int
    ram_arena: int
    ram_static: int
    ram_stack: int
    layers: tuple[Layer, ...]
    other: int
    method: str
    compiler: str
    emulator: str
    agrees: bool | None = None

    def __post_init__(self) -> None:
        assert self.instructions == self.other + sum(layer.instructions for layer in self.layers)

    def as_json(self, model: str) -> dict[str, Any]:
        """The documented JSON object."""
        return {
            "model": model,
            "board": self.board,
            "bit_exact": self.bit_exact,
            "agrees": self.agrees,
            "instructions": self.instructions,
            "macs": self.macs,
            "layers": [layer.as_json() for layer in self.layers],
            "other": self.other,
            "flash": {"code": self.flash_code, "const": self.flash_const},
            "ram": {"arena": self.ram_arena, "static": self.ram_static, "stack": self.ram_stack},
            "method": self.method,
            "compiler": self.compiler,
            "emulator": self.emulator,
        }


def bench_board(compiled: Compiled, *, samples: int = 1, verify: bool = True, say: Say = lambda text: None) -> Figures:
    """Measure ``compiled`` on its board's emulator: the firmware that ships, without trace.

    ``samples`` random inputs besides the edge inputs go through ``verify_board`` for ``bit_exact``, unless
    ``verify`` is False. ``say`` is told what is being done. Raises what building and running raise, UsageError
    for a board without an emulator.
    """
    board = compiled.board
    if board.emulator is None:
        raise UsageError(f"board {board.name} has no emulator", hint="Choose one that has: microgen boards")
    verdict = None
    if verify:
        say("comparing with the host")
        verdict = verify_board(compiled, samples=samples)
    with tempfile.TemporaryDirectory(prefix="microgen-bench-") as name:
        project, files = Path(name) / "project", Path(name) / "run"
        files.mkdir()
        write_project(compiled.files, project)
        say("building")
        build = build_project(project)
        inputs = [a[-1:] for a in sample_inputs([v.type for v in compiled.graph.inputs], 1)]
        (files / "input.bin").write_bytes(input_blob(inputs, repeat=2, poison=False))
        say("counting instructions")
        method = counting_method()
        by_layer = instructions_by_layer(board, build, compiled, files, method=method)[-1]
        say("measuring stack and flash")
        run = run_firmware(board, build.elf, inputs, [v.type for v in compiled.graph.outputs])
        flash = measure_model(board, model_objects(build), compiled.name)
    ram = compiled.plan.arena_bytes + flash.static
    check_limits(compiled.manifest, flash=flash.code + flash.const, ram=ram, where=compiled.name)
    layers = tuple(
        Layer(
            index,
            step.node.name,
            step.node.op.name,
            ", ".join(dict.fromkeys(call.function for call in step.calls)) or "view",
            op_of(step.node).macs(step.node),
            by_layer.get(index, 0),
            op_of(step.node).npu_cycles,
        )
        for index, step in enumerate(compiled.plan.steps)
    )
    return Figures(
        board.name,
        None if verdict is None else verdict.bit_exact,
        sum(by_layer.values()),
        sum(layer.macs for layer in layers),
        flash.code,
        flash.const,
        compiled.plan.arena_bytes,
        flash.static,
        run.stack_bytes,
        layers,
        by_layer.get(None, 0),
        METHODS[method],
        tool_version(GCC),
        tool_version(QEMU),
        None if verdict is None else verdict.agrees,
    )


def instructions_by_layer(
    board: Board, build: BuildResult, compiled: Compiled, files: Path, *, method: str = ""
) -> list[Mapping[int | None, int]]:
    """Instructions of each invocation by layer index; the layers are found by the lines of the generated C.

    ``files`` holds the ``input.bin`` of the run. What belongs to no layer stands under None.
    """
    source = f"{compiled.name}.c"
    layers = layers_by_line(compiled.files[source].decode("utf-8"))
    table = line_table(Elf(build.elf), source)

    def layer_at(address: int) -> int | None:
        line = table.line(address)
        return layers[line - 1] if 0 < line <= len(layers) else None

    function = f"{compiled.name}_invoke"
    with simulated_npu(files):
        return [*count_layers(board, build.elf, files, function, layer_at, method=method)]


def layers_by_line(source: str) -> list[int | None]:
    """For each line of a generated model's C the index of the layer whose block it is in, None outside.

    A block begins with the layer's line of comment and ends where the next begins, the last at the end of the
    function. The functions of sub-graphs, which may be inlined, are part of the layer that calls them.
    """
    layers: list[int | None] = []
    current: int | None = None
    for line in source.split("\n"):
        if found := _LAYER.match(line):
            current = int(found[1] or found[2])
        elif line == "}":
            current = None
        layers.append(current)
    return layers
