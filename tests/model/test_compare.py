"""compare: planted faults are found in the right layer, with the right cause."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.cli import main
from microgen.compare import Comparison, compare_paths
from microgen.compare.observe import on_emulator, reference
from microgen.compiler import Compiled, compile_model
from microgen.verification import sample_inputs

pytestmark = pytest.mark.cross


@pytest.fixture(scope="module")
def kws(testdata: Path) -> Compiled:
    return compile_model(testdata / "models" / "kws_dscnn_int8.tflite", load_board("mps2-an386"))


def outcome(compiled: Compiled, files: Mapping[str, bytes]) -> Comparison:
    inputs = sample_inputs([v.type for v in compiled.graph.inputs], 3, seed=3)
    faulty = replace(compiled, files=files)
    return compare_paths(faulty, reference(compiled, inputs), on_emulator("qemu:mps2-an386", faulty, inputs))


def edited(compiled: Compiled, file: str, change: Callable[[str], str]) -> dict[str, bytes]:
    text = compiled.files[file].decode()
    changed = change(text)
    assert changed != text
    return {**compiled.files, file: changed.encode()}


def in_table(symbol: str, index: int, change: Callable[[int], int]) -> Callable[[str], str]:
    """A change of one number of a table in the weights file."""

    def edit(text: str) -> str:
        start = text.index("{", text.index(f" {symbol}[", text.index(f"{symbol}[") + 1)) + 1
        numbers = list(re.finditer(r"\(?-?\d+(?: - 1\))?", text[start : text.index("}", start)]))
        match = numbers[index]
        value = int(match[0])
        return text[: start + match.start()] + str(change(value)) + text[start + match.end() :]

    return edit


def tables(compiled: Compiled, layer: int, kind: str) -> str:
    symbols = [t["symbol"] for t in compiled.manifest["networks"][0]["constants"]["tables"]]
    return next(s for s in symbols if f"layer{layer}_" in s and kind in s)


def test_nothing_is_found_where_nothing_is_wrong(kws: Compiled) -> None:
    found = outcome(kws, kws.files)
    assert found.agrees and found.exact == found.layers


def test_one_weight(kws: Compiled) -> None:
    layer = 4
    weights = kws.graph.nodes[layer].input(1)
    per_channel = weights.type.elements // weights.shape[0]
    channel = 17
    symbol = tables(kws, layer, "filter")
    files = edited(
        kws,
        f"{kws.name}_weights.c",
        in_table(symbol, channel * per_channel + 5, lambda w: -w - 90 if w > 0 else -w + 90),
    )
    found = outcome(kws, files).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (layer, "weight"), found
    assert f"channel {channel}" in found.cause.why


def test_one_multiplier(kws: Compiled) -> None:
    layer, channel = 2, 9
    files = edited(
        kws, f"{kws.name}_weights.c", in_table(tables(kws, layer, "multiplier"), channel, lambda m: m * 3 // 4)
    )
    found = outcome(kws, files).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (layer, "multiplier"), found
    factor = re.search(rf"channel {channel} is (\S+) times", found.cause.why)
    assert factor is not None and float(factor[1]) == pytest.approx(0.75, abs=0.02)


def test_one_scale(testdata: Path) -> None:
    """The factor of a whole layer: the multiplier of a dense layer with one scale."""
    compiled = compile_model(testdata / "models" / "ad_autoencoder_int8.tflite", load_board("mps2-an386"))
    layer = len(compiled.graph.nodes) - 1

    def change(text: str) -> str:
        *_, match = re.finditer(r"\.multiplier = (\d+)", text)
        return text[: match.start(1)] + str(int(match[1]) * 7 // 8) + text[match.end(1) :]

    found = outcome(compiled, edited(compiled, f"{compiled.name}.c", change)).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (layer, "scale"), found


def test_one_scratch_size(kws: Compiled) -> None:
    """A plan with too little scratch for one layer: what lies behind it is written over."""
    steps = list(kws.plan.steps)
    layer = next(i for i, s in enumerate(steps) if s.scratch_bytes > 64)
    steps[layer] = replace(steps[layer], scratch_bytes=8)
    faulty = replace(kws, plan=replace(kws.plan, steps=tuple(steps)))
    start = kws.plan.offsets[kws.graph.nodes[layer].input(0)]

    def change(text: str) -> str:
        return re.sub(rf"(SCRATCH_{layer} = )\d+", rf"\g<1>{start}", text)

    found = outcome(faulty, edited(kws, f"{kws.name}.c", change)).disagreement
    assert found is not None and found.cause.kind == "scratch size", found
    assert f"layer {layer} " in found.cause.why


def test_one_layout(kws: Compiled) -> None:
    """Height and width exchanged while the first layer's result is written: right values, other places."""
    node = kws.graph.nodes[0]
    _, height, width, channels = node.output.shape

    def change(text: str) -> str:
        size = height * width * channels
        swap = (
            f"    {{ static int8_t turned[{size}]; int8_t *const data = AT(LAYER_0);\n"
            f"      for (int i = 0; i < {size}; i++) {{\n"
            f"        const int y = i / {width * channels}, x = i / {channels} % {width}, c = i % {channels};\n"
            f"        turned[(x * {height} + y) * {channels} + c] = data[i];\n"
            f"      }}\n      for (int i = 0; i < {size}; i++) data[i] = turned[i]; }}\n"
        )
        return text.replace("    TRACE(0, 0,", swap + "    TRACE(0, 0,", 1)

    found = outcome(kws, edited(kws, f"{kws.name}.c", change)).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (0, "layout"), found
    assert "[0, 2, 1, 3]" in found.cause.why


