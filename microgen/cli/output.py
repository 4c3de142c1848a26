"""What commands say: text, tables, progress bars, JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from microgen.errors import InputError, one_line
from microgen.mindir import Value
from microgen.quantize.observe import Progress as Told

ERRORS = Console(stderr=True, highlight=False, soft_wrap=True)


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
        text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
        if self.target == "-":
            sys.stdout.write(text)
            return
        try:
            Path(self.target).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", where=self.target) from None


def _finite(content: Any) -> Any:
    """``content`` with null in place of what JSON has no number for."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def progress_bars() -> Progress:
    """Bars on standard error, where that is a terminal; they vanish when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERRORS, transient=True, disable=not ERRORS.is_terminal)


def steps_of(progress: Progress) -> Told:
    """A callback that gives each step a bar of its own."""
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
        progress.update(tasks[what], completed=done, total=total)

    return tell


def rearrangement(value: Value, layout: tuple[int, ...], here: str, there: str) -> str:
    """What is said of an input or output whose dimensions were rearranged by ``layout``."""
    shape = "×".join(map(str, value.shape))
    before = "×".join(str(value.shape[layout.index(i)]) for i in range(len(layout)))
    return f"  {one_line(value.name, 60)} is {shape} {here}, channels last ({before} in {there})"
