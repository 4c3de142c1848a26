"""``microgen packs`` and ``--device`` on the command line: exit codes, one clear line, JSON with stable keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.exporters.tflite import save
from microgen.ops.conv2d import Conv2D
from microgen.packs import Cache, cmsis_nn_tree, find_device
from tests.support import packs
from tests.support.command import Outcome, Run
from tests.support.packs import PackServer, serving


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and none of other tools."""
    monkeypatch.setenv("MICROGEN_PACKS", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("CMSIS_PACK_ROOT", raising=False)
    monkeypatch.delenv("MICROGEN_PACK_INDEX", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[PackServer]:
    with serving() as running:
        yield running


@pytest.fixture
def dfp(tmp_path: Path) -> Path:
    path = tmp_path / "Acme.Acme_DFP.pdsc"
    path.write_bytes(packs.pdsc())
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(save(next(iter(Conv2D.samples())).graph))
    return path


def one_line(outcome: Outcome, *words: str, code: int = 2) -> None:
    assert outcome.code == code, outcome
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1, outcome.err
    for word in words:
        assert word in outcome.err, outcome.err


def test_add_list_remove(microgen: Run, dfp: Path, root: Path, tmp_path: Path) -> None:
    empty = microgen("packs", "list")
    assert empty.code == 0 and "No pack is installed" in empty.out
    added = json.loads(microgen("packs", "add", dfp, "--json", "-").out)["packs"]
    assert added == [
        {"pack": "Acme::Acme_DFP@1.2.0", "folder": str(root / "Acme/Acme_DFP/1.2.0"), "new": True, "files": False,
         "devices": 8, "sha256": added[0]["sha256"]}
    ]  # fmt: skip
    said = microgen("packs", "add", dfp)
    assert said.code == 0 and "was installed already" in said.out and "description alone" in said.out
    listed = microgen("packs", "list", "--json", tmp_path / "l.json")
    assert "Acme::Acme_DFP@1.2.0" in listed.out and "microgen" in listed.out
    assert json.loads((tmp_path / "l.json").read_text())["packs"][0]["owner"] == "microgen"
    assert microgen("packs", "remove", "Acme::Acme_DFP").code == 0
    assert not (root / "Acme").exists()
    one_line(microgen("packs", "remove", "Acme::Acme_DFP"), "is not installed")
    one_line(microgen("packs", "remove", "x.pack"), "VENDOR::PACK")


def test_list_devices(microgen: Run, dfp: Path) -> None:
    microgen("packs", "add", dfp)
    found = json.loads(microgen("packs", "list", "--devices", "acmeh7*", "--json", "-").out)["devices"]
    assert [(d["device"], d["core"], d["fpu"], d["flash"]) for d in found] == [
        ("ACMEH745XI:CM7", "Cortex-M7", "dp", 0x100000), ("ACMEH745XI:CM4", "Cortex-M4", "sp", 0x100000),
    ]  # fmt: skip
    text = microgen("packs", "list", "--devices", "ACME*").out
    assert "ACME-V7:HE" in text and "Helium int" in text and "Acme::Acme_DFP@1.2.0" in text
    assert "has a device like Q*" in microgen("packs", "list", "--devices", "Q*").out


def test_list_devices_without_a_pattern(microgen: Run, dfp: Path) -> None:
    nothing = microgen("packs", "list", "--devices")
    assert nothing.code == 0 and "No installed pack has devices" in nothing.out and "packs add" in nothing.out
    microgen("packs", "add", dfp)
    for order in (("--devices", "--json", "-"), ("--json", "-", "--devices")):
        names = {d["device"] for d in json.loads(microgen("packs", "list", *order).out)["devices"]}
        assert {"ACMEH745XI:CM7", "ACME-V7:HE"} <= names


def test_add_from_a_server_and_update(microgen: Run, server: PackServer, tmp_path: Path) -> None:
    archive = packs.write_pack(tmp_path / "a.pack", {"Acme.Acme_DFP.pdsc": packs.pdsc()}).read_bytes()
    server.publish("Acme", "Acme_DFP", packs.pdsc(url=server.url), "1.2.0", archive)
    added = microgen("packs", "add", "Acme::Acme_DFP", "--index", f"{server.url}/index.pidx")
    assert added.code == 0 and "Acme::Acme_DFP@1.2.0 installed" in added.out
    updated = microgen("packs", "update", "--index", f"{server.url}/index.pidx", "--json", "-")
    assert json.loads(updated.out) == {"packs": 1, "installed": [], "descriptions": 0, "problems": []}


def test_no_network_is_one_clear_line(microgen: Run, server: PackServer) -> None:
    url = f"{server.url}/index.pidx"
    server.close()
    for arguments in (("add", "ARM::CMSIS-NN"), ("update",), ("update", "--descriptions")):
        one_line(microgen("packs", *arguments, "--index", url), "no connection", "packs add FILE.pack", code=3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "nothing.pack"), ("does not exist", "VENDOR::PACK")),
        (("add", "ftp://host/x.pack"), ("does not exist",)),
        (("add", "http://user:secret@host/x.pack"), ("no web address",)),
        (("add", "x.pack", "--sha256", "12"), ("64 hexadecimal digits",)),
        (("add", "x.pack", "y.pack", "--sha256", "0" * 64), ("digest of one file",)),
        (("board", "X"), ("-o",)),
        (("board", "X", "-o", "b.toml"), ("no installed pack has a device 'X'", "microgen packs add")),
        (("board", "X:", "-o", "b.toml"), ("CHIP:PROCESSOR",)),
        (("add",), ("PACK",)),
        (("list", "--nonsense"), ("nonsense",)),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], words: tuple[str, ...], microgen: Run) -> None:
    one_line(microgen("packs", *arguments), *words)


