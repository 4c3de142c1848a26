#!/usr/bin/env python3
"""Measures the shared models on the emulated boards, with our kernels and with those of a CMSIS-NN source tree.

.venv/bin/python benchmarks/run.py                      the table, docs/benchmarks.md
.venv/bin/python benchmarks/run.py --cmsis-nn DIR       beside it the same with the tree's kernels
.venv/bin/python benchmarks/run.py --record             also benchmarks/recorded.json, which the tests compare with
.venv/bin/python benchmarks/run.py --models KWS --boards M4F,M55      only these, on the terminal
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import microgen
from benchmarks.record import BOARDS, MODELS, REPOSITORY, Record, Recorded, measure, model_path
from microgen.bench import Figures
from microgen.boards import load_board
from microgen.compiler import Options, compile_model
from microgen.errors import MicrogenError

DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
Cells = Mapping[tuple[str, str], Record]


@dataclass
class Results:
    """What a run measured: by (model, core) the figures, ours and the tree's, and what went wrong."""

    ours: dict[tuple[str, str], Record] = field(default_factory=dict)
    theirs: dict[tuple[str, str], Record] = field(default_factory=dict)
    macs: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    figures: Figures | None = None
    cmsis_nn: str = ""


def run(models: Sequence[str], boards: Sequence[str], tree: str, say: Callable[[str], None]) -> Results:
    """Measure everything; what the tree cannot do is noted and left out."""
    results = Results()
    if tree:
        compiled = compile_model(model_path("digits"), load_board(BOARDS["M4F"]), Options(cmsis_nn=tree))
        results.cmsis_nn = str(json.loads(compiled.files["manifest.json"])["options"]["cmsis_nn"])
    for number, (model, board) in enumerate(((m, b) for m in models for b in boards), 1):
        say(f"{number}/{len(models) * len(boards)} {model} on {board}")
        results.figures, results.ours[model, board] = measure(model, board)
        results.macs[model] = results.figures.macs
        if tree:
            try:
                results.theirs[model, board] = measure(model, board, Options(cmsis_nn=tree))[1]
            except MicrogenError as error:
                # Without the place: a folder of this computer says nothing to readers of the page.
                results.problems.append(f"{model} on {board} with CMSIS-NN: {type(error).__name__}: {error.what}")
    return results


def table(heading: str, boards: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A Markdown table with a row per model."""
    yield f"| {heading} | {' | '.join(boards)} |"
    yield f"|---|{'---:|' * len(boards)}"
    for model, cells in rows.items():
        yield f"| {model} | {' | '.join(cells)} |"
    yield ""


def _rows(
    results: Results, cells: Cells, boards: Sequence[str], show: Callable[[str, Record], str]
) -> dict[str, list[str]]:
    return {
        model: [show(model, cells[model, b]) if (model, b) in cells else "-" for b in boards] for model in results.macs
    }


def _per_mac(results: Results) -> Callable[[str, Record], str]:
    return lambda model, r: f"{r.instructions / results.macs[model]:.2f}"


SECTIONS: tuple[tuple[str, str, Callable[[str, Record], str]], ...] = (
    ("Instructions per inference", "instructions", lambda _, r: f"{r.instructions:,}"),
    ("Flash: code in bytes", "code", lambda _, r: f"{r.code:,}"),
    ("Flash: constants in bytes", "constants", lambda _, r: f"{r.const:,}"),
    ("RAM: arena and other variables in bytes", "RAM", lambda _, r: f"{r.arena + r.static:,}"),
    ("Stack in bytes", "stack", lambda _, r: f"{r.stack:,}"),
)


def document(results: Results, boards: Sequence[str], day: datetime.date) -> str:
    """The page with all tables."""
    figures = results.figures
    assert figures is not None
    lines = [
        "# Benchmarks", "",
        "Written by `benchmarks/run.py`; do not edit. Instructions are those of the second inference, executed in the",
        "emulator, with nothing added to the firmware that ships: they are exact and repeat on every computer with the",
        "same compiler. They are not cycles. Code and constants are the model's alone, without startup and `main`.", "",
        f"- Date: {day.isoformat()}",
        f"- microgen {microgen.__version__}, default options",
        f"- {figures.compiler}",
        f"- {figures.emulator}",
        f"- Counted by: {figures.method}",
        *([f"- CMSIS-NN {results.cmsis_nn}, built with the same flags in the same run"] if results.theirs else []),
        f"- Boards: {', '.join(f'{core} = {BOARDS[core]}' for core in boards)}", "",
        "| model | multiply-accumulates |", "|---|---:|",
        *(f"| {model} | {macs:,} |" for model, macs in results.macs.items()), "",
    ]  # fmt: skip
    sections = [*SECTIONS]
    sections.insert(1, ("Instructions per multiply-accumulate", "per MAC", _per_mac(results)))
    for title, heading, show in sections:
        lines += [f"## {title}", ""]
        if results.theirs:
            lines += table(f"{heading}, our kernels", boards, _rows(results, results.ours, boards, show))
            lines += table(f"{heading}, CMSIS-NN", boards, _rows(results, results.theirs, boards, show))
        else:
            lines += table(heading, boards, _rows(results, results.ours, boards, show))
    if results.problems:
        lines += ["## Not measured", "", *(f"- {problem}" for problem in results.problems), ""]
    return "\n".join(lines)


def choose(text: str, known: Mapping[str, str], what: str) -> list[str]:
    """Names from a list separated by commas, in the order of ``known``."""
    names = text.split(",") if text else list(known)
    if unknown := sorted(set(names) - set(known)):
        sys.exit(f"unknown {what}: {', '.join(unknown)}. Use some of {', '.join(known)}")
    return [name for name in known if name in names]


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cmsis-nn", default="", metavar="DIR", help="CMSIS-NN source tree to measure as well")
    parser.add_argument("--record", action="store_true", help="write benchmarks/recorded.json")
    parser.add_argument("--models", default="", metavar="LIST", help=f"some of {','.join(MODELS)}")
    parser.add_argument("--boards", default="", metavar="LIST", help=f"some of {','.join(BOARDS)}")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE", help="the page to write")
    options = parser.parse_args()
    models, boards = choose(options.models, MODELS, "models"), choose(options.boards, BOARDS, "boards")
    whole = len(models) == len(MODELS) and len(boards) == len(BOARDS)
    if options.record and not whole:
        parser.error("--record needs all models on all boards")
    try:
        results = run(models, boards, options.cmsis_nn, lambda text: print(text, file=sys.stderr, flush=True))
    except MicrogenError as error:
        sys.exit(f"error: {error}")
    page = document(results, boards, datetime.datetime.now(datetime.UTC).date())
    if not whole and options.output == DOCUMENT:
        print(page)
        return
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page, encoding="utf-8")
    print(f"written: {options.output}")
    if options.record and results.figures is not None:
        figures = {m: {b: results.ours[m, b] for b in boards} for m in models}
        Recorded(results.figures.compiler, results.figures.emulator, figures).save()
        print("written: benchmarks/recorded.json")


if __name__ == "__main__":
    main()
