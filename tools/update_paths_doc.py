"""Writes the accuracy of the keyword spotters on every path into docs/paths.md; a test holds the table to account.

Run it from the repository's root: ``python -m tools.update_paths_doc``. It takes a few minutes. The models and samples
are those of the folder that MICROGEN_TESTDATA names, or ../shared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from microgen.data.datasets import load
from microgen.evaluate import Subject, evaluate
from microgen.scoring import PathFigures

BEGIN, END = "<!-- accuracy: begin -->\n", "<!-- accuracy: end -->\n"
INT8, HYBRID = "kws_dscnn_int8.tflite", "kws_dscnn_hybrid.tflite"
BOARDS = {"qemu:mps2-an386": "Cortex-M4 (QEMU)", "qemu:mps3-an547": "Cortex-M55 (QEMU)"}
EXACT = ("reference", "c", "gpu", "npu", "ethos-u65-256", *BOARDS)
#: Paths by model; the NPU has no floats.
PATHS = {INT8: (*EXACT, "cpu"), HYBRID: ("reference", "c", "gpu", "cpu", *BOARDS)}


def accuracies(testdata: Path, model: str, paths: Sequence[str]) -> dict[str, PathFigures]:
    """The figures of ``paths``, the first of which the others are compared with, over all 500 samples."""
    dataset = load(testdata / "data" / "kws01.npz")
    found = evaluate(Subject(testdata / "models" / model), dataset, paths)
    return {figures.path: figures for figures in found.paths}


def cells(figures: PathFigures, first: PathFigures) -> tuple[str, str, str]:
    """Accuracy, samples with the first path's bytes, samples with its class."""
    classes = int((figures.predictions == first.predictions).sum())
    return f"{figures.value:.1%}", str(figures.same_bytes), str(classes)


def table(int8: dict[str, PathFigures], hybrid: dict[str, PathFigures]) -> str:
    """The table in Markdown."""
    lines = [
        "| Path | int8: accuracy | same bytes | same class | hybrid in float32: accuracy | same class |",
        "|---|---|---|---|---|---|",
    ]
    for path in PATHS[INT8]:
        name = BOARDS.get(path, f"`{path}`")
        whole = cells(int8[path], int8["reference"])
        real = cells(hybrid[path], hybrid["reference"])[::2] if path in hybrid else ("—", "—")
        lines.append(f"| {' | '.join((name, *whole, *real))} |")
    return "\n".join(lines) + "\n"


def updated(text: str, made: str) -> str:
    """``text`` with the table ``made`` in place of what is between the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + made + END + after


def main() -> None:
    """Run every path and write the page."""
    root = Path(__file__).parent.parent
    testdata = Path(os.environ.get("MICROGEN_TESTDATA") or root.parent / "shared")
    made = table(*(accuracies(testdata, model, PATHS[model]) for model in (INT8, HYBRID)))
    page = root / "docs" / "paths.md"
    page.write_text(updated(page.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
