"""A board as the text of a board file, and the board file that a project carries.

A project remembers its board by name. One that does not ship with microgen (a user's file, a device of a CMSIS pack)
would be lost with its origin, so its project carries the description itself.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from microgen.boards import Board, Region, all_boards, load_board

BOARD_FILE = "board.toml"
"""The file of a project that describes its board, where that does not ship with microgen."""


def board_toml(board: Board) -> str:
    """The board file of ``board``: ``load_board`` of it gives an equal board, but for the name, which is the file's."""
    lines = [
        f"title = {_text(board.title)}",
        f"core = {_text(board.core.name)}",
        f"endian = {_text(board.endian)}",
    ]
    if board.device:
        lines.append(f"device = {_text(board.device)}")
    if board.vendor:
        lines.append(f"vendor = {_text(board.vendor)}")
    if board.clock:
        lines.append(f"clock = {board.clock}")
    if board.notes:
        lines.append(f"notes = {_text(board.notes)}")
    if board.emulator is not None:
        lines += ["", "[emulator]", f"machine = {_text(board.emulator.machine)}"]
        if board.emulator.cpu:
            lines.append(f"cpu = {_text(board.emulator.cpu)}")
    for region in board.memory:
        lines += ["", *_region(region)]
    return "\n".join(lines) + "\n"


def _region(region: Region) -> list[str]:
    lines = [
        "[[memory]]",
        f"name = {_text(region.name)}",
        f"kind = {_text(region.kind)}",
        f"origin = 0x{region.origin:08x}",
        f"size = 0x{region.size:08x}",
    ]
    if region.roles:
        lines.append(f"roles = [{', '.join(map(_text, region.roles))}]")
    if region.title:
        lines.append(f"title = {_text(region.title)}")
    if region.external:
        lines.append("external = true")
    return lines


def _text(value: str) -> str:
    """A basic string of TOML: quotation marks, backslashes and control characters escaped."""
    escaped = "".join(
        f"\\{c}" if c in '"\\' else f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in value
    )
    return f'"{escaped}"'


def project_board_files(board: Board) -> dict[str, bytes]:
    """What a project for ``board`` carries of it: path → content, empty for a board that ships with microgen."""
    return {} if board in all_boards() else {BOARD_FILE: board_toml(board).encode("utf-8")}


def project_board(folder: Path, name: str) -> Board:
    """The board of the project in ``folder``, whose manifest calls it ``name``.

    Raises UsageError for a name that no board has, InputError for a description with a mistake in it.
    """
    carried = folder / BOARD_FILE
    return replace(load_board(carried), name=name) if carried.is_file() else load_board(name)
