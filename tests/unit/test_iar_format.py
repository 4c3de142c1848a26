"""Projects for IAR Embedded Workbench hold what the IDE's own projects hold, and nothing else."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from microgen.boards import all_boards, load_board
from microgen.codegen.environment import make_renderer
from microgen.codegen.projects import iar, iar_format
from microgen.cores import CORES
from microgen.errors import UsageError
from tests.support import codegen
from tests.support.codegen import Probe, probe_graph, project, write
from tests.support.iar import cpu_flags, read_debugger, read_workspace
from tests.support.iar_facts import known_cores, strangers
from tests.support.iar_linker import gnu_script, parse

HOSTILE = ('</name><name>"&<', "]]>&#0;\x00", "..\\..\\$PROJ_DIR$", "*/ #include <x> /*")


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


@pytest.mark.parametrize("board", [board.name for board in all_boards()])
def test_every_name_and_version_is_the_ide_s(board: str) -> None:
    files = project(probe_graph(), board=board, projects=("iar",))
    for kind in ("ewp", "ewd", "eww"):
        assert strangers(kind, files[f"iar/net.{kind}"]) == []
    root = ElementTree.fromstring(files["iar/net.ewp"])
    option = next(o for o in root.iter("option") if o.findtext("name") == "CoreVariant")
    number, listed = int(option.findtext("state") or ""), int(option.findtext("version") or "")
    assert known_cores()[load_board(board).core.cmsis, listed] == number


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<name>CCOptLevel</name>", "<name>CCOptLevels</name>"),
        ("<name>ICCARM</name>", "<name>ICCARN</name>"),
        ("<archiveVersion>2</archiveVersion>", "<archiveVersion>1</archiveVersion>"),
        ("<version>38</version>", "<version>36</version>"),
        ("<fileVersion>4</fileVersion>", "<fileVersion>3</fileVersion>"),
        ("<version>33</version>", "<version>34</version>"),
        ("<group>", "<group><colour />"),
        ("<name>CCAllowList</name>\n                    <version>1</version>", "<name>CCAllowList</name>"),
        (">9.40.1.63870<", ">9.41.1.63870<"),
    ],
)
def test_a_strange_name_or_version_is_seen(old: str, new: str) -> None:
    text = project(probe_graph())["iar/net.ewp"].decode()
    assert old in text
    assert strangers("ewp", text.encode()) == []
    assert strangers("ewp", text.replace(old, new).encode()) != []


def test_what_is_missing_or_strange_is_seen_everywhere() -> None:
    files = project(probe_graph())
    text = files["iar/net.ewd"].decode()
    assert strangers("ewd", text.replace("CMSISDAPJtagSpeedList", "CMSISDAPJtagSpeed", 1).encode()) != []
    option = re.search(r" *<option>\s*<name>RunToName</name>.*?</option>\n", text, re.DOTALL)
    assert option is not None
    assert strangers("ewd", text.replace(option[0], "", 1).encode()) == ["C-SPY: RunToName is missing"]
    assert strangers("eww", files["iar/net.eww"].replace(b"<batchBuild", b"<batch")) == ["workspace/batch"]


def test_every_known_core_is_listed() -> None:
    numbers = {(name, generation.core_list): n for name, (n, generation) in iar_format._CORES.items()}
    assert numbers.items() <= known_cores().items()
    unknown = {core.cmsis for core in CORES.values()} - iar_format._CORES.keys()
    assert unknown == {"Cortex-M1"}
    flags = {flag.removeprefix("--fpu=") for core in CORES.values() for flag in core.iar_flags if "--fpu=" in flag}
    assert flags == iar_format._FPU.keys()


def test_an_unknown_core_is_refused() -> None:
    with pytest.raises(UsageError, match="Cortex-M1 is not known"):
        iar_format.core_number(CORES["cortex-m1"])


@pytest.mark.parametrize("board", [board.name for board in all_boards()])
def test_the_ide_s_reading(board: str, tmp_path: Path) -> None:
    folder = write(project(probe_graph(), board=board, projects=("iar",)), tmp_path / "p")
    found = read_workspace(folder / "iar" / "net.eww")
    assert list(found.configurations) == ["Debug", "Release"]
    assert [f.group for f in found.files] == sorted(f.group for f in found.files if f.group != "Application") + [
        "Application" for f in found.files if f.group == "Application"
    ]
    listed = {str(file.path.relative_to(folder.resolve())) for file in found.files}
    assert listed == {str(path.relative_to(folder)) for path in folder.rglob("*.[ch]")}
    core = load_board(board).core
    same = {"-march=armv8.1-m.main+mve.fp+fp.dp": "-mcpu=cortex-m85"}
    for configuration in found.configurations.values():
        includes = configuration.states("ICCARM", "CCIncludePath2")
        assert [found.resolve(folder) for folder in includes] == [folder.resolve(), folder.resolve() / "runtime"]
        flags = {same.get(flag, flag) for flag in core.gcc_flags if not flag.startswith("-mtune")}
        assert set(cpu_flags(configuration)) - {"-mthumb", "-mfpu=fpv5-d16"} == flags - {"-mfpu=fpv5-d16", "-mthumb"}
        assert configuration.states("ILINK", "IlinkOutputFile") == ("net.out",)
        linker = parse(found.linker_file(configuration).read_text())
        assert list(linker.regions) == [f"{region.name}_region" for region in load_board(board).memory]
        assert "MEMORY" in gnu_script(linker)
    debug, release = found.configurations.values()
    assert (debug.states("ICCARM", "CCDefines"), release.states("ICCARM", "CCDefines")) == (
        ("SELFTEST_PRINT",),
        ("NDEBUG",),
    )
    for settings in read_debugger(folder / "iar" / "net.ewd").values():
        assert settings.states("C-SPY", "OCDynDriverList") == ("ARMSIM_ID",)
        assert settings.states("C-SPY", "RunToName") == ("main",)


@pytest.mark.parametrize(("optimize", "strategy"), [("speed", 2), ("size", 1), ("ram", 0)])
def test_optimization(optimize: str, strategy: int, tmp_path: Path) -> None:
    folder = write(project(probe_graph(), projects=("iar",), optimize=optimize), tmp_path / "p")
    found = read_workspace(folder / "iar" / "net.eww").configurations
    levels = [(c.number("ICCARM", "CCOptLevel"), c.number("ICCARM", "CCOptStrategy")) for c in found.values()]
    assert levels == [(0, 0), (3, strategy)]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    files = project(probe_graph((name, name + "w", name + "a", name + "b"), Probe()), model_file=name)
    for kind in ("ewp", "ewd", "eww"):
        assert strangers(kind, files[f"iar/net.{kind}"]) == []


def test_xml_of_any_group(tmp_path: Path) -> None:
    """Paths of sources come from folders of the user's, too, such as a CMSIS-NN of his own."""
    render = make_renderer()
    variables = {"file_version": 4, "configurations": [], "groups": {name: [name] for name in HOSTILE}}
    root = ElementTree.fromstring(render("iar/project.ewp.j2", variables))
    assert [group.findtext("name") for group in root][1:] == [name.replace("\x00", "\ufffd") for name in HOSTILE]


def test_device_names() -> None:
    board = load_board("mps2-an386")
    assert iar.device(board) == "Default\tNone"
    for cmsis, listed in (
        ("STM32L4R5ZITx", "STM32L4R5ZI"),
        ("STM32WBA55CGUx", "STM32WBA55CG"),
        ("STM32N657X0", "STM32N657X0"),
    ):
        chip = dataclasses.replace(board, device=cmsis, vendor="STMicroelectronics:13")
        assert iar.device(chip) == f"{listed}\tST {listed}"
    chip = dataclasses.replace(board, device="R7FA8D1BHECBD", vendor="Renesas:117")
    assert iar.device(chip) == "Default\tNone"


@pytest.mark.parametrize(
    "text",
    [
        "define memory mem with size = 2G;",
        "define memory mem with size = 4G; define region a = mem:[from 0x0 to 0x1];",
        "place in nowhere { readonly };",
        "place noinit { readonly };",
        "keep { sections .intvec };",
    ],
)
def test_the_linker_file_s_reader_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"not understood|no selector"):
        parse(text)
