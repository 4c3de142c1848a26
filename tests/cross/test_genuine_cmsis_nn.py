"""A genuine CMSIS-NN in place of our kernels: the same bytes, the scratch that it asks for, both in one firmware."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen import resources
from microgen.boards import load_board
from microgen.codegen import cmsis_nn, cmsis_nn_scratch, kernels
from microgen.compiler import Compiled, Options, compile_graph, compile_model
from microgen.errors import DeviceFault
from microgen.mindir import Graph
from microgen.ops.base import Op, op_of
from microgen.ops.call import Isa, Target
from microgen.ops.conv2d import Conv2D
from microgen.ops.svdf import Svdf
from microgen.ops.unidirectional_lstm import UnidirectionalLstm
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.emulator import run_elf
from microgen.target.toolchain import build_project, model_objects
from microgen.verification import sample_inputs, verify_board
from tests.support.genuine import VARIABLE, GenuineLibrary, named_trees, vendored_tree
from tests.support.models import INT8_MODELS
from tests.support.stream import Program, build_device
from tests.support.stream_targets import COMPUTING, check_operator, compiled_samples

M3, M4, M55 = "mps2-an385", "mps2-an386", "mps3-an547"
VENDORED = "bakenn"
TREES = [VENDORED, *map(str, named_trees())]


def find_tree(name: str) -> Path:
    if name != VENDORED:
        return Path(name)
    path = vendored_tree()
    if path is None:
        pytest.skip("the package bakenn, which carries a part of CMSIS-NN, is not installed; ./test.sh installs it")
    return path


def boards_of(tree: str) -> tuple[str, ...]:
    return (M4,) if tree == VENDORED else (M3, M4, M55)


@pytest.fixture(scope="module", params=[(tree, board) for tree in TREES for board in boards_of(tree)], ids=str)
def program(
    request: pytest.FixtureRequest, arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    name, board_name = request.param
    tree, board = cmsis_nn.load(find_tree(name)), load_board(board_name)
    folder = tmp_path_factory.mktemp("genuine")
    library = GenuineLibrary.stage(tree, Isa(board.core.isa), folder / "staged")
    return build_device(library, board, folder / "built", arm_gcc)


def calls_its_api(operator: type[Op]) -> bool:
    """Whether any sample is computed by a function that CMSIS-NN may have."""
    nodes = [sample.graph.nodes[0] for sample in compiled_samples(operator)]
    return any(c.function.startswith(kernels.PUBLIC_API) for n in nodes for c in op_of(n).lower(n, Target()))


@pytest.mark.parametrize("operator", list(filter(calls_its_api, COMPUTING)), ids=lambda operator: operator.name)
def test_bytes_and_scratch_of_every_operator(program: Program, operator: type[Op]) -> None:
    """Guard bytes around every buffer; the library is asked for its scratch, which must be what was planned."""
    check_operator(program, operator)


@pytest.mark.skipif(not named_trees(), reason=f"{VARIABLE} names no CMSIS-NN source tree")
@pytest.mark.parametrize("model", INT8_MODELS)
@pytest.mark.parametrize("board", [M4, M55])
@pytest.mark.parametrize("tree", named_trees(), ids=lambda path: path.name)
def test_models_with_a_whole_library(tree: Path, board: str, model: str, testdata: Path) -> None:
    path = testdata / "models" / f"{model}.tflite"
    compiled = compile_model(path, load_board(board), Options(cmsis_nn=str(tree)))
    assert any(call.from_library for step in compiled.plan.steps for call in step.calls)
    verdict = verify_board(compiled, samples=5)
    assert verdict.bit_exact, str(verdict.difference)


@pytest.mark.parametrize("tree", TREES, ids=lambda name: Path(name).name)
@pytest.mark.parametrize(("operator", "sample"), [(Conv2D, "i16_3x3"), (UnidirectionalLstm, "plain"), (Svdf, "plain")])
def test_16x8_and_recurrent_layers_beside_the_library(operator: type[Op], sample: str, tree: str) -> None:
    """Our kernels serve them, over the types of the tree's version."""
    graph = next(made.graph for made in operator.samples() if made.id == sample)
    for board in (M4, M55) if tree != VENDORED else (M4,):
        options = Options(name="net", cmsis_nn=str(find_tree(tree)))
        compiled = compile_graph(graph, load_board(board), options, model_file="sample.tflite", sha256="0" * 64)
        verdict = verify_board(compiled, samples=3)
        assert verdict.bit_exact, str(verdict.difference)


