"""Which source line an instruction comes from, by the debug information that every build carries."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from microgen.errors import InputError
from microgen.target.elf import Elf


@dataclass(frozen=True)
class LineTable:
    """Lines of one source file by address: ``lines[i]`` holds from ``starts[i]`` to ``starts[i + 1]``."""

    starts: tuple[int, ...]
    lines: tuple[int, ...]

    def line(self, address: int) -> int:
        """The line that the instruction at ``address`` was made for; 0 if none of this file."""
        index = bisect.bisect_right(self.starts, address) - 1
        return self.lines[index] if index >= 0 else 0


def line_table(elf: Elf, source: str) -> LineTable:
    """The line table (DWARF 5, section 6.2) of the compilation unit whose file is named ``source``.

    What comes from another file, such as a header, has line 0. Raises ``InputError`` if the file has no debug
    information on ``source``.
    """
    rows: list[tuple[int, int]] = []
    # Functions that the linker left out keep their rows, at address 0 and on: no function begins there.
    starts = frozenset(function.address for function in elf.functions)
    try:
        with elf.path.open("rb") as stream:
            file = ELFFile(stream)
            if file.has_dwarf_info():
                dwarf = file.get_dwarf_info()
                for unit in dwarf.iter_CUs():
                    name = unit.get_top_DIE().attributes.get("DW_AT_name")
                    if name is not None and PurePosixPath(name.value.decode("utf-8", "replace")).name == source:
                        for sequence in _sequences(dwarf.line_program_for_CU(unit), source):
                            rows += sequence if sequence[0][0] in starts else []
    except (OSError, ELFError, DWARFError) as error:
        raise InputError(f"cannot be read ({error})", where=str(elf.path)) from error
    if not rows:
        raise InputError(f"has no debug information on {source}", where=str(elf.path), hint="Compile with -g")
    # Sequences end where another may begin: of two rows at an address, the one with a line counts.
    table = dict(sorted(rows, key=lambda row: (row[0], row[1] != 0)))
    return LineTable(tuple(table), tuple(table.values()))


def _sequences(program: Any, source: str) -> Iterator[list[tuple[int, int]]]:
    """(address, line) of each run of machine code without gaps; line 0 at its end and for other files."""
    header = program.header
    first = 0 if header["version"] >= 5 else 1
    names = [PurePosixPath(entry.name.decode("utf-8", "replace")).name for entry in header["file_entry"]]
    rows: list[tuple[int, int]] = []
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        ours = not state.end_sequence and names[state.file - first] == source
        rows.append((state.address, state.line if ours else 0))
        if state.end_sequence:
            yield rows
            rows = []
