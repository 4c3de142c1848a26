"""Instructions by layer: both ways to count agree, figures add up, and the firmware measured is the one that ships."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from microgen import bench, cli
from microgen.boards import Board, all_boards, load_board
from microgen.compiler import Compiled, compile_model
from microgen.device import input_blob
from microgen.errors import DeviceFault, InputError, ToolMissing, UsageError
from microgen.project import write_project
from microgen.target import counting, icount, toolchain
from microgen.target.elf import Elf
from microgen.target.emulator import QEMU
from microgen.target.lines import line_table
from microgen.verification import sample_inputs

pytestmark = pytest.mark.cross
# The network of these tests needs 16 KB.
BOARDS = [b.name for b in all_boards() if b.emulator is not None and b.ram_size >= 1 << 14]


@dataclass(frozen=True)
class Built:
    compiled: Compiled
    build: toolchain.BuildResult
    files: Path

    @property
    def board(self) -> Board:
        return self.compiled.board

    def layers(self, method: str = "") -> dict[int | None, int]:
        by_invocation = bench.instructions_by_layer(self.board, self.build, self.compiled, self.files, method=method)
        assert len(by_invocation) == 2
        return dict(by_invocation[-1])


def build(model: Path, board: str, folder: Path, edit: tuple[str, str] = ("", ""), **variables: str) -> Built:
    """``edit`` is a text in the network's C and what replaces it."""
    compiled = compile_model(model, load_board(board))
    write_project(compiled.files, folder / "project")
    source = folder / "project" / f"{compiled.name}.c"
    code = source.read_text()
    assert edit[0] in code
    source.write_text(code.replace(*edit) if edit[0] else code)
    files = folder / "files"
    files.mkdir()
    write_input(compiled, files)
    return Built(compiled, toolchain.build_project(folder / "project", variables=variables), files)


def write_input(compiled: Compiled, files: Path, repeat: int = 2) -> None:
    inputs = [a[-1:] for a in sample_inputs([v.type for v in compiled.graph.inputs], 1)]
    (files / "input.bin").write_bytes(input_blob(inputs, repeat=repeat, poison=False))


