"""Firmware for every board: it links into the board's memory; its start-up code and self-test run in QEMU.

A board without an emulator is played by an emulated one that is said to have none: its project is then made of the same
files.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import Board, Region, all_boards, load_board
from microgen.codegen.environment import make_renderer
from microgen.compiler import Options, compile_models
from microgen.cores import CORES
from microgen.placement import make_placement
from microgen.project import write_project
from microgen.target.elf import Elf

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
BOARDS = all_boards()
# One board of each kind of core, for the second compiler.
FAMILIES = {board.core.name: board for board in reversed(BOARDS) if board.emulator is None}
EMULATED = [board for board in BOARDS if board.emulator is not None]
# QEMU's only machine with an Armv6-M core.
MICROBIT = Board(
    "microbit",
    "BBC micro:bit",
    CORES["cortex-m0"],
    (
        Region("flash", "flash", 0, 256 * 1024, ("code", "weights")),
        Region("ram", "ram", 0x20000000, 16 * 1024, ("stack", "data", "arena")),
    ),
)
MACHINES = [(board, board.name) for board in EMULATED] + [
    (MICROBIT, "microbit"),
    (dataclasses.replace(MICROBIT, core=CORES["cortex-m0plus"]), "microbit"),
]
SOURCE = Path(__file__).with_name("startup.c")
STARTUP = resources.templates_dir() / "board" / "startup.c"


def as_real(board: Board, **changes: object) -> Board:
    """The board as one that nothing emulates."""
    return dataclasses.replace(board, emulator=None, **changes)  # type: ignore[arg-type]


def generate(board: Board, model: Path, folder: Path, **options: object) -> Path:
    chosen = Options(projects=("make",), name="digits", **options)  # type: ignore[arg-type]
    network = compile_models([model], board, chosen)[0]
    write_project(network.files, folder)
    return folder


def make(folder: Path) -> Elf:
    """Built by the project's own Makefile, without a warning."""
    flags = f"EXTRA_CFLAGS={' '.join(WARNINGS[1:])}"
    command = ["make", "-s", "OPT=-O1", flags, "EXTRA_LDFLAGS=-Wl,--fatal-warnings"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Elf(folder / "build" / "digits.elf")


def word_of(machine: str, elf: Elf, symbol: str, *options: str, limit: float = 30.0) -> int:
    """What the program leaves in a variable that is zero at first, as the emulator's monitor sees it."""
    command = ["qemu-system-arm", "-machine", machine, "-display", "none", "-serial", "none", "-monitor", "stdio"]
    command += ["-kernel", str(elf.path), *options]
    address = elf.symbol(symbol).address
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as qemu:
        assert qemu.stdin is not None and qemu.stdout is not None
        try:
            end = time.monotonic() + limit
            while time.monotonic() < end:
                try:
                    qemu.stdin.write(f"xp /1wx {address:#x}\n")
                    qemu.stdin.flush()
                except BrokenPipeError as error:
                    raise AssertionError("the emulator ended") from error
                while not (found := re.search(rf"^{address:016x}: 0x([0-9a-f]{{8}})", line := qemu.stdout.readline())):
                    assert line, "the emulator ended"
                if value := int(found[1], 16):
                    return value
                time.sleep(0.02)
        finally:
            qemu.kill()
    raise AssertionError(f"{symbol} stays zero")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_firmware_lies_in_the_memory_of_its_board(
    board: Board, digits_model: Path, tmp_path: Path, arm_gcc: str
) -> None:
    elf = make(generate(board, digits_model, tmp_path / "project"))
    code, stack = board.region_for("code"), board.region_for("stack")
    for section in elf.sections:
        if not section.size:
            continue
        inside = [r for r in board.memory if r.origin <= section.address and section.address + section.size <= r.end]
        assert inside and not inside[0].external, section.name
        assert inside[0].kind == "ram" or not section.writable, section.name
        if section.has_content:
            assert code.origin <= section.load_address and section.load_address + section.size <= code.end
    vectors = next(section for section in elf.sections if section.address == code.origin)
    top, reset = (int.from_bytes(vectors.data[at : at + 4], "little") for at in (0, 4))
    assert stack.origin < top <= stack.end and top % 8 == 0
    assert elf.symbolize(reset) == "Reset_Handler" and reset & 1


@pytest.mark.parametrize("board", FAMILIES.values(), ids=FAMILIES)
def test_projects_compile_with_clang(
    board: Board, digits_model: Path, tmp_path: Path, arm_gcc: str, clang: str
) -> None:
    folder = generate(board, digits_model, tmp_path / "project")
    library = subprocess.run([arm_gcc, "-print-sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    headers = subprocess.run([arm_gcc, "-print-file-name=include"], capture_output=True, text=True, check=True).stdout
    candidates = (Path(library or "/nowhere") / "include", Path("/usr/lib/arm-none-eabi/include"))
    newlib = next((path for path in candidates if (path / "math.h").is_file()), Path(headers.strip()))
    sources = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.c"))
    command = [clang, "--target=arm-none-eabi", *board.core.gcc_flags, *WARNINGS, "-O1", "-c", f"-isystem{newlib}"]
    command += ["-I.", "-Iruntime", "-Iexample", *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    assert {"board/startup.c", "digits.c", "example/main.c"} <= set(sources)


@pytest.mark.parametrize(("board", "machine"), MACHINES, ids=lambda value: getattr(value, "name", "") or "")
@pytest.mark.parametrize("optimization", ["-O0", "-O3"])
def test_startup_gives_a_program_what_it_needs(
    board: Board, machine: str, optimization: str, tmp_path: Path, arm_gcc: str
) -> None:
    real = as_real(board)
    script = make_renderer()("gcc/linker.ld.j2", {"board": real, "placement": make_placement(real), "stack_size": 2048})
    (tmp_path / "linker.ld").write_bytes(script)
    command = [arm_gcc, *board.core.gcc_flags, *WARNINGS, optimization, "-nostartfiles", "-Wl,--fatal-warnings"]
    command += ["-T", str(tmp_path / "linker.ld"), str(STARTUP), str(SOURCE), "-o", str(tmp_path / "startup.elf")]
    subprocess.run(command, check=True)
    elf = Elf(tmp_path / "startup.elf")
    # Memory is full of what ran before; what tells of the end is not.
    poison = [f"loader,addr={elf.symbol('startup_zero').address + at:#x},data=0xdeadbeef,data-len=4" for at in (0, 252)]
    options = [option for value in poison for option in ("-device", value)]
    assert word_of(machine, elf, "startup_result", *options) == 1


@pytest.mark.parametrize(("board", "machine"), MACHINES, ids=lambda value: getattr(value, "name", "") or "")
def test_selftest_passes_on_the_machines_that_qemu_knows(
    board: Board, machine: str, digits_model: Path, tmp_path: Path, arm_gcc: str
) -> None:
    folder = generate(as_real(board), digits_model, tmp_path / "project")
    assert not (folder / "emulator").exists()
    assert word_of(machine, make(folder), "microgen_selftest") == 1


def test_selftest_fails_where_the_network_computes_something_else(
    digits_model: Path, tmp_path: Path, arm_gcc: str
) -> None:
    folder = generate(as_real(load_board("mps2-an386")), digits_model, tmp_path / "project")
    weights = folder / "digits_weights.c"
    changed, count = re.subn(r"(\n +)-?\d+, ", r"\g<1>101, ", weights.read_text())
    assert count > 0
    weights.write_text(changed)
    assert word_of("mps2-an386", make(folder), "microgen_selftest") == 0xFFFFFFFF


def test_startup_copies_code_and_weights_to_where_they_were_placed(
    digits_model: Path, tmp_path: Path, arm_gcc: str
) -> None:
    board = as_real(load_board("mps3-an547"))
    folder = generate(board, digits_model, tmp_path / "project", place={"code": "dtcm", "weights": "sram"})
    elf = make(folder)
    used = elf.memory_use(board)
    assert ".text" in used["dtcm"] and ".weights" in used["sram"]
    assert word_of("mps3-an547", elf, "microgen_selftest") == 1


def test_boot_header_lies_behind_the_vector_table(digits_model: Path, tmp_path: Path, arm_gcc: str) -> None:
    board = load_board("raspberry-pi-pico2")
    folder = generate(board, digits_model, tmp_path / "project")
    # In a file that is linked before start-up code.
    with (folder / "digits.c").open("a") as source:
        source.write("extern const int image_def[2];\n")
        source.write('__attribute__((section(".boot_header"), used)) const int image_def[2] = {1, 2};\n')
    elf = make(folder)
    code = board.region_for("code")
    assert elf.symbol("vectors").address == code.origin
    assert code.origin < elf.symbol("image_def").address < code.origin + 4096


@pytest.mark.parametrize("interrupts", [32, 240, 480])
def test_vector_table_is_aligned_to_its_size(interrupts: int, tmp_path: Path, arm_gcc: str) -> None:
    output = tmp_path / "startup.o"
    command = [arm_gcc, *CORES["cortex-m55"].gcc_flags, *WARNINGS, f"-DINTERRUPTS={interrupts}", "-c", str(STARTUP)]
    subprocess.run([*command, "-o", str(output)], check=True)
    listing = subprocess.run(["arm-none-eabi-objdump", "-h", str(output)], capture_output=True, text=True, check=True)
    found = re.search(r" \.vectors +([0-9a-f]+) .* 2\*\*(\d+)$", listing.stdout, re.MULTILINE)
    assert found and int(found[1], 16) == 4 * (16 + interrupts) <= 1 << int(found[2])
