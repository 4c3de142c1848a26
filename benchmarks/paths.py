#!/usr/bin/env python3
"""Times paths of the host against the NumPy reference, and checks on the way that they compute what it computes.

.venv/bin/python benchmarks/paths.py                          what docs/paths.md has: all models, batch 1, 100 and 500
.venv/bin/python benchmarks/paths.py --document               and writes it there
.venv/bin/python benchmarks/paths.py --batches 1,8,64,512,4096 --paths gpu,c --json cuda.json      on a CUDA device

Path gpu takes CUDA where there is one; the output names the device. Times are wall time, or the processor's with
--processor-time, the best of several runs, and say little alone: compare the paths of one run, on a computer with
nothing else to do. Paths take turns, so that what disturbs one disturbs all.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from microgen import Context, Model
from microgen.mindir import Array
from microgen.runtime.delegate import REFERENCE
from microgen.verification import TOLERANCE, sample_inputs

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = REPOSITORY / "docs" / "paths.md"
BEGIN, END = "<!-- speed: begin -->\n", "<!-- speed: end -->\n"
MODELS = ("kws_dscnn_int8", "ad_autoencoder_int8", "ic_resnet8_int8", "vww_mobilenet_int8", "micro_speech_int8",
          "ic_resnet8_float", "vww_mobilenet_float")  # fmt: skip
# The reference path takes longer per sample, not less, above this: it is not timed there, only compared with.
_REFERENCE_BATCH = 500
_ROUNDS = range(3, 50)


@dataclass(frozen=True)
class Row:
    """One path of one model with one batch: microseconds per sample, and those of the reference path over them.

    ``agrees``: the outputs are the reference's bytes, or floats within the tolerance; None where that is not promised.
    """

    model: str
    path: str
    threads: int
    batch: int
    microseconds: float
    ratio: float
    agrees: bool | None


def device(paths: Sequence[str]) -> str:
    """What the figures were taken on, in words."""
    words = [platform.machine(), f"{os.cpu_count()} processors"]
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if "model name" in line]
        words[:0] = found[:1]
    if "gpu" in paths:
        import torch

        cuda = torch.cuda.is_available()
        words.append(f"CUDA: {torch.cuda.get_device_name()}" if cuda else "no CUDA: path gpu on the processor")
        words.append(f"torch {torch.__version__}")
    return ", ".join(words)


def agrees(found: Sequence[Array], expected: Sequence[Array]) -> bool:
    """Integers byte for byte, floats within the tolerance."""
    for ours, theirs in zip(found, expected, strict=True):
        if ours.dtype.kind == "f":
            if not np.abs(ours - theirs).max(initial=0.0) <= TOLERANCE * np.abs(theirs).max(initial=0.0):
                return False
        elif not np.array_equal(ours, theirs):
            return False
    return True


def best_times(
    calls: Sequence[Callable[[], object]], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The shortest time, by ``clock``, of each of ``calls``, which take turns for about ``seconds`` in all."""
    best = [float("inf")] * len(calls)
    end = time.perf_counter() + seconds
    for turn in range(_ROUNDS.stop):
        for index, call in enumerate(calls):
            begin = clock()
            call()
            best[index] = min(best[index], clock() - begin)
        if turn + 1 >= _ROUNDS.start and time.perf_counter() > end:
            break
    return best


