"""How many instructions layers of int16 activations need, and that they are no more than were reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microgen.bench import bench_board
from microgen.boards import load_board
from microgen.compiler import Options, compile_graph
from microgen.mindir import Graph, QuantParams
from microgen.ops import sampling
from microgen.ops.attributes import Activation, same_or_valid
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D

pytestmark = pytest.mark.cross


def convolution() -> Graph:
    """16 channels to 24 along a row, filters of 7."""
    image, filter_ = sampling.int16((1, 1, 40, 16)), sampling.weights("count", (24, 1, 7, 16))
    bias = sampling.bias("count", image, filter_, 24)
    op = Conv2D((1, 1), (1, 1), same_or_valid("SAME", (1, 40), (1, 7), (1, 1), (1, 1)), Activation.NONE)
    return sampling.single(op, "count", (image, filter_, bias), QuantParams.per_tensor(0.0025, 0)).graph


def depthwise() -> Graph:
    """64 channels, filters of 3×3."""
    image, filter_ = sampling.int16((1, 5, 5, 64)), sampling.weights("count", (1, 3, 3, 64), 3)
    bias = sampling.bias("count", image, filter_, 64)
    op = DepthwiseConv2D((1, 1), (1, 1), same_or_valid("SAME", (5, 5), (3, 3), (1, 1), (1, 1)), Activation.NONE)
    return sampling.single(op, "count", (image, filter_, bias), QuantParams.per_tensor(0.0007, 0)).graph


@pytest.mark.parametrize(
    ("graph", "board", "ceiling"),
    [
        (convolution, "mps2-an386", 1.95),
        (convolution, "mps3-an547", 0.47),
        (depthwise, "mps2-an386", 9.9),
        (depthwise, "mps3-an547", 3.5),
    ],
    ids=lambda item: getattr(item, "__name__", str(item)),
)
def test_instructions_per_multiply_accumulate(graph: Callable[[], Graph], board: str, ceiling: float) -> None:
    """CMSIS-NN v7.0 needs 2.55 and 0.69 for the convolution, 12.2 and 5.7 for the depthwise one."""
    options = Options(name="net")
    compiled = compile_graph(graph(), load_board(board), options, model_file="sample.tflite", sha256="0" * 64)
    figures = bench_board(compiled, verify=False)
    assert figures.instructions <= ceiling * figures.macs
