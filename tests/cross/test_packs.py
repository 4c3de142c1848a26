"""Packs end to end: firmware for devices is compiled and linked, CMSIS-NN of a pack computes the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from microgen import cli, resources
from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_graph, compile_model
from microgen.ops.conv2d import Conv2D
from microgen.packs import Cache, add, board_for
from microgen.project import write_project
from microgen.target.toolchain import build_project
from microgen.verification import verify_board
from tests.support import packs
from tests.support.genuine import vendored_tree
from tests.support.packs import serving

CHIPS = ("ACME-S2", "ACMEF746NGHx", "ACMEH745XI:CM7", "ACMEH745XI:CM4", "ACME-V7:HP", "ACME-V7:HE", "ACME-U5")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache with a device pack."""
    monkeypatch.setenv("MICROGEN_PACKS", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("CMSIS_PACK_ROOT", raising=False)
    path = tmp_path / "Acme.Acme_DFP.pdsc"
    path.write_bytes(packs.pdsc())
    cache = Cache(tmp_path / "cache")
    add(cache, str(path))
    return cache


def compiled_for(chip: str) -> Compiled:
    graph = next(sample.graph for sample in Conv2D.samples() if sample.id == "3x3")
    return compile_graph(graph, board_for(chip), Options(name="net"), model_file="m.tflite", sha256="0" * 64)


@pytest.mark.parametrize("chip", CHIPS)
def test_firmware_for_a_device_is_linked_into_its_memory(chip: str, cache: Cache, tmp_path: Path) -> None:
    compiled = compiled_for(chip)
    board = compiled.board
    write_project(compiled.files, tmp_path / "p")
    result = build_project(tmp_path / "p")
    with result.elf.open("rb") as stream:
        elf = ELFFile(stream)
        segments = [(s["p_vaddr"], s["p_memsz"], s["p_paddr"], s["p_filesz"]) for s in elf.iter_segments("PT_LOAD")]
        symbols = {s.name: s["st_value"] for s in elf.get_section_by_name(".symtab").iter_symbols()}
        vectors = elf["e_entry"]
    assert segments
    for address, size, stored, stored_size in segments:
        assert any(r.origin <= address and address + size <= r.end for r in board.memory), hex(address)
        assert not stored_size or any(
            r.kind == "flash" and r.origin <= stored and stored + stored_size <= r.end for r in board.memory
        ), hex(stored)
    code = board.region_for("code")
    assert code.origin <= vectors < code.end
    assert any(code.origin <= value < code.end for name, value in symbols.items() if name == "net_invoke")


def test_a_project_for_a_device_is_built_without_its_pack(
    cache: Cache, tmp_path: Path, digits_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "p"
    cli.main(["compile", str(digits_model), "--device", "acmeh745xi:cm7", "-o", str(folder)])
    for pack in cache.installed():
        cache.remove(pack)
    capsys.readouterr()
    cli.main(["build", str(folder), "--json", "-"])
    assert json.loads(capsys.readouterr().out)["flash"]["code"] > 1000


def cmsis_nn_pack(path: Path) -> bytes:
    """A pack of the part of CMSIS-NN v4.0 that the package bakenn carries."""
    tree = vendored_tree()
    if tree is None:
        pytest.skip("the package bakenn, which carries a part of CMSIS-NN, is not installed; ./test.sh installs it")
    found = sorted(p for folder in ("Include", "Source") for p in (tree / folder).rglob("*") if p.is_file())
    files = {p.relative_to(tree).as_posix(): p.read_bytes() for p in found}
    description = packs.pdsc("", vendor="ARM", name="CMSIS-NN", versions=("4.0.0",))
    return packs.write_pack(path, {"ARM.CMSIS-NN.pdsc": description, **files}).read_bytes()


def cmsis_pack(path: Path) -> bytes:
    """A pack with CMSIS-Core's compiler header as CMSIS 6 splits it: one file for all, one for the profile."""
    stand_in = (resources.templates_dir() / "cmsis_nn" / "cmsis_compiler.h").read_bytes()
    files = {
        "ARM.CMSIS.pdsc": packs.pdsc("", vendor="ARM", name="CMSIS", versions=("6.1.0",)),
        "CMSIS/Core/Include/cmsis_compiler.h": b'#include "cmsis_gcc.h"\n',
        "CMSIS/Core/Include/cmsis_gcc.h": b'#include "m-profile/cmsis_gcc_m.h"\n',
        "CMSIS/Core/Include/m-profile/cmsis_gcc_m.h": stand_in,
    }
    return packs.write_pack(path, files).read_bytes()


@pytest.mark.parametrize("with_core", [False, True], ids=["stand-in", "ARM::CMSIS"])
def test_cmsis_nn_of_a_pack_computes_the_same_bytes(
    with_core: bool, cache: Cache, tmp_path: Path, digits_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        nn, core = cmsis_nn_pack(tmp_path / "nn.pack"), cmsis_pack(tmp_path / "core.pack")
        server.publish(
            "ARM", "CMSIS-NN", packs.pdsc("", vendor="ARM", name="CMSIS-NN", versions=("4.0.0",)), "4.0.0", nn
        )
        server.publish("ARM", "CMSIS", packs.pdsc("", vendor="ARM", name="CMSIS", versions=("6.1.0",)), "6.1.0", core)
        for name in ("ARM::CMSIS-NN", "ARM::CMSIS")[: 1 + with_core]:
            cli.main(["packs", "add", name, "--index", f"{server.url}/index.pidx"])
    capsys.readouterr()
    compiled = compile_model(digits_model, load_board("mps2-an386"), Options(cmsis_nn="pack"))
    served = {call.function for step in compiled.plan.steps for call in step.calls if call.from_library}
    assert {"arm_convolve_wrapper_s8", "arm_depthwise_conv_wrapper_s8"} <= served
    assert ("cmsis_nn/core/m-profile/cmsis_gcc_m.h" in compiled.files) is with_core
    verdict = verify_board(compiled, samples=2)
    assert verdict.bit_exact, str(verdict.difference)
