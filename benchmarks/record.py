"""The recorded figures of the shared models: what is measured, the file, and how far a figure may grow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microgen.bench import Figures, bench_board
from microgen.boards import load_board
from microgen.compiler import Options, compile_model

REPOSITORY = Path(__file__).resolve().parent.parent
RECORDED = Path(__file__).with_name("recorded.json")

MODELS = {
    "AD": "ad_autoencoder_int8",
    "KWS": "kws_dscnn_int8",
    "IC": "ic_resnet8_int8",
    "VWW": "vww_mobilenet_int8",
    "micro_speech": "micro_speech_int8",
    "hello_world": "hello_world_int8",
    "digits": "",
}
"""Short name → file in the folder of models; ``digits`` is the repository's own example."""

BOARDS = {
    "M3": "mps2-an385",
    "M4F": "mps2-an386",
    "M7": "mps2-an500",
    "M33": "mps2-an505",
    "M55": "mps3-an547",
}
"""Core → board."""

LIMIT = 2.0
"""Percent by which instructions and code may grow."""

DEFAULT = Options()

GUARDED = ("instructions", "code")


@dataclass(frozen=True, slots=True)
class Record:
    """Figures of a model on a board: instructions of the second invocation, and bytes."""

    instructions: int
    code: int
    const: int
    arena: int
    static: int
    stack: int


def model_path(model: str) -> Path:
    """The file of a model in ``MODELS``; the folder is ``MICROGEN_TESTDATA`` or ../shared."""
    if not MODELS[model]:
        return REPOSITORY / "examples" / "digits" / "digits_int8.tflite"
    folder = Path(os.environ.get("MICROGEN_TESTDATA") or REPOSITORY.parent / "shared")
    return folder / "models" / f"{MODELS[model]}.tflite"


def measure(model: str, board: str, options: Options = DEFAULT) -> tuple[Figures, Record]:
    """Measure a model of ``MODELS`` on a board of ``BOARDS``. Raises what compiling and ``bench_board`` raise."""
    compiled = compile_model(model_path(model), load_board(BOARDS[board]), options)
    figures = bench_board(compiled, verify=False)
    f = figures
    return f, Record(f.instructions, f.flash_code, f.flash_const, f.ram_arena, f.ram_static, f.ram_stack)


def grown(before: Record, now: Record) -> list[str]:
    """What grew by more than ``LIMIT`` percent, in words."""
    problems = []
    for name in GUARDED:
        old, new = getattr(before, name), getattr(now, name)
        if new > old * (1 + LIMIT / 100):
            problems.append(f"{name}: {old:,} recorded, {new:,} now ({100 * (new - old) / old:+.1f} %)")
    return problems


@dataclass(frozen=True, slots=True)
class Recorded:
    """The content of ``recorded.json``: figures by model and core, and the compiler they hold for."""

    compiler: str
    emulator: str
    figures: Mapping[str, Mapping[str, Record]]

    def save(self, path: Path = RECORDED) -> None:
        """Write the file, in the order of ``MODELS`` and ``BOARDS``."""
        figures = {m: {b: asdict(r) for b, r in boards.items()} for m, boards in self.figures.items()}
        content = {"compiler": self.compiler, "emulator": self.emulator, "figures": figures}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(path: Path = RECORDED) -> Recorded:
    """Read the file. Raises OSError without it."""
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    figures = {m: {b: Record(**r) for b, r in boards.items()} for m, boards in content["figures"].items()}
    return Recorded(content["compiler"], content["emulator"], figures)