def test_a_board_file_is_written(microgen: Run, dfp: Path, tmp_path: Path) -> None:
    microgen("packs", "add", dfp)
    written = tmp_path / "mine.toml"
    said = microgen("packs", "board", "ACMEF746NGHx", "-o", written)
    assert said.code == 0 and "dtcm: ram, 0x20000000, 64 KB, stack" in said.out
    board = load_board(written)
    assert (board.name, board.device, board.vendor) == ("mine", "ACMEF746NGHx", "Acme:999")
    one_line(microgen("packs", "board", "ACMEF746NGHx", "-o", tmp_path / "mine.txt"), "must end in .toml")
    one_line(microgen("packs", "board", "ACMEF746NGHx", "-o", tmp_path / "no" / "b.toml"), "cannot be written")
    one_line(microgen("packs", "board", "ACMEH745XI", "-o", written), "ACMEH745XI:CM7 or ACMEH745XI:CM4")


def test_unknown_devices_say_what_to_do(microgen: Run, dfp: Path, root: Path) -> None:
    one_line(microgen("packs", "board", "STM32F746NGHx", "-o", "b.toml"), "no installed pack", "packs add")
    microgen("packs", "add", dfp)
    one_line(microgen("packs", "board", "ACMEF746NGH6", "-o", "b.toml"), "Did you mean ACMEF746NGHx")
    other = packs.pdsc('<family Dfamily="Z"><device Dname="ZETA-1"/></family>', vendor="Zed", name="Z_DFP")
    (root / ".Web").mkdir()
    (root / ".Web" / "Zed.Z_DFP.pdsc").write_bytes(other)
    one_line(microgen("packs", "board", "zeta-1", "-o", "b.toml"), "device of Zed::Z_DFP", "packs add Zed::Z_DFP")


def test_the_index_tells_the_likely_pack(microgen: Run, root: Path) -> None:
    (root / ".Web").mkdir(parents=True)
    entries = (("Keil", "STM32F7xx_DFP", "3.0.0"), ("Keil", "STM32Fxxx_DFP", "3.0.0"), ("Keil", "S_DFP", "1.0.0"))
    (root / ".Web" / "index.pidx").write_bytes(packs.index("https://packs.invalid/", *entries))
    one_line(microgen("packs", "board", "stm32f746nghx", "-o", "b.toml"), "pack may be Keil::STM32F7xx_DFP")
    one_line(microgen("packs", "board", "SAM3X8E", "-o", "b.toml"), "packs update --descriptions")


def test_a_broken_description_does_not_hide_other_packs(microgen: Run, dfp: Path, root: Path) -> None:
    microgen("packs", "add", dfp)
    broken = root / "Aaa" / "Broken" / "1.0.0" / "Aaa.Broken.pdsc"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"rubbish")
    assert find_device("ACME-S1").pack.name == "Acme_DFP"
    assert "ACME-S1" in microgen("packs", "list", "--devices", "ACME-S*").out
    one_line(microgen("packs", "board", "NOBODY", "-o", "b.toml"), "no other installed pack", "Aaa.Broken.pdsc")


