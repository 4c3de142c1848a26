"""A classifier that takes raw pixels: the emulated device gives what host steps and network give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from microgen import load_graph
from microgen.arrays import fit_array
from microgen.boards import load_board
from microgen.compiler import Options, compile_graph
from microgen.data import Color, Crop, Normalize, Pad, Pipeline, Resize
from microgen.data.graph import prepend_pixels
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import verify_board

PIPELINE = Pipeline((
    Resize(40, 36, "nearest"), Crop(30, 30), Pad(1, 1, 0, 2, (114.0,)), Color("bgr"),
    Normalize((100.0, 110.0, 120.0), (0.9, 1.0, 1.1)),
))  # fmt: skip


def test_raw_pixels_on_a_device(test_model: Callable[[str], Path]) -> None:
    model = load_graph(test_model("ic_resnet8_int8.tflite"))
    joined = prepend_pixels(PIPELINE, model, 60, 80)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1, 60, 80, 3)).astype(np.uint8)
    compiled = compile_graph(joined, load_board("mps2-an386"), Options(), model_file="ic.tflite", sha256="0" * 64)
    assert compiled.graph.inputs[0].shape == (1, 60, 80, 3)
    verdict = verify_board(compiled, inputs=[pixels])
    assert verdict.bit_exact, str(verdict.difference)
    host = np.stack([PIPELINE(p[0]) for p in pixels])[:, None]
    (expected,) = Session(optimize(model)).run([fit_array(host, "x", model.inputs[0].type, "test")])
    np.testing.assert_array_equal(Session(compiled.graph).run([pixels])[0], expected)
