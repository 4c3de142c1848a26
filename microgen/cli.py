"""The command line: parses, calls, prints. Nothing is computed here."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.table import Table

import microgen
from microgen import benchtables, compiler, doctor, exporters, project
from microgen.arrays import read_inputs
from microgen.bench import Figures, bench_board
from microgen.boards import Board, all_boards, load_board
from microgen.device import run_firmware
from microgen.errors import InputError, MicrogenError, UnsupportedError, UsageError, one_line
from microgen.frontends import is_channels_first
from microgen.mindir import Graph, Value
from microgen.ops.base import op_of
from microgen.ops.registry import operators
from microgen.passes import absorb_border_transposes, optimize
from microgen.quantize import Granularity, Method, Ports, QuantConfig, Scheme, load_config, quantize_graph
from microgen.quantize.observe import Progress as Told
from microgen.quantize.report import COLUMNS, check_plot
from microgen.target.toolchain import build_project, measure_model, model_objects
from microgen.verification import Verdict, verify_board

F = TypeVar("F", bound=Callable[..., Any])
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Bytes(click.ParamType[int]):
    """A size: ``4096``, ``64K``, ``1M``."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text = str(value).upper().removesuffix("B").removesuffix("I")
        factor = {"K": 1024, "M": 1 << 20}.get(text[-1:], 1)
        digits = text[:-1] if factor > 1 else text
        if not digits.isdecimal() or int(digits) == 0:
            self.fail(f"{value!r} is not a size; write it like 65536, 64K or 1M")
        return int(digits) * factor


class Names(click.ParamType[tuple[str, ...]]):
    """A list: ``make,iar``."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names, without duplicates, in order."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
        if not names:
            self.fail("the list is empty")
        return names


class InputShape(click.ParamType[tuple[str, tuple[int, ...]]]):
    """The shape of an input: ``image:1,3,32,32``."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """The input's name and its dimensions."""
        if isinstance(value, tuple):
            return value
        # A name may have colons itself.
        name, _, dimensions = str(value).rpartition(":")
        parts = [part.strip() for part in dimensions.split(",")]
        if not name or not all(part.isdecimal() and 0 < int(part) < 1 << 31 for part in parts):
            self.fail(f"{value!r} is not NAME:1,3,32,32")
        return name, tuple(int(part) for part in parts)


