"""What ``microgen bench`` shows: tables by layer and by operator, and the differences from an earlier run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgen.bench import Figures, Layer
from microgen.errors import InputError

Columns = list[tuple[str, bool]]
Rows = list[list[str]]

# Two boards side by side fill a terminal of 100 characters.
_SIDE_BY_SIDE = 2
_NAME_WIDTH = {1: 24, 2: 12}
_FIGURES = {
    "instructions": ("instructions",),
    "code": ("flash", "code"),
    "const": ("flash", "const"),
    "arena": ("ram", "arena"),
    "static": ("ram", "static"),
    "stack": ("ram", "stack"),
}


def per_mac(instructions: int, macs: int) -> str:
    """Instructions per multiply-accumulate, ``-`` where there are none."""
    return f"{instructions / macs:.2f}" if macs else "-"


def share(part: int, whole: int) -> str:
    """``12.3%``."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def shorten(name: str, width: int) -> str:
    """A layer's name in at most ``width`` characters: of merged names the first, of a long one the end."""
    first = name.split(";")[0]
    return first if len(first) <= width else f"…{first[len(first) - width + 1 :]}"


def summary(figures: Sequence[Figures]) -> tuple[Columns, Rows]:
    """A row per board: the totals."""
    columns = [("board", False), ("bit-exact", False), ("instructions", True), ("per MAC", True), ("code", True),
               ("const", True), ("arena", True), ("static", True), ("stack", True)]  # fmt: skip
    exact = {True: "yes", False: "NO", None: "-"}
    rows = [
        [f.board, "within 1e-5" if f.agrees and not f.bit_exact else exact[f.bit_exact],
         f"{f.instructions:,}", per_mac(f.instructions, f.macs), f"{f.flash_code:,}",
         f"{f.flash_const:,}", f"{f.ram_arena:,}", f"{f.ram_static:,}", f"{f.ram_stack:,}"]
        for f in figures
    ]  # fmt: skip
    return columns, rows


def _measured(instructions: int, macs: int, total: int) -> list[str]:
    return [f"{instructions:,}", per_mac(instructions, macs), share(instructions, total)]


def _board_columns(figures: Sequence[Figures]) -> Columns:
    return [(title, True) for f in figures for title in (f.board, "/MAC", "share")]


def groups(figures: Sequence[Figures]) -> Iterator[Sequence[Figures]]:
    """The boards that stand side by side in one table: as many as fit, of those that run the same layers."""
    group: list[Figures] = []
    for f in figures:
        if group and (len(group) == _SIDE_BY_SIDE or _layer_keys(group[0]) != _layer_keys(f)):
            yield group
            group = []
        group.append(f)
    if group:
        yield group


def _layer_keys(figures: Figures) -> list[tuple[int, str, str]]:
    return [(layer.index, layer.name, layer.op) for layer in figures.layers]


def by_layer(figures: Sequence[Figures]) -> tuple[Columns, Rows]:
    """A row per layer; for each board instructions, instructions per MAC and share of the total."""
    width = _NAME_WIDTH[min(len(figures), _SIDE_BY_SIDE)]
    columns = [("#", True), ("layer", False), ("operator", False), ("MACs", True), *_board_columns(figures)]
    rows = []
    for layers in zip(*(f.layers for f in figures), strict=True):
        first = layers[0]
        row = [str(first.index), shorten(first.name, width), first.op, f"{first.macs:,}"]
        for f, layer in zip(figures, layers, strict=True):
            row += _measured(layer.instructions, layer.macs, f.instructions)
        rows.append(row)
    if any(f.other for f in figures):
        other = [cell for f in figures for cell in _measured(f.other, 0, f.instructions)]
        rows.append(["", "(no layer)", "", "", *other])
    return columns, rows


def by_operator(figures: Sequence[Figures]) -> tuple[Columns, Rows]:
    """A row per operator, the dearest on the first board first."""
    columns = [("operator", False), ("layers", True), ("MACs", True), *_board_columns(figures)]
    kinds: dict[str, list[list[Layer]]] = {}
    for number, f in enumerate(figures):
        for layer in f.layers:
            kinds.setdefault(layer.op, [[] for _ in figures])[number].append(layer)
    totals = {op: [sum(x.instructions for x in layers) for layers in lists] for op, lists in kinds.items()}
    rows = []
    for op in sorted(kinds, key=lambda op: -totals[op][0]):
        macs = sum(layer.macs for layer in kinds[op][0])
        row = [op, str(len(kinds[op][0])), f"{macs:,}"]
        for f, total in zip(figures, totals[op], strict=True):
            row += _measured(total, macs, f.instructions)
        rows.append(row)
    return columns, rows


