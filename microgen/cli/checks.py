"""verify and bench: what the emulated device computes, and at what cost."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.status import Status

from microgen import benchtables, compiler
from microgen.bench import Figures, bench_board
from microgen.cli.app import app
from microgen.cli.host import bench_on_host, host_options, take_host_options
from microgen.cli.output import ERRORS, Report, progress_bars
from microgen.cli.parameters import (
    board_list,
    boards_of,
    compile_options,
    compiled_models,
    json_option,
    model_argument,
    models_argument,
    options_of,
)
from microgen.errors import UsageError, one_line
from microgen.verification import Verdict, verify_board


@app.command()
@models_argument
@board_list
@click.option("--samples", type=click.IntRange(0, 100_000), default=10, show_default=True,
              help="Random inputs, besides all lowest, all highest and all zero point.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random inputs.")
@compile_options
@json_option
def verify(
    models: tuple[Path, ...],
    board: str | None,
    device: str | None,
    samples: int,
    seed: int,
    json_target: str | None,
    **options: Any,
) -> None:
    """Compare host and emulated device, every layer: integers byte for byte, floats within 1e-5.

    Several models are built into one firmware, where the others run before each invocation of the one that is compared.
    """
    report = Report(json_target)
    # Whatever project is wanted later: this one is built here.
    chosen = replace(options_of(options), projects=("make",))
    verdicts = []
    for target in boards_of(board, device):
        for compiled in compiled_models(models, target, chosen):
            with progress_bars() as progress:
                task = progress.add_task(f"{compiled.name} on {target.name}", total=samples + 3)
                show = functools.partial(_advance, progress, task)
                verdict = verify_board(compiled, samples=samples, seed=seed, progress=show)
            verdicts.append((compiled.name, verdict))
            subject = f"{target.name}: {compiled.name}" if len(models) > 1 else target.name
            if verdict.difference is None:
                report.say(
                    f"{subject}: {verdict.agreement} with the host runtime: {verdict.layers} layers, "
                    f"{verdict.samples} inputs, 2 invocations each, with and without trace"
                )
            else:
                report.say(f"{subject}: NOT the same as the host runtime: {verdict.difference}")
    exact, agrees = all(v.bit_exact for _, v in verdicts), all(v.agrees for _, v in verdicts)
    report.json({"bit_exact": exact, "agrees": agrees, "boards": [_verdict(*pair) for pair in verdicts]})
    if not agrees:
        raise SystemExit(1)


def _advance(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _verdict(network: str, verdict: Verdict) -> dict[str, Any]:
    difference = verdict.difference
    return {
        "board": verdict.board,
        "network": network,
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
@model_argument
@board_list
@click.option("--baseline", metavar="FILE", type=click.Path(path_type=Path),
              help="Show the differences from an earlier run's --json file.")  # fmt: skip
@host_options
@compile_options
@json_option
def bench(
    model: Path,
    board: str | None,
    device: str | None,
    baseline: Path | None,
    json_target: str | None,
    **options: Any,
) -> None:
    """Measure instructions by layer, flash, RAM and stack on the emulated boards.

    With --host: time on this computer, by operator and type, and accuracy.
    """
    asked = take_host_options(options)
    if asked is not None:
        if board is not None or device is not None:
            raise UsageError("--host and a board exclude each other")
        if baseline is not None:
            raise UsageError("--host and --baseline exclude each other")
        bench_on_host(model, asked, options_of(options), json_target)
        return
    report = Report(json_target)
    before = benchtables.load_results(baseline) if baseline is not None else None
    figures: list[Figures] = []
    targets = boards_of(board, device)
    chosen = replace(options_of(options), projects=("make",))
    with ERRORS.status("Measuring …") as status:
        for number, target in enumerate(targets, 1):
            say = functools.partial(_tell, status, f"{model.name} on {target.name} ({number} of {len(targets)})")
            compiled = compiler.compile_model(model, target, chosen, progress=functools.partial(_told, say))
            figures.append(bench_board(compiled, say=say))
    report.say(f"{model.name}: {figures[0].macs:,} MACs; instructions of the second invocation, sizes in bytes")
    for line in (f"Counted by: {figures[0].method}", figures[0].compiler, figures[0].emulator):
        report.say(line)
    report.table(*benchtables.summary(figures))
    for group in benchtables.groups(figures):
        for table in (benchtables.by_layer(group), benchtables.by_operator(group)):
            report.say()
            report.table(*table)
    columns, rows = benchtables.by_npu(figures[0])
    if rows and chosen.npu is not None:
        report.say()
        report.say(f"{chosen.npu.accelerator}: Vela's estimate of its cycles, not measured; it works besides the core")
        report.table(columns, rows)
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
