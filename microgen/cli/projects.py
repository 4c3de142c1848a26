"""compile, build, run: from a model to a project and its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from microgen import project
from microgen.arrays import read_inputs
from microgen.boards import load_board
from microgen.cli.app import app
from microgen.cli.output import ERRORS, Report, rearrangement
from microgen.cli.parameters import (
    compile_options,
    compiled_model,
    folder_argument,
    json_option,
    model_argument,
)
from microgen.device import run_firmware
from microgen.errors import InputError, UsageError
from microgen.ops.base import op_of
from microgen.target.toolchain import build_project, measure_model, model_objects


@app.command("compile")
@model_argument
@click.option("--board", required=True, help="Board name (see: microgen boards) or a .toml file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the project.")
@compile_options
@json_option
def compile_command(model: Path, board: str, output: Path, json_target: str | None, **options: Any) -> None:
    """Compile MODEL into a C project."""
    report = Report(json_target)
    compiled = compiled_model(model, load_board(board), options)
    project.write_project(compiled.files, output)
    arena, const = compiled.plan.arena_bytes, int(compiled.manifest["constants"]["bytes"])
    macs = sum(op_of(node).macs(node) for node in compiled.graph.nodes)
    report.say(
        f"{output}: {compiled.name} for {compiled.board.name}, {len(compiled.graph.nodes)} layers, {macs:,} MACs"
    )
    report.say(f"  arena {arena:,} bytes of RAM, constants {const:,} bytes of flash, the code besides")
    for value in (*compiled.graph.inputs, *compiled.graph.outputs):
        if (layout := compiled.layouts.get(value.name)) is not None:
            report.say(rearrangement(value, layout, "on the device", "the model file"))
    report.say(f"Next: microgen build {output}")
    report.json(
        {"folder": str(output), "name": compiled.name, "board": compiled.board.name, "macs": macs,
         "arena": arena, "constants": const, "files": sorted(compiled.files)}
    )  # fmt: skip


@app.command()
@folder_argument
@json_option
def build(folder: Path, json_target: str | None) -> None:
    """Compile the project in DIR with arm-none-eabi-gcc and print its size."""
    report = Report(json_target)
    opened = project.open_project(folder)
    with ERRORS.status("Building …"):
        result = build_project(folder)
        flash = measure_model(opened.board, model_objects(result), opened.name)
    arena = int(opened.manifest["arena"]["bytes"])
    report.say(f"{result.elf}")
    rows = [
        ["flash", "code", f"{flash.code:,}", "model, kernels and the library functions they use"],
        ["flash", "const", f"{flash.const:,}", "weights, biases, multipliers, tables"],
        ["RAM", "arena", f"{arena:,}", "inputs, outputs, intermediate tensors, scratch"],
        ["RAM", "static", f"{flash.static:,}", "other variables of the model"],
    ]
    report.table([("memory", False), ("section", False), ("bytes", True), ("what", False)], rows)
    project.check_limits(opened.manifest, flash=flash.code + flash.const, ram=arena + flash.static, where=str(folder))
    report.json(
        {"elf": str(result.elf), "flash": {"code": flash.code, "const": flash.const},
         "ram": {"arena": arena, "static": flash.static}}
    )  # fmt: skip


@app.command()
@folder_argument
@click.option("--input", "source", required=True, type=click.Path(path_type=Path), help=".npy or .npz, samples first.")
@click.option("--output", "target", type=click.Path(path_type=Path), help=".npz for the outputs.")
@json_option
def run(folder: Path, source: Path, target: Path | None, json_target: str | None) -> None:
    """Run the project in DIR on its board's emulator over one or many inputs."""
    report = Report(json_target)
    opened = project.open_project(folder)
    if target is not None and target.suffix != ".npz":
        raise UsageError("must end in .npz", where=f"--output {target}")
    layouts = {p.name: p.layout for p in opened.inputs if p.layout is not None}
    inputs = read_inputs(source, [(p.name, p.type) for p in opened.inputs], layouts)
    with ERRORS.status(f"Running {len(inputs[0])} samples on {opened.board.name} …"):
        elf = build_project(folder).elf
        result = run_firmware(opened.board, elf, inputs, [p.type for p in opened.outputs])
    outputs = {port.name: array[:, 0] for port, array in zip(opened.outputs, result.outputs, strict=True)}
    if target is not None:
        _save(target, outputs)
    report.say(f"{len(inputs[0])} samples on {opened.board.name}, stack {result.stack_bytes:,} bytes")
    for port in opened.outputs:
        array: NDArray[Any] = outputs[port.name]
        report.say(f"{port.name}: {port.type}, values {array.min()} to {array.max()}")
        report.say(f"  first sample: {np.array2string(array[0].reshape(-1), threshold=16, max_line_width=10**6)}")
    report.json(
        {"samples": len(inputs[0]), "board": opened.board.name, "stack": result.stack_bytes,
         "outputs": {name: array.tolist() for name, array in outputs.items()}}
    )  # fmt: skip


def _save(path: Path, arrays: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.part.npz")
    try:
        # Through the archive's own names: savez keywords could clash with its parameters.
        with aside.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"cannot be written ({error.strerror})", where=str(path)) from None
