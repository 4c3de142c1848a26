"""Where the linker puts what ``--place`` moves: addresses from the ELF, the same bytes on the emulator, figures from
GNU size.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen import advice, fit
from microgen.boardfile import board_toml
from microgen.boards import Board, load_board
from microgen.cli import main
from microgen.compiler import Compiled, Options, compile_model
from microgen.device import run_firmware
from microgen.errors import DeviceFault, DoesNotFit
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.elf import Elf
from microgen.target.regions import RegionUse, linked_regions
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs
from tests.support.memories import QSPI, many_memories, two_memories

pytestmark = pytest.mark.cross


def built(compiled: Compiled, folder: Path) -> Elf:
    write_project(compiled.files, folder)
    return Elf(build_project(folder).elf)


def check_outputs(compiled: Compiled, elf: Elf) -> None:
    """The firmware computes what the host does, twice in a row, from a poisoned arena."""
    inputs = sample_inputs([v.type for v in compiled.graph.inputs], 1)
    host = Session(compiled.graph).run_all(inputs)
    outputs = compiled.graph.outputs
    run = run_firmware(compiled.board, elf.path, inputs, [v.type for v in outputs], repeat=2, poison=True)
    for value, array in zip(outputs, run.outputs, strict=True):
        for invocation in range(2):
            np.testing.assert_array_equal(array[:, invocation], host[value])


def region_at(board: Board, address: int) -> str:
    return next(r.name for r in board.memory if r.origin <= address < r.end)


def where(board: Board, elf: Elf, *symbols: str) -> dict[str, str]:
    return {name: region_at(board, elf.symbol(name).address) for name in symbols}


def sizes_by_gnu(elf: Elf, board: Board) -> dict[str, int]:
    """Bytes in each region by the addresses of sections, as GNU size sees them, without what is stored for RAM."""
    text = subprocess.run(["arm-none-eabi-size", "-A", elf.path], capture_output=True, text=True, check=True).stdout
    found = dict.fromkeys((region.name for region in board.memory), 0)
    for name, size, address in re.findall(r"^(\.\S+)\s+(\d+)\s+(\d+)$", text, re.M):
        if not name.startswith((".debug", ".comment", ".ARM.attributes")) and int(size):
            found[region_at(board, int(address))] += int(size)
    return found


def test_everything_somewhere_else(testdata: Path, tmp_path: Path) -> None:
    """Code in RAM, weights in external flash but for one layer's, arena in external RAM."""
    board = many_memories()
    model = testdata / "models" / "kws_dscnn_int8.tflite"
    layer = compile_model(model, board).graph.nodes[0].name
    place = {"code": "itcm", "weights": "qspi", f"weights/{layer}": "psram", "arena": "sram", "data": "sram"}
    compiled = compile_model(model, board, Options(name="kws", place=place))
    elf = built(compiled, tmp_path / "p")
    check_outputs(compiled, elf)

    functions = ("kws_invoke", "kws_init", "mg_arm_convolve_wrapper_s8", "main", "memset", "strlen")
    assert set(where(board, elf, *functions).values()) == {"itcm"}
    started = ("vectors", "Reset_Handler", "Fault_Handler", "semihost_exit")
    assert set(where(board, elf, *started).values()) == {"flash"}
    tables = compiled.manifest["networks"][0]["constants"]["tables"]
    assert {t["region"] for t in tables} == {"qspi", "psram"}
    assert all(region_at(board, elf.symbol(t["symbol"]).address) == t["region"] for t in tables)
    assert where(board, elf, "kws_arena", "__stack_limit") == {"kws_arena": "sram", "__stack_limit": "dtcm"}

    stored = {s.name: region_at(board, s.load_address) for s in elf.sections if s.has_content and s.size}
    assert {stored[name] for name in (".text", ".weights_psram")} == {"flash"} and stored[".weights"] == "qspi"

    uses = {use.region.name: use for use in linked_regions(elf, board)}
    by_gnu = sizes_by_gnu(elf, board)
    for name, use in uses.items():
        assert use.used - use.parts.get("stored", 0) - use.parts.get("padding", 0) == by_gnu[name], name
        assert use.parts.get("padding", 0) < 64
    sizes = {s.name: s.size for s in elf.sections}
    assert uses["flash"].parts["stored"] == sizes[".text"] + sizes[".weights_psram"]
    assert uses["itcm"].parts == {"code": sizes[".text"]}
    planned = {p.region.name: p.use for p in fit.planned_regions(compiled.manifest, board)}
    for name, part in (("qspi", "weights"), ("psram", "weights"), ("sram", "arena"), ("dtcm", "stack")):
        # Tables are aligned to 16 bytes.
        assert 0 <= uses[name].parts[part] - planned[name].parts[part] < 16 * len(tables)


