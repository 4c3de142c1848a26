"""Boards made from devices: core, regions and roles, and their text form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgen.boardfile import BOARD_FILE, board_toml, project_board, project_board_files
from microgen.boards import ROLES, Board, Region, all_boards, load_board
from microgen.cores import CORES
from microgen.errors import InputError, MicrogenError, UsageError
from microgen.packs import device_board
from microgen.packs.device_board import split_choice
from microgen.packs.devices import Device, Memory, Processor
from microgen.packs.pdsc import Pdsc, parse_pdsc
from tests.support import packs


@pytest.fixture(scope="module")
def acme() -> Pdsc:
    return parse_pdsc(packs.pdsc(), "acme.pdsc")


def roles(board: Board) -> dict[str, str]:
    return {role: board.region_for(role).name for role in ROLES}


def test_tightly_coupled_memory_and_adjoining_banks(acme: Pdsc) -> None:
    board = device_board(acme.device("ACMEF746NGHx"), pack="Acme::Acme_DFP@1.2.0")
    assert (board.name, board.device, board.vendor) == ("ACMEF746NGHx", "ACMEF746NGHx", "Acme:999")
    assert board.clock == 200_000_000 and board.emulator is None
    assert board.title == "ACMEF746NGHx (Acme) in Acme::Acme_DFP@1.2.0"
    assert (board.core.cmsis, board.core.fpu, board.core.isa) == ("Cortex-M7", "sp", "dsp")
    assert {r.name: (r.kind, r.origin, r.size) for r in board.memory} == {
        "itcm": ("ram", 0x0000_0000, 0x4000),
        "itcm_flash": ("flash", 0x0020_0000, 0x10_0000),
        "flash": ("flash", 0x0800_0000, 0x10_0000),
        "dtcm": ("ram", 0x2000_0000, 0x1_0000),
        "sram1": ("ram", 0x2001_0000, 0x4_0000),
        "bkp_sram": ("ram", 0x4002_4000, 0x1000),
    }, "SRAM1 and SRAM2 are one range; the area of peripherals is no memory"
    # A stack below which other memory lies would grow into it unnoticed.
    assert roles(board) == {"code": "flash", "weights": "flash", "stack": "dtcm", "data": "sram1", "arena": "sram1"}


def test_the_processors_of_a_device_have_their_own_memory(acme: Pdsc) -> None:
    device = acme.device("ACMEH745XI")
    fast, slow = device_board(device, "CM7"), device_board(device, "cm4")
    assert (fast.name, fast.device) == ("ACMEH745XI-CM7", "ACMEH745XI:CM7")
    assert (fast.core.cmsis, fast.core.fpu, fast.clock) == ("Cortex-M7", "dp", 480_000_000)
    assert (slow.core.cmsis, slow.core.fpu, slow.clock) == ("Cortex-M4", "sp", 240_000_000)
    assert roles(fast)["arena"] == "ram_d1" and roles(fast)["code"] == "flash_bank1"
    assert roles(slow)["arena"] == "ram_d2" and roles(slow)["code"] == "flash_bank2"
    with pytest.raises(UsageError, match="several processors"):
        device_board(device)


def test_memory_at_two_addresses_is_used_once(acme: Pdsc) -> None:
    high = device_board(acme.device("ACME-V7"), "HP")
    assert set(high.regions) == {"mram", "sram0", "dtcm_hp"}, "the processor's own address of SRAM3, one of SRAM0"
    assert (high.core.mve, high.core.fpu, high.core.isa) == ("fp", "dp", "mve")
    efficient = device_board(acme.device("ACME-V7"), "HE")
    assert set(efficient.regions) == {"mram", "sram0", "sram3"}
    assert (efficient.core.mve, efficient.core.fpu) == ("int", "none")


def test_overlapping_memory_is_left_out(acme: Pdsc) -> None:
    board = device_board(acme.device("ACME-U5"))
    assert set(board.regions) == {"flash_s", "sram"}
    assert "SRAM_lower_half" in board.notes
    assert board.regions["flash_s"].kind == "flash", "writable by a flash algorithm only"
    assert (board.core.cmsis, board.core.fpu, board.core.dsp) == ("Cortex-M33", "sp", True)


def test_external_memory_and_small_cores(acme: Pdsc) -> None:
    board = device_board(acme.device("ACME-S2"))
    assert board.regions["ram1"].external and not board.regions["ram1"].roles
    assert (board.core.cmsis, board.core.fpu, board.core.isa) == ("Cortex-M0+", "none", "portable")
    assert roles(board) == {"code": "irom1", "weights": "irom1", "stack": "iram1", "data": "iram1", "arena": "iram1"}


PLAIN = Processor("", "Cortex-M4", "sp", "none", True, True, False, 0, "Little-endian")


def memory(name: str, start: int, size: int, access: str = "rwx", **others: object) -> Memory:
    values = {"default": True, "startup": False, "processor": "", "alias": "", "external": False, **others}
    return Memory(name, start, size, access, **values)  # type: ignore[arg-type]


def device(*memories: Memory, processor: Processor = PLAIN) -> Device:
    return Device("DEV", "Acme:1", "F", "", (processor,), memories)


FLASH = memory("FLASH", 0x0800_0000, 0x10000, "rx", startup=True)


def test_odd_sizes_are_rounded_into_the_memory() -> None:
    board = device_board(device(FLASH, memory("RAM", 0x2000_0004, 0x1001F)))
    assert (board.regions["ram"].origin, board.regions["ram"].size) == (0x2000_0020, 0xFFE0 + 0x20)


def test_a_small_memory_below_the_stack_is_left_out() -> None:
    board = device_board(
        device(FLASH, memory("RETAIN", 0x2000_0000, 0x400, default=False), memory("RAM", 0x2000_0400, 0xF000))
    )
    assert set(board.regions) == {"flash", "ram"} and "RETAIN" in board.notes
    assert board.region_for("stack").name == "ram"


def test_names_become_names_of_regions() -> None:
    many = [
        memory(name, 0x2000_0000 + n * 0x10000, 0x8000)
        for n, name in enumerate(("A b!", "a-b", "1st", "*", "é" * 50, "x" * 90))
    ]
    board = device_board(device(FLASH, *many))
    assert [r.name for r in board.memory] == ["flash", "a_b", "a_b_2", "memory_1st", "memory", "memory_2", "x" * 31]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (device(memory("RAM", 0x2000_0000, 0x1000)), "no read-only memory"),
        (device(FLASH), "has no RAM"),
        (
            device(FLASH, memory("RAM", 0x2000_0000, 0x1000), processor=replace(PLAIN, endian="Big-endian")),
            "big-endian",
        ),
        (device(FLASH, memory("RAM", 0x0801_0000, 0x1000)), "adjoins the code"),
        (device(FLASH, memory("RAM", 0x2000_0000, 0x1000), processor=replace(PLAIN, core="Cortex-M99")), "M99"),
    ],
)
def test_devices_that_make_no_board(made: Device, said: str) -> None:
    with pytest.raises(MicrogenError) as caught:
        device_board(made)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("core", "fpu", "mve", "built_as"),
    [
        ("SC000", "none", "none", "Cortex-M0"),
        ("SC300", "none", "none", "Cortex-M3"),
        ("ARMV8MBL", "none", "none", "Cortex-M23"),
        ("ARMV8MML", "sp", "none", "Cortex-M33"),
        ("Star-MC1", "sp", "none", "Cortex-M33"),
        ("ARMV81MML", "dp", "fp", "Cortex-M55"),
        ("Cortex-M52", "sp", "fp", "Cortex-M55"),
        ("Cortex-M35P", "sp", "none", "Cortex-M35P"),
        ("Cortex-M85", "dp", "fp", "Cortex-M85"),
        ("Cortex-M1", "none", "none", "Cortex-M1"),
    ],
)
def test_cores_that_are_built_for_as_others(core: str, fpu: str, mve: str, built_as: str) -> None:
    processor = Processor(
        "", core, fpu, mve, core not in ("SC000", "SC300", "ARMV8MBL", "Cortex-M1"), True, False, 0, ""
    )
    board = device_board(device(FLASH, memory("RAM", 0x2000_0000, 0x1000), processor=processor))
    assert board.core.cmsis == built_as
    assert board.core.fpu in ("none", fpu)


def test_choices() -> None:
    assert split_choice("A") == ("A", "") and split_choice("A:B") == ("A", "B")
    for bad in ("", ":B", "A:"):
        with pytest.raises(UsageError, match="CHIP"):
            split_choice(bad)


def read_back(board: Board, folder: Path) -> Board:
    path = folder / f"{board.name}.toml"
    path.write_text(board_toml(board), encoding="utf-8")
    return load_board(path)


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_every_board_survives_its_text_form(board: Board, tmp_path: Path) -> None:
    assert read_back(board, tmp_path) == board


def test_boards_of_devices_survive_their_text_form(acme: Pdsc, tmp_path: Path) -> None:
    for name in acme.device_names:
        found = acme.device(name)
        for processor in found.processors:
            if processor.is_microcontroller:
                board = device_board(found, processor.name, pack="A::B@1.0.0")
                assert read_back(board, tmp_path) == board


def test_a_project_carries_a_board_that_does_not_ship(acme: Pdsc, tmp_path: Path) -> None:
    shipped = load_board("mps2-an386")
    assert project_board_files(shipped) == {}
    assert project_board(tmp_path, "mps2-an386") == shipped
    own = device_board(acme.device("ACMEF746NGHx"))
    (content,) = project_board_files(own).values()
    (tmp_path / BOARD_FILE).write_bytes(content)
    assert project_board(tmp_path, own.name) == own
    impostor = replace(own, name="mps2-an386")
    assert project_board_files(impostor), "another board of the same name is carried, too"


line = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(' "\\'), min_size=1, max_size=40)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=line,
    notes=line | st.just(""),
    name=line,
    core=st.sampled_from(sorted(CORES)),
    clock=st.integers(0, 10**9),
    origin=st.integers(0, (1 << 25) - 1),
    size=st.integers(1, 1 << 20),
)
def test_property_any_board_survives_its_text_form(
    title: str, notes: str, name: str, core: str, clock: int, origin: int, size: int, tmp_path: Path
) -> None:
    ram = Region("ram", "ram", 0x6000_0000, size * 32, ("stack", "data", "arena"), title=name, external=True)
    flash = Region("flash", "flash", origin * 32, 32, ("code", "weights"))
    board = Board("b", title, CORES[core], (flash, ram), None, "little", notes, "CHIP:CM7", "Vendor:1", clock)
    assert read_back(board, tmp_path) == board


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["RAM", "Flash", "IROM1", "x"]),
            st.integers(0, (1 << 32) - 1),
            st.integers(1, 1 << 20),
            st.sampled_from(["rx", "rwx", "rw", "r", "rwp", ""]),
            st.booleans(),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_property_any_memories_make_a_board_or_a_typed_error(
    memories: list[tuple[str, int, int, str, bool, bool]],
) -> None:
    made = [
        memory(f"{name}{n}", start, min(size, (1 << 32) - start), access, default=default, startup=startup)
        for n, (name, start, size, access, default, startup) in enumerate(memories)
        if start < (1 << 32) - 1
    ]
    try:
        board = device_board(device(*made))
    except (InputError, UsageError):
        return
    assert roles(board)
    for region in board.memory:
        assert any(m.start <= region.origin < region.end for m in made)
