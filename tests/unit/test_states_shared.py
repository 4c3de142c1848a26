"""Networks that keep states and take turns in one arena, by their own interface and by MindSpore's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_models
from microgen.exporters import tflite
from microgen.plan import check
from microgen.project import write_project
from microgen.runtime import Session
from microgen.verification import verify_board
from tests.support.codegen import SANITIZERS, WARNINGS
from tests.unit.test_states import accumulator, stream, window

STEPS = 5
NATIVE = """
#include <stdio.h>
#include <string.h>
#include "one_two.h"
static _Alignas(ONE_TWO_ARENA_ALIGNMENT) uint8_t arena[ONE_TWO_SHARED_ARENA_BYTES];
static const int8_t samples[][4] = {@SAMPLES@};
static void print(const int8_t *output, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        printf("%d ", output[i]);
    printf("\\n");
}
int main(void)
{
    one_t one;
    two_t two;
    if (one_init(&one, arena, sizeof arena) != ONE_OK || two_init(&two, arena, sizeof arena) != TWO_OK)
        return 1;
    for (unsigned i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        memset(arena + ONE_STATE_BYTES, 0xA5, sizeof arena - ONE_STATE_BYTES);
        memcpy(one_input(&one, 0), samples[i], 4);
        if (one_invoke(&one) != ONE_OK)
            return 2;
        print(one_output(&one, 0), ONE_OUTPUT_0_ELEMENTS);
        memcpy(two_input(&two, 0), samples[i], 4);
        if (two_invoke(&two) != TWO_OK)
            return 3;
        print(two_output(&two, 0), TWO_OUTPUT_0_ELEMENTS);
    }
    return 0;
}
"""
MINDSPORE = """
#include <stdio.h>
#include <string.h>
#include "model_handle.h"
static uint8_t memory[2 * (ONE_MS_WORKSPACE_BYTES + TWO_MS_WORKSPACE_BYTES)];
static const int8_t samples[][4] = {@SAMPLES@};
static MSStatus step(MSModelHandle model, const int8_t *sample)
{
    MSTensorHandleArray outputs = MSModelGetOutputs(model);
    void *const place = MSTensorGetMutableData(MSModelGetInputs(model).handle_list[0]);
    if (place != NULL)
        memcpy(place, sample, 4);
    const MSStatus status = MSModelPredict(model, MSModelGetInputs(model), &outputs, NULL, NULL);
    if (status == kMSStatusSuccess) {
        const int8_t *const data = MSTensorGetData(outputs.handle_list[0]);
        for (int64_t i = 0; i < MSTensorGetElementNum(outputs.handle_list[0]); i++)
            printf("%d ", data[i]);
        printf("\\n");
    }
    return status;
}
static MSStatus build(MSModelHandle model, size_t at)
{
    MSModelSetWorkspace(model, memory + at, sizeof memory - at);
    return MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL);
}
int main(void)
{
    memset(memory, 0x5A, sizeof memory);
    if (build(model0, 0) != kMSStatusSuccess || build(model1, @APART@) != kMSStatusSuccess)
        return 1;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < sizeof samples / sizeof samples[0]; i++)
            if (step(model0, samples[i]) != kMSStatusSuccess || step(model1, samples[i]) != kMSStatusSuccess)
                return 2;
        /* The states' first values come back; the other network goes on. */
        if (round == 0 && build(model0, 0) != kMSStatusSuccess)
            return 3;
        if (round == 0 && build(model1, @APART@) != kMSStatusSuccess)
            return 4;
    }
    /* A workspace that another network writes over, states and all: it must be built again. */
    return build(model1, @OVER@) != kMSStatusSuccess || step(model1, samples[0]) != kMSStatusSuccess
        || step(model0, samples[0]) != kMSStatusLiteUninitializedObj;
}
"""


def networks(folder: Path, **options: object) -> tuple[Compiled, ...]:
    """The accumulator ``one`` and the window ``two``, their project in ``folder``."""
    folder.mkdir()
    paths = [folder / "one.tflite", folder / "two.tflite"]
    for path, graph in zip(paths, (accumulator(), window()), strict=True):
        path.write_bytes(tflite.save(graph))
    compiled = compile_models(paths, load_board("mps2-an386"), Options(name="one,two", **options))  # type: ignore[arg-type]
    write_project(compiled[0].files, folder / "p")
    return compiled


def lines_of(folder: Path, main: str, *more: str) -> list[str]:
    """What a program of the project's networks prints, run on the same samples that ``expected`` has."""
    (x,) = stream(accumulator(), STEPS)
    rows = ", ".join("{" + ", ".join(map(str, sample)) + "}" for sample in x)
    (folder / "main.c").write_text(main.replace("@SAMPLES@", rows))
    sources = [str(path) for pattern in ("*.c", "runtime/*.c", "mindspore/src/*.c") for path in folder.glob(pattern)]
    command = ["gcc", *WARNINGS, *SANITIZERS, "-I.", "-Iruntime", *more, *sources, "-lm", "-o", "net"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([str(folder / "net")], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (ran.returncode, ran.stderr)
    return ran.stdout.splitlines()


def expected() -> list[str]:
    """The outputs of both networks, in turns."""
    (x,) = stream(accumulator(), STEPS)
    one = Session(accumulator()).run([x])[0]
    two = Session(window()).run([x.reshape(STEPS, 1, 4)])[0]
    return ["".join(f"{n} " for n in y.reshape(-1)) for pair in zip(one, two, strict=True) for y in pair]


def test_states_lie_apart_in_one_arena(tmp_path: Path) -> None:
    compiled = networks(tmp_path / "n", share_arena=True)
    for network in compiled:
        check(network.plan)
    first, second = (c.plan for c in compiled)
    places = [[(p.offsets[s.before], s.before.type.nbytes) for s in p.graph.states] for p in (first, second)]
    ((begin, size),), ((other, _),) = places
    assert begin + size <= other and first.state_bytes == second.state_bytes
    assert lines_of(tmp_path / "n" / "p", NATIVE) == expected()


@pytest.mark.cross
def test_both_verify_in_one_arena(tmp_path: Path, arm_gcc: str, qemu_arm: str) -> None:
    for network in networks(tmp_path / "n", share_arena=True):
        verdict = verify_board(network, samples=4)
        assert verdict.bit_exact, str(verdict.difference)


def test_without_the_option_no_arena_is_for_all(tmp_path: Path) -> None:
    networks(tmp_path / "n")
    header = (tmp_path / "n" / "p" / "one_two.h").read_text()
    assert "SHARED_ARENA_BYTES" not in header and "arenas of their own" in header
    assert "SHARED_ARENA_BYTES" not in (tmp_path / "n" / "p" / "README.md").read_text()


@pytest.mark.parametrize("share", [False, True])
def test_mindspore_models_keep_their_states(share: bool, tmp_path: Path) -> None:
    """In one workspace where they were compiled for that; each build begins anew."""
    networks(tmp_path / "n", share_arena=share, api="mindspore")
    apart, over = ("0", "16") if share else ("ONE_MS_WORKSPACE_BYTES", "0")
    main = MINDSPORE.replace("@APART@", apart).replace("@OVER@", over)
    lines = lines_of(tmp_path / "n" / "p", main, "-Imindspore/include")
    assert lines[: 4 * STEPS] == expected() * 2
