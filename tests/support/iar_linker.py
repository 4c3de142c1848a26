"""IAR's linker configuration language, as far as our .icf files use it, translated for GNU ld."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"(0x[0-9A-Fa-f]+|\d+)"
_NAME = r"([A-Za-z_]\w*)"
_STATEMENTS = {
    "memory": re.compile(rf"define memory {_NAME} with size = 4G"),
    "region": re.compile(rf"define region {_NAME} = {_NAME}:\[from {_NUMBER} size {_NUMBER}\]"),
    "block": re.compile(rf"define block {_NAME} with alignment = {_NUMBER}, size = {_NUMBER} \{{ \}}"),
    "copy": re.compile(r"initialize by copy \{(.*)\}"),
    "leave": re.compile(r"do not initialize \{(.*)\}"),
    "keep": re.compile(r"keep \{(.*)\}"),
    "at": re.compile(rf"place at address {_NAME}:{_NUMBER} \{{(.*)\}}"),
    "start": re.compile(rf"place at start of {_NAME} \{{(.*)\}}"),
    "place": re.compile(rf"place in {_NAME} \{{(.*)\}}"),
}
_SELECTOR = re.compile(
    r"block (?P<block>\w+)"
    r"|(?P<access>readonly|readwrite)?(?: ?section (?P<section>[\w.]+))?(?: object (?P<object>[\w.*]+))?"
)
# Sections of GCC's that IAR's compiler names shorter.
_GNU = {".text": ".text .text.*", ".rodata": ".rodata .rodata.[a-ln-z_A-Z]* .rodata.m[a-fh-z_]*"}
_ANY = {"readonly": ".text .text.* .rodata .rodata.* .ARM.ex*", "readwrite": ".data .data.* .bss .bss.* COMMON"}


@dataclass(frozen=True)
class Selector:
    """Which sections a directive is about; an empty field stands for all."""

    block: str = ""
    access: str = ""
    section: str = ""
    object: str = ""

    @property
    def rank(self) -> int:
        """How exact it is: of two that match, the linker obeys the more exact one."""
        return 2 * bool(self.section) + bool(self.object)

    def gnu(self, keep: bool) -> str:
        """The same as an input section description of GNU ld."""
        names = _GNU.get(self.section, self.section) if self.section else _ANY[self.access]
        text = f"*{self.object}({names})" if self.object else f"*({names})"
        return f"KEEP({text})" if keep else text


@dataclass(frozen=True)
class Place:
    """A directive that places: ``at`` is an address, or the start of the region, or "" for anywhere in it."""

    region: str
    at: str
    selectors: tuple[Selector, ...]


@dataclass(frozen=True)
class LinkerFile:
    """What an .icf says."""

    regions: dict[str, tuple[int, int]]
    blocks: dict[str, tuple[int, int]]
    copied: tuple[Selector, ...]
    left: tuple[Selector, ...]
    kept: tuple[Selector, ...]
    places: tuple[Place, ...]


def parse(text: str) -> LinkerFile:
    """Reads an .icf; ValueError for anything that our files do not use."""
    plain = " ".join(re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL).split())
    regions: dict[str, tuple[int, int]] = {}
    blocks: dict[str, tuple[int, int]] = {}
    lists: dict[str, list[Selector]] = {"copy": [], "leave": [], "keep": []}
    places = []
    memory = ""
    for statement in filter(None, (part.strip() for part in plain.split(";"))):
        kind, match = next(((k, m) for k, p in _STATEMENTS.items() if (m := p.fullmatch(statement))), ("", None))
        if match is None:
            raise ValueError(f"not understood: {statement}")
        if kind == "memory":
            memory = match[1]
        elif kind == "region":
            _require(match[2] == memory, statement)
            regions[match[1]] = (int(match[3], 0), int(match[4], 0))
        elif kind == "block":
            blocks[match[1]] = (int(match[2], 0), int(match[3], 0))
        elif kind in lists:
            lists[kind] += _selectors(match[1], blocks)
        elif kind == "at":
            _require(match[1] == memory, statement)
            address = int(match[2], 0)
            region = next(name for name, (start, size) in regions.items() if start <= address < start + size)
            places.append(Place(region, match[2], tuple(_selectors(match[3], blocks))))
        else:
            _require(match[1] in regions, statement)
            places.append(Place(match[1], "start" if kind == "start" else "", tuple(_selectors(match[2], blocks))))
    return LinkerFile(regions, blocks, tuple(lists["copy"]), tuple(lists["leave"]), tuple(lists["keep"]), tuple(places))


def _require(condition: bool, statement: str) -> None:
    if not condition:
        raise ValueError(f"not understood: {statement}")


def _selectors(text: str, blocks: dict[str, tuple[int, int]]) -> list[Selector]:
    found = []
    for part in (part.strip() for part in text.split(",")):
        match = _SELECTOR.fullmatch(part)
        if not part or match is None or (match["block"] and match["block"] not in blocks):
            raise ValueError(f"no selector: {part}")
        found.append(Selector(**{key: value or "" for key, value in match.groupdict().items()}))
    return found


def gnu_script(file: LinkerFile) -> str:
    """A script for GNU ld that places the same sections into the same regions, and lists for start-up."""
    names = {
        (place, selector): f".iar_{i}_{j}"
        for i, place in enumerate(file.places)
        for j, selector in enumerate(place.selectors)
    }
    vectors = next(place for place in file.places if place.at.startswith("0x"))
    lines = ["ENTRY(__iar_program_start)", "MEMORY", "{"]
    lines += [
        f"    {name} (rwx) : ORIGIN = {start:#x}, LENGTH = {size:#x}" for name, (start, size) in file.regions.items()
    ]
    lines += ["}", "SECTIONS", "{"]
    copies, zeros = [], []
    # What is fixed comes first, then the more exact selector.
    order = sorted(names, key=lambda item: (not item[0].at, -item[1].rank))
    for place, selector in order:
        name = names[place, selector]
        if selector.block:
            alignment, size = file.blocks[selector.block]
            lines += [f"    {name} (NOLOAD) : ALIGN({alignment})", "    {"]
            lines += [f"        __iar_{selector.block} = .;", f"        . += {size};"]
            lines += [f"        __iar_{selector.block}_end = .;", f"    }} > {place.region}"]
            if place.at == "start":
                start = file.regions[place.region][0]
                lines += [
                    f'    ASSERT(__iar_{selector.block} == {start:#x}, "{selector.block} does not start its region")'
                ]
            continue
        keep = selector in _exact(file.kept, selector)
        if selector.access == "readwrite":
            lines += [
                f"    {name} : ALIGN(8) {{ *(.data .data.*) . = ALIGN(4); }} > {place.region} AT> {vectors.region}"
            ]
            lines += [f"    {name}_z (NOLOAD) : ALIGN(8) {{ *(.bss .bss.* COMMON) . = ALIGN(4); }} > {place.region}"]
            copies.append(name)
            zeros.append(f"{name}_z")
            continue
        left = bool(_exact(file.left, selector))
        copied = bool(_exact(file.copied, selector)) and not left
        load = f" AT> {vectors.region}" if copied else ""
        kind = " (NOLOAD)" if left else ""
        where = f" {place.at}" if place.at.startswith("0x") else ""
        lines += [f"    {name}{where}{kind} : ALIGN(16)", "    {", f"        {selector.gnu(keep)}"]
        lines += ["        . = ALIGN(4);", f"    }} > {place.region}{load}"]
        copies += [name] if copied else []
    lines += ["    .iar_tables : ALIGN(4)", "    {", "        __iar_copies = .;"]
    lines += [f"        LONG(LOADADDR({n})) LONG(ADDR({n})) LONG(SIZEOF({n}))" for n in copies]
    lines += ["        __iar_copies_end = .;", "        __iar_zeros = .;"]
    lines += [f"        LONG(ADDR({n})) LONG(SIZEOF({n}))" for n in zeros]
    lines += ["        __iar_zeros_end = .;", f"    }} > {vectors.region}", "}"]
    return "\n".join(lines) + "\n"


def _exact(selectors: tuple[Selector, ...], wanted: Selector) -> list[Selector]:
    """Those that name the sections of ``wanted``."""
    return [wanted for s in selectors if (s.section, s.object) == (wanted.section, wanted.object) and s.section]
