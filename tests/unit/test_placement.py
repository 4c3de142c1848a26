"""``--place``: what may lie where, which constants a pattern means, and what the generated files say of it."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest

from microgen.boards import ROLES, Board, Region, load_board
from microgen.cli import main
from microgen.errors import UsageError
from microgen.placement import check_patterns, make_placement
from tests.support import codegen
from tests.support.codegen import WARNINGS, probe_graph, project, write
from tests.support.memories import ITCM, many_memories

DEVICE = Region("sdram", "ram", 0xC0000000, 0x00100000)


def with_region(region: Region) -> Board:
    board = many_memories()
    return dataclasses.replace(board, memory=(*board.memory, region))


def test_defaults_are_the_boards() -> None:
    board = many_memories()
    placement = make_placement(board)
    assert {role: placement[role] for role in ROLES} == {role: board.region_for(role) for role in ROLES}
    assert placement.load.name == "flash" and not placement.code_is_moved and placement.table_regions == ()
    assert placement.region_of("anything").name == "flash"


def test_every_role_can_be_placed() -> None:
    chosen = {"weights": "qspi", "arena": "psram", "code": "itcm", "stack": "itcm", "data": "sram"}
    placement = make_placement(many_memories(), chosen)
    assert {role: placement[role].name for role in ROLES} == chosen
    assert placement.load.name == "flash" and placement.code_is_moved


def test_the_first_pattern_that_matches_counts() -> None:
    place = {"weights/conv_1": "itcm", "weights/conv_*": "psram", "weights/[ab]*": "qspi", "weights": "dtcm"}
    placement = make_placement(many_memories(), place)
    names = {"conv_1": "itcm", "conv_2": "psram", "alpha": "qspi", "Conv_1": "dtcm", "dense": "dtcm"}
    assert {name: placement.region_of(name).name for name in names} == names
    assert placement.region_of("dense", "conv_2").name == "psram"
    assert [region.name for region in placement.table_regions] == ["itcm", "psram", "qspi"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            {"wheels": "flash"},
            r"--place: 'wheels' cannot be placed\. Use weights/PATTERN, code, weights, stack, data",
        ),
        ({"weights/": "flash"}, r"'weights/' cannot be placed"),
        ({"arena/conv*": "sram"}, r"'arena/conv\*' cannot be placed: all tensors of a network share one arena"),
        ({"code/main": "itcm"}, r"code is placed as a whole\. Use code"),
        (
            {"weights": "dram"},
            r"board many has no memory region 'dram'\. It has flash \(1,048,576 bytes of flash, internal flash\), qspi",
        ),
        ({"arena": "qspi"}, r"the arena cannot lie in qspi: it is read-only memory\. Use dtcm, sram, itcm, psram"),
        ({"stack": "flash"}, r"the stack cannot lie in flash"),
        ({"data": "flash"}, r"the data cannot lie in flash"),
        ({"stack": "sram"}, r"the stack cannot lie in sram: an overflow would run into dtcm unnoticed"),
        ({"code": "sdram"}, r"code cannot run in sdram: at 0xC0000000 the core never executes"),
    ],
)
def test_what_cannot_be_is_refused(place: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_placement(with_region(DEVICE), place)


def test_a_region_that_never_executes_holds_data() -> None:
    assert make_placement(with_region(DEVICE), {"arena": "sdram", "weights": "sdram"})["arena"].name == "sdram"


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("conv_l", r"Did you mean conv_2, conv_1\?"),
        ("CONV*", r"Did you mean conv_1, conv_2\?"),
        ("zzz", r"There are conv_1, conv_2, dense"),
    ],
)
def test_a_pattern_without_a_match_lists_near_names(pattern: str, hint: str) -> None:
    placement = make_placement(many_memories(), {f"weights/{pattern}": "qspi"})
    with pytest.raises(UsageError, match=hint):
        check_patterns(placement, [("conv_1",), ("conv_2",), ("dense", "weights of dense")])


def test_patterns_that_match_are_accepted() -> None:
    placement = make_placement(many_memories(), {"weights/conv*": "qspi", "weights/*of dense": "itcm"})
    check_patterns(placement, [("conv_1",), ("dense", "weights of dense")])


def test_one_thing_in_two_places_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--board", "mps2-an386", "-o", str(tmp_path / "p"), "--place", "weights=ram", "--place"]
    with pytest.raises(SystemExit) as ended:
        main(["compile", "no.tflite", *arguments, "weights=psram"])
    assert ended.value.code == 2
    assert "weights is placed in ram and in psram" in capsys.readouterr().err


@pytest.fixture
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


@pytest.mark.usefixtures("probe_kernels")
def test_tables_with_a_region_of_their_own(tmp_path: Path, host_gcc: str, clang: str) -> None:
    """Only they get a section, under every compiler without a warning."""
    plain = project(probe_graph())
    assert b"section" not in plain["net_weights.c"] and b"_IN_" not in plain["net_weights.c"]
    assert project(probe_graph(), placement={"weights": "ram"})["net_weights.c"] == plain["net_weights.c"]
    assert project(probe_graph(), placement={"weights/*": "code"})["net_weights.c"] == plain["net_weights.c"]
    files = project(probe_graph(), placement={"weights/table of a": "psram", "weights/w": "ram"})
    text = files["net_weights.c"].decode()
    placed = dict(re.findall(r"^(NET_IN_\w+) _Alignas\(16\) const \w+ (\w+)\[", text, re.M))
    assert {macro: symbol.rpartition("_")[2] for macro, symbol in placed.items()} == {
        "NET_IN_PSRAM": "table",
        "NET_IN_RAM": "weights",
    }
    assert len(re.findall(r"^_Alignas", text, re.M)) == 1
    tables = json.loads(files["manifest.json"])["networks"][0]["constants"]["tables"]
    assert {t["name"]: t["region"] for t in tables} == {"w": "ram", "table of a": "psram", "loose of a": "code"}
    folder = write(files, tmp_path / "p")
    for compiler in (host_gcc, clang):
        subprocess.run([compiler, *WARNINGS, "-c", "-o", "w.o", "net_weights.c"], cwd=folder, check=True)
    iar = ["-E", "-U__GNUC__", "-D__ICCARM__", "net_weights.c"]
    seen = subprocess.run([host_gcc, *iar], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert {'#pragma location=".rodata.mg_weights_psram"', '#pragma location=".rodata.mg_weights_ram"'} <= set(
        seen.splitlines()
    )
    assert "__attribute__" not in seen


@pytest.mark.usefixtures("probe_kernels")
def test_a_constant_can_be_called_by_its_layer(tmp_path: Path) -> None:
    """All that the layer reads moves; the manifest keeps what was asked for."""
    files = project(probe_graph(), placement={"weights/a": "psram", "arena": "psram", "code": "ram"})
    manifest = json.loads(files["manifest.json"])
    assert {t["region"] for t in manifest["networks"][0]["constants"]["tables"]} == {"psram"}
    assert manifest["options"]["tables"] == {"a": "psram"}
    roles = {"code": "ram", "weights": "code", "stack": "ram", "data": "ram", "arena": "psram"}
    assert manifest["options"]["placement"] == roles


@pytest.mark.usefixtures("probe_kernels")
def test_nothing_lies_at_address_zero_but_vectors(tmp_path: Path) -> None:
    """Code tests pointers against NULL: a table or an arena there would count as missing."""
    board = load_board("mps2-an386")
    low = dataclasses.replace(ITCM, origin=0)
    high = dataclasses.replace(board.memory[0], origin=0x08000000)
    script = codegen.linker_script(dataclasses.replace(board, memory=(low, high, *board.memory[1:])), {"arena": "itcm"})
    assert re.search(r"itcm \(rwx\) : ORIGIN = 0x00000020, LENGTH = 0x00007FE0", script)
    assert re.search(r"code \(rx\) : ORIGIN = 0x08000000, LENGTH = 0x00400000", script)
    assert "code (rx) : ORIGIN = 0x00000000" in codegen.linker_script(board, {})
