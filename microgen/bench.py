"""``microgen bench``: instructions, flash, RAM and stack of a model on a board."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgen.compiler import Compiled
from microgen.device import input_blob, run_firmware
from microgen.ops.base import op_of
from microgen.project import write_project
from microgen.target.counting import count_invocations
from microgen.target.toolchain import build_project, measure_model, model_objects
from microgen.verification import sample_inputs, verify_board


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model costs on a board. Bytes, but for ``instructions`` (of the second invocation) and ``macs``."""

    board: str
    bit_exact: bool
    instructions: int
    macs: int
    flash_code: int
    flash_const: int
    ram_arena: int
    ram_static: int
    ram_stack: int
    layers: tuple[Mapping[str, Any], ...]

    def as_json(self, model: str) -> dict[str, Any]:
        """The documented JSON object."""
        return {
            "model": model,
            "board": self.board,
            "bit_exact": self.bit_exact,
            "instructions": self.instructions,
            "macs": self.macs,
            "layers": [dict(layer) for layer in self.layers],
            "flash": {"code": self.flash_code, "const": self.flash_const},
            "ram": {"arena": self.ram_arena, "static": self.ram_static, "stack": self.ram_stack},
        }


def bench_board(compiled: Compiled, *, samples: int = 1) -> Figures:
    """Measure ``compiled`` on its board's emulator: the firmware that ships, without trace.

    ``samples`` random inputs besides the edge inputs go through ``verify_board`` for ``bit_exact``. Raises what
    building and running raise.
    """
    verdict = verify_board(compiled, samples=samples)
    with tempfile.TemporaryDirectory(prefix="microgen-bench-") as name:
        project, files = Path(name) / "project", Path(name) / "run"
        files.mkdir()
        write_project(compiled.files, project)
        build = build_project(project)
        inputs = [a[-1:] for a in sample_inputs([v.type for v in compiled.graph.inputs], 1)]
        (files / "input.bin").write_bytes(input_blob(inputs, repeat=2, poison=False))
        instructions = count_invocations(compiled.board, build.elf, files, f"{compiled.name}_invoke")
        run = run_firmware(compiled.board, build.elf, inputs, [v.type for v in compiled.graph.outputs])
        flash = measure_model(compiled.board, model_objects(build), compiled.name)
    layers: tuple[Mapping[str, Any], ...] = tuple(
        {
            "index": index,
            "name": step.node.name,
            "op": step.node.op.name,
            "kernel": ", ".join(dict.fromkeys(call.function for call in step.calls)) or "view",
            "macs": op_of(step.node).macs(step.node),
        }
        for index, step in enumerate(compiled.plan.steps)
    )
    return Figures(
        compiled.board.name,
        verdict.bit_exact,
        instructions[-1],
        sum(layer["macs"] for layer in layers),
        flash.code,
        flash.const,
        compiled.plan.arena_bytes,
        flash.static,
        run.stack_bytes,
        layers,
    )
