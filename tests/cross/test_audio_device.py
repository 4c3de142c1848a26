"""Audio front ends on emulated cores: the micro_speech model from samples to scores, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_graph, compile_model, load_graph
from microgen.data.audio import FrontEnd, prepend
from microgen.mindir import Graph
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import verify_board
from tests.support.codegen import pattern, project, run_on_host, write
from tests.support.sounds import sounds

BOARDS = ("mps2-an386", "mps3-an547")
FRONT_ENDS = {
    "mfcc": FrontEnd("mfcc", window=400, hop=160, bands=32, lower=40.0),
    "log-mel": FrontEnd("log-mel", sample_rate=8000, window=240, hop=240, fft=240, bands=24, upper=3800.0),
    "micro": FrontEnd(window=200, hop=80, bands=20, upper=7000.0),
}


@pytest.mark.cross
@pytest.mark.parametrize("board", BOARDS)
def test_from_samples_to_scores(board: str, testdata: Path) -> None:
    """Every layer, the features' among them, on sounds of all kinds; twice each, the arena poisoned before."""
    model = testdata / "models" / "micro_speech_int8.tflite"
    compiled = compile_model(model, load_board(board), Options(frontend=FrontEnd(samples=16000)))
    made = np.stack(list(sounds(16000).values()))
    verdict = verify_board(compiled, inputs=[made])
    assert verdict.exact and verdict.bit_exact, str(verdict.difference)
    # The features that the model was given are those of the front end alone.
    values = {v.name: a for v, a in Session(compiled.graph).run_all([made]).items()}
    np.testing.assert_array_equal(values["frontend/features"], FrontEnd().run(made))
    (scores,) = Session(compiled.graph).run([made])
    assert len(np.unique(scores, axis=0)) > 3


@pytest.mark.cross
@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_front_ends_alone(kind: str) -> None:
    front_end = FRONT_ENDS[kind]
    samples = front_end.samples_for(4)
    board = load_board(BOARDS[0])
    graph = front_end.graph(samples)
    compiled = compile_graph(graph, board, Options(), model_file="front.yaml", sha256="0" * 64)
    verdict = verify_board(compiled, inputs=[np.stack(list(sounds(samples).values()))])
    assert verdict.exact and verdict.bit_exact, str(verdict.difference)


def check_sanitized(graph: Graph, folder: Path, compiler: str) -> None:
    """The generated C under sanitizers gives the bytes of the host runtime, on samples that use all of their range."""
    write(project(graph), folder)
    status, output = run_on_host(folder, graph, compiler)
    assert status.startswith("0 ")
    (expected,) = Session(graph).run([pattern(graph.inputs[0])[np.newaxis]])
    assert output == expected.tobytes().hex()


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_front_ends_under_sanitizers(kind: str, tmp_path: Path, host_gcc: str) -> None:
    check_sanitized(FRONT_ENDS[kind].graph(FRONT_ENDS[kind].samples_for(3)), tmp_path, host_gcc)


def test_from_samples_to_scores_under_sanitizers(testdata: Path, tmp_path: Path, host_gcc: str) -> None:
    model = load_graph(testdata / "models" / "micro_speech_int8.tflite")
    check_sanitized(optimize(prepend(FrontEnd(), model)), tmp_path, host_gcc)