def by_npu(figures: Figures) -> tuple[Columns, Rows]:
    """A row per part of the network that an NPU computes; none without an NPU."""
    columns = [("part", False), ("MACs", True), ("cycles", True), ("MACs/cycle", True)]
    rows = [
        [layer.name, f"{layer.macs:,}", f"{layer.npu_cycles:,}", f"{layer.macs / max(1, layer.npu_cycles):.1f}"]
        for layer in figures.layers
        if layer.npu_cycles is not None
    ]
    return columns, rows


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure then and now; one of them is None where only the other run has it."""

    board: str
    figure: str
    before: int | None
    now: int | None

    @property
    def absolute(self) -> int | None:
        """``now - before``."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def percent(self) -> float | None:
        """The difference in percent of ``before``; None where that is 0 or missing."""
        return None if self.absolute is None or not self.before else 100 * self.absolute / self.before

    def cells(self) -> list[str]:
        """A row of the table of differences."""
        numbers = ["missing" if n is None else f"{n:,}" for n in (self.before, self.now)]
        absolute = "-" if self.absolute is None else f"{self.absolute:+,}"
        percent = "-" if self.percent is None else f"{self.percent:+.2f}%"
        return [self.board, self.figure, *numbers, absolute, percent]

    def as_json(self) -> dict[str, Any]:
        """Stable keys; ``percent`` is None where it is not defined."""
        return {"board": self.board, "figure": self.figure, "before": self.before, "now": self.now,
                "absolute": self.absolute, "percent": self.percent}  # fmt: skip


DIFFERENCE_COLUMNS: Columns = [("board", False), ("figure", False), ("before", True), ("now", True),
                               ("difference", True), ("", True)]  # fmt: skip


def load_results(path: Path) -> list[dict[str, Any]]:
    """The results in a file that ``bench --json`` wrote; InputError for any other file."""
    hint = "Make one with: microgen bench MODEL --board BOARD --json FILE"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        for result in results:
            for keys in _FIGURES.values():
                _figure(result, keys)
            if not isinstance(result["board"], str):
                raise TypeError
            _layers(result)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InputError("holds no results of microgen bench", where=str(path), hint=hint) from None
    return list(results)


def _figure(result: Mapping[str, Any], keys: Sequence[str]) -> int:
    value: Any = result
    for key in keys:
        value = value[key]
    if not isinstance(value, int):
        raise TypeError(f"{keys}: {value!r}")
    return value


def _layers(result: Mapping[str, Any]) -> dict[tuple[int, str], int]:
    """Instructions by (index, name). Results from before layers were counted have none."""
    return {
        (int(layer["index"]), str(layer["name"])): int(layer["instructions"])
        for layer in result["layers"]
        if "instructions" in layer
    }


def differences(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """All figures of all boards, then and now; layers are matched by index and name."""
    old, new = ({str(r["board"]): r for r in results} for results in (before, now))
    found: list[Difference] = []
    for board in dict.fromkeys((*new, *old)):
        pair = [side.get(board) for side in (old, new)]
        for figure, keys in _FIGURES.items():
            then, today = (None if r is None else _figure(r, keys) for r in pair)
            found.append(Difference(board, figure, then, today))
        if None in pair:
            continue
        layers = [_layers(r) for r in pair if r is not None]
        for key in sorted({*layers[0], *layers[1]}):
            found.append(Difference(board, f"layer {key[0]} {key[1]}", layers[0].get(key), layers[1].get(key)))
    return found


def changed_rows(found: Sequence[Difference]) -> Rows:
    """The rows to show: the figures of a board always, of the layers those that differ or are missing."""
    rows = []
    for difference in found:
        if difference.figure in _FIGURES or difference.before != difference.now:
            cells = difference.cells()
            cells[1] = _shorten_figure(cells[1])
            rows.append(cells)
    return rows


def _shorten_figure(figure: str) -> str:
    if not figure.startswith("layer "):
        return figure
    _, index, name = figure.split(" ", 2)
    return f"layer {index} {shorten(name, 24)}"
