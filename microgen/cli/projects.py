"""compile, build, run: from a model to a project and its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from microgen import project
from microgen.advice import explained
from microgen.arrays import read_inputs
from microgen.cli.again import Remembering, given_again
from microgen.cli.app import app
from microgen.cli.output import ERRORS, Report, rearrangement
from microgen.cli.parameters import (
    board_of,
    board_options,
    compile_options,
    compiled_models,
    folder_argument,
    json_option,
    models_argument,
    options_of,
)
from microgen.cli.regions import show_linked, show_planned
from microgen.compiler import Compiled
from microgen.device import run_firmware
from microgen.errors import DoesNotFit, InputError, UsageError
from microgen.fit import planned_code, planned_regions
from microgen.npu import Offloaded
from microgen.ops.base import op_of
from microgen.target.elf import Elf
from microgen.target.regions import linked_regions
from microgen.target.toolchain import BuildResult, build_project, measure_model, model_objects, next_step


@app.command("compile", cls=Remembering)
@models_argument
@board_options("Board name (see: microgen boards) or a .toml file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the project.")
@compile_options
@json_option
def compile_command(
    models: tuple[Path, ...],
    board: str | None,
    device: str | None,
    output: Path,
    json_target: str | None,
    **options: Any,
) -> None:
    """Compile MODEL into a C project; several models into one."""
    report = Report(json_target)
    networks = compiled_models(models, board_of(board, device), replace(options_of(options), command=given_again()))
    removed = project.write_project(networks[0].files, output)
    arena = int(networks[0].manifest["arena"]["bytes"])
    facts = [_network_facts(network) for network in networks]
    for network, fact in zip(networks, facts, strict=True):
        report.say(
            f"{output}: {network.name} for {network.board.name}, {len(network.graph.nodes)} layers, "
            f"{fact['macs']:,} MACs"
        )
        report.say(f"  arena {fact['arena']:,} bytes, constants {fact['constants']:,} bytes, the code besides")
        if network.offloaded is not None:
            _say_npu(report, network.offloaded)
        if network.graph.states:
            kept = network.plan.state_bytes
            report.say(f"  {kept:,} bytes of the arena are kept between invocations; {network.name}_reset begins anew")
        for value in (*network.graph.inputs, *network.graph.outputs):
            if (layout := network.layouts.get(value.name)) is not None:
                report.say(rearrangement(value, layout, "on the device", "the model file"))
    if len(networks) > 1:
        shared = networks[0].manifest["arena"]["shared"]
        report.say(f"{'One shared arena' if shared else 'Arenas together'}: {arena:,} bytes")
    planned = planned_regions(networks[0].manifest, networks[0].board)
    report.say("Memory, without the code:")
    show_planned(report, planned, planned_code(networks[0].manifest, networks[0].board))
    if removed:
        more = f" and {len(removed) - 6} more" if len(removed) > 6 else ""
        report.say(f"Removed from the project that was there: {', '.join(removed[:6])}{more}")
    report.say(f"Next: {next_step(output)}")
    report.json(
        {"folder": str(output), "name": networks[0].manifest["name"], "board": networks[0].board.name,
         "macs": sum(fact["macs"] for fact in facts), "arena": arena,
         "constants": sum(fact["constants"] for fact in facts), "networks": facts,
         "regions": [region.use.as_json() for region in planned], "files": sorted(networks[0].files),
         "removed": list(removed)}
    )  # fmt: skip


def _say_npu(report: Report, offloaded: Offloaded) -> None:
    parts = offloaded.parts
    count = sum(len(op.inside_names) for _, op in parts)
    cycles = sum(op.npu_cycles for _, op in parts)
    runs = "1 run" if len(parts) == 1 else f"{len(parts)} runs"
    kept = f"; {len(offloaded.refusals)} stay on the core (inspect --npu says why)" if offloaded.refusals else ""
    report.say(f"  NPU: {count} layers in {runs}, {cycles:,} cycles by Vela's estimate{kept}")


def _network_facts(network: Compiled) -> dict[str, Any]:
    macs = sum(op_of(node).macs(node) for node in network.graph.nodes)
    return {
        "name": network.name,
        "macs": macs,
        "arena": network.plan.arena_bytes,
        "constants": network.const_bytes,
        "npu": None if network.offloaded is None else network.offloaded.as_json(),
    }


@app.command()
@folder_argument
@json_option
def build(folder: Path, json_target: str | None) -> None:
    """Compile the project in DIR with arm-none-eabi-gcc and print its size."""
    report = Report(json_target)
    opened = project.open_project(folder)
    with ERRORS.status("Building …"):
        result = _built(opened)
        flash = measure_model(opened.board, model_objects(result), *[network.name for network in opened.networks])
    arena = int(opened.manifest["arena"]["bytes"])
    report.say(f"{result.elf}")
    rows = [
        ["flash", "code", f"{flash.code:,}", "networks, kernels and the library functions they use"],
        ["flash", "const", f"{flash.const:,}", "weights, biases, multipliers, tables"],
        ["RAM", "arena", f"{arena:,}", "inputs, outputs, intermediate tensors, scratch"],
        ["RAM", "static", f"{flash.static:,}", "other variables of the networks"],
    ]
    report.table([("memory", False), ("section", False), ("bytes", True), ("what", False)], rows)
    regions = linked_regions(Elf(result.elf), opened.board)
    report.say(f"Memory of {opened.board.name}, the program around the networks included:")
    show_linked(report, regions)
    project.check_limits(opened.manifest, flash=flash.code + flash.const, ram=arena + flash.static, where=str(folder))
    report.json(
        {"elf": str(result.elf), "flash": {"code": flash.code, "const": flash.const},
         "ram": {"arena": arena, "static": flash.static}, "regions": [use.as_json() for use in regions]}
    )  # fmt: skip


def _built(opened: project.Project) -> BuildResult:
    """The project, built; DoesNotFit says what would help."""
    try:
        return build_project(opened.folder)
    except DoesNotFit as error:
        raise explained(error, opened.manifest, opened.board) from None


@app.command()
@folder_argument
@click.option("--input", "source", required=True, type=click.Path(path_type=Path), help=".npy or .npz, samples first.")
@click.option("--output", "target", type=click.Path(path_type=Path), help=".npz for the outputs.")
@click.option("--network", help="Which network, where the project has several.")
@json_option
def run(folder: Path, source: Path, target: Path | None, network: str | None, json_target: str | None) -> None:
    """Run the project in DIR on its board's emulator over one or many inputs."""
    report = Report(json_target)
    opened = project.open_project(folder)
    if opened.board.emulator is None:
        raise UsageError(
            f"board {opened.board.name} has no emulator to run on",
            where=str(folder),
            hint="On the board, the self-test in example/ compares with the host's results. See: microgen boards",
        )
    chosen = opened.network(network)
    if target is not None and target.suffix != ".npz":
        raise UsageError("must end in .npz", where=f"--output {target}")
    layouts = {p.name: p.layout for p in chosen.inputs if p.layout is not None}
    inputs = read_inputs(source, [(p.name, p.type) for p in chosen.inputs], layouts)
    with ERRORS.status(f"Running {len(inputs[0])} samples on {opened.board.name} …"):
        elf = _built(opened).elf
        result = run_firmware(opened.board, elf, inputs, [p.type for p in chosen.outputs], network=chosen.index)
    outputs = {port.name: array[:, 0] for port, array in zip(chosen.outputs, result.outputs, strict=True)}
    if target is not None:
        _save(target, outputs)
    report.say(f"{len(inputs[0])} samples on {opened.board.name}, stack {result.stack_bytes:,} bytes")
    for port in chosen.outputs:
        array: NDArray[Any] = outputs[port.name]
        report.say(f"{port.name}: {port.type}, values {array.min()} to {array.max()}")
        report.say(f"  first sample: {np.array2string(array[0].reshape(-1), threshold=16, max_line_width=10**6)}")
    report.json(
        {"samples": len(inputs[0]), "board": opened.board.name, "network": chosen.name, "stack": result.stack_bytes,
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