def test_stale_memory(kws: Compiled) -> None:
    """A layer that adds what its output's memory held before."""

    def change(text: str) -> str:
        line = "    TRACE(9, 0,"
        assert line in text
        data = "int8_t *const data = AT(LAYER_9);"
        extra = f"    {{ static int8_t seen; {data} data[3] = (int8_t)(data[3] ^ seen); seen = 5; }}\n"
        return text.replace(line, extra + line, 1)

    found = outcome(kws, edited(kws, f"{kws.name}.c", change)).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (9, "stale memory"), found


def test_a_fault_is_reported(kws: Compiled) -> None:
    files = edited(
        kws,
        f"{kws.name}.c",
        lambda text: text.replace("    TRACE(0, 0,", "    *(volatile int *)0xF0000000 = 1;\n    TRACE(0, 0,", 1),
    )
    found = outcome(kws, files)
    assert not found.agrees and found.fault


def test_command(testdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(testdata / "models" / "hello_world_int8.tflite")
    main(["compare", model, "--paths", "reference,c,qemu:mps2-an386,qemu:mps3-an547", "--samples", "3"])
    text = capsys.readouterr().out
    assert text.count("3 of 3") == 6 and "6 inputs" in text
    for paths, message in (
        ("warp", "unknown path 'warp'"),
        ("qemu:nowhere", "unknown board"),
        ("usb:1", "unknown path"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["compare", model, "--paths", paths])
        assert caught.value.code == 2 and message in capsys.readouterr().err


def test_inspect_names_what_runs_firmware(testdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["inspect", str(testdata / "models" / "hello_world_int8.tflite"), "--path", "qemu:mps2-an386"])
    said = capsys.readouterr().err
    assert caught.value.code == 2 and "microgen compare MODEL --paths qemu:mps2-an386" in " ".join(said.split())


def test_shapes_of_the_evidence(kws: Compiled) -> None:
    inputs = sample_inputs([v.type for v in kws.graph.inputs], 0)
    observed = on_emulator("qemu:mps2-an386", kws, inputs)
    assert all(a.shape[:2] == (3, 2) for a in observed.layers.values())
    assert all(np.array_equal(a[:, 0], a[:, 1]) for a in observed.layers.values())


def test_the_log_of_a_board(testdata: Path, tmp_path: Path, host_gcc: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The self-test with its trace, as a board prints it: agreement, a wrong layer, a board that stopped."""
    model = testdata / "models" / "hello_world_int8.tflite"
    folder = tmp_path / "p"
    main(
        ["compile", str(model), "--board", "mps2-an386", "--project", "iar", "--kernels", "portable", "-o", str(folder)]
    )
    sources = [*folder.glob("*.c"), *folder.glob("runtime/*.c"), *folder.glob("example/*.c")]
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-DSELFTEST_PRINT", "-DHELLO_WORLD_INT8_TRACE"]
    command = [host_gcc, *flags, f"-I{folder}", f"-I{folder / 'runtime'}", *map(str, sources), "-lm", "-o", "test"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run(["./test"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    lines = printed.splitlines()
    assert len(lines) == 4 and lines[-1] == "hello_world_int8: passed"
    right, wrong, short, other = (tmp_path / name for name in ("right", "wrong", "short", "other"))
    right.write_text("".join(f"[00:00:0{i}] {line}\r\n" for i, line in enumerate(lines)) + printed)
    digit = lines[1][-1]
    wrong.write_text(printed.replace(lines[1], lines[1][:-1] + ("0" if digit != "0" else "1")))
    short.write_text("\n".join(lines[:2]))
    other.write_text(printed.replace("hello_world_int8", "another"))

    def run(log: Path) -> tuple[int, str, str]:
        try:
            main(["compare", str(model), "--log", str(log)])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    capsys.readouterr()
    assert run(right)[0] == 0
    code, text, _ = run(wrong)
    assert code == 1 and "Layer 1 " in text and "2 as on the reference" in text
    code, text, _ = run(short)
    assert code == 1 and "2 of 3 results" in text and "stopped before the end" in text
    code, _, error = run(other)
    assert code == 2 and "it has another" in error
    assert run(tmp_path / "missing")[0] == 2
