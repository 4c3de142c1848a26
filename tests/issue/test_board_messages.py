"""What is said of boards, devices and placements: near names, memory by its name, what start-up code has to set up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.errors import InputError, UsageError
from microgen.exporters.tflite import save
from microgen.ops.conv2d import Conv2D
from microgen.packs import Cache, add, find_device
from microgen.placement import make_placement
from tests.support import packs
from tests.support.command import Run
from tests.support.memories import many_memories

BOARD = """title = "Mine"
core = "cortex-m33"

[[memory]]
name = "flash"
kind = "flash"
origin = 0x08000000
size = 0x00100000
roles = ["code", "weights"]

[[memory]]
name = "sram"
kind = "ram"
origin = 0x20000000
size = 0x00040000
roles = ["stack", "data", "arena"]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, microgen: Run) -> Cache:
    """A cache with one pack, and none of other tools."""
    monkeypatch.setenv("MICROGEN_PACKS", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("CMSIS_PACK_ROOT", raising=False)
    path = tmp_path / "Acme.Acme_DFP.pdsc"
    path.write_bytes(packs.pdsc())
    assert microgen("packs", "add", path).code == 0
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("mine", "cortex-m33", "Cortex-M33", r"unknown core 'Cortex-M33'. Did you mean cortex-m33\b"),
        ("mine", "cortex-m33", "cortex-m4fp", r"unknown core 'cortex-m4fp'. Did you mean cortex-m4f\b"),
        ("mine", "size = 0x00040000", 'size = "256K"', r"memory 'sram': field 'size' must be a whole number"),
        ("my board", "", "", r"'my board': .*letters.*\. Rename the file"),
    ],
)
def test_mistakes_in_a_board_file(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(BOARD.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_board(path)


def test_a_board_file_from_windows(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BOARD.replace("\n", "\r\n").encode())
    assert load_board(path).title == "Mine"


def test_the_stack_cannot_wait_for_system_init() -> None:
    """SystemInit sets external memory up, and needs a stack for that."""
    with pytest.raises(UsageError, match=r"the stack cannot lie in psram: .*SystemInit.*Use dtcm, itcm"):
        make_placement(many_memories(), {"stack": "psram"})


def test_code_in_external_memory_needs_set_up_too(microgen: Run, tmp_path: Path) -> None:
    model = tmp_path / "small.tflite"
    model.write_bytes(save(next(iter(Conv2D.samples())).graph))
    base = ("compile", model, "--board", "stm32f746g-disco", "-o", tmp_path / "p")
    said = microgen(*base, "--place", "code=qspi")
    assert said.code == 0 and "(SystemInit) must set up qspi first" in said.out
    assert "(SystemInit) must set up qspi and sdram first" in microgen(*base, "--place", "code=qspi,arena=sdram").out
    assert "SystemInit" not in microgen(*base, "--place", "code=itcm").out


def test_the_beginning_of_a_device_name(installed: Cache) -> None:
    """Chips are known by names without the package's letters, STM32F746 for STM32F746NGHx."""
    with pytest.raises(UsageError, match="Did you mean ACMEH745XI"):
        find_device("acmeh7", installed)


def test_devices_are_listed_with_what_each_processor_sees(installed: Cache, microgen: Run) -> None:
    found = json.loads(microgen("packs", "list", "--devices", "ACMEH7*", "--json", "-").out)["devices"]
    assert {d["device"]: (d["flash"], d["ram"]) for d in found} == {
        "ACMEH745XI:CM7": (0x100000, 0xA0000),
        "ACMEH745XI:CM4": (0x100000, 0x48000),
    }


def test_a_login_page_in_place_of_a_pack(tmp_path: Path) -> None:
    """The message names the address, not the temporary file that is gone by then."""
    with packs.serving() as server:
        server.files["/Acme.Acme_DFP.1.2.0.pack"] = b"<html>Log in</html>"
        url = f"{server.url}/Acme.Acme_DFP.1.2.0.pack"
        with pytest.raises(InputError, match="is no pack") as caught:
            add(Cache(tmp_path / "cache"), url)
    assert url in str(caught.value) and "staging" not in str(caught.value)


def test_a_limit_is_not_met_by_a_larger_board(microgen: Run, tmp_path: Path) -> None:
    model = tmp_path / "small.tflite"
    model.write_bytes(save(next(iter(Conv2D.samples())).graph))
    base = ("compile", model, "--board", "mps2-an386", "-o", tmp_path / "p")
    refused = microgen(*base, "--max-flash", "8")
    assert refused.code == 1
    assert "Raise the limit or choose a smaller model" in refused.err
