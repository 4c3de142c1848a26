"""bench --host: a model on this computer, path by path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from microgen.arrays import read_arrays, read_inputs
from microgen.cli.output import ERRORS, Report, progress_bars, steps_of
from microgen.cli.parameters import Names
from microgen.compiler import Options, read_source
from microgen.errors import UsageError, one_line
from microgen.hostbench import HostFigures, bench_host, check_dump, dump_tensors
from microgen.mindir import Graph
from microgen.model import Context, Model
from microgen.runtime.delegate import REFERENCE, known_paths
from microgen.verification import sample_inputs

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = ("paths", "threads", "loops", "warmup", "source", "expected", "max_bias", "min_cosine", "dump")


def host_options(command: F) -> F:
    """The options of a run on this computer; ``take_host_options`` collects them."""
    for option in reversed(
        (
            click.option("--host", is_flag=True, help="Time the model on this computer instead."),
            click.option("--path", "paths", type=Names(), metavar="P[,…]",
                         help=f"With --host: paths by preference, of {', '.join(known_paths())}."),
            click.option("--threads", type=click.IntRange(0), help="With --host: default is one per processor."),
            click.option("--loops", type=click.IntRange(1), help="With --host: timed runs (default: 10)."),
            click.option("--warmup", type=click.IntRange(0), help="With --host: untimed runs before (default: 3)."),
            click.option("--input", "source", type=click.Path(path_type=Path),
                         help="With --host: samples (.npy or .npz; default: one random one)."),
            click.option("--expected", type=click.Path(path_type=Path),
                         help="With --host: the outputs to compare with (.npz by output name, or .npy)."),
            click.option("--max-bias", type=click.FloatRange(0.0),
                         help="With --expected: fail above this mean relative error."),
            click.option("--min-cosine", type=click.FloatRange(-1.0, 1.0),
                         help="With --expected: fail below this cosine."),
            click.option("--dump", type=click.Path(path_type=Path),
                         help="With --host: write every tensor into this new folder."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def take_host_options(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the values of ``host_options`` out of ``options``: None without ``--host``.

    UsageError for one of them without ``--host``, and for thresholds without ``--expected``.
    """
    host = options.pop("host")
    found = {name: options.pop(name) for name in _OPTIONS}
    given = [name for name, value in found.items() if value is not None]
    if not host:
        if given:
            flag = {"paths": "path", "source": "input"}.get(given[0], given[0]).replace("_", "-")
            raise UsageError("needs --host", where=f"--{flag}")
        return None
    if found["expected"] is None and (found["max_bias"] is not None or found["min_cosine"] is not None):
        raise UsageError("needs --expected", where="--max-bias" if found["max_bias"] is not None else "--min-cosine")
    return found


def _graph(model_file: Path, options: Options) -> Graph:
    """What is run: the model with its inputs' shapes, quantized, as ``compile`` would with these options."""
    here = Options(
        calibration=options.calibration, quantization=options.quantization, input_shapes=options.input_shapes
    )
    if options != here:
        hint = "Of those for the generated code, --input-shape, --calibration and --config have a meaning there"
        raise UsageError("--host does not go with all of these options", hint=hint)
    with progress_bars() as progress:
        return read_source(model_file, options, steps_of(progress)).graph


def bench_on_host(model_file: Path, asked: dict[str, Any], options: Options, json_target: str | None) -> None:
    """Time, compare and dump as ``take_host_options`` found asked for; ends with 1 where a threshold does not hold.

    UsageError for ``options`` of the generated code that mean nothing here.
    """
    report = Report(json_target)
    context = Context(asked["paths"] or (REFERENCE,), asked["threads"] or 0)
    if asked["dump"] is not None:
        check_dump(asked["dump"])
    model = Model(_graph(model_file, options))
    with ERRORS.status("Building …"):
        model.build(context)
    graph = model.graph
    if asked["source"] is not None:
        inputs = read_inputs(asked["source"], [(v.name, v.type) for v in graph.inputs])
    else:
        inputs = [a[-1:] for a in sample_inputs([v.type for v in graph.inputs], 1)]
    expected = read_arrays(asked["expected"], graph.outputs[0].name) if asked["expected"] is not None else None
    loops = 10 if asked["loops"] is None else asked["loops"]
    warmup = 3 if asked["warmup"] is None else asked["warmup"]
    with ERRORS.status("Measuring …"):
        figures = bench_host(model, inputs, loops=loops, warmup=warmup, expected=expected)
        dumped = dump_tensors(model, inputs, asked["dump"]) if asked["dump"] is not None else 0
    _show(report, model_file, graph, figures)
    if dumped:
        report.say(f"{dumped} tensors in {asked['dump']}")
    failures = [
        f"{one_line(a.name, 60)}: {what}"
        for a in figures.accuracy
        for holds, what in (
            (asked["max_bias"] is None or a.bias <= asked["max_bias"], f"mean bias {a.bias:.6f}"),
            (asked["min_cosine"] is None or a.cosine >= asked["min_cosine"], f"cosine {a.cosine:.6f}"),
        )
        if not holds
    ]
    for failure in failures:
        report.say(f"Beyond the threshold: {failure}")
    report.json({"model": str(model_file), **figures.as_json(), "within_thresholds": not failures})
    if failures:
        raise SystemExit(1)


def _show(report: Report, model_file: Path, graph: Graph, figures: HostFigures) -> None:
    samples = "1 sample" if figures.samples == 1 else f"{figures.samples} samples"
    runs = "1 run" if figures.loops == 1 else f"{figures.loops} runs"
    report.say(
        f"{model_file.name} on {', '.join(figures.paths)}: {samples} a run, {runs} after "
        f"{figures.warmup} untimed ones; wall time, for comparisons in one run"
    )
    report.say(f"min {figures.shortest:.3f} ms, max {figures.longest:.3f} ms, mean {figures.mean:.3f} ms a run")
    total = sum(o.milliseconds for o in figures.operators) or 1.0
    report.say()
    report.table(
        [("#", True), ("name", False), ("operator", False), ("path", False), ("ms", True), ("share", True)],
        [
            [str(o.index), one_line(o.name, 60), o.op, o.path, f"{o.milliseconds:.3f}", f"{o.milliseconds / total:.1%}"]
            for o in figures.operators
        ],
    )
    report.say()
    report.table(
        [("operator", False), ("count", True), ("ms", True), ("share", True)],
        [[op, str(count), f"{ms:.3f}", f"{ms / total:.1%}"] for op, count, ms in figures.by_type()],
    )
    if figures.accuracy:
        report.say()
        report.table(
            [("output", False), ("mean bias", True), ("cosine", True), ("largest difference", True)],
            [[a.name, f"{a.bias:.6f}", f"{a.cosine:.6f}", f"{a.largest:.6g}"] for a in figures.accuracy],
        )