@pytest.mark.parametrize(
    ("board", "place", "expected"),
    [
        # Far away: calls between flash and RAM need veneers, and unwinding tables could not reach.
        ("mps2-an500", {"code": "psram"}, {"hello_invoke": "psram", "Reset_Handler": "code"}),
        # The other architecture of memory protection; the stack stays at the bottom of the region that is shared.
        (
            "mps3-an547",
            {"code": "sram", "weights": "sram", "stack": "sram", "data": "sram", "arena": "sram"},
            {"hello_invoke": "sram", "hello_layer0_filter": "sram", "hello_arena": "sram", "__stack_limit": "sram"},
        ),
        # In the stack's own region, and one table apart.
        (
            "mps2-an386",
            {"weights": "ram", "weights/*layer1_filter": "code", "weights/*layer2*": "psram"},
            {"hello_layer0_filter": "ram", "hello_layer1_filter": "code", "hello_layer2_filter": "psram"},
        ),
    ],
)
def test_other_cores(
    board: str, place: dict[str, str], expected: dict[str, str], testdata: Path, tmp_path: Path
) -> None:
    target = load_board(board)
    model = testdata / "models" / "hello_world_int8.tflite"
    compiled = compile_model(model, target, Options(name="hello", place=place))
    elf = built(compiled, tmp_path / "p")
    assert where(target, elf, *expected) == expected
    assert (
        elf.symbol("__stack_limit").address
        == target.regions[place.get("stack", "dtcm" if False else target.region_for("stack").name)].origin
    )
    check_outputs(compiled, elf)


def test_code_in_memory_that_is_not_for_code_faults(testdata: Path, tmp_path: Path) -> None:
    """The fence lets only the region execute that code was placed in: the run above proves something."""
    model = testdata / "models" / "hello_world_int8.tflite"
    compiled = compile_model(model, load_board("mps2-an386"), Options(place={"code": "psram"}))
    files = dict(compiled.files)
    script = files["emulator/linker.ld"].decode()
    fence = "LONG(0x21000000) LONG(0x01000000) LONG(2)"
    assert fence in script
    files["emulator/linker.ld"] = script.replace(fence, fence.replace("LONG(2)", "LONG(1)")).encode()
    write_project(files, tmp_path / "p")
    elf = build_project(tmp_path / "p").elf
    inputs = sample_inputs([v.type for v in compiled.graph.inputs], 0)
    with pytest.raises(DeviceFault):
        run_firmware(compiled.board, elf, inputs, [v.type for v in compiled.graph.outputs])


def test_the_linkers_refusal_with_figures(testdata: Path, tmp_path: Path) -> None:
    """What the message says is in flash is what lies there when the flash is large enough."""
    model = testdata / "models" / "kws_dscnn_int8.tflite"
    weights = compile_model(model, many_memories()).const_bytes
    # Room for the weights, not for all of the code; the RAM lacks what only the linker knows.
    flash = (weights + 4096) // 32 * 32
    board = two_memories(flash, 20448, QSPI)
    compiled = compile_model(model, board, Options(name="kws"))
    write_project(compiled.files, tmp_path / "p")
    with pytest.raises(DoesNotFit) as refused:
        build_project(tmp_path / "p")
    error = advice.explained(refused.value, compiled.manifest, board)
    text = str(error)

    large = two_memories(1 << 20, 1 << 18, QSPI)
    roomy = built(compile_model(model, large, Options(name="kws")), tmp_path / "q")
    uses: dict[str, RegionUse] = {use.region.name: use for use in linked_regions(roomy, large)}
    for name, size in (("flash", flash), ("ram", 20448)):
        found = re.search(rf"{name}: ([\d,]+) of ([\d,]+) bytes \(([\d,]+) too many: ", text)
        assert found is not None, text
        used, of, excess = (int(figure.replace(",", "")) for figure in found.groups())
        assert of == size and used - of == excess and used == uses[name].used
    assert f"weights of kws {weights:,}" in text and "code and the like" in text
    assert "stack 4,096" in text and f"arena of kws {compiled.plan.arena_bytes:,}" in text and "data " in text
    assert "that would hold it: " in text


