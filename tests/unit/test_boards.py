"""Board files: the shipped ones are right, mistakes in a user's own get one clear error."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import ROLES, Board, Region, all_boards, load_board
from microgen.cores import CORES
from microgen.errors import InputError, MicrogenError, UsageError

FLAGS = {
    "mps2-an385": "-mcpu=cortex-m3 -mfloat-abi=soft",
    "mps2-an386": "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
    "mps2-an500": "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
    "mps2-an505": "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
    "mps3-an547": "-mcpu=cortex-m55 -mfloat-abi=hard",
}
GOOD = (resources.boards_dir() / "mps2-an386.toml").read_text()


def test_shipped_boards() -> None:
    boards = {board.name: board for board in all_boards()}
    assert {name: " ".join(board.core.gcc_flags) for name, board in boards.items()} == FLAGS
    assert {name: board.core.isa for name, board in boards.items()} == dict(
        zip(FLAGS, ["portable", "dsp", "dsp", "dsp", "mve"], strict=True)
    )
    for name, board in boards.items():
        assert load_board(name) == board
        assert board.emulator is not None and board.emulator.machine == name
        assert set(board.placement()) == set(ROLES)
    assert boards["mps3-an547"].flash_size == boards["mps3-an547"].ram_size == 512 * 1024


def test_core_table() -> None:
    for name, core in CORES.items():
        assert core.name == name
        assert core.fpu in ("none", "sp", "dp") and core.isa in ("portable", "dsp", "mve")
        assert core.mpu == ("v8" if core.arch.startswith("armv8") else "v7")
        assert (core.fpu == "none") == ("-mfloat-abi=soft" in core.gcc_flags)
        assert len(core.iar_flags) == 2


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
        ('core = "cortex-m4f"', 'core = "cortex-m99"', "unknown core 'cortex-m99'. Known are cortex-m3"),
        ('core = "cortex-m4f"', "core = 4", "field 'core' must be text"),
        ('core = "cortex-m4f"', "", "field 'core' is missing"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\nspeed = 1', "unknown field 'speed'"),
        ('core = "cortex-m4f"', 'core = "cortex-m4f"\nendian = "big"', "only 'little'"),
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


def test_placement() -> None:
    board = load_board("mps3-an547")
    placed = board.placement({"arena": "sram", "weights": "sram"})
    assert placed["arena"].name == placed["weights"].name == "sram" and placed["stack"].name == "dtcm"
    for choice in ({"arena": "itcm"}, {"arena": "nowhere"}, {"stack": "sram"}):
        with pytest.raises(UsageError):
            board.placement(choice)


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
