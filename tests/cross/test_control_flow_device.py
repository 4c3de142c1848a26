"""Branches and loops that depend on the input, on the boards: every layer of the network."""

from __future__ import annotations

import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_graph
from microgen.verification import verify_board
from tests.support.control_flow import MODELS


@pytest.mark.parametrize(("name", "board"), [("branch_int8", "mps2-an386"), ("loop_int8", "microbit")])
def test_every_layer(name: str, board: str) -> None:
    compiled = compile_graph(MODELS[name](), load_board(board), Options(), model_file=name, sha256="0" * 64)
    verdict = verify_board(compiled, samples=3)
    assert verdict.agrees and verdict.bit_exact
