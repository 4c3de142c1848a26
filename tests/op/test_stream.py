"""The streaming test program notices what kernels do wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from microgen import resources
from microgen.codegen.kernels import Field
from microgen.ops.base import Sample
from microgen.ops.call import Struct, Target, ints
from tests.support import codegen
from tests.support.stream import Library, Program, StreamError
from tests.support.stream_abi import ARM, HOST, layout, pack_scalar, size_and_alignment
from tests.support.stream_cases import Buffer, Case, Invocation, Pointer
from tests.support.stream_inputs import inputs_for
from tests.support.stream_maker import Builder
from tests.support.stream_targets import HOST as HOST_TARGET
from tests.support.stream_targets import build

MISTAKES_C = """
#include "microgen_nn.h"

/* Copies, with one mistake that `mistake` chooses. */
arm_cmsis_nn_status mg_mistake_s16(const int16_t *input, int16_t *output, int32_t size, int8_t mistake)
{
    volatile int16_t *loose = output;
    volatile int32_t number = INT32_MAX;
    for (int32_t i = 0; i < size - (mistake == 'u' ? 1 : 0); i++)
    {
        loose[i] = input[i];
    }
    switch (mistake)
    {
    case 'w': loose[2]++; break;
    case 'b': loose[-1] = 7; break;
    case 'e': loose[size] = 7; break;
    case 'i': ((volatile int16_t *)(uintptr_t)input)[1] = 7; break;
    case 'r': loose[0] = ((const volatile int16_t *)input)[size]; break;
    case 'o': number = number + 1; break;
    case 'n': *(volatile int16_t *)(uintptr_t)((uintptr_t)(uint32_t)(number + INT32_MIN) << 4) = 7; break;
    case 's': return ARM_CMSIS_NN_FAILURE;
    default: break;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
"""
INPUT = np.array([100, -200, 300, -400, 500], np.int16)


@pytest.fixture(
    scope="module",
    params=[HOST_TARGET, pytest.param("mps2-an385", marks=pytest.mark.cross)],
)
def program(request: pytest.FixtureRequest, host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "mg_nn_types.h").write_bytes((resources.runtime_c_dir() / "mg_nn_types.h").read_bytes())
    (folder / "mg_probe.h").write_text(codegen.PROBE_H)
    for name in ("mg_probe.c", "mg_touch.c", "mg_mistake_s16.c"):
        (folder / name).write_text({"mg_probe.c": codegen.PROBE_C, "mg_touch.c": codegen.TOUCH_C}.get(name, MISTAKES_C))
    return build(request.param, Library(folder), tmp_path_factory.mktemp("program"))


def is_host(program: Program) -> bool:
    return program.cases.abi == HOST


def mistake_case(program: Program, letter: str) -> Case:
    builder = Builder(program.cases.functions, program.cases.structs, program.cases.abi)
    source = builder.table("input", INPUT)
    result = builder.add(Buffer("output", 10, expected=INPUT.tobytes(), offset=4, dtype=INPUT.dtype))
    size = pack_scalar("int32_t", INPUT.size, program.cases.abi)
    mistake = pack_scalar("int8_t", ord(letter), program.cases.abi)
    return builder.case(f"case {letter}", [Invocation("mg_mistake_s16", (source, result, size, mistake), 0)])


def test_a_right_kernel_passes(program: Program) -> None:
    assert program.run([mistake_case(program, "-") for _ in range(500)]) == []


@pytest.mark.parametrize(
    ("letter", "text"),
    [
        ("w", "output[2] is 301, not 300 (1 bytes differ)"),
        ("i", "input[1] is 7, not -200; it must not change (2 bytes differ)"),
        ("s", "mg_mistake_s16 returned -3, not 0"),
    ],
)
def test_wrong_results(program: Program, letter: str, text: str) -> None:
    found = program.run([mistake_case(program, c) for c in ("-", letter, "-")])
    assert found == [f"case {letter}, pass {run}: {text}" for run in (0, 1)]


def test_a_byte_that_is_not_written_shows_in_every_pass(program: Program) -> None:
    found = program.run([mistake_case(program, "u")])
    patterns = [int(np.array([byte] * 2, np.uint8).view(np.int16)[0]) for byte in (0xA5, 0x5A)]
    expected = [f"output[4] is {value}, not 500 (2 bytes differ)" for value in patterns]
    assert found == [f"case u, pass {run}: {text}" for run, text in enumerate(expected)]


@pytest.mark.parametrize(
    ("letter", "text"),
    [("b", "2 bytes were written from 2 bytes before output"), ("e", "from 0 bytes behind the end of output")],
)
def test_writes_outside_of_a_buffer(program: Program, letter: str, text: str) -> None:
    found = program.run([mistake_case(program, letter), mistake_case(program, "-")])
    if is_host(program):
        assert len(found) == 1 and f"case {letter}: crash" in found[0] and "AddressSanitizer" in found[0]
    else:
        assert [text in line for line in found] == [True, True]


@pytest.mark.parametrize("program", [HOST_TARGET], indirect=True)
@pytest.mark.parametrize(("letter", "text"), [("r", "use-after-poison"), ("o", "signed integer overflow")])
def test_sanitizers(program: Program, letter: str, text: str) -> None:
    found = program.run([mistake_case(program, c) for c in ("-", letter, "w", letter)])
    assert [line.split(":")[0] for line in found] == [
        f"case {letter}",
        "case w, pass 0",
        "case w, pass 1",
        f"case {letter}",
    ]
    assert text in found[0] and text in found[3]


def test_a_crash_ends_no_other_case(program: Program) -> None:
    found = program.run([mistake_case(program, c) for c in "-n-w"])
    assert "case n: crash" in found[0] and "mg_mistake_s16" in found[0]
    assert found[1:] == [f"case w, pass {run}: output[2] is 301, not 300 (1 bytes differ)" for run in (0, 1)]


def test_many_crashes_are_not_waited_for(program: Program) -> None:
    found = program.run([mistake_case(program, "n")] * 8)
    assert len(found) == 6 and found[-1] == "3 cases were not run after 5 crashes"


def test_arguments_of_every_kind_and_refusals(program: Program) -> None:
    graph = codegen.probe_graph()
    probe = graph.nodes[0]
    sample = Sample("all", type(graph)("probe", graph.inputs, probe.outputs, [probe]))
    cases = list(program.cases.of_sample(sample, inputs_for(sample.graph), Target()))
    assert [case.label.split()[-1] for case in cases] == ["0", "1", "2", "3", "scratch"]
    assert program.run(cases[:4]) == []
    # This kernel does not look for the absence of its scratch.
    found = program.run(cases)
    assert len(found) == 1 and "call 0 without scratch: crash" in found[0]


def test_several_calls(program: Program) -> None:
    graph = codegen.probe_graph()
    touch = graph.nodes[1]
    sample = Sample("twice", type(graph)("touch", touch.inputs, touch.outputs, [touch]))
    cases = list(program.cases.of_sample(sample, inputs_for(sample.graph), Target()))
    assert len(cases) == 4 and all(len(case.calls) == 2 for case in cases)
    assert program.run(cases) == []


def test_what_does_not_fit_is_reported(program: Program) -> None:
    case = Case("large", (Buffer("output", 4 << 20),), (), ())
    assert [line.split(": ")[1] for line in program.run([case])] == ["does not fit into the test program's memory"] * 2


def test_a_bad_stream_is_refused(program: Program) -> None:
    wrong = Case("wrong", (), (), (Invocation("mg_mistake_s16", (Pointer(3),), 0),))
    with pytest.raises(StreamError, match="no such buffer"):
        program.run([wrong])


def test_a_kernel_that_does_not_compile_is_shown(host_gcc: str, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    shutil.copy(resources.runtime_c_dir() / "mg_nn_types.h", kernels)
    (kernels / "mg_bad.c").write_text('#include "microgen_nn.h"\n\nvoid mg_bad(int8_t *x)\n{\n    *x = 300;\n}\n')
    with pytest.raises(StreamError, match="overflow"):
        build(HOST_TARGET, Library(kernels), tmp_path / "program")


def test_layout() -> None:
    structs = {
        "inner": (Field("int32_t", "a"), Field("bool", "b")),
        "outer": (Field("bool", "x"), Field("inner", "y", 2), Field("const void *", "p"), Field("some_enum", "e")),
    }
    places = [[(offset, size) for _, offset, size, _ in layout("outer", structs, abi)] for abi in (ARM, HOST)]
    assert places[0] == [(0, 1), (4, 16), (20, 4), (24, 1)]
    if HOST.pointer == 8:
        assert places[1] == [(0, 1), (4, 16), (24, 8), (32, 4)]
    assert size_and_alignment("outer", structs, ARM) == (28, 4)
    with pytest.raises(AssertionError, match="uint16_t cannot hold 65536"):
        pack_scalar("uint16_t", 65536, ARM)
    builder = Builder({}, structs, ARM)
    builder.struct(Struct("inner", ints(a=-2, b=1)))
    assert builder.buffers[0].initial == bytes([0xFE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0])
