"""evaluate: how right a model is, on every path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from microgen.cli.app import app
from microgen.cli.output import Report, progress_bars, steps_of
from microgen.cli.parameters import Names, compile_options, json_option, model_argument, options_of
from microgen.compare.observe import QEMU
from microgen.data.config import Preprocess
from microgen.data.datasets import load
from microgen.data.labels import read_classes
from microgen.errors import UsageError, one_line
from microgen.evaluate import Subject, evaluate, metric_of
from microgen.quantize import load_config
from microgen.runtime.delegate import REFERENCE, known_paths
from microgen.scoring import ACCURACY, AUC, MAE, METRICS, MSE, Evaluation

# More classes than these make no readable table.
_MATRIX_CLASSES = 20
_SHOWN = 10


@app.command("evaluate")
@model_argument
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Samples: .npz, .npy, a folder with a folder for each class, a folder or its .csv of file,label.",
)
@click.option(
    "--paths",
    type=Names(),
    default=REFERENCE,
    show_default=True,
    metavar="P,…",
    help=f"Where to run the model: {', '.join(known_paths())}, {QEMU}BOARD.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labels of the samples: .npy, .npz, one a line, or .csv of file,label for a folder.",
)
@click.option(
    "--classes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Names of the classes in the order of the model's outputs, one a line.",
)
@click.option("--metric", type=click.Choice(METRICS), help="Default: by the labels and the output.")
@click.option("--output", "output", metavar="NAME", help="The output to judge, where the model has several.")
@click.option(
    "--top",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="K",
    help="Also: how often the label is among the K best.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use N samples, evenly spaced.")
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0.0, 1.0),
    metavar="X",
    help="End with 1 where a path's accuracy (or auc) is lower.",
)
@click.option(
    "--max-error", type=click.FloatRange(0.0), metavar="X", help="End with 1 where a path's mse (or mae) is higher."
)
@compile_options
@json_option
def evaluate_command(
    model: Path,
    data: Path,
    paths: tuple[str, ...],
    labels: Path | None,
    classes: Path | None,
    metric: str | None,
    output: str | None,
    top: int,
    limit: int | None,
    min_accuracy: float | None,
    max_error: float | None,
    json_target: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Measure how right MODEL is on labelled data, on one or several paths, and show where the paths part."""
    report = Report(json_target)
    config = options["config"]
    if options["calibration"] is None and config is not None:
        raise UsageError("needs --calibration", where="--config", hint="Or is it meant as --preprocess?")
    # With --pixels the device does the steps; without it they are the host's.
    on_device = options["pixels"] is not None
    preprocess = options["preprocess"]
    chosen = options_of({**options, "projects": ("make",), "preprocess": preprocess if on_device else None})
    steps = Preprocess() if on_device else _preprocess(preprocess, config)
    names = read_classes(classes) if classes is not None else ()
    dataset = load(data, labels=labels, classes=names, limit=limit)
    with progress_bars() as progress:
        tell = steps_of(progress)
        subject = Subject(model, chosen, tell)
        _check_threshold(metric_of(subject, dataset, metric, output), min_accuracy, max_error)
        found = evaluate(
            subject, dataset, paths, metric=metric, output=output, top=top, preprocess=steps, progress=tell
        )
    _show(report, model, found)
    failures = [
        f"{p.path}: {found.metric} {p.value:.6g}"
        for p in found.paths
        if (min_accuracy is not None and p.value < min_accuracy) or (max_error is not None and p.value > max_error)
    ]
    for failure in failures:
        report.say(f"Beyond the threshold: {one_line(failure)}")
    report.json({"model": str(model), "data": str(data), **found.as_json(), "passed": not failures})
    if failures:
        raise SystemExit(1)


def _preprocess(file: Path | None, config: Path | None) -> Preprocess:
    if file is None and config is None:
        return Preprocess()
    return load_config(file if file is not None else config).preprocess  # type: ignore[arg-type]


def _check_threshold(metric: str, min_accuracy: float | None, max_error: float | None) -> None:
    for flag, value, metrics in (
        ("--min-accuracy", min_accuracy, (ACCURACY, AUC)),
        ("--max-error", max_error, (MSE, MAE)),
    ):
        if value is not None and metric not in metrics:
            raise UsageError(f"does not serve the metric {metric}", where=flag)


def _show(report: Report, model: Path, found: Evaluation) -> None:
    first = found.paths[0]
    report.say(f"{model.name}: {found.samples} samples, {found.metric}")
    is_classifier = found.metric == ACCURACY
    columns = [("path", False), (found.metric, True)]
    columns += [(f"top {found.top}", True)] if is_classifier else []
    if several := len(found.paths) > 1:
        columns += [(f"as {first.path}", True), ("same bytes", True)]
    rows = []
    for p in found.paths:
        row = [p.path, f"{p.value:.2%}" if is_classifier else f"{p.value:.6g}"]
        row += [f"{p.top:.2%}"] if p.top is not None else []
        if several:
            same = found.agreement.get((first.path, p.path), found.samples)
            row += [f"{same} of {found.samples}", f"{p.same_bytes} of {found.samples}"]
        rows.append(row)
    report.table(columns, rows)
    if is_classifier:
        _show_classes(report, found)
    if found.differing_count:
        report.say()
        count = found.differing_count
        report.say(f"{count} sample{'s' if count > 1 else ''} on which paths differ:")
        for d in found.differing[:_SHOWN]:
            said = ", ".join(f"{one_line(p)} {one_line(found.classes[c], 40)}" for p, c in d.predictions.items())
            label = "" if d.label is None else f" (is {one_line(found.classes[d.label], 40)})"
            report.say(f"  {one_line(d.name, 80)}{label}: {said}")
        if count > _SHOWN:
            report.say(f"  … and {count - _SHOWN} more, the first thousand with --json")


def _show_classes(report: Report, found: Evaluation) -> None:
    first = found.paths[0]
    report.say()
    report.say(f"Classes on {first.path}:")
    report.table(
        [("class", False), ("samples", True), ("predicted", True), ("precision", True), ("recall", True)],
        [
            [name, str(c.support), str(c.predicted), f"{c.precision:.2%}", f"{c.recall:.2%}"]
            for name, c in zip(found.classes, first.classes, strict=True)
        ],
    )
    if first.confusion is None or len(found.classes) > _MATRIX_CLASSES:
        return
    report.say()
    report.say(f"Confusion on {first.path} (rows: what samples are, columns: what they were taken for):")
    report.table(
        [("", False), *((name, True) for name in found.classes)],
        [[name, *map(str, row)] for name, row in zip(found.classes, first.confusion.tolist(), strict=True)],
    )
