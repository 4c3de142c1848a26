"""What each memory region of a board holds, in linked firmware or as planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microgen.boards import Board, Region
from microgen.target.elf import Elf, Section

PARTS = ("code", "constants", "weights", "data", "stack", "arena", "stored", "padding")
"""What the bytes of a region are: ``constants`` are those besides the networks' ``weights``; ``stored`` is the content
that start-up copies from there into RAM; ``padding`` lies between the others."""

_OF_SECTION = {
    ".vectors": "code",
    ".startup": "code",
    ".text": "code",
    ".ARM.exidx": "code",
    ".rodata": "constants",
    ".data": "data",
    ".bss": "data",
    ".stack": "stack",
    ".arena": "arena",
}


@dataclass(frozen=True, slots=True)
class RegionUse:
    """A region and the bytes of each of PARTS in it; parts without any are left out."""

    region: Region
    parts: Mapping[str, int]

    @property
    def used(self) -> int:
        """Bytes in use."""
        return sum(self.parts.values())

    @property
    def free(self) -> int:
        """Bytes left; negative where the region is too small."""
        return self.region.size - self.used

    @property
    def percent(self) -> float:
        """Share of the region that is in use."""
        return 100.0 * self.used / self.region.size

    def as_json(self) -> dict[str, object]:
        """The documented JSON object."""
        region = self.region
        return {
            "name": region.name,
            "kind": region.kind,
            "size": region.size,
            "used": self.used,
            "free": self.free,
            "percent": round(self.percent, 1),
            "parts": dict(self.parts),
        }


def linked_regions(elf: Elf, board: Board) -> tuple[RegionUse, ...]:
    """What ``elf``, linked for ``board``, has in each region, in the board's order.

    Counted from the bottom of a region to its last byte in use, as the linker does.
    """
    return tuple(_use(region, elf) for region in board.memory)


def _use(region: Region, elf: Elf) -> RegionUse:
    found = dict.fromkeys(PARTS, 0)
    end = region.origin
    for section in elf.sections:
        stored = section.has_content and section.load_address != section.address
        for address, part in ((section.address, _part(section)), *([(section.load_address, "stored")] * stored)):
            if section.size and region.origin <= address < region.end:
                found[part] += section.size
                end = max(end, address + section.size)
    found["padding"] = end - region.origin - sum(found.values())
    return RegionUse(region, {part: size for part, size in found.items() if size})


def _part(section: Section) -> str:
    if section.name in _OF_SECTION:
        return _OF_SECTION[section.name]
    if section.name.startswith(".weights"):
        return "weights"
    return "code" if section.executable else "data" if section.writable else "constants"