class Report:
    """What a command says: text for people on standard output, or JSON where ``--json`` asks for it."""

    def __init__(self, target: str | None) -> None:
        self.target = target
        # Redirected output is not folded at a terminal's width: figures would be torn apart.
        width = None if sys.stdout.isatty() else 240
        self.console = Console(quiet=target == "-", highlight=False, soft_wrap=True, width=width)

    def say(self, text: str = "") -> None:
        """A line of plain text."""
        self.console.print(escape(text))

    def table(self, columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> None:
        """A table; ``columns`` are (heading, whether it is right-aligned)."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading, right in columns:
            table.add_column(heading, justify="right" if right else "left", overflow="fold", no_wrap=right)
        for row in rows:
            table.add_row(*(escape(one_line(cell)) for cell in row))
        self.console.print(table)

    def json(self, content: dict[str, Any]) -> None:
        """The machine-readable result."""
        if self.target is None:
            return
        text = json.dumps(content, indent=2) + "\n"
        if self.target == "-":
            sys.stdout.write(text)
            return
        try:
            Path(self.target).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", where=self.target) from None


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=_errors, transient=True, disable=not _errors.is_terminal)


_json_option = click.option(
    "--json", "json_target", metavar="FILE", help="Write the result as JSON; - for standard output."
)
_model_argument = click.argument("model", type=click.Path(path_type=Path))
_folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


_shapes_option = click.option("--input-shape", "input_shapes", multiple=True, type=InputShape(),
                              metavar="NAME:1,3,32,32", help="Static shape of an input; may be repeated.")  # fmt: skip


_file_layout_option = click.option("--io-layout", type=click.Choice(compiler.IO_LAYOUTS), default="source",
                                   show_default=True,
                                   help="Order of dimensions at inputs and outputs of the new file.")  # fmt: skip


def _compile_options(command: F) -> F:
    """The options that compile, verify and bench share."""
    for option in reversed(
        (
            click.option("--name", help="Prefix of the generated C names (default: from the file's name)."),
            click.option("--kernels", type=click.Choice(compiler.KERNELS), default="auto", show_default=True,
                         help="Kernel flavour; portable uses no SIMD."),
            click.option("--cmsis-nn", default=compiler.BUNDLED, show_default=True, metavar="bundled|DIR",
                         help="Link the CMSIS-NN source tree in DIR in place of the bundled kernels."),
            click.option("--project", "projects", type=Names(), default="make", show_default=True,
                         help="Project files to write, separated by commas."),
            click.option("--optimize", type=click.Choice(compiler.OPTIMIZE), default="speed", show_default=True,
                         help="What to favour."),
            click.option("--io-layout", type=click.Choice(compiler.IO_LAYOUTS), default="channels-last",
                         show_default=True, help="Order of dimensions at the interface of ONNX and MindSpore models."),
            click.option("--max-flash", type=Bytes(), help="Refuse more flash than this (64K, 1M)."),
            click.option("--max-ram", type=Bytes(), help="Refuse more RAM than this."),
            click.option("--calibration", type=click.Path(path_type=Path), metavar="FILE|DIR",
                         help="Quantize a float model with these samples (.npz, .npy, a folder of images or sounds)."),
            click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                         help="How to quantize and to preprocess the samples (YAML)."),
            _shapes_option,
        )
    ):  # fmt: skip
        command = option(command)
    return command


def _options(values: dict[str, Any]) -> compiler.Options:
    given = dict(values)
    config = given.pop("config")
    shapes = dict(given.pop("input_shapes"))
    if config is None:
        return compiler.Options(**given, input_shapes=shapes)
    if given["calibration"] is None:
        raise UsageError("needs --calibration", where="--config")
    return compiler.Options(**given, input_shapes=shapes, quantization=load_config(config))


def _compiled(model: Path, board: Board, values: dict[str, Any]) -> compiler.Compiled:
    """The compiled model; progress is shown while it is quantized."""
    options = _options(values)
    with _progress() as progress:
        return compiler.compile_model(model, board, options, progress=_steps(progress))


def _steps(progress: Progress) -> Told:
    """A callback that gives each step a bar of its own."""
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
        progress.update(tasks[what], completed=done, total=total)

    return tell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(microgen.__version__, prog_name="microgen")
def app() -> None:
    """Compile neural networks into C for Cortex-M microcontrollers, and prove that they compute the same bits."""


@app.command("compile")
@_model_argument
@click.option("--board", required=True, help="Board name (see: microgen boards) or a .toml file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the project.")
@_compile_options
@_json_option
def compile_command(model: Path, board: str, output: Path, json_target: str | None, **options: Any) -> None:
    """Compile MODEL into a C project."""
    report = Report(json_target)
    compiled = _compiled(model, load_board(board), options)
    project.write_project(compiled.files, output)
    arena, const = compiled.plan.arena_bytes, int(compiled.manifest["constants"]["bytes"])
    macs = sum(op_of(node).macs(node) for node in compiled.graph.nodes)
    report.say(
        f"{output}: {compiled.name} for {compiled.board.name}, {len(compiled.graph.nodes)} layers, {macs:,} MACs"
    )
    report.say(f"  arena {arena:,} bytes of RAM, constants {const:,} bytes of flash, the code besides")
    for value in (*compiled.graph.inputs, *compiled.graph.outputs):
        if (layout := compiled.layouts.get(value.name)) is not None:
            report.say(_rearrangement(value, layout, "on the device", "the model file"))
    report.say(f"Next: microgen build {output}")
    report.json(
        {"folder": str(output), "name": compiled.name, "board": compiled.board.name, "macs": macs,
         "arena": arena, "constants": const, "files": sorted(compiled.files)}
    )  # fmt: skip


@app.command()
@_folder_argument
@_json_option
def build(folder: Path, json_target: str | None) -> None:
    """Compile the project in DIR with arm-none-eabi-gcc and print its size."""
    report = Report(json_target)
    opened = project.open_project(folder)
    with _errors.status("Building …"):
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
@_folder_argument
@click.option("--input", "source", required=True, type=click.Path(path_type=Path), help=".npy or .npz, samples first.")
@click.option("--output", "target", type=click.Path(path_type=Path), help=".npz for the outputs.")
@_json_option
def run(folder: Path, source: Path, target: Path | None, json_target: str | None) -> None:
    """Run the project in DIR on its board's emulator over one or many inputs."""
    report = Report(json_target)
    opened = project.open_project(folder)
    if target is not None and target.suffix != ".npz":
        raise UsageError("must end in .npz", where=f"--output {target}")
    layouts = {p.name: p.layout for p in opened.inputs if p.layout is not None}
    inputs = read_inputs(source, [(p.name, p.type) for p in opened.inputs], layouts)
    with _errors.status(f"Running {len(inputs[0])} samples on {opened.board.name} …"):
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


def _boards(text: str) -> list[Board]:
    return [load_board(name) for name in Names().convert(text, None, None)]


_board_list = click.option("--board", required=True, help="Board names or .toml files, separated by commas.")


@app.command()
@_model_argument
@_board_list
@click.option("--samples", type=click.IntRange(0, 100_000), default=10, show_default=True,
              help="Random inputs, besides all lowest, all highest and all zero point.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random inputs.")
@_compile_options
@_json_option
def verify(model: Path, board: str, samples: int, seed: int, json_target: str | None, **options: Any) -> None:
    """Compare host and emulated device, every layer: integers byte for byte, floats within 1e-5."""
    report = Report(json_target)
    verdicts = []
    for target in _boards(board):
        compiled = _compiled(model, target, options)
        with _progress() as progress:
            task = progress.add_task(f"{compiled.name} on {target.name}", total=samples + 3)
            show = functools.partial(_advance, progress, task)
            verdict = verify_board(compiled, samples=samples, seed=seed, progress=show)
        verdicts.append(verdict)
        if verdict.difference is None:
            report.say(
                f"{target.name}: {verdict.agreement} with the host runtime: {verdict.layers} layers, "
                f"{verdict.samples} inputs, 2 invocations each, with and without trace"
            )
        else:
            report.say(f"{target.name}: NOT the same as the host runtime: {verdict.difference}")
    exact, agrees = all(v.bit_exact for v in verdicts), all(v.agrees for v in verdicts)
    report.json({"bit_exact": exact, "agrees": agrees, "boards": [_verdict(v) for v in verdicts]})
    if not agrees:
        raise SystemExit(1)


def _advance(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    difference = verdict.difference
    return {
        "board": verdict.board,
        "bit_exact": verdict.bit_exact,
        "agrees": verdict.agrees,
        "samples": verdict.samples,
        "layers": verdict.layers,
        "difference": None
        if difference is None
        else {"layer": difference.layer, "name": difference.name, "op": difference.op, "sample": difference.sample,
              "invocation": difference.invocation, "element": list(difference.element), "host": difference.host,
              "device": difference.device, "differing": difference.differing},
    }  # fmt: skip


@app.command()
@_model_argument
@_board_list
@click.option("--baseline", metavar="FILE", type=click.Path(path_type=Path),
              help="Show the differences from an earlier run's --json file.")  # fmt: skip
@_compile_options
@_json_option
def bench(model: Path, board: str, baseline: Path | None, json_target: str | None, **options: Any) -> None:
    """Measure instructions by layer, flash, RAM and stack on the emulated boards."""
    report = Report(json_target)
    before = benchtables.load_results(baseline) if baseline is not None else None
    figures: list[Figures] = []
    targets = _boards(board)
    with _errors.status("Measuring …") as status:
        for number, target in enumerate(targets, 1):
            say = functools.partial(_tell, status, f"{model.name} on {target.name} ({number} of {len(targets)})")
            compiled = compiler.compile_model(model, target, _options(options), progress=functools.partial(_told, say))
            figures.append(bench_board(compiled, say=say))
    report.say(f"{model.name}: {figures[0].macs:,} MACs; instructions of the second invocation, sizes in bytes")
    for line in (f"Counted by: {figures[0].method}", figures[0].compiler, figures[0].emulator):
        report.say(line)
    report.table(*benchtables.summary(figures))
    for group in benchtables.groups(figures):
        for table in (benchtables.by_layer(group), benchtables.by_operator(group)):
            report.say()
            report.table(*table)
    results = [f.as_json(str(model)) for f in figures]
    content: dict[str, Any] = {"results": results}
    if before is not None:
        _show_differences(report, content, before, str(baseline))
    report.json(content)
    if not all(f.bit_exact or f.agrees for f in figures):
        raise SystemExit(1)


def _told(say: Callable[[str], None], what: str, done: int, total: int) -> None:
    say(f"{what} {done}/{total}")


def _tell(status: Status, where: str, what: str) -> None:
    status.update(escape(f"{one_line(where)}: {what} …"))


def _show_differences(report: Report, content: dict[str, Any], before: list[dict[str, Any]], name: str) -> None:
    """Prints what changed since ``before``, and adds all of it to ``content``."""
    found = benchtables.differences(before, content["results"])
    rows = benchtables.changed_rows(found)
    report.say()
    report.say(f"Differences from {name} (of the layers, those whose instructions differ):")
    old, new = ({Path(str(r.get("model"))).name for r in results} for results in (before, content["results"]))
    if old != new:
        report.say(f"The models differ: {', '.join(sorted(old))} then, {', '.join(sorted(new))} now")
    for key in ("compiler", "emulator"):
        then, now = ({str(r.get(key, "unknown")) for r in results} for results in (before, content["results"]))
        if then != now:
            report.say(f"The {key}s differ: {', '.join(sorted(then))} then, {', '.join(sorted(now))} now")
    report.table(benchtables.DIFFERENCE_COLUMNS, rows)
    content["differences"] = [difference.as_json() for difference in found]


@app.command("quantize")
@_model_argument
@click.option("--calibration", required=True, type=click.Path(path_type=Path), metavar="FILE|DIR",
              help="Samples: .npz or .npy (samples first), a folder of images or WAV files.")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The quantized model's file.")
@click.option("--config", type=click.Path(path_type=Path), help="A YAML file; options given here go before it.")
@click.option("--method", type=click.Choice([m.value for m in Method]), help="How ranges are chosen.")
@click.option("--per-tensor", is_flag=True, help="One scale for all output channels of a layer's weights.")
@click.option("--weights-only", is_flag=True, help="Keep the arithmetic in float.")
@click.option("--io", type=click.Choice([p.value for p in Ports]), help="Element type of inputs and outputs.")
@click.option("--skip", type=Names(), help="Layers (patterns) or operators to keep in float, separated by commas.")
@click.option("--equalize", is_flag=True, help="Equalize the weights' ranges of consecutive layers.")
@click.option("--bias-correction/--no-bias-correction", default=None,
              help="Correct biases for the mean error of each layer (the default).")  # fmt: skip
@click.option("--samples", type=click.IntRange(1), help="Use this many of the samples, evenly spaced.")
@click.option("--evaluation", type=click.Path(path_type=Path), metavar="FILE|DIR",
              help="Samples for the report (default: those of the calibration).")  # fmt: skip
@click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the report (.png or .svg; needs matplotlib).")
@_shapes_option
@_file_layout_option
@_json_option
def quantize_command(
    model: Path,
    calibration: Path,
    output: Path,
    io_layout: str,
    config: Path | None,
    evaluation: Path | None,
    report_file: Path | None,
    plot: Path | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    json_target: str | None,
    **asked: Any,
) -> None:
    """Quantize the float MODEL to int8 and say what each layer lost."""
    report = Report(json_target)
    settings = _quantization(load_config(config) if config is not None else QuantConfig(), asked)
    # What cannot be written is said before the work, not after it.
    exporters.exporter(output, quantized=True)
    for file in (output, report_file, plot):
        if file is not None:
            exporters.check_folder(file)
    if plot is not None:
        check_plot(plot)
    graph = compiler.load_graph(model, dict(input_shapes))
    with _progress() as progress:
        result = quantize_graph(graph, calibration, settings, evaluation=evaluation, progress=_steps(progress))
    found = result.report
    exporters.save(_interface(result.graph, model, io_layout, report), output)
    content = {"model": str(model), "output": str(output), **found.as_json()}
    if report_file is not None:
        exporters.write_file(report_file, (json.dumps(content, indent=2) + "\n").encode())
    if plot is not None:
        exporters.write_file(plot, found.plot(plot.suffix))
    for warning in found.warnings:
        _errors.print(f"[bold yellow]warning:[/] {escape(warning)}")
    report.say(f"{output}: {found.samples} samples, constants {found.float_bytes:,} → {found.quantized_bytes:,} bytes")
    if found.equalized:
        report.say(f"{found.equalized} pairs of layers equalized")
    report.say("Layers, the one that is furthest from the float network first:")
    report.table(COLUMNS, found.rows())
    report.json(content)


def _interface(graph: Graph, model: Path, io_layout: str, report: Report) -> Graph:
    """``graph``, which was read from ``model``, with its inputs and outputs in the order of dimensions asked for."""
    if io_layout == "source" or not is_channels_first(model, compiler.read_model(model)):
        return graph
    graph, layouts = absorb_border_transposes(optimize(graph))
    for value in (*graph.inputs, *graph.outputs):
        if value.name in layouts:
            report.say(_rearrangement(value, layouts[value.name], "in the new file", "the source"))
    return graph


def _rearrangement(value: Value, layout: tuple[int, ...], here: str, there: str) -> str:
    shape = "×".join(map(str, value.shape))
    before = "×".join(str(value.shape[layout.index(i)]) for i in range(len(layout)))
    return f"  {one_line(value.name, 60)} is {shape} {here}, channels last ({before} in {there})"


@app.command()
@_model_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The new file.")
@_shapes_option
@_file_layout_option
@_json_option
def convert(
    model: Path,
    output: Path,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    io_layout: str,
    json_target: str | None,
) -> None:
    """Write MODEL in another format: .tflite, .onnx (int8 as QDQ) or, in float, .mindir."""
    report = Report(json_target)
    exporters.exporter(output)
    exporters.check_folder(output)
    graph = optimize(compiler.load_graph(model, dict(input_shapes)))
    exporters.exporter(output, quantized=any(v.type.quant is not None for v in graph.values()))
    graph = _interface(graph, model, io_layout, report)
    exporters.save(graph, output)
    report.say(f"{output}: {len(graph.nodes)} layers, {output.stat().st_size:,} bytes")
    report.json({"model": str(model), "output": str(output), "layers": len(graph.nodes)})


def _quantization(config: QuantConfig, asked: dict[str, Any]) -> QuantConfig:
    """``config`` with what the command line says otherwise."""
    skip: tuple[str, ...] = asked["skip"] or ()
    known = {kind.name for kind in operators()}
    changes: dict[str, Any] = {
        "skip_operators": (*config.skip_operators, *(s for s in skip if s in known)),
        "skip_layers": (*config.skip_layers, *(s for s in skip if s not in known)),
        "equalize": config.equalize or asked["equalize"],
    }
    if asked["bias_correction"] is not None:
        changes["bias_correction"] = asked["bias_correction"]
    if asked["method"] is not None:
        changes["method"] = Method(asked["method"])
    if asked["io"] is not None:
        changes["io"] = Ports(asked["io"])
    if asked["samples"] is not None:
        changes["samples"] = asked["samples"]
    if asked["per_tensor"]:
        changes["weights"] = Granularity.PER_TENSOR
    if asked["weights_only"]:
        changes["scheme"] = Scheme.WEIGHTS_ONLY
    return dataclasses.replace(config, **changes)


@app.command()
@_model_argument
@_shapes_option
@_json_option
def inspect(model: Path, input_shapes: tuple[tuple[str, tuple[int, ...]], ...], json_target: str | None) -> None:
    """Show layers, shapes and MACs of MODEL; names every unsupported layer."""
    report = Report(json_target)
    source = compiler.load_graph(model, dict(input_shapes))
    graph = optimize(source)
    for kind, values in (("input", graph.inputs), ("output", graph.outputs)):
        for value in values:
            report.say(f"{kind} {one_line(value.name)}: {value.type}")
    layers: list[dict[str, Any]] = [
        {"index": i, "name": n.name, "op": n.op.name, "shape": list(n.outputs[0].shape), "macs": op_of(n).macs(n),
         "parameters": sum(v.type.elements for v in n.inputs if v is not None and v.is_const)}
        for i, n in enumerate(graph.nodes)
    ]  # fmt: skip
    rows = [
        [str(e["index"]), e["name"], e["op"], "×".join(map(str, e["shape"])), f"{e['macs']:,}", f"{e['parameters']:,}"]
        for e in layers
    ]
    columns = [
        ("#", True),
        ("name", False),
        ("operator", False),
        ("output", False),
        ("MACs", True),
        ("parameters", True),
    ]
    report.table(columns, rows)
    macs, parameters = (sum(int(e[key]) for e in layers) for key in ("macs", "parameters"))
    merged = len(source.nodes) - len(graph.nodes)
    report.say(f"{len(layers)} layers ({merged} merged or removed), {macs:,} MACs, {parameters:,} parameters")
    problems = compiler.device_problems(graph)
    report.json({"name": graph.name, "layers": layers, "macs": macs, "parameters": parameters, "unsupported": problems})
    if problems:
        raise UnsupportedError(problems, hint="The host runtime computes them, the generated C does not")


@app.command()
@_json_option
def boards(json_target: str | None) -> None:
    """List the boards that can be targeted."""
    report = Report(json_target)
    found = all_boards()
    columns = [("board", False), ("core", False), ("flash", True), ("RAM", True), ("emulator", False), ("", False)]
    rows = [
        [b.name, b.core.title, f"{b.flash_size >> 10:,} KB", f"{b.ram_size >> 10:,} KB",
         b.emulator.machine if b.emulator else "-", b.title]
        for b in found
    ]  # fmt: skip
    report.table(columns, rows)
    report.json(
        {"boards": [{"name": b.name, "title": b.title, "core": b.core.name, "flash": b.flash_size, "ram": b.ram_size,
                     "emulator": b.emulator.machine if b.emulator else None} for b in found]}
    )  # fmt: skip


@app.command("doctor")
@_json_option
def doctor_command(json_target: str | None) -> None:
    """Say what is installed, what is missing and how to install it."""
    report = Report(json_target)
    findings = doctor.examine()
    for finding in findings:
        state = finding.version or f"MISSING (for {finding.needed_for}). {finding.hint}"
        report.say(f"{finding.name}: {state}")
    missing = [f.name for f in findings if not f.version and not f.optional]
    report.say("Everything that is needed is there." if not missing else f"Missing: {', '.join(missing)}")
    tools = [
        {
            "name": f.name,
            "needed_for": f.needed_for,
            "version": f.version or None,
            "optional": f.optional,
            "hint": f.hint,
        }
        for f in findings
    ]
    report.json({"ok": not missing, "tools": tools})
    if missing:
        raise SystemExit(3)


def _complain(error: MicrogenError) -> None:
    if isinstance(error, UnsupportedError) and len(error.problems) > 1:
        head = f"{one_line(error.where)}: " if error.where else ""
        _errors.print(f"[bold red]error:[/] {escape(head)}{len(error.problems)} layers are not supported:")
        for problem in error.problems:
            _errors.print(f"  {escape(one_line(problem, 400))}")
        if error.hint:
            _errors.print(escape(error.hint))
        return
    _errors.print(f"[bold red]error:[/] {escape(one_line(str(error), 2000))}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 ok, 1 check failed or does not fit, 2 bad input or usage, 3 a tool is missing."""
    try:
        app.main(args=None if arguments is None else list(arguments), prog_name="microgen", standalone_mode=False)
    except MicrogenError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        command = context.command_path if context is not None else "microgen"
        text = one_line(error.format_message().rstrip("."), 500)
        _errors.print(f"[bold red]error:[/] {escape(text)}. See {escape(command)} --help")
        sys.exit(2)
    except click.Abort:
        _errors.print("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
