"""compare: where paths part ways, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from microgen.arrays import read_inputs
from microgen.boards import load_board
from microgen.cli.app import app
from microgen.cli.output import ERRORS, Report
from microgen.cli.parameters import Names, compile_options, compiled_models, json_option, model_argument, options_of
from microgen.compare import Cause, Comparison, LogComparison, compare_log, compare_paths, make_observer
from microgen.compare.observe import QEMU, reference
from microgen.compiler import Compiled
from microgen.errors import UsageError, one_line
from microgen.example import example_input
from microgen.runtime.delegate import REFERENCE, known_paths
from microgen.verification import sample_inputs

# Which board the graph is compiled for where no path names one: layers are the same for all.
_ANY_BOARD = "mps2-an386"


@app.command("compare")
@model_argument
@click.option(
    "--paths",
    type=Names(),
    metavar="P,…",
    help=f"What to compare with the reference: {', '.join(known_paths())}, {QEMU}BOARD.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    help="The log of a real board that ran the self-test with its trace define.",
)
@click.option("--input", "source", type=click.Path(path_type=Path), help="Samples (.npy or .npz, samples first).")
@click.option(
    "--samples",
    type=click.IntRange(0, 10_000),
    default=10,
    show_default=True,
    help="Without --input: random inputs, besides all lowest, all highest and all zero point.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random inputs.")
@compile_options
@json_option
def compare_command(
    model: Path,
    paths: tuple[str, ...] | None,
    log: Path | None,
    source: Path | None,
    samples: int,
    seed: int,
    json_target: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Run MODEL on several paths and find the first layer where one is not the reference.

    Ends with 1 where a path is further off than it may be: exact paths by a bit, others by a step or by 1e-5.
    """
    report = Report(json_target)
    if paths is None and log is None:
        raise UsageError("one of --paths and --log is needed", hint=f"For example: --paths c,{QEMU}{_ANY_BOARD}")
    paths = paths or ()
    chosen = options_of({**options, "projects": ("make",)})
    compiled_for: dict[str, Compiled] = {}

    def compile_for(board: str) -> Compiled:
        if board not in compiled_for:
            target = load_board(board)
            if target.emulator is None:
                raise UsageError(f"board {board} has no emulator", where="--paths", hint="See: microgen boards")
            compiled_for[board] = compiled_models((model,), target, chosen)[0]
        return compiled_for[board]

    boards = [path.removeprefix(QEMU) for path in paths if path.startswith(QEMU)]
    compiled = compile_for(boards[0] if boards else _ANY_BOARD)
    observers = {path: make_observer(path, compile_for, compiled) for path in paths if path != REFERENCE}
    types = [value.type for value in compiled.graph.inputs]
    if source is None:
        inputs = sample_inputs(types, samples, seed)
    else:
        inputs = read_inputs(source, [(v.name, v.type) for v in compiled.graph.inputs])
    expected = reference(compiled, inputs)
    found = []
    for path, observe in observers.items():
        with ERRORS.status(f"Running {one_line(path)} …"):
            target = compiled_for.get(path.removeprefix(QEMU), compiled)
            found.append(compare_paths(target, expected, observe(inputs)))
    report.say(f"{model.name}: {len(inputs[0]) if inputs else 1} inputs, {len(compiled.graph.nodes)} layers")
    if found:
        report.table(
            [("path", False), ("agree", True), ("bit for bit", True), ("largest step", True), ("first", False)],
            [
                [c.path, f"{c.agreeing} of {c.layers}", f"{c.exact} of {c.layers}", str(c.largest_steps), _first(c)]
                for c in found
            ],
        )
    for comparison in found:
        _explain(report, comparison)
    read = _compare_log(report, compiled, log, source) if log is not None else None
    content: dict[str, Any] = {
        "model": str(model),
        "samples": len(inputs[0]) if inputs else 1,
        "paths": [_json(c) for c in found],
    }
    if read is not None:
        content["log"] = {"layers": read.layers, "reported": read.reported, "agreeing": read.agreeing,
                          "first": None if read.first is None else read.first[0], "running": read.running,
                          "stack": read.stack}  # fmt: skip
    report.json(content)
    if not all(c.agrees for c in found) or (read is not None and not read.agrees):
        raise SystemExit(1)