@pytest.fixture(scope="module", params=BOARDS)
def digits(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, digits_model: Path) -> Built:
    return build(digits_model, request.param, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def on_m4(tmp_path_factory: pytest.TempPathFactory, digits_model: Path) -> Built:
    return build(digits_model, "mps2-an386", tmp_path_factory.mktemp("m4"))


def test_both_ways_to_count_agree_to_the_instruction(digits: Built) -> None:
    if counting.counting_method() != "plugin":
        pytest.skip("no plugin for this QEMU: there is only one way to count here")
    by_plugin, by_icount = digits.layers("plugin"), digits.layers("icount")
    assert by_plugin == by_icount
    function = f"{digits.compiled.name}_invoke"
    for method in counting.METHODS:
        counted = counting.count_invocations(digits.board, digits.build.elf, digits.files, function, method=method)
        assert counted[-1] == sum(by_plugin.values())


def test_layers_hold_what_their_kernels_execute(digits: Built) -> None:
    """Counted a second way: each kernel from its entry to its return, wherever it is called from."""
    steps = digits.compiled.plan.steps
    layers = digits.layers()
    assert set(layers) == {index for index, step in enumerate(steps) if step.calls}
    elf = Elf(digits.build.elf)
    function = f"{digits.compiled.name}_invoke"
    sites = [call.callee for call in elf.calls_in(function)]
    inside: dict[int, int] = {}
    runs = {name: counting.count_invocations(digits.board, digits.build.elf, digits.files, name) for name in set(sites)}
    # A kernel that another kernel of the network calls too has more runs than sites: take the ones in order.
    for name in runs:
        assert len(runs[name]) == 2 * sites.count(name), name
        runs[name] = runs[name][sites.count(name) :]
    for index, step in enumerate(steps):
        for call in step.calls:
            (name,) = {site for site in sites if site in (call.function, f"mg_{call.function}")}
            inside[index] = inside.get(index, 0) + runs[name].pop(0)
    for index, instructions in inside.items():
        assert instructions < layers[index] < instructions + 80, index


def close(usual: dict[int | None, int], other: dict[int | None, int]) -> bool:
    """The same kernels ran in the same layers; what lies around the calls may differ."""
    return usual.keys() == other.keys() and all(abs(usual[i] - other[i]) < 30 for i in usual)


@pytest.mark.parametrize("flags", ["-gdwarf-4", "-fno-function-sections", "-fno-inline", "-fno-schedule-insns2"])
def test_attribution_does_not_depend_on_flags(flags: str, on_m4: Built, digits_model: Path, tmp_path: Path) -> None:
    other = build(digits_model, "mps2-an386", tmp_path, EXTRA_CFLAGS=flags).layers()
    assert on_m4.layers().keys() == other.keys()
    if flags.startswith("-g") or "sections" in flags:
        assert on_m4.layers() == other


def test_calls_through_registers(on_m4: Built, digits_model: Path, tmp_path: Path) -> None:
    """No direct call shows in the machine code of the network."""
    edit = ('\n\n#include "microgen_nn.h"', '\n#pragma long_calls\n#include "microgen_nn.h"')
    other = build(digits_model, "mps2-an386", tmp_path, edit)
    function = f"{other.compiled.name}_invoke"
    assert not Elf(other.build.elf).calls_in(function) and Elf(on_m4.build.elf).calls_in(function)
    assert close(on_m4.layers(), other.layers())


def test_a_function_that_the_compiler_split(on_m4: Built, digits_model: Path, tmp_path: Path) -> None:
    """The network in a part of its own, which the function reaches by a jump, as splitting for inlining makes it."""
    name = on_m4.compiled.name
    part = f"{name}_t *network)\n{{\n    if (network == NULL)"
    split = f'int part({name}_t *) __asm__("{name}_invoke.part.0"); '
    split += f"int {name}_invoke({name}_t *network) {{ return part(network); }} "
    edit = (f"int {name}_invoke({part}", f"{split}__attribute__((noinline)) int part({part}")
    other = build(digits_model, "mps2-an386", tmp_path, edit)
    assert f"{name}_invoke.part.0" in {f.name for f in Elf(other.build.elf).functions}
    assert close(on_m4.layers(), other.layers())


def test_without_debug_information_there_is_a_clear_error(digits_model: Path, tmp_path: Path) -> None:
    built = build(digits_model, "mps2-an386", tmp_path, EXTRA_CFLAGS="-g0")
    with pytest.raises(InputError, match=r"no debug information on digits_int8\.c"):
        built.layers()


def test_lines_of_functions_that_were_left_out_are_none(digits_model: Path, tmp_path: Path) -> None:
    """Their rows are still there, at address 0 and on, where another function may lie."""
    unused = "int unused(int x); int unused(int x) { return x * x; } const char *digits_int8_status_str"
    built = build(digits_model, "mps2-an386", tmp_path, ("const char *digits_int8_status_str", unused))
    elf = Elf(built.build.elf)
    assert "unused" not in {function.name for function in elf.functions}
    assert line_table(elf, "digits_int8.c").line(0) == 0


def test_line_table_knows_the_functions_of_its_source_alone(on_m4: Built) -> None:
    elf = Elf(on_m4.build.elf)
    source = f"{on_m4.compiled.name}.c"
    table = line_table(elf, source)
    lines = on_m4.compiled.files[source].decode().split("\n")
    invoke = elf.function(f"{on_m4.compiled.name}_invoke")
    first = lines.index(f"int {invoke.name}({on_m4.compiled.name}_t *network)")
    assert first < table.line(invoke.address) < first + 5
    for call in elf.calls_in(invoke.name):
        assert call.callee.removeprefix("mg_") in lines[table.line(call.address) - 1]
    assert table.line(elf.function("main").address) == 0
    assert table.line(elf.function("Reset_Handler").address) == 0


def image_without_debug_information(elf: Path, to: Path) -> bytes:
    subprocess.run(["arm-none-eabi-objcopy", "--strip-debug", str(elf), str(to)], check=True)
    return to.read_bytes()


def test_the_measured_binary_is_the_one_that_ships(
    digits_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, but for the debug information, which names the folder of the build."""
    measured: list[bytes] = []
    real = bench.count_layers

    def spy(board: Board, elf: Path, *args: Any, **options: Any) -> Any:
        measured.append(image_without_debug_information(elf, tmp_path / "measured.elf"))
        return real(board, elf, *args, **options)

    monkeypatch.setattr(bench, "count_layers", spy)
    for method in ("icount", counting.counting_method()):
        monkeypatch.setenv(counting.METHOD_VARIABLE, method)
        figures = bench.bench_board(compile_model(digits_model, load_board("mps3-an547")), verify=False)
        assert figures.method == counting.METHODS[method]
    cli_folder = tmp_path / "shipped"
    cli.main(["compile", str(digits_model), "--board", "mps3-an547", "-o", str(cli_folder)])
    cli.main(["build", str(cli_folder)])
    (elf,) = (cli_folder / "build").glob("*.elf")
    shipped = image_without_debug_information(elf, tmp_path / "shipped.elf")
    assert measured == [shipped, shipped]
    assert len(shipped) > 1000


def bench_json(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    target = tmp_path / "bench.json"
    cli.main(["bench", *arguments, "--json", str(target)])  # raises SystemExit unless all is well
    content: dict[str, Any] = json.loads(target.read_text())
    return content


def test_bench_command(digits_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(digits_model), "--board", "mps2-an386,mps3-an547"]
    first = bench_json(tmp_path, *arguments)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    for result in first["results"]:
        assert result["bit_exact"] is True and result["method"] in counting.METHODS.values()
        layers = result["layers"]
        assert sum(layer["instructions"] for layer in layers) == result["instructions"]
        assert f"{result['instructions']:,}" in text
        for index, layer in enumerate(layers):
            assert {"index", "name", "op", "kernel", "macs", "instructions"} <= layer.keys()
            assert layer["index"] == index and (layer["instructions"] > 0) == (layer["kernel"] != "view")
            assert f"{layer['instructions']:,}" in text
    assert "differences" not in first

    old = json.loads(json.dumps(first))
    old["results"][0]["layers"][0]["instructions"] -= 100
    old["results"][0]["instructions"] -= 100
    gone = old["results"][0]["layers"].pop()
    (tmp_path / "old.json").write_text(json.dumps(old))
    again = [str(digits_model), "--board", "mps2-an386", "--baseline", str(tmp_path / "old.json")]
    second = bench_json(tmp_path, *again)
    assert second["results"] == first["results"][:1]
    shown = {(d["board"], d["figure"].split(" ")[0], d["absolute"]) for d in second["differences"] if d["absolute"]}
    assert shown == {("mps2-an386", "instructions", 100), ("mps2-an386", "layer", 100)}
    text = capsys.readouterr().out
    assert f"layer {gone['index']} " in text and "missing" in text and "+100" in text


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with the emulator alone, and nothing compiled yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / QEMU).symlink_to(toolchain.find_tool(QEMU))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MICROGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HOSTCC", raising=False)
    monkeypatch.delenv(counting.METHOD_VARIABLE, raising=False)
    return folder


def test_without_a_host_compiler_the_emulators_counter_is_read(on_m4: Built, bare_path: Path) -> None:
    assert counting.counting_method() == "icount"
    with pytest.raises(ToolMissing):
        on_m4.layers("plugin")
    assert on_m4.layers() == on_m4.layers("icount")


def test_an_emulator_that_loads_no_plugin(on_m4: Built, bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = (bare_path / QEMU).resolve()
    monkeypatch.setenv("PATH", f"{bare_path}{os.pathsep}{os.defpath}")
    if shutil.which("cc") is None:
        pytest.skip("no host compiler")
    assert counting.counting_method() == "plugin"
    (bare_path / QEMU).unlink()
    script = f'#!/bin/sh\ncase "$*" in *-plugin*) echo "-plugin: invalid option" >&2; exit 1;; esac\nexec {real} "$@"\n'
    wrapper = bare_path / "wrapped" / QEMU
    wrapper.parent.mkdir()
    wrapper.write_text(script)
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.defpath}")
    assert counting.counting_method() == "icount"
    assert sum(on_m4.layers().values()) > 1000


def test_unknown_way_to_count(on_m4: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(counting.METHOD_VARIABLE, "guessing")
    with pytest.raises(UsageError, match="unknown way to count 'guessing'"):
        on_m4.layers()


def test_debugger_over_a_local_port(on_m4: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sockets cannot be inherited."""
    expected = on_m4.layers("icount")
    monkeypatch.setattr(icount, "_Link", functools.partial(icount._Link, inherit=False))
    assert on_m4.layers("icount") == expected


def test_an_emulator_that_does_not_tell_its_count(on_m4: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icount._Driver, "_monitor", lambda self, command: "unknown command")
    with pytest.raises(ToolMissing, match="cannot count instructions"):
        on_m4.layers("icount")


@pytest.mark.parametrize("inherit", [True, False])
def test_an_emulator_that_ends_at_once_is_reported(
    on_m4: Built, monkeypatch: pytest.MonkeyPatch, inherit: bool
) -> None:
    monkeypatch.setattr(icount, "_Link", functools.partial(icount._Link, inherit=inherit))
    real = icount.run_elf

    def run(*args: Any, options: list[str], **keywords: Any) -> Any:
        return real(*args, options=[*options, "-global", "no-such.option=1", "-no-such-option"], **keywords)

    monkeypatch.setattr(icount, "run_elf", run)
    with pytest.raises(DeviceFault, match="refused the firmware"):
        on_m4.layers("icount")


@pytest.mark.parametrize("method", counting.METHODS)
def test_a_hang_and_a_missing_input_end_either_way_to_count(method: str, on_m4: Built, tmp_path: Path) -> None:
    invoke = f"{on_m4.compiled.name}_invoke"
    with pytest.raises(DeviceFault, match="was never called"):
        counting.count_invocations(on_m4.board, on_m4.build.elf, tmp_path, invoke, method=method)
    write_input(on_m4.compiled, tmp_path, repeat=100_000_000)
    with pytest.raises(DeviceFault, match="did not end within"):
        counting.count_invocations(on_m4.board, on_m4.build.elf, tmp_path, invoke, method=method, timeout=1.0)


def test_script_of_benchmarks(repository: Path, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    command = [sys.executable, "benchmarks/run.py", "--models", "digits", "--boards", "M55", "--output", str(page)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1/1 digits on M55" in done.stderr
    assert "| code | M55 |" in page.read_text() and "| digits | 199,936 |" in page.read_text()
    done = subprocess.run([*command, "--record"], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--record needs all models on all boards" in done.stderr
