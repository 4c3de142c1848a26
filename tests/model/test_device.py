"""The published int8 models on every emulated board: each layer byte for byte, and the published outputs.

One board, the M4, is among the paths of test_paths_agree.py. With MICROGEN_THOROUGH=1 every model gets 100 random
inputs on every board.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import all_boards, load_board
from microgen.compiler import Options, compile_model
from microgen.device import run_firmware
from microgen.errors import DoesNotFit
from microgen.mindir import Value
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs, verify_board
from tests.model.test_paths_agree import BOARD
from tests.support.models import INT8_MODELS, pattern_input
from tests.support.oracle import Oracle

# Room for every model. What fits into the others is below.
ROOM = 256 * 1024
BOARDS = [b.name for b in all_boards() if b.emulator is not None and b.name != BOARD and b.ram_size >= ROOM]
#: Models of many instructions on the core with Helium, whose instructions the emulator takes long for.
FEWER_ON_HELIUM = ("ic_resnet8_int8", "vww_mobilenet_int8")
#: Models of many instructions on boards that run the M4's kernels, which test_paths_agree.py gives 100 random inputs.
FEWER_ON_DSP = (*FEWER_ON_HELIUM, "kws_dscnn_int8")
SMALL = {
    "microbit": ("hello_world_int8", "micro_speech_int8"),
    "stm32vldiscovery": ("hello_world_int8",),
    "lm3s6965evb": ("kws_dscnn_int8",),
    "netduinoplus2": ("ic_resnet8_int8", "vww_mobilenet_int8"),
}


def random_inputs(name: str, board: str) -> int:
    """How many random inputs a model gets on a board, besides the published one and those at the edges."""
    isa = load_board(board).core.isa
    fewer = {"dsp": FEWER_ON_DSP, "mve": FEWER_ON_HELIUM}.get(isa, ())
    return 12 if name in fewer and os.environ.get("MICROGEN_THOROUGH") != "1" else 100


@pytest.mark.cross
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", INT8_MODELS)
def test_every_layer_on_every_board(name: str, board: str, testdata: Path) -> None:
    """Random inputs and the edge inputs, poisoned arena, two invocations, with and without trace."""
    compiled = compile_model(testdata / "models" / f"{name}.tflite", load_board(board))
    types = [v.type for v in compiled.graph.inputs]
    count = random_inputs(name, board)
    inputs = [
        np.concatenate([pattern_input(t), a]) for t, a in zip(types, sample_inputs(types, count, seed=1), strict=True)
    ]
    verdict = verify_board(compiled, inputs=inputs)
    assert verdict.bit_exact, str(verdict.difference)
    assert verdict.samples == count + 4
    # Device equals host on these inputs; host equals the published outputs.
    published = json.loads((testdata / "models" / "tflm_oracle.json").read_text())[f"{name}.tflite"]["output"]
    host = Session(compiled.graph).run([a[:1] for a in inputs])
    assert host[0].reshape(-1).tolist() == published


@pytest.mark.cross
@pytest.mark.parametrize(("board", "name"), [(board, name) for board, names in SMALL.items() for name in names])
def test_every_layer_on_small_boards(board: str, name: str, testdata: Path) -> None:
    path = testdata / "models" / f"{name}.tflite"
    compiled = compile_model(path, load_board(board))
    verdict = verify_board(compiled, samples=3)
    assert verdict.bit_exact, str(verdict.difference)


@pytest.mark.cross
def test_keyword_predictions_equal_the_oracle(
    testdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 real keyword samples on the emulated M4."""
    path = testdata / "models" / "kws_dscnn_int8.tflite"
    compiled = compile_model(path, load_board("mps2-an386"))
    data = np.load(testdata / "data" / "kws01.npz")
    samples = data["x"].reshape(-1, *compiled.graph.inputs[0].shape)
    write_project(compiled.files, tmp_path / "kws")
    elf = build_project(tmp_path / "kws").elf
    run = run_firmware(compiled.board, elf, [samples], [v.type for v in compiled.graph.outputs])
    device = run.outputs[0][:, 0].reshape(len(samples), -1)
    oracle = Oracle(path.read_bytes()).run_batch([samples]).outputs[0].reshape(len(samples), -1)
    np.testing.assert_array_equal(device, oracle)
    accuracy = float((device.argmax(axis=1) == data["y"]).mean())
    with capsys.disabled():
        print(f"\n{accuracy:.1%} of the 500 keyword samples are recognized on the emulated M4, as by the oracle")
    assert accuracy > 0.85


@pytest.mark.cross
def test_a_wrong_constant_is_found_and_named(testdata: Path) -> None:
    """The verification itself: other weights on the host than in the C must be seen, with their layer."""
    compiled = compile_model(testdata / "models" / "hello_world_int8.tflite", load_board("mps2-an386"))
    node = compiled.graph.nodes[1]
    weights = node.input(1)
    changed = -weights.const
    other = replace(weights, data=changed)
    graph = compiled.graph.copy()
    graph.replace_value(weights, other)
    verdict = verify_board(replace(compiled, plan=replace(compiled.plan, graph=graph)), samples=20)
    assert verdict.difference is not None
    assert verdict.difference.layer == 1
    assert verdict.difference.name == node.name


def test_a_model_that_does_not_fit_is_refused_with_figures(testdata: Path) -> None:
    path = testdata / "models" / "vww_mobilenet_int8.tflite"
    board = load_board("mps2-an386")
    with pytest.raises(DoesNotFit, match=r"55,\d+ bytes of RAM.*--max-ram allows 32,768"):
        compile_model(path, board, Options(max_ram=32768))
    with pytest.raises(DoesNotFit, match=r"bytes of flash.*--max-flash allows 100,000"):
        compile_model(path, board, Options(max_flash=100_000))
    assert isinstance(compile_model(path, board, Options(max_ram=60_000)).graph.inputs[0], Value)
