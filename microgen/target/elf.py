"""Reads linked firmware: symbols, sections, call sites, and what of it belongs to the model."""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microgen.boards import Board
from microgen.errors import InputError

_SHF_WRITE, _SHF_ALLOC, _SHF_EXEC = 1, 2, 4


@dataclass(frozen=True)
class Section:
    """A section of the file; ``load_address`` is where its content is stored (flash, for ``.data``)."""

    name: str
    address: int
    load_address: int
    size: int
    writable: bool
    executable: bool
    has_content: bool
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """A function or object; a function's address is that of its first instruction (Thumb bit cleared)."""

    name: str
    address: int
    size: int
    is_function: bool
    section: str


@dataclass(frozen=True)
class Call:
    """A direct call at ``address``: ``bl``, after which the callee returns to ``return_address``, or a tail
    call (``b.w``), after which it returns to the caller of the function that holds it.
    """

    address: int
    target: int
    callee: str
    is_tail: bool = False

    @property
    def return_address(self) -> int:
        """Address of the instruction behind the call."""
        return self.address + 4


class Elf:
    """A linked 32-bit Arm firmware file. Raises ``InputError`` where the file cannot be read as one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                file = ELFFile(stream)
                if file["e_machine"] != "EM_ARM" or file["e_type"] != "ET_EXEC":
                    raise InputError("is no linked Arm firmware", where=str(path))
                self.sections = tuple(_sections(file))
                self.symbols = tuple(_symbols(file))
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error
        except (ELFError, struct.error) as error:
            raise InputError(f"is no ELF file ({error})", where=str(path)) from error

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """Functions sorted by address."""
        return tuple(sorted((s for s in self.symbols if s.is_function), key=lambda s: (s.address, -s.size)))

    @cached_property
    def _starts(self) -> list[int]:
        return [function.address for function in self.functions]

    def function(self, name: str) -> Symbol:
        """The function of that name; ``InputError`` if the firmware has none."""
        for symbol in self.functions:
            if symbol.name == name:
                return symbol
        raise InputError(f"has no function {name!r}", where=str(self.path))

    def symbol(self, name: str) -> Symbol:
        """The function, object or linker symbol of that name; ``InputError`` if there is none."""
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise InputError(f"has no symbol {name!r}", where=str(self.path))

    def symbolize(self, address: int) -> str:
        """``function+0x12`` for an address inside of a function, ``""`` for any other address."""
        address &= ~1
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return ""
        start = self._starts[index]
        # Several names may share an address (aliases): the largest comes first.
        symbol = self.functions[bisect.bisect_left(self._starts, start)]
        # Assembly routines carry no size: they reach to the next function.
        following = bisect.bisect_right(self._starts, start)
        bound = self._starts[following] if following < len(self._starts) else self._text_end(start)
        if address >= (start + symbol.size if symbol.size else bound):
            return ""
        offset = address - start
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

    def _text_end(self, address: int) -> int:
        return next((s.address + s.size for s in self.sections if s.address <= address < s.address + s.size), 0)

    def calls(self) -> tuple[Call, ...]:
        """Every direct call in the firmware, by address."""
        by_address = {function.address: function.name for function in reversed(self.functions)}
        found: list[Call] = []
        for section in self.sections:
            if not section.executable:
                continue
            code = section.data
            for offset in range(0, len(code) - 3, 2):
                first, second = struct.unpack_from("<HH", code, offset)
                if first >> 11 != 0b11110 or second & 0xD000 not in (0x9000, 0xD000):
                    continue
                address = section.address + offset
                target = (address + 4 + _branch_offset(first, second)) & 0xFFFFFFFF
                is_tail = second & 0x4000 == 0
                if target in by_address:
                    found.append(Call(address, target, by_address[target], is_tail))
        return tuple(found)

    def calls_to(self, name: str) -> tuple[Call, ...]:
        """Direct calls of the function ``name``."""
        target = self.function(name).address
        return tuple(call for call in self.calls() if call.target == target)

    def calls_in(self, name: str) -> tuple[Call, ...]:
        """Direct calls in the body of the function ``name``, by address."""
        body = self.function(name)
        return tuple(c for c in self.calls() if body.address <= c.address < body.address + body.size)

    def memory_use(self, board: Board) -> dict[str, dict[str, int]]:
        """Region → section → bytes. ``.data`` counts twice: where it lives and where its content is stored."""
        use: dict[str, dict[str, int]] = {region.name: {} for region in board.memory}
        for section in self.sections:
            places = {section.address}
            if section.has_content:
                places.add(section.load_address)
            for region in board.memory:
                for address in places:
                    if region.origin <= address < region.end and section.size:
                        use[region.name][section.name] = section.size
        return use


def _branch_offset(first: int, second: int) -> int:
    """Signed displacement of a Thumb-2 ``BL`` or ``B.W`` (Armv7-M ARM, A7.7.18 T1 and A7.7.12 T4)."""
    sign = first >> 10 & 1
    i1 = 1 ^ (second >> 13 & 1) ^ sign
    i2 = 1 ^ (second >> 11 & 1) ^ sign
    value = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1
    return value - (sign << 25)


def _sections(file: ELFFile) -> Iterable[Section]:
    segments = [s for s in file.iter_segments() if s["p_type"] == "PT_LOAD"]
    for section in file.iter_sections():
        flags, address, size = section["sh_flags"], section["sh_addr"], section["sh_size"]
        if not flags & _SHF_ALLOC:
            continue
        has_content = section["sh_type"] != "SHT_NOBITS"
        load = address
        for segment in segments:
            # By the place in the file: a segment of variables may span the addresses of what is copied between them.
            start = segment["p_offset"]
            if (
                has_content
                and start <= section["sh_offset"]
                and section["sh_offset"] + size <= start + segment["p_filesz"]
            ):
                load = segment["p_paddr"] + section["sh_offset"] - start
                break
        executable, writable = bool(flags & _SHF_EXEC), bool(flags & _SHF_WRITE)
        data = section.data() if has_content else b""
        yield Section(section.name, address, load, size, writable, executable, has_content, data)


def _symbols(file: ELFFile) -> Iterable[Symbol]:
    names = [section.name for section in file.iter_sections()]
    for table in file.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            kind, index = symbol["st_info"]["type"], symbol["st_shndx"]
            if not symbol.name or symbol.name.startswith("$") or kind in ("STT_FILE", "STT_SECTION"):
                continue
            if index == "SHN_UNDEF":
                continue
            is_function = kind == "STT_FUNC"
            address = symbol["st_value"] & ~1 if is_function else symbol["st_value"]
            section = names[index] if isinstance(index, int) else ""
            yield Symbol(symbol.name, address, symbol["st_size"], is_function, section)


@dataclass(frozen=True)
class FlashReport:
    """Bytes that a model takes without startup, ``main`` and the emulator's I/O.

    ``code``: instructions (with their literal pools) of the model, its kernels and the library functions that
    they pull in; ``const``: weights, tables and other constants, with the initial values of ``static``;
    ``static``: variables (.data and .bss), the arena not among them.
    """

    code: int
    const: int
    static: int

    def as_dict(self) -> Mapping[str, int]:
        """The three figures by name."""
        return {"code": self.code, "const": self.const, "static": self.static}


def flash_report(elf: Elf) -> FlashReport:
    """Measures firmware that ``toolchain.link_model`` linked from a model's objects alone."""
    code = const = static = 0
    for section in elf.sections:
        if section.name.startswith((".ARM.exidx", ".ARM.extab")):
            continue
        if section.writable:
            static += section.size
            const += section.size if section.has_content else 0
        elif section.executable:
            code += section.size
        else:
            const += section.size
    return FlashReport(code, const, static)
