"""Board files: the shipped ones are right, mistakes in a user's own get one clear error."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from microgen import cores, resources
from microgen.boards import Board, Region, all_boards, load_board
from microgen.cores import CORES, Core
from microgen.errors import InputError, MicrogenError, UsageError

FLAGS = {
    "mps2-an385": "-mcpu=cortex-m3 -mfloat-abi=soft",
    "mps2-an386": "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
    "lm3s6965evb": "-mcpu=cortex-m3 -mfloat-abi=soft",
    "microbit": "-mcpu=cortex-m0 -mfloat-abi=soft",
    "netduinoplus2": "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
    "stm32vldiscovery": "-mcpu=cortex-m3 -mfloat-abi=soft",
    "mps2-an500": "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
    "mps2-an505": "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
    "mps3-an547": "-mcpu=cortex-m55 -mfloat-abi=hard",
}
GOOD = (resources.boards_dir() / "mps2-an386.toml").read_text()


def test_emulated_boards() -> None:
    boards = {board.name: board for board in all_boards() if board.emulator is not None}
    assert {name: " ".join(board.core.gcc_flags) for name, board in boards.items()} == FLAGS
    isas = {"mps2-an386": "dsp", "netduinoplus2": "dsp", "mps2-an500": "dsp", "mps2-an505": "dsp", "mps3-an547": "mve"}
    assert {name: board.core.isa for name, board in boards.items()} == {n: isas.get(n, "portable") for n in FLAGS}
    for name, board in boards.items():
        assert board.emulator is not None and board.emulator.machine == name
    assert boards["mps3-an547"].flash_size == boards["mps3-an547"].ram_size == 512 * 1024


# Device, core, clock in MHz and the regions that a project uses by default, as data sheets give them.
REAL = {
    "alif-ensemble-e7": ("AE722F80F55D5LS:M55_HP", "cortex-m55", 400, "mram:80200000+2048K dtcm:20000000+1024K"),
    "apollo4-plus-evb": ("AMAP42KP-KBR", "cortex-m4f", 192, "mram:00018000+1952K tcm:10000000+384K"),
    "arduino-nano-33-ble": ("nRF52840_xxAA", "cortex-m4f", 64, "flash:00010000+960K ram:20000000+256K"),
    "b-u585i-iot02a": ("STM32U585AIIxQ", "cortex-m33", 160, "flash:08000000+2048K sram:20000000+768K"),
    "ek-ra8d1": ("R7FA8D1BH", "cortex-m85", 480, "flash:02000000+2016K sram:22000000+896K"),
    "frdm-mcxn947": ("MCXN947VDF:cm33_core0", "cortex-m33", 150, "flash:00000000+2048K sram:20000000+416K"),
    "nrf52840-dk": ("nRF52840_xxAA", "cortex-m4f", 64, "flash:00000000+1024K ram:20000000+256K"),
    "nucleo-f446re": ("STM32F446RETx", "cortex-m4f", 180, "flash:08000000+512K sram:20000000+128K"),
    "nucleo-h743zi": (
        *("STM32H743ZITx", "cortex-m7dp", 480),
        "flash:08000000+2048K dtcm:20000000+128K axi:24000000+512K",
    ),
    "nucleo-l4r5zi": ("STM32L4R5ZITx", "cortex-m4f", 120, "flash:08000000+2048K sram:20000000+640K"),
    "raspberry-pi-pico": ("RP2040:Core0", "cortex-m0plus", 133, "flash:10000100+2047K ram:20000000+264K"),
    "raspberry-pi-pico2": ("RP2350", "cortex-m33", 150, "flash:10000000+4096K ram:20000000+520K"),
    "stm32f746g-disco": (
        *("STM32F746NGHx", "cortex-m7", 216),
        "flash:08000000+1024K dtcm:20000000+64K sram:20010000+256K",
    ),
}


def test_real_boards() -> None:
    found = {}
    for board in all_boards():
        used = " ".join(f"{r.name}:{r.origin:08x}+{r.size >> 10}K" for r in board.memory if r.roles)
        # Flash first, as people think of a chip.
        ordered = " ".join(sorted(used.split(), key=lambda text: "flash:" not in text and "mram:" not in text))
        if board.emulator is None:
            found[board.name] = (board.device, board.core.name, board.clock // 10**6, ordered)
    assert found == REAL


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_every_shipped_board_is_whole(board: Board) -> None:
    assert load_board(board.name) == board
    assert board.clock > 0 and board.notes.endswith(".")
    assert all(region.origin % 256 == 0 for region in board.memory if "code" in region.roles)
    # Start-up code fills what has a role: it must be there after reset.
    assert not any(region.external and region.roles for region in board.memory)
    if board.emulator is None:
        assert re.fullmatch(r"[^:]+:\d+", board.vendor) and board.device
        assert all(region.title for region in board.memory)
    arena = board.region_for("arena")
    assert arena.size == max(r.size for r in board.memory if r.kind == "ram" and r.roles)


def test_the_list_of_boards_is_whole(repository: Path) -> None:
    text = (repository / "docs" / "boards.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    listed = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 6:
            listed[cells[0].strip("`")] = (cells[2].strip("`"), int(cells[3].split()[0]), cells[4], cells[5])
    expected = {
        b.name: (b.core.name, b.clock // 10**6, f"{b.flash_size >> 10:,} KB", f"{b.ram_size >> 10:,} KB")
        for b in all_boards()
    }
    assert listed == expected
    fields = {field.name for kind in (Board, Region) for field in dataclasses.fields(kind)}
    assert all(f"\n| `{name}` |" in text for name in fields)
    assert all(f"`{name}`" in text for name in CORES)


def test_core_table() -> None:
    for name, core in CORES.items():
        assert core.name == name and cores.core(name) is core
        assert cores.core_for(core.cmsis, core.fpu, core.dsp, core.mve) == core
        assert cores.core_for(core.cmsis.lower().replace("+", "plus"), core.fpu, core.dsp, core.mve) == core
        assert core.fpu in cores.FPUS and core.mve in cores.MVES
        assert core.isa == ("mve" if core.mve != "none" else "dsp" if core.dsp else "portable")
        assert core.trustzone == core.arch.startswith("armv8")
        assert core.mpu == ("none" if name in ("cortex-m0", "cortex-m1") else f"v{core.arch[4]}")
        # Helium's arguments travel in the registers of the FPU, even where there is none.
        assert (core.fpu == core.mve == "none") == ("-mfloat-abi=soft" in core.gcc_flags)
        assert len(core.iar_flags) == 2
    assert len({core.gcc_flags for core in CORES.values()}) == len(CORES)


@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
def test_compilers_understand_the_flags_as_we_do(core: Core, arm_gcc: str, clang: str) -> None:
    for compiler in ([arm_gcc], [clang, "--target=arm-none-eabi"]):
        command = [*compiler, *core.gcc_flags, "-E", "-dM", "-x", "c", "-"]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
        defined = dict(line.split(" ", 2)[1:] for line in done.stdout.splitlines())
        assert "__ARM_FEATURE_DSP" in defined if core.dsp else "__ARM_FEATURE_DSP" not in defined
        assert int(defined.get("__ARM_FEATURE_MVE", "0")) == {"none": 0, "int": 1, "fp": 3}[core.mve]
        assert bool(int(defined.get("__ARM_FP", "0"), 0) & 8) == (core.fpu == "dp")
        assert bool(int(defined.get("__ARM_FP", "0"), 0) & 4) == (core.fpu != "none")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("Cortex-A9", "none", False, "none"), "unknown processor 'Cortex-A9'"),
        (("Cortex-M0+", "sp", False, "none"), "Cortex-M0+: has no FPU 'sp'"),
        (("Cortex-M4", "dp", True, "none"), "It can have none, sp"),
        (("Cortex-M3", "none", True, "none"), "has no DSP extension"),
        (("Cortex-M33", "sp", True, "int"), "has no Helium 'int'"),
        (("Cortex-M55", "none", True, "fp"), "Helium for floats needs an FPU"),
    ],
)
def test_what_no_core_has_is_refused(features: tuple[str, str, bool, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        cores.core_for(*features)


def test_cores_that_cannot_be_without_dsp_have_it() -> None:
    assert cores.core_for("Cortex-M4", "sp").name == "cortex-m4f"
    assert cores.core_for("Cortex-M55", "dp", False, "fp").name == "cortex-m55"
    with pytest.raises(InputError, match="unknown core 'cortex-m99'"):
        cores.core("cortex-m99")


@pytest.mark.parametrize(
    ("name", "near"), [("mps2-an387", "mps2-an386"), ("an547", "mps3-an547"), ("esp32", "Known are")]
)
def test_unknown_board_names_the_near_ones(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=near):
        load_board(name)


def test_own_board_file(tmp_path: Path) -> None:
    path = tmp_path / "my-chip.toml"
    path.write_text(GOOD.replace("0x20000000\nsize = 0x00400000", "0x20000000\nsize = 0x00018000"))
    for argument in (path, str(path)):
        board = load_board(argument)
        assert board.name == "my-chip" and board.region_for("arena").size == 96 * 1024
    assert board.endian == "little"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('core = "cortex-m4f"', 'core = "cortex-m99"', "unknown core 'cortex-m99'. Known are cortex-m0"),
        ('core = "cortex-m4f"', "core = 4", "field 'core' must be text"),
        ('core = "cortex-m4f"', "", "field 'core' is missing"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\nspeed = 1', "unknown field 'speed'"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\nendian = "big"', "only 'little'"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\ndevice = "a\\nb"', "device must be a line"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\nvendor = 7', "field 'vendor' must be text"),
        ("clock = 25_000_000", "clock = -1", "clock is -1, must be in Hz"),
        ("clock = 25_000_000", 'clock = "25 MHz"', "field 'clock' must be a whole number"),
        ("[emulator]", "[emulator", "is no TOML file"),
        ('machine = "mps2-an386"', 'machine = "a,b"', "is no QEMU name"),
        ('name = "ram"', 'name = "RAM; x"', "lower-case letters"),
        ('name = "ram"', 'name = "code"', "two memory regions have the same name"),
        ('name = "ram"', "", "memory 1: field 'name' is missing"),
        ('kind = "flash"', 'kind = "rom"', "must be 'flash' or 'ram'"),
        ('kind = "flash"', 'kind = "ram"', "role 'code' needs kind 'flash'"),
        ('roles = ["stack", "data", "arena"]', 'roles = ["stack", "data"]', "role 'arena' is given to no region"),
        ('roles = ["stack", "data", "arena"]', 'roles = ["heap"]', "unknown role 'heap'"),
        ('roles = ["stack", "data", "arena"]', "roles = [1]", "must be a list of text"),
        ('roles = ["code", "weights"]', 'roles = ["code", "weights", "data"]', "role 'data' needs kind 'ram'"),
        ("origin = 0x20000000", "origin = 0x20000004", "multiples of 32"),
        ("origin = 0x20000000", "origin = 0xFFFFFFE0", "outside of the 32-bit address space"),
        ("origin = 0x20000000", "origin = 0x003FFFE0", "memory regions code and ram overlap"),
        ("origin = 0x20000000", "origin = 0x00400000", "stack overflow would go unnoticed"),
        ("size = 0x01000000", "size = 0", "size is 0"),
        ("size = 0x01000000", "size = true", "must be a whole number"),
        ("size = 0x01000000", "size = 0x10\nrole = 1", "unknown field 'role'"),
        ("size = 0x01000000", "size = 0x20\nexternal = 1", "field 'external' must be true or false"),
        ("size = 0x01000000", 'size = 0x20\ntitle = "a\\nb"', "title must be a line"),
    ],
)
def test_mistakes_in_a_board_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = tmp_path / "chip.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_board(path)
    assert message in str(caught.value) and "chip.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_board_files(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.toml", "folder.toml", "bytes.toml"):
        with pytest.raises(InputError, match=name):
            load_board(tmp_path / name)


def test_values_are_frozen_and_checked() -> None:
    board = load_board("mps2-an385")
    with pytest.raises(dataclasses.FrozenInstanceError):
        board.name = "x"  # type: ignore[misc]
    with pytest.raises(InputError, match="board's name"):
        dataclasses.replace(board, name="../x")
    with pytest.raises(MicrogenError):
        Board("x", "x", board.core, (Region("code", "flash", 0, 32, ("code", "weights")),))


def test_data_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (resources.templates_dir() / "emulator" / "startup.c").is_file()
    assert resources.runtime_c_dir().is_dir()
    packaged = tmp_path / "microgen"
    (packaged / "_data" / "boards").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", packaged)
    assert resources.boards_dir() == packaged / "_data" / "boards"
    with pytest.raises(MicrogenError, match="templates/ is missing"):
        resources.templates_dir()
