"""report: one page about a model on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from microgen.cli.app import app
from microgen.cli.output import ERRORS, Report, progress_bars, steps_of
from microgen.cli.parameters import board_of, board_options, compile_options, json_option, model_argument, options_of
from microgen.errors import UsageError, one_line
from microgen.report import Request, gather, render_page, write_page
from microgen.report.page import check_target


@app.command("report")
@model_argument
@board_options("The board's name or its .toml file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The page (.html).")
@click.option("--input", "source", type=click.Path(path_type=Path), help="Samples (.npy or .npz, samples first).")
@click.option("--samples", type=click.IntRange(0, 1_000), default=10, show_default=True,
              help="Without --input: random inputs, or so many of the calibration's samples.")  # fmt: skip
@click.option("--measure/--no-measure", default=True, help="Build and run on the board's emulator (the default).")
@compile_options
@json_option
def report_command(
    model: Path,
    board: str | None,
    device: str | None,
    output: Path,
    source: Path | None,
    samples: int,
    measure: bool,
    json_target: str | None,
    **options: Any,
) -> None:
    """Write one page about MODEL on a board: memory, layers, quantization, agreement, what would help."""
    report = Report(json_target)
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError("must end in .html", where=str(output))
    if json_target not in (None, "-") and Path(str(json_target)).resolve() == output.resolve():
        raise UsageError("is written twice", where=str(output), hint="Name another file for --json")
    check_target(output)
    request = Request(model, board_of(board, device), options_of(options), samples, source, measure)
    with progress_bars() as progress, ERRORS.status("compiling …") as status:
        facts = gather(request, progress=steps_of(progress), say=lambda text: status.update(f"{one_line(text)} …"))
    write_page(output, render_page(facts))
    exact = facts["exactness"]
    report.say(
        f"{output}: {len(facts['layers'])} layers, {facts['board']['name']}: {exact['verdict']} ({exact['why']})"
    )
    report.json(facts)
