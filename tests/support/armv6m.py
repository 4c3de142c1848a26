"""The test program on an emulated Cortex-M0, where an access that is not aligned faults.

QEMU's only machine with such a core is the micro:bit, whose memory can be made large enough for all kernels. The
firmware has the start-up code of boards that have no emulator.
"""

from __future__ import annotations

from pathlib import Path

from microgen import resources
from microgen.boards import Board, Emulator, Region
from microgen.cores import CORES
from tests.support.stream import DeviceProgram, Library, build_device

MEGABYTE = 1 << 20
BOARD = Board(
    "armv6m",
    "A large micro:bit",
    CORES["cortex-m0plus"],
    (
        Region("flash", "flash", 0, 2 * MEGABYTE, ("code", "weights")),
        Region("ram", "ram", 0x20000000, 4 * MEGABYTE, ("stack", "data", "arena")),
    ),
    Emulator("microbit"),
)
MEMORY = tuple(
    option
    for name, region in (("flash", "flash"), ("sram", "ram"))
    for option in ("-global", f"nrf51-soc.{name}-size={BOARD.regions[region].size:#x}")
)
# Start-up code of a board without an emulator does not end it.
EXIT = """#include "semihosting.h"
int __real_main(void);
int __wrap_main(void);
int __wrap_main(void) { semihost_exit(__real_main()); }
"""


def build_armv6m(library: Library, folder: Path) -> DeviceProgram:
    """The firmware in ``folder``; built once, whoever asks first."""
    folder.mkdir(parents=True, exist_ok=True)
    end = folder / "exit.c"
    if not end.exists():
        end.write_text(EXIT)
    sources = (resources.templates_dir() / "board" / "startup.c", end)
    wrapped = ("-Wl,--wrap=main",)
    return build_device(
        library, BOARD, folder, "arm-none-eabi-gcc", sources=sources, link_options=wrapped, options=MEMORY
    )
