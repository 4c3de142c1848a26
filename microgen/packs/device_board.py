"""A board made from a device's description: its core, its memory and what each region is for.

A description says where memory lies and what general-purpose memory is; which memory a project uses is decided here:
code and weights go to the flash that start-up code lies in, stack, data and arena to the largest general-purpose RAM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from microgen import cores
from microgen.boards import ROLES, Board, Region
from microgen.cores import Core
from microgen.errors import InputError, UsageError
from microgen.packs.devices import Device, Memory, Processor

_GRANULE = 32  # regions begin and end at multiples of this
_MAX_REGION_NAME = 31
# A stack that is given a region of its own should find room there.
_MIN_STACK_REGION = 8192
# Read-only memory that some descriptions give as writable, because a flash algorithm can write it.
_FLASH_NAME = re.compile(r"(?i)flash|mram|nvm|(?:^|_)i?rom\d*(?:_|$)")
# Processors that are built for as another one, whose instructions they execute.
_BUILT_AS = {
    "SC000": "Cortex-M0",
    "SC300": "Cortex-M3",
    "ARMV8MBL": "Cortex-M23",
    "ARMV8MML": "Cortex-M33",
    "ARMV81MML": "Cortex-M55",
    "Star-MC1": "Cortex-M33",
    "Star-MC3": "Cortex-M55",
    "Cortex-M52": "Cortex-M55",
}


def core_of(processor: Processor) -> Core:
    """The core that code for ``processor`` is built for. InputError where there is none like it."""
    known = _BUILT_AS.get(processor.core, processor.core)
    # The stand-in's floating-point unit may know more than the processor's: software arithmetic is right on both.
    lesser = known != processor.core and known == "Cortex-M55" and processor.fpu == "sp"
    fpu, mve = ("none", "int" if processor.mve != "none" else "none") if lesser else (processor.fpu, processor.mve)
    return cores.core_for(known, fpu, processor.dsp, mve)


def device_board(device: Device, processor_name: str = "", *, pack: str = "") -> Board:
    """The board for a processor of ``device``; ``pack`` names the pack in the board's title.

    Raises UsageError where the processor is not clear or is none that code for Cortex-M runs on, InputError where the
    description has no memory to build for.
    """
    processor = device.processor(processor_name)
    choice = f"{device.name}:{processor.name}" if processor.name else device.name
    if processor.endian == "Big-endian":
        raise InputError("is big-endian, only little-endian is supported", where=choice)
    found, left_out = _regions(_visible(device.memories, processor), choice)
    regions, shadowed = _with_roles(found, choice)
    left_out += shadowed
    notes = "Made from the device's description; check memory that needs set-up before use."
    if left_out:
        notes += f" Left out, because it overlaps or adjoins another region: {', '.join(left_out)}."
    origin = f" in {pack}" if pack else ""
    vendor = device.vendor.partition(":")[0]
    return Board(
        name=re.sub(r"[^A-Za-z0-9._-]", "_", choice.replace(":", "-")).lstrip("._-")[:63],
        title=f"{choice}{f' ({vendor})' if vendor else ''}{origin}",
        core=core_of(processor),
        memory=regions,
        notes=notes,
        device=choice,
        vendor=device.vendor,
        clock=processor.clock,
    )


def _visible(memories: Iterable[Memory], processor: Processor) -> list[Memory]:
    """The memories that the processor sees, each of them once."""
    seen = [m for m in memories if m.processor in ("", processor.name) and "p" not in m.access]
    names = {m.name for m in seen}
    # Memory with an address for this processor alone is meant to be used there; another alias is a second view.
    own = {m.alias for m in seen if m.alias in names and m.processor}
    return [m for m in seen if m.name not in own and (m.alias not in names or m.processor)]


def _is_flash(memory: Memory) -> bool:
    return not memory.is_writable or (_FLASH_NAME.search(memory.name) is not None and memory.startup)


def _priority(memory: Memory) -> tuple[bool, bool, bool, int]:
    return memory.external, not memory.startup, not memory.default, -memory.size


class _Candidate:
    """Memory that becomes a region, with what speaks for it."""

    def __init__(self, memory: Memory, region: Region) -> None:
        self.memory = memory
        self.region = region


def _regions(memories: Sequence[Memory], where: str) -> tuple[list[_Candidate], list[str]]:
    """Regions that do not overlap, by address, and the names of the memories that were left out."""
    kept: list[Memory] = []
    left_out: list[str] = []
    for memory in sorted(memories, key=_priority):
        start = -(-memory.start // _GRANULE) * _GRANULE
        size = (memory.end - start) // _GRANULE * _GRANULE
        fitting = replace(memory, start=start, size=size)
        if size <= 0:
            continue
        if any(fitting.start < other.end and other.start < fitting.end for other in kept):
            left_out.append(memory.name)
            continue
        kept.append(fitting)
    merged: list[Memory] = []
    for memory in sorted(kept, key=lambda m: m.start):
        below = merged[-1] if merged else None
        if below is not None and _continues(below, memory):
            merged[-1] = replace(below, size=below.size + memory.size)
        else:
            merged.append(memory)
    names: set[str] = set()
    return [_Candidate(m, _region(m, names, where)) for m in merged], sorted(left_out)


def _continues(below: Memory, above: Memory) -> bool:
    """Whether two general-purpose memories of one kind form one range."""
    alike = below.access == above.access and below.processor == above.processor and below.external == above.external
    return below.end == above.start and below.default and above.default and alike


def _region(memory: Memory, taken: set[str], where: str) -> Region:
    name = re.sub(r"[^a-z0-9_]+", "_", memory.name.lower()).strip("_")
    name = (name if name[:1].isalpha() else f"memory_{name}".rstrip("_"))[:_MAX_REGION_NAME]
    stem, number = name, 2
    while name in taken:
        name = f"{stem[: _MAX_REGION_NAME - 3]}_{number}"
        number += 1
        if number > 99:
            raise InputError("has too many memories of the same name", where=where)
    taken.add(name)
    kind = "flash" if _is_flash(memory) else "ram"
    title = "".join(c for c in memory.name if c.isprintable())
    return Region(name, kind, memory.start, memory.size, title=title, external=memory.external)


def _with_roles(found: list[_Candidate], where: str) -> tuple[tuple[Region, ...], list[str]]:
    """The regions with their roles, and the names of what had to be left out for the stack's sake."""
    hint = "Write a board file and give it with --board; microgen's own boards show the form"
    code = min((c for c in found if c.region.kind == "flash"), key=lambda c: _priority(c.memory), default=None)
    if code is None:
        raise InputError("its description has no read-only memory for the code", where=where, hint=hint)
    arena = min((c for c in found if c.region.kind == "ram"), key=lambda c: _arena_priority(c.memory), default=None)
    if arena is None:
        raise InputError("its description has no RAM", where=where, hint=hint)
    left_out: list[str] = []
    stack = arena
    while (below := next((c for c in found if c.region.end == stack.region.origin), None)) is not None:
        # Nothing would notice a stack that grows into the region below it.
        if below.region.kind == "ram" and below.region.size >= _MIN_STACK_REGION and not below.memory.external:
            stack = below
        elif below is code:
            raise InputError(f"{stack.region.name} adjoins the code from above", where=where, hint=hint)
        else:
            found.remove(below)
            left_out.append(below.memory.name)
    owners = {"code": code, "weights": code, "stack": stack, "data": arena, "arena": arena}
    regions = tuple(replace(c.region, roles=tuple(role for role in ROLES if owners[role] is c)) for c in found)
    return regions, left_out


def _arena_priority(memory: Memory) -> tuple[bool, bool, int, int]:
    return memory.external, not memory.default, -memory.size, memory.start


def split_choice(choice: str) -> tuple[str, str]:
    """Device and processor of ``CHIP`` or ``CHIP:PROCESSOR``. UsageError for an empty part."""
    name, colon, processor = choice.partition(":")
    if not name or (colon and not processor):
        raise UsageError(f"{choice!r} is not CHIP or CHIP:PROCESSOR", where="--device")
    return name, processor