def test_case_does_not_matter_and_the_newest_version_counts(microgen: Run, tmp_path: Path) -> None:
    for version, clock in (("1.2.0", "216000000"), ("1.10.0", "100000000")):
        path = tmp_path / f"{version}.pdsc"
        path.write_bytes(packs.pdsc(versions=(version,)).replace(b"216000000", clock.encode()))
        microgen("packs", "add", path)
    found = find_device("acmef746ng")
    assert (found.device.name, str(found.pack)) == ("ACMEF746NG", "Acme::Acme_DFP@1.10.0")
    assert found.device.processor().clock == 100_000_000


def test_caches_of_other_tools_are_read(
    microgen: Run, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = tmp_path / "toolbox"
    folder = toolbox / "Acme" / "Acme_DFP" / "1.2.0"
    folder.mkdir(parents=True)
    (folder / "Acme.Acme_DFP.pdsc").write_bytes(packs.pdsc())
    (folder / "file.h").write_text("x")
    (toolbox / "Acme" / "Acme_DFP" / "not-a-version").mkdir()
    monkeypatch.setenv("CMSIS_PACK_ROOT", str(toolbox))
    flat = tmp_path / "data" / "cmsis-pack-manager"
    flat.mkdir(parents=True)
    (flat / "Bee.Bee_DFP.2.0.0.pdsc").write_bytes(packs.pdsc(vendor="Bee", name="Bee_DFP", versions=("2.0.0",)))
    (flat / "rubbish.pdsc").write_bytes(b"")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    listed = json.loads(microgen("packs", "list", "--json", "-").out)["packs"]
    assert [(p["pack"], p["owner"], p["files"]) for p in listed] == [
        ("Acme::Acme_DFP@1.2.0", "CMSIS-Toolbox", True), ("Bee::Bee_DFP@2.0.0", "pyOCD", False),
    ]  # fmt: skip
    one_line(microgen("packs", "remove", "Acme::Acme_DFP"), "is not installed")
    assert find_device("ACME-S1").pack.vendor == "Acme"
    assert not root.exists(), "looking writes nothing"


def test_compile_for_a_device(microgen: Run, model: Path, dfp: Path, tmp_path: Path) -> None:
    microgen("packs", "add", dfp)
    done = microgen("compile", model, "--device", "ACMEF746NGHx", "-o", tmp_path / "p")
    assert done.code == 0, done
    assert "ACMEF746NGHx" in done.out
    assert json.loads((tmp_path / "p" / "manifest.json").read_text())["board"]


@pytest.mark.parametrize("command", ["compile", "verify", "bench"])
def test_board_or_device_but_not_both(command: str, microgen: Run, model: Path, tmp_path: Path) -> None:
    output = ("-o", tmp_path / "p") if command == "compile" else ()
    both = microgen(command, model, "--board", "mps2-an386", "--device", "X", *output)
    one_line(both, "--board", "--device")
    one_line(microgen(command, model, *output), "--board", "--device")


@pytest.mark.parametrize("command", ["verify", "bench"])
def test_a_device_has_no_emulator(command: str, microgen: Run, model: Path, dfp: Path) -> None:
    microgen("packs", "add", dfp)
    one_line(microgen(command, model, "--device", "ACMEF746NGHx"), "ACMEF746NGHx", "no emulator", "--board")


def test_cmsis_nn_of_an_installed_pack(microgen: Run, tmp_path: Path, model: Path) -> None:
    one_line(
        microgen("compile", model, "--board", "mps2-an386", "--cmsis-nn", "pack", "-o", tmp_path / "p"),
        "ARM::CMSIS-NN is not installed", "microgen packs add ARM::CMSIS-NN",
    )  # fmt: skip
    for version in ("7.0.0", "4.0.0", "99.0.0"):
        files = {
            "ARM.CMSIS-NN.pdsc": packs.pdsc("", vendor="ARM", name="CMSIS-NN", versions=(version,)),
            "Include/arm_nnfunctions.h": b"/* */",
        }
        microgen("packs", "add", packs.write_pack(tmp_path / f"{version}.pack", files))
    alone = tmp_path / "alone.pdsc"
    alone.write_bytes(packs.pdsc("", vendor="ARM", name="CMSIS-NN", versions=("100.0.0",)))
    microgen("packs", "add", alone)
    assert cmsis_nn_tree().name == "99.0.0"
    assert cmsis_nn_tree([(4, 0), (7, 0)]).name == "7.0.0"
    assert cmsis_nn_tree([(5, 0)]).name == "99.0.0", "a version that is not known is refused with its own message"
    assert len(Cache(tmp_path / "cache").installed()) == 4
