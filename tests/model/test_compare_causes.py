"""compare: causes outside of the layers (the stack, the application's input), and of the arithmetic."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.cli import main
from microgen.compare import Comparison, compare_paths
from microgen.compare.observe import on_emulator, reference
from microgen.compare.surroundings import input_cause
from microgen.compiler import Compiled, Options, compile_model
from microgen.mindir import Array
from microgen.project import write_project
from microgen.target.emulator import run_elf
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs

pytestmark = pytest.mark.cross

BOARD = "mps2-an386"


@pytest.fixture(scope="module")
def kws(testdata: Path) -> Compiled:
    return compile_model(testdata / "models" / "kws_dscnn_int8.tflite", load_board(BOARD), Options(optimize="size"))


def outcome(compiled: Compiled, files: Mapping[str, bytes]) -> Comparison:
    inputs = sample_inputs([v.type for v in compiled.graph.inputs], 2, seed=3)
    faulty = replace(compiled, files=files)
    return compare_paths(faulty, reference(compiled, inputs), on_emulator(f"qemu:{BOARD}", faulty, inputs))


def edited(files: Mapping[str, bytes], file: str, change: Callable[[str], str]) -> dict[str, bytes]:
    text = files[file].decode()
    changed = change(text)
    assert changed != text
    return {**files, file: changed.encode()}


def deep(layer: int, size: int) -> Callable[[str], str]:
    """A layer that calls a function with ``size`` bytes of variables."""
    function = (
        f"__attribute__((noinline)) static void deep(void)\n{{\n    volatile char frame[{size}];\n"
        "    for (unsigned i = 0; i < sizeof frame; i++) frame[i] = (char)i;\n}\n\n"
    )

    def change(text: str) -> str:
        at = re.search(r"^int \w+_init\(", text, re.MULTILINE)
        assert at is not None
        text = text[: at.start()] + function + text[at.start() :]
        return text.replace(f"    TRACE({layer}, 0,", f"    deep();\n    TRACE({layer}, 0,", 1)

    return change


def unfenced(text: str) -> str:
    """The stack above all else in its region, so that it grows into the arena."""
    start = text.index("    .stack (NOLOAD)")
    end = text.index("}", text.index("{", text.index("__stack_limit = .;") - 20)) + 1
    end = text.index("\n", end) + 1
    stack, text = text[start:end], text[:start] + text[end:]
    text = re.sub(r"ASSERT\(__stack_limit == .*\n", "", text)
    place = text.index("    .bss (NOLOAD)")
    return text[:place] + stack + text[place:]


@pytest.mark.parametrize("board", [BOARD, "mps3-an547"])
def test_stack_overflow(board: str, testdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(testdata / "models" / "kws_dscnn_int8.tflite")
    with pytest.raises(SystemExit) as caught:
        main(["compare", model, "--paths", f"qemu:{board}", "--samples", "0", "--stack", "512"])
    said = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 1
    assert "ended early in layer 0: stack overflow" in said
    assert "the 512 bytes of stack that are reserved" in said and "--stack 2048" in said


def test_stack_overflow_in_a_later_layer(kws: Compiled) -> None:
    found = outcome(kws, edited(kws.files, f"{kws.name}.c", deep(7, 5000)))
    assert found.layer == 7 and found.cause is not None and found.cause.kind == "stack overflow", found
    assert "layer 7 " in found.cause.why and "4096 bytes" in found.cause.why and "--stack 16384" in found.cause.confirm


def test_silent_stack_overflow(kws: Compiled) -> None:
    """No fence below the stack: it grows into the arena, and the values are wrong."""
    files = edited(kws.files, "emulator/linker.ld", unfenced)
    found = outcome(kws, edited(files, f"{kws.name}.c", deep(7, 5000)))
    cause = found.disagreement.cause if found.disagreement is not None else found.cause
    assert not found.agrees and not found.fault and cause is not None and cause.kind == "stack overflow", found
    assert "layer 7 " in cause.why and "4096 bytes" in cause.why


def test_rounding(kws: Compiled) -> None:
    """Every kernel rounds once in place of twice."""

    def change(text: str) -> str:
        right = "return (((scaled + (scaled >> 31)) >> (-1 - shift)) + offset_term) >> 1;"
        once = (
            "(void)scaled;\n    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (30 - shift))) "
            ">> (31 - shift)) + (offset_term >> 1);"
        )
        return text.replace(right, once)

    found = outcome(kws, edited(kws.files, "runtime/mg_support.h", change)).disagreement
    assert found is not None and found.cause.kind == "rounding", found
    assert abs(int(found.found) - int(found.reference)) == 1 and "one step off" in found.cause.why


def test_saturation(kws: Compiled) -> None:
    """Limits of the second layer's activation that are not the model's."""

    def change(text: str) -> str:
        start = text.index("dw_conv_params_0 = ")
        return text[:start] + text[start:].replace(".max = 127", ".max = 20", 1)

    found = outcome(kws, edited(kws.files, f"{kws.name}.c", change)).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (1, "saturation"), found
    assert "the path ends at 20" in found.cause.why


def application(change: str) -> Callable[[str], str]:
    """The application writes other inputs: ``change`` is C for an element ``q``."""
    loop = (
        "            for (size_t i = 0; i < network->input_bytes[0]; i++) {\n"
        "                int8_t *const at = (int8_t *)network->input(0) + i;\n"
        f"                int q = *at;\n                {change}\n"
        "                *at = (int8_t)(q > 127 ? 127 : q < -128 ? -128 : q);\n            }\n"
    )
    mark = "            read_inputs(network, file, sizeof header + sample * sample_bytes);\n"
    return lambda text: text.replace(mark, mark + loop)


def test_input(kws: Compiled) -> None:
    """The application quantizes with another scale."""
    change = application("q = q * 3 / 4;")
    found = outcome(kws, edited(kws.files, "emulator/main.c", change)).disagreement
    assert found is not None and (found.layer, found.cause.kind) == (0, "wrong I/O scale"), found
    factor = re.search(r"elements are (\S+) times .* as with a scale near (\S+) and", found.cause.why)
    quant = kws.graph.inputs[0].type.quant
    assert factor is not None and quant is not None
    assert float(factor[1]) == pytest.approx(0.75, abs=0.01)
    assert float(factor[2]) == pytest.approx(quant.scale / 0.75, rel=0.02)


def _moved(a: Array) -> Array:
    return np.ascontiguousarray(np.swapaxes(a, 3, 4)).reshape(a.shape)


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (lambda a: np.clip(a.astype(int) + 9, -128, 127), "wrong I/O scale", "1 times what they must be, and +9"),
        (lambda a: np.clip(2 * a.astype(int), -128, 127), "wrong I/O scale", "2 times"),
        (lambda a: a ^ -128, "wrong I/O scale", "128 further, modulo 256"),
        (lambda a: a // 32 * 7 ^ a, "wrong input", "no scale explains it"),
        (lambda a: np.full_like(a, 3), "wrong input", "no scale explains it"),
        (_moved, "layout", "the order of dimensions [0, 2, 1, 3]"),
        (lambda a: np.ascontiguousarray(a[..., ::-1, :, :]), "layout", "in other places"),
    ],
)
def test_inputs_by_their_numbers(kws: Compiled, change: Callable[[Array], Array], kind: str, says: str) -> None:
    (wanted,) = sample_inputs([v.type for v in kws.graph.inputs], 3, seed=1)
    wanted = wanted[:, None]
    changed = change(wanted).astype(np.int8)
    seen = np.concatenate([changed, changed], axis=1)
    cause = input_cause(kws, [wanted], [seen])
    assert cause is not None and cause.kind == kind and says in cause.why, cause


def test_inputs_that_the_network_writes_over(kws: Compiled) -> None:
    (wanted,) = sample_inputs([v.type for v in kws.graph.inputs], 3, seed=1)
    wanted = wanted[:, None]
    assert input_cause(kws, [wanted], [np.concatenate([wanted, wanted], axis=1)]) is None
    cause = input_cause(kws, [wanted], [np.concatenate([wanted, wanted // 2], axis=1)])
    assert cause is not None and cause.kind == "stale memory" and "not in the next" in cause.why


MAIN = """
#include "../example/NAME_selftest.c"
#include "semihosting.h"