def test_model_with_a_part_of_the_library(digits_model: Path) -> None:
    compiled = compile_model(digits_model, load_board(M4), Options(cmsis_nn=str(find_tree(VENDORED))))
    served = {call.function for step in compiled.plan.steps for call in step.calls if call.from_library}
    assert {"arm_convolve_wrapper_s8", "arm_depthwise_conv_wrapper_s8", "arm_avgpool_s8"} <= served
    verdict = verify_board(compiled, samples=5)
    assert verdict.bit_exact, str(verdict.difference)


def convolution() -> Graph:
    return next(sample.graph for sample in Conv2D.samples() if sample.id == "3x3")


def compiled_for_m4(name: str, tree: str = "bundled") -> Compiled:
    options = Options(name=name, cmsis_nn=tree)
    return compile_graph(convolution(), load_board(M4), options, model_file="sample.tflite", sha256="0" * 64)


def test_init_refuses_scratch_that_the_library_finds_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    actual = cmsis_nn_scratch.convolve_wrapper
    monkeypatch.setattr(cmsis_nn_scratch, "convolve_wrapper", lambda *arguments: actual(*arguments) - 4)
    with pytest.raises(DeviceFault, match="CMSIS-NN needs more scratch than was planned"):
        verify_board(compiled_for_m4("small", str(find_tree(VENDORED))), samples=1)


BOTH_C = """
#include <stdint.h>
#include <string.h>
#include "bundled.h"
#include "genuine.h"
#include "semihosting.h"

static _Alignas(BUNDLED_ARENA_ALIGNMENT) uint8_t our_arena[BUNDLED_ARENA_BYTES];
static _Alignas(GENUINE_ARENA_ALIGNMENT) uint8_t their_arena[GENUINE_ARENA_BYTES];

int main(void)
{
    static const int8_t input[] = {INPUT};
    static const int8_t wanted[] = {WANTED};
    bundled_t ours;
    genuine_t theirs;
    if (bundled_init(&ours, our_arena, sizeof our_arena)) {
        semihost_exit(1);
    }
    if (genuine_init(&theirs, their_arena, sizeof their_arena)) {
        semihost_exit(2);
    }
    memcpy(bundled_input(&ours, 0), input, sizeof input);
    memcpy(genuine_input(&theirs, 0), input, sizeof input);
    if (bundled_invoke(&ours) || genuine_invoke(&theirs)) {
        semihost_exit(3);
    }
    if (memcmp(bundled_output(&ours, 0), wanted, sizeof wanted)) {
        semihost_exit(4);
    }
    semihost_exit(memcmp(genuine_output(&theirs, 0), wanted, sizeof wanted) ? 5 : 0);
}
"""


def test_both_libraries_in_one_firmware(arm_gcc: str, qemu_arm: str, tmp_path: Path) -> None:
    """Our link names carry a prefix: firmware that holds CMSIS-NN as well links, and each network gets its own."""
    board = load_board(M4)
    graph = convolution()
    (values,) = sample_inputs([graph.inputs[0].type], 1)
    (expected,) = Session(graph).run([values[-1:]])
    objects: list[Path] = []
    for name, tree in (("bundled", "bundled"), ("genuine", str(find_tree(VENDORED)))):
        write_project(compiled_for_m4(name, tree).files, tmp_path / name)
        objects += model_objects(build_project(tmp_path / name))

    def numbers(array: np.ndarray) -> str:
        return ", ".join(map(str, array.reshape(-1).tolist()))

    text = BOTH_C.replace("INPUT", numbers(values[-1])).replace("WANTED", numbers(expected))
    (tmp_path / "both.c").write_text(text)
    emulator = resources.templates_dir() / "emulator"
    application = tmp_path / "bundled" / "emulator"
    command = [
        arm_gcc, *board.core.gcc_flags, "-std=c11", "-O2", "-nostartfiles", "-Wl,--gc-sections",
        "-T", application / "linker.ld", f"-I{tmp_path}/bundled", f"-I{tmp_path}/genuine", f"-I{emulator}",
        tmp_path / "both.c", emulator / "startup.c", emulator / "semihosting.c", *objects, "-o", tmp_path / "both.elf",
    ]  # fmt: skip
    linked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert linked.returncode == 0, linked.stderr
    symbols = subprocess.run(
        [arm_gcc.replace("gcc", "nm"), tmp_path / "both.elf"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in symbols.splitlines()}
    assert {"arm_convolve_wrapper_s8", "mg_arm_convolve_wrapper_s8"} <= names
    (tmp_path / "files").mkdir()
    assert run_elf(board, tmp_path / "both.elf", files=tmp_path / "files").exit_code == 0
