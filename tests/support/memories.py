"""Boards with several memories for tests: made of what the emulated ones have, cut as on a real chip."""

from __future__ import annotations

from microgen.boards import Board, Emulator, Region
from microgen.cores import CORES

#: The regions of ``many_memories``, low addresses first.
FLASH = Region("flash", "flash", 0x00000000, 0x00100000, ("code", "weights"), "internal flash")
QSPI = Region("qspi", "flash", 0x00200000, 0x00200000, (), "QSPI flash", external=True)
DTCM = Region("dtcm", "ram", 0x20000000, 0x00010000, ("stack", "data"), "tightly coupled")
SRAM = Region("sram", "ram", 0x20010000, 0x00040000, ("arena",))
ITCM = Region("itcm", "ram", 0x20200000, 0x00008000, (), "tightly coupled, for code")
PSRAM = Region("psram", "ram", 0x21000000, 0x01000000, (), "PSRAM", external=True)


def many_memories() -> Board:
    """Tightly coupled RAM, SRAM behind it, internal and external flash and PSRAM, as larger chips have
    them; played by MPS2 with a Cortex-M4.
    """
    memory = (FLASH, QSPI, DTCM, SRAM, ITCM, PSRAM)
    return Board("many", "A chip with many memories", CORES["cortex-m4f"], memory, Emulator("mps2-an386"))


def two_memories(flash: int, ram: int, *others: Region) -> Board:
    """A chip with one flash and one RAM of these sizes."""
    first = Region("flash", "flash", 0, flash, ("code", "weights"))
    second = Region("ram", "ram", 0x20000000, ram, ("stack", "data", "arena"))
    return Board("small", "A small chip", CORES["cortex-m4f"], (first, second, *others), Emulator("mps2-an386"))
