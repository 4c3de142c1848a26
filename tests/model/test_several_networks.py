"""Several networks in one firmware: one set of kernels, arenas of their own or one for all."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.cli import main
from microgen.compiler import Options, compile_model, compile_models
from microgen.device import run_firmware
from microgen.errors import UsageError
from microgen.project import open_project, write_project
from microgen.runtime import Session
from microgen.target.elf import Elf
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs, verify_board
from tests.support.codegen import WARNINGS

PAIR = ("kws_dscnn_int8", "ad_autoencoder_int8")


@pytest.fixture
def paths(testdata: Path) -> list[Path]:
    return [testdata / "models" / f"{name}.tflite" for name in PAIR]


@pytest.mark.cross
@pytest.mark.parametrize("shared", [False, True])
def test_both_verify(shared: bool, paths: list[Path], tmp_path: Path) -> None:
    """The other network runs before every invocation, in the same arena where one is shared."""
    compiled = compile_models(paths, load_board("mps2-an386"), Options(share_arena=shared))
    sizes = [c.plan.arena_bytes for c in compiled]
    assert compiled[0].manifest["arena"] == {"bytes": max(sizes) if shared else sum(sizes), "shared": shared}
    write_project(compiled[0].files, tmp_path / "p")
    symbols = Elf(build_project(tmp_path / "p").elf).symbols
    arenas = {s.name: s.size for s in symbols if s.name == "arena" or s.name.endswith("_arena")}
    assert sum(arenas.values()) == (max(sizes) if shared else sum(sizes)), arenas
    for network in compiled:
        verdict = verify_board(network, samples=3)
        assert verdict.bit_exact, (network.name, str(verdict.difference))


@pytest.mark.cross
def test_a_disturbed_arena_would_be_seen(paths: list[Path], tmp_path: Path) -> None:
    """The test above would not hold if the arena were written over between input and invocation."""
    compiled = compile_models(paths, load_board("mps2-an386"), Options(share_arena=True))
    files = dict(compiled[0].files)
    name = "kws_dscnn_int8_ad_autoencoder_int8"
    main_c = files["emulator/main.c"].decode()
    # After the inputs are written, the other network runs in the same memory.
    broken = main_c.replace(
        "            tracing = true;\n", "            run_others(network);\n            tracing = true;\n"
    )
    assert broken != main_c
    files["emulator/main.c"] = broken.encode()
    write_project(files, tmp_path / "p")
    opened = open_project(tmp_path / "p")
    assert opened.name == name
    network = opened.network("ad_autoencoder_int8")
    inputs = sample_inputs([p.type for p in network.inputs], 2)
    elf, types = build_project(tmp_path / "p").elf, [p.type for p in network.outputs]
    run = run_firmware(opened.board, elf, inputs, types, network=network.index)
    expected = Session(compiled[1].graph).run(inputs)[0]
    assert not np.array_equal(run.outputs[0][:, 0], expected)


def test_one_set_of_kernels(paths: list[Path]) -> None:
    board = load_board("mps2-an386")
    both = compile_models(paths, board, Options(name="kws,ad"))[0].files
    single = [
        compile_model(path, board, Options(name=name)).files for path, name in zip(paths, ("kws", "ad"), strict=True)
    ]
    kernels = [{path for path in files if path.startswith("runtime/")} for files in (both, *single)]
    assert kernels[0] == kernels[1] | kernels[2]
    for files, own in zip(single, ("kws", "ad"), strict=True):
        for path in (f"{own}.c", f"{own}.h", f"{own}_weights.c"):
            assert files[path] == both[path], path
    assert b"KWS_AD_SHARED_ARENA_BYTES" in both["kws_ad.h"]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("one", "1 names for 2 models"),
        ("a,a", "same names in C"),
        ("a,A", "same names"),
        ("a,a_weights", "same"),
    ],
)
def test_bad_names(name: str, match: str, paths: list[Path]) -> None:
    with pytest.raises(UsageError, match=match):
        compile_models(paths, load_board("mps2-an386"), Options(name=name))


@pytest.mark.cross
def test_command_line(paths: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, sample = tmp_path / "p", tmp_path / "x.npy"
    options = ["--board", "mps2-an386", "--name", "kws,ad", "--share-arena"]
    main(["compile", *map(str, paths), *options, "-o", str(folder)])
    assert "One shared arena: " in capsys.readouterr().out
    main(["build", str(folder), "--json", "-"])
    assert (
        json.loads(capsys.readouterr().out)["ram"]["arena"]
        == json.loads((folder / "manifest.json").read_text())["arena"]["bytes"]
    )
    np.save(sample, np.zeros((2, 640), np.int8))
    main(["run", str(folder), "--input", str(sample), "--network", "ad", "--json", "-"])
    result = json.loads(capsys.readouterr().out)
    graph = compile_model(paths[1], load_board("mps2-an386")).graph
    expected = Session(graph).run([np.zeros((2, *graph.inputs[0].shape), np.int8)])[0]
    assert np.array_equal(np.array(next(iter(result["outputs"].values()))), expected)
    with pytest.raises(SystemExit) as caught:
        main(["run", str(folder), "--input", str(sample)])
    assert caught.value.code == 2 and "Choose one" in capsys.readouterr().err


@pytest.mark.parametrize("shared", [False, True])
def test_the_readmes_code_is_one_file(shared: bool, paths: list[Path], tmp_path: Path, host_gcc: str) -> None:
    files = compile_models(paths, load_board("mps2-an386"), Options(name="kws,ad", share_arena=shared))[0].files
    write_project(files, tmp_path / "p")
    code = "".join(re.findall(r"```c\n(.*?)```", files["README.md"].decode(), re.DOTALL))
    (tmp_path / "p" / "all.c").write_text("int run_kws(void);\nint run_ad(void);\n" + code)
    command = [host_gcc, *WARNINGS, "-I.", "-c", "-o", "all.o", "all.c"]
    done = subprocess.run(command, cwd=tmp_path / "p", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert code.count("static _Alignas") == (1 if shared else 2)