static void say(const char *line)
{
    semihost_puts(line);
    semihost_puts("\\n");
}

int main(void)
{
    return NAME_selftest(say);
}
"""


def test_log_of_a_stack_overflow(testdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The self-test on a board that has no fence tells when a layer runs over the stack's end."""
    model = testdata / "models" / "kws_dscnn_int8.tflite"
    options = Options(projects=("make", "iar"), optimize="size", stack_bytes=2048)
    compiled = compile_model(model, load_board(BOARD), options)
    files = edited(compiled.files, "emulator/linker.ld", unfenced)
    files["emulator/main.c"] = MAIN.replace("NAME", compiled.name).encode()
    files = edited(files, f"{compiled.name}.c", deep(5, 2500))
    write_project(files, tmp_path / "project")
    elf = build_project(tmp_path / "project", variables={"TRACE": "1"}).elf
    (tmp_path / "run").mkdir()
    printed = run_elf(compiled.board, elf, files=tmp_path / "run", timeout=60).console
    assert printed.count(" stack ") == 1 and f"microgen-trace {compiled.name} stack 5\n" in printed, printed
    log = tmp_path / "log"
    log.write_text(printed)
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(model), "--log", str(log)])
    said = capsys.readouterr().out
    assert caught.value.code == 1 and "Likely cause: stack overflow: layer 5" in said
    log.write_text(printed.replace("stack 5", "stack 99999"))
    with pytest.raises(SystemExit):
        main(["compare", str(model), "--log", str(log)])
    assert "stack overflow" not in capsys.readouterr().out