def test_moving_weights_as_proposed_makes_it_link(testdata: Path, tmp_path: Path) -> None:
    model = testdata / "models" / "kws_dscnn_int8.tflite"
    board = two_memories(0x7000, 0x8000, QSPI)
    with pytest.raises(DoesNotFit) as refused:
        compile_model(model, board)
    proposal = re.search(r"--place (\w+)=(\w+) would fit \(start-up code must set up qspi first\)", str(refused.value))
    assert proposal is not None and proposal.groups() == ("weights", "qspi")
    compiled = compile_model(model, board, Options(place=dict([proposal.groups()])))
    elf = built(compiled, tmp_path / "p")
    check_outputs(compiled, elf)
    tables = compiled.manifest["networks"][0]["constants"]["tables"]
    assert {region_at(board, elf.symbol(t["symbol"]).address) for t in tables} == {"qspi"}


def command(*arguments: str) -> int:
    """The exit code of the command line."""
    try:
        main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_commands_say_what_is_where(testdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, folder = str(testdata / "models" / "hello_world_int8.tflite"), str(tmp_path / "p")
    options = [
        "--board",
        "mps2-an386",
        "--name",
        "hello",
        "--place",
        "weights=psram,arena=psram",
        "--place",
        "code=ram",
    ]
    assert command("compile", model, *options, "-o", folder, "--json", str(tmp_path / "c.json")) == 0
    said = capsys.readouterr().out
    assert re.search(r"^psram +RAM +16,777,216 +452 +16,776,764 +weights of hello 420, arena of hello 32", said, re.M)
    planned = {r["name"]: r for r in json.loads((tmp_path / "c.json").read_text())["regions"]}
    assert planned["psram"]["parts"] == {"weights": 420, "arena": 32} and planned["psram"]["used"] == 452
    assert planned["code"]["parts"] == {"stored": 420} and planned["ram"]["parts"] == {"stack": 4096}

    assert command("build", folder, "--json", str(tmp_path / "b.json")) == 0
    said = capsys.readouterr().out
    assert re.search(r"^region +kind +code +constants +weights +data +stack +arena +stored +", said, re.M)
    linked = json.loads((tmp_path / "b.json").read_text())["regions"]
    assert [r["name"] for r in linked] == ["code", "ram", "psram"]
    for region in linked:
        assert sum(region["parts"].values()) == region["used"] == region["size"] - region["free"]
    assert linked[2]["parts"]["arena"] == 32 and linked[2]["parts"]["weights"] >= 420
    assert linked[1]["parts"]["code"] + linked[2]["parts"]["weights"] == linked[0]["parts"]["stored"]


def test_build_explains_the_linkers_refusal(testdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "tiny.toml"
    board.write_text(board_toml(two_memories(2048, 0x2000, QSPI)))
    folder = str(tmp_path / "p")
    model = str(testdata / "models" / "hello_world_int8.tflite")
    assert command("compile", model, "--board", str(board), "-o", folder, "--name", "hello") == 0
    capsys.readouterr()
    assert command("build", folder) == 1
    error = capsys.readouterr().err
    assert re.search(r"flash: [\d,]+ of 2,048 bytes \([\d,]+ too many: weights of hello 420, code and the like", error)
    assert error.count("\n") == 1
