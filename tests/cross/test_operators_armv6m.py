"""Every operator's C kernels on an emulated Cortex-M0, where an access that is not aligned faults.

The firmware has the start-up code of boards that have no emulator.
"""

from __future__ import annotations

import concurrent.futures
import subprocess
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import Board, Emulator, Region
from microgen.codegen.environment import make_renderer
from microgen.cores import CORES
from microgen.errors import DeviceFault
from microgen.ops.call import Isa
from microgen.placement import make_placement
from microgen.target.emulator import run_elf
from tests.support.stream import FIRMWARE, WARNINGS, DeviceProgram, Library, Program, StreamError
from tests.support.stream_abi import ARM
from tests.support.stream_targets import COMPUTING, compiled_samples, findings

pytestmark = pytest.mark.cross

# QEMU's only machine with such a core. Its memory can be made large enough for all kernels.
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


class LargeMicrobit(DeviceProgram):
    def _execute(self, folder: Path) -> str:
        try:
            result = run_elf(self._board, self._elf, files=folder, timeout=120.0, options=MEMORY)
        except DeviceFault as fault:
            return str(fault)
        if result.exit_code:
            raise StreamError(result.console)
        return ""


@pytest.fixture(scope="module")
def program(arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("armv6m")
    library = Library(resources.runtime_c_dir(), Isa.PORTABLE)
    library.write_header(folder)
    (folder / "thunks.c").write_text(library.thunks(ARM))
    (folder / "exit.c").write_text(EXIT)
    variables = {"board": BOARD, "placement": make_placement(BOARD), "stack_size": 65536}
    (folder / "linker.ld").write_bytes(make_renderer()("gcc/linker.ld.j2", variables))
    emulator = resources.templates_dir() / "emulator"
    own = [FIRMWARE / "stream.c", FIRMWARE / "stream_device.c", folder / "thunks.c", folder / "exit.c"]
    own += [emulator / "semihosting.c", resources.templates_dir() / "board" / "startup.c"]
    includes = [f"-I{path}" for path in (folder, *library.includes, FIRMWARE, emulator)]
    sources = [*library.sources(), *own]

    def compile_source(source: Path) -> Path:
        output = folder / f"{source.stem}.o"
        command = [arm_gcc, *BOARD.core.gcc_flags, *WARNINGS, "-O2", *includes, "-c", str(source), "-o", str(output)]
        subprocess.run(command, check=True)
        return output

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_source, sources))
    link = [arm_gcc, *BOARD.core.gcc_flags, "-nostartfiles", "-Wl,--wrap=main", "-Wl,--fatal-warnings"]
    elf = folder / "stream.elf"
    subprocess.run([*link, "-T", folder / "linker.ld", *objects, "-lm", "-o", elf], check=True)
    return LargeMicrobit(library, BOARD, elf)


def test_kernels_equal_numpy(program: Program) -> None:
    """One test for all operators: what takes the time is to build the firmware."""
    found = {operator.name: findings(program, compiled_samples(operator)) for operator in COMPUTING}
    assert {name: lines[:3] for name, lines in found.items() if lines} == {}
