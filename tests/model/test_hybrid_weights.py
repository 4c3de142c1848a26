"""Integers that are weights of layers in float: unpacked into flash when the network is compiled, or into RAM when it
starts; the results are the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_graph, compile_models
from microgen.device import run_firmware
from microgen.errors import UsageError
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value, verify
from microgen.ops import sampling
from microgen.ops.conv2d import Conv2D
from microgen.ops.dequantize import Dequantize
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose
from microgen.plan import check, in_one_arena
from microgen.plan.check import PlanError
from microgen.project import open_project, write_project
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs, verify_board

BOARD = "mps2-an386"
IN_RAM = Options(hybrid_weights="ram")
SHA256 = "0" * 64


def outputs(compiled: Compiled, folder: Path) -> list[bytes]:
    """What the firmware gives in QEMU for three inputs."""
    write_project(compiled.files, folder)
    opened = open_project(folder)
    (network,) = opened.networks
    inputs = sample_inputs([p.type for p in network.inputs], 3)
    run = run_firmware(opened.board, build_project(folder).elf, inputs, [p.type for p in network.outputs])
    return [np.ascontiguousarray(array).tobytes() for array in run.outputs]


@pytest.mark.cross
def test_both_ways_give_the_same_bytes(testdata: Path, tmp_path: Path) -> None:
    path, board = testdata / "models" / "kws_dscnn_hybrid.tflite", load_board(BOARD)
    (flash,), (ram,) = compile_models([path], board), compile_models([path], board, IN_RAM)
    unpacked = sum(value.type.nbytes for value in ram.plan.made_at_start)
    # The first convolution and the four of one pixel; the other weights are floats in the file.
    assert unpacked == 4 * (64 * 10 * 4 + 4 * 64 * 64) == ram.plan.state_bytes
    assert flash.const_bytes - ram.const_bytes == unpacked * 3 // 4
    assert ram.plan.arena_bytes == flash.plan.arena_bytes + unpacked
    assert outputs(ram, tmp_path / "ram") == outputs(flash, tmp_path / "flash")
    assert b"STATE_BYTES 75776u" in ram.files["kws_dscnn_hybrid.h"]
    assert b"--hybrid-weights ram" in ram.files["README.md"]


@pytest.mark.cross
def test_another_network_leaves_unpacked_weights_alone(testdata: Path) -> None:
    paths = [testdata / "models" / f"{name}.tflite" for name in ("kws_dscnn_hybrid", "ad_autoencoder_int8")]
    options = Options(share_arena=True, hybrid_weights="ram")
    for network in compile_models(paths, load_board(BOARD), options):
        verdict = verify_board(network, samples=2)
        assert verdict.difference is None, (network.name, str(verdict.difference))


def packed(name: str, shape: tuple[int, ...], quant: QuantParams, dtype: DType = DType.INT8) -> tuple[Value, Node]:
    """Integers and what unpacks them."""
    low, high = dtype.limits
    data = sampling.rng(name).integers(low, high, shape, endpoint=True).astype(dtype.numpy)
    value = Value(f"{name}_packed", TensorType(dtype, shape, quant), data)
    plain = Value(name, TensorType(DType.FLOAT32, shape))
    return plain, Node(Dequantize(), (value,), (plain,), name)


def several() -> Graph:
    """Layers with weights of each kind: a scale for each channel, a zero point, dimensions in another order."""
    scales = tuple(float(s) for s in sampling.rng("scales").uniform(0.001, 0.01, 6).astype(np.float32))
    filter_, unpack_filter = packed("filter", (6, 3, 3, 2), QuantParams(scales, (0,) * 6, 0))
    dense, unpack_dense = packed("dense", (10, 24), QuantParams.per_tensor(0.004, 131), DType.UINT8)
    turned, unpack_turned = packed("turned", (10, 7), QuantParams.per_tensor(0.01, 0))

    def floats(name: str, *shape: int) -> Value:
        return Value(name, TensorType(DType.FLOAT32, shape))

    x, image, row, middle, last = (
        floats("x", 1, 4, 4, 2), floats("image", 1, 2, 2, 6), floats("row", 1, 24), floats("middle", 1, 10),
        floats("last", 1, 7),
    )  # fmt: skip
    swapped = floats("swapped", 7, 10)
    nodes = [
        unpack_filter,
        unpack_dense,
        unpack_turned,
        Node(Transpose((1, 0)), (turned,), (swapped,), "swap"),
        Node(Conv2D(), (x, filter_, None), (image,), "conv"),
        Node(Reshape((1, 24)), (image,), (row,), "flat"),
        Node(FullyConnected(), (row, dense, None), (middle,), "dense"),
        Node(FullyConnected(), (middle, swapped, None), (last,), "last"),
    ]
    graph = Graph("several", [x], [last], nodes)
    verify(graph)
    return graph


@pytest.mark.cross
def test_every_kind_of_scale_and_order_is_unpacked(tmp_path: Path) -> None:
    board = load_board(BOARD)
    flash, ram = (
        compile_graph(several(), board, options, model_file="several.tflite", sha256=SHA256)
        for options in (Options(), IN_RAM)
    )
    assert {value.shape for value in ram.plan.made_at_start} == {(6, 3, 3, 2), (10, 24), (7, 10)}
    tables = ram.files["several_weights.c"]
    assert b"uint8_t several_weights" in tables and flash.const_bytes > ram.const_bytes
    assert outputs(ram, tmp_path / "ram") == outputs(flash, tmp_path / "flash")


def test_the_plan_is_checked_for_unpacked_weights() -> None:
    """Weights that something writes over are found, and networks in one arena keep off each other's."""
    ram = compile_graph(several(), load_board(BOARD), IN_RAM, model_file="several.tflite", sha256=SHA256)
    first, second = in_one_arena([ram.plan, ram.plan])
    check(first)
    check(second)
    kept = [[plan.offsets[value] for value in plan.made_at_start] for plan in (first, second)]
    assert not set(kept[0]) & set(kept[1]) and first.state_bytes == 2 * ram.plan.state_bytes
    value = ram.plan.made_at_start[0]
    misplaced = replace(ram.plan, offsets={**ram.plan.offsets, value: ram.plan.state_bytes})
    with pytest.raises(PlanError):
        check(misplaced)


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown place of weights 'rom'"):
        Options(hybrid_weights="rom")
