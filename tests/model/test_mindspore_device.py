"""MindSpore's own files through the quantizer and onto the emulated device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_graph, load_graph
from microgen.ops.transpose import Transpose
from microgen.quantize import quantize_graph
from microgen.runtime import Session
from microgen.verification import verify_board

FOLDER = Path(__file__).parents[1] / "data" / "mindspore"


@pytest.mark.cross
@pytest.mark.parametrize("name", ["lenet", "resnet", "mobilenetv2", "mlp"])
def test_quantized_and_verified(name: str) -> None:
    graph = load_graph(FOLDER / f"{name}.mindir")
    (value,) = graph.inputs
    samples = np.random.default_rng(3).normal(0.0, 1.0, (24, *value.shape)).astype(np.float32)
    result = quantize_graph(graph, samples)
    assert all(v.type.dtype.value == "int8" for v in result.graph.values() if not v.is_const)
    (exact,) = Session(graph).run([samples])
    source, target = result.graph.inputs[0].type.quant, result.graph.outputs[0].type.quant
    assert source is not None and target is not None
    whole = np.clip(np.round(samples / source.scale) + source.zero_point, -128, 127).astype(np.int8)
    found = (Session(result.graph).run([whole])[0].astype(np.float64) - target.zero_point) * target.scale
    assert (exact * found).sum() / np.sqrt((exact**2).sum() * (found**2).sum()) > 0.97
    compiled = compile_graph(
        result.graph, load_board("mps2-an386"), Options(), model_file=f"{name}.mindir", sha256="0" * 64,
        channels_first=True,
    )  # fmt: skip
    assert not [node.label for node in compiled.graph.nodes if isinstance(node.op, Transpose)]
    verdict = verify_board(compiled, samples=3)
    assert verdict.bit_exact, str(verdict.difference)
