"""Compiled for size, float networks computed something else on a Cortex-M55: GCC 12 dropped a condition of a kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_model
from microgen.verification import verify_board


@pytest.mark.cross
def test_float_on_helium_for_size(repository: Path) -> None:
    model = repository / "examples" / "digits" / "digits_float.onnx"
    compiled = compile_model(model, load_board("mps3-an547"), Options(optimize="size"))
    verdict = verify_board(compiled, samples=1)
    assert verdict.agrees, verdict.difference