def measure(
    file: Path,
    paths: Sequence[str],
    threads: Sequence[int],
    batches: Sequence[int],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Row]:
    """The rows of one model."""
    reference = Model(file).build()
    types = [v.type for v in reference.graph.inputs]
    inputs = [a[: max(batches)] for a in sample_inputs(types, max(batches), seed=3)]
    expected = reference.predict(inputs)
    built = {(p, t): Model(file).build(Context((p,), threads=t)) for p in paths for t in threads}
    exact = {key: all(part.delegate.exact for part in model.parts) for key, model in built.items()}
    rows = []
    base = 0.0
    for batch in sorted(batches):
        part = [a[:batch] for a in inputs]
        wanted = [a[:batch] for a in expected]
        # The first run also sets up what is set up once.
        right = {key: agrees(model.predict(part), wanted) for key, model in built.items()}
        calls = [functools.partial(model.predict, part) for model in built.values()]
        timed = batch <= _REFERENCE_BATCH or not base
        times = best_times(([functools.partial(reference.predict, part)] if timed else []) + calls, seconds, clock)
        if timed:
            base = times.pop(0) / batch
            rows.append(Row(file.stem, REFERENCE, 1, batch, base * 1e6, 1.0, True))
        for (path, count), spent in zip(built, times, strict=True):
            key = path, count
            each = spent / batch
            rows.append(Row(file.stem, path, count, batch, each * 1e6, base / each, right[key] if exact[key] else None))
    return rows


def markdown(rows: Sequence[Row], command: str, where: str) -> str:
    """The figures as a table: a line for each model, path and number of threads, a column for each batch."""
    batches = sorted({row.batch for row in rows})
    what = "Microseconds per sample, and how many times as fast as the reference path that is"
    lines = [
        f"{what}. {datetime.date.today()}: {where}; `{command}`.",
        "",
        f"| Model | Path | Threads | {' | '.join(f'batch {b}' for b in batches)} |",
        "|---|---|---|" + "---|" * len(batches),
    ]
    for key in dict.fromkeys((row.model, row.path, row.threads) for row in rows):
        found = {row.batch: row for row in rows if (row.model, row.path, row.threads) == key}
        cells = []
        for batch in batches:
            row = found.get(batch)
            times = "" if row is None or row.path == REFERENCE else f" ({row.ratio:.1f}×)"
            cells.append("—" if row is None else f"{row.microseconds:,.1f}{times}")
        lines.append(f"| {key[0]} | `{key[1]}` | {key[2]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; 1 where a path that promises it does not agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])

    def names(text: str) -> list[str]:
        return [name for name in text.split(",") if name]

    def numbers(text: str) -> list[int]:
        return [int(name) for name in names(text)]

    parser.add_argument("--models", type=names, default=list(MODELS), help="names of the test data's models, or files")
    parser.add_argument("--paths", type=names, default=["c", "gpu"])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batches", type=numbers, default=[1, 100, 500])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each model and batch")
    help_text = "processor time in place of wall time: for one thread, on a computer that does other things too"
    parser.add_argument("--processor-time", action="store_true", help=help_text)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--markdown", type=Path, help="write the table there")
    parser.add_argument("--document", action="store_true", help="write the table into docs/paths.md")
    asked = parser.parse_args(arguments)
    folder = Path(os.environ.get("MICROGEN_TESTDATA") or REPOSITORY.parent / "shared") / "models"
    where, rows = device(asked.paths), []
    clock = time.process_time if asked.processor_time else time.perf_counter
    for name in asked.models:
        file = Path(name) if Path(name).suffix else folder / f"{name}.tflite"
        rows += measure(file, asked.paths, asked.threads, asked.batches, asked.seconds, clock)
        print(f"{file.stem} is done", file=sys.stderr)
    # The command without the place of files, which says nothing to readers.
    kept = [a for a in arguments if a not in ("--document", "--json", "--markdown") and "/" not in a]
    made = markdown(rows, " ".join(["python", "benchmarks/paths.py", *kept]), where)
    print(made)
    if asked.json is not None:
        content = {"date": str(datetime.date.today()), "device": where, "rows": [asdict(row) for row in rows]}
        asked.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if asked.markdown is not None:
        asked.markdown.write_text(made, encoding="utf-8")
    if asked.document:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        DOCUMENT.write_text(before + BEGIN + made + END + rest.split(END)[1], encoding="utf-8")
    wrong = [f"{row.model} on {row.path}, batch {row.batch}" for row in rows if row.agrees is False]
    for line in wrong:
        print(f"does not agree with the reference: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