def _compare_log(report: Report, compiled: Compiled, log: Path, source: Path | None) -> LogComparison:
    """Prints how a board's log compares, for the self-test's input or the first sample of ``source``."""
    ports = [(v.name, v.type) for v in compiled.graph.inputs]
    given = read_inputs(source, ports) if source is not None else [example_input(t) for _, t in ports]
    read = compare_log(compiled, reference(compiled, [a[:1] for a in given]), log)
    report.say(f"{log}: {read.reported} of {read.layers} results, {read.agreeing} as on the reference")
    if read.first is not None:
        layer, output, node = read.first
        report.say(f"  Layer {layer} {one_line(node.name, 80)} ({node.op.name}), output {output}, differs first.")
        if read.stack is None:
            report.say("  To confirm: print this layer's data on the board, or run the same build in the emulator")
    elif read.reported < read.layers:
        where = "" if read.running is None else f", in layer {read.running}"
        report.say(f"  The board stopped before the end{where}: a fault, a watchdog or a stack that is too small?")
    if read.stack is not None:
        report.say(
            f"  Likely cause: stack overflow: layer {read.stack}, or printing its line, wrote to the stack's end"
        )
        report.say("  To confirm: give the program a larger stack, and this goes away")
    return read


def _first(comparison: Comparison) -> str:
    where = "" if comparison.layer is None else f" in layer {comparison.layer}"
    if comparison.fault:
        return f"ended early{where}" + ("" if comparison.cause is None else f": {comparison.cause.kind}")
    if comparison.disagreement is None:
        return "-" if comparison.cause is None else f"{comparison.cause.kind}{where}"
    d = comparison.disagreement
    return f"layer {d.layer} {d.node.op.name}: {d.cause.kind}"


def _explain(report: Report, comparison: Comparison) -> None:
    if comparison.fault:
        report.say()
        report.say(f"{comparison.path} ended early: {comparison.fault}")
        if comparison.layer is not None:
            report.say(f"  It was in layer {comparison.layer}, the first that is not traced.")
    d = comparison.disagreement
    if d is None:
        if comparison.cause is not None:
            if not comparison.fault:
                report.say()
                report.say(f"{comparison.path}: nothing differs, but")
            _say_cause(report, comparison.cause)
        return
    report.say()
    report.say(f"{d.path}: layer {d.layer} {one_line(d.node.name, 80)} ({d.node.op.name}) differs first")
    report.say(
        f"  sample {d.sample}, invocation {d.invocation}, element {list(d.element)}: reference {d.reference}, "
        f"{d.path} {d.found}; {d.differing} of {d.elements} elements differ"
    )
    _say_cause(report, d.cause)


def _say_cause(report: Report, cause: Cause) -> None:
    report.say(f"  Likely cause: {cause.kind}: {cause.why}")
    report.say(f"  To confirm: {cause.confirm}")


def _json(comparison: Comparison) -> dict[str, Any]:
    d = comparison.disagreement
    return {
        "path": comparison.path,
        "layers": comparison.layers,
        "agreeing": comparison.agreeing,
        "bit_exact": comparison.exact,
        "largest_step": comparison.largest_steps,
        "fault": comparison.fault or None,
        "layer": comparison.layer,
        "cause": None if comparison.cause is None else {"kind": comparison.cause.kind, "why": comparison.cause.why,
                                                        "confirm": comparison.cause.confirm},
        "disagreement": None
        if d is None
        else {"layer": d.layer, "name": d.node.name, "op": d.node.op.name, "sample": d.sample,
              "invocation": d.invocation, "element": list(d.element), "reference": d.reference, "found": d.found,
              "differing": d.differing, "elements": d.elements, "cause": d.cause.kind, "why": d.cause.why,
              "confirm": d.cause.confirm},
    }  # fmt: skip
