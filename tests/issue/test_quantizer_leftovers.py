"""Files of onnxruntime's quantizer: what it leaves in float, and scales that TensorFlow Lite does not have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from microgen.compiler import load_graph
from microgen.exporters import save
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, QuantParams, TensorType, Value
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.networks import OPS, names

FIRST = QuantParams.per_tensor(0.05, 3)
SECOND = QuantParams.per_tensor(0.03, -7)
EVERY = np.arange(-128, 128, dtype=np.int8)


def activation(b: GraphBuilder, name: str, shape: tuple[int, ...], quant: QuantParams) -> Value:
    return b.add(OPS.Dequantize(qdq=True), b.input(name, TensorType(DType.INT8, shape, quant)))


def quantized(b: GraphBuilder, value: Value, quant: QuantParams) -> Value:
    return b.add(OPS.Quantize(), value, quant=quant)


def near(graph: Graph, *given: Array, steps: int = 1) -> Graph:
    """The optimized graph, whose int8 results differ by at most ``steps``."""
    result = optimize(graph)
    for a, b in zip(Session(graph).run(given), Session(result).run(given), strict=True):
        assert np.abs(a.astype(int) - b.astype(int)).max() <= steps
    return result


@pytest.mark.parametrize(("op", "zero_point"), [("Logistic", -128), ("Tanh", 0)])
@pytest.mark.parametrize("scale", [0.001, 0.0026, 1 / 127])
def test_a_function_with_a_result_of_another_scale(tmp_path: Path, op: str, zero_point: int, scale: float) -> None:
    b = GraphBuilder("test")
    y = b.add(getattr(OPS, op)(), activation(b, "x", (1, 256), FIRST))
    graph = near(b.graph([quantized(b, y, QuantParams.per_tensor(scale, zero_point))]), EVERY[None, None], steps=0)
    assert names(graph) == [op]
    for file in (tmp_path / "m.tflite", tmp_path / "m.onnx"):
        save(graph, file)
        read = load_graph(file)
        (found,) = Session(read).run([EVERY[None, None].astype(read.inputs[0].type.dtype.numpy)])
        assert np.array_equal(found, Session(graph).run([EVERY[None, None]])[0])


def test_a_quantized_sigmoid_with_the_observed_range(tmp_path: Path) -> None:
    constants = {"xs": np.float32(0.05), "xz": np.uint8(131), "ys": np.float32(0.0027), "yz": np.uint8(2)}
    node = helper.make_node("QLinearSigmoid", ["x", "xs", "xz", "ys", "yz"], ["y"], domain="com.microsoft")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, (1, 256))],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, (1, 256))],
        [numpy_helper.from_array(np.array(v), k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    every = np.arange(256, dtype=np.uint8)
    (found,) = Session(load_graph(tmp_path / "m.onnx")).run([every[None, None]])
    real = 1 / (1 + np.exp(-0.05 * (every.astype(float) - 131)))
    wanted = np.clip(np.rint(real / 0.0027) + 2, 0, 255)
    assert np.abs(found[0, 0].astype(float) - wanted).max() <= 1


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_a_product_with_a_scale_for_each_column(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(-127, 128, (8, 4), dtype=np.int8)
    scales = np.array([0.01, 0.002, 0.005, 0.0007], np.float32)
    constants = {"xs": np.float32(0.05), "xz": np.uint8(131), "w": weights, "ws": scales, "wz": np.zeros(4, np.int8)}
    constants |= {"ys": np.float32(0.2), "yz": np.uint8(120)}
    node = helper.make_node("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, (*shape[:-1], 4))],
        [numpy_helper.from_array(np.array(v), k) for k, v in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "m.onnx")
    x = rng.integers(0, 256, (3, *shape), dtype=np.uint8)
    read = load_graph(tmp_path / "m.onnx")
    (found,) = Session(read).run([x])
    wanted = np.clip(np.rint((x.astype(float) - 131) @ (weights * (0.05 * scales / 0.2))) + 120, 0, 255)
    assert np.abs(found.astype(float) - wanted).max() <= 1
    assert "FullyConnected" in names(optimize(read))


def test_parts_that_others_read_as_well_are_joined_in_int8() -> None:
    b = GraphBuilder("test")
    x, y = activation(b, "x", (1, 4, 64), FIRST), activation(b, "y", (1, 4, 64), SECOND)
    both = b.add(OPS.Concatenation(1), x, y)
    product = b.add(OPS.Mul(), x, y)
    outputs = [quantized(b, both, FIRST), quantized(b, product, FIRST)]
    given = [EVERY.reshape(1, 1, 4, 64), EVERY[::-1].reshape(1, 1, 4, 64)]
    assert sorted(names(near(b.graph(outputs), *given))) == ["Concatenation", "Mul", "Quantize"]


def test_one_value_twice_among_the_parts() -> None:
    b = GraphBuilder("test")
    x = activation(b, "x", (1, 4, 64), FIRST)
    both = b.add(OPS.Concatenation(1), x, x)
    outputs = [quantized(b, both, SECOND), quantized(b, b.add(OPS.Mul(), x, x), FIRST)]
    graph = near(b.graph(outputs), EVERY.reshape(1, 1, 4, 64))
    assert all(not v.type.dtype.is_float for v in graph.values())


@pytest.mark.parametrize("special", [0.0, 1e-12, -2.0, 300.0])
def test_a_batch_normalization_between_quantized_tensors(special: float) -> None:
    """One factor for each channel is 127 steps of a scale of its own, whatever its size."""
    b = GraphBuilder("test")
    x = activation(b, "x", (1, 8, 16, 2), FIRST)
    scale, shift = np.array([0.7, special], np.float32), np.array([-0.3, 0.9], np.float32)
    y = b.add(OPS.Relu(), b.add(OPS.Add(), b.add(OPS.Mul(), x, b.constant(scale)), b.constant(shift)))
    graph = near(b.graph([quantized(b, y, SECOND)]), np.repeat(EVERY, 2)[:256].reshape(1, 1, 8, 16, 2))
    assert names(graph) == ["DepthwiseConv2D"]
    assert all(not v.type.dtype.is_float for v in graph.values())


@pytest.mark.parametrize("factor", [2**-0.5, 3.0, 1e-3])
def test_a_factor_before_a_function(factor: float) -> None:
    """The inside of a GELU, of which quantizers leave this much in float."""
    b = GraphBuilder("test")
    x = activation(b, "x", (1, 256), FIRST)
    inner = b.add(OPS.Mul(), x, b.constant(np.array(factor, np.float32)))
    y = quantized(b, b.add(OPS.Erf(), inner), QuantParams.per_tensor(1 / 127, 0))
    assert names(near(b.graph([y]), EVERY[None, None], steps=0)) == ["Mul", "Erf"]


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1e-38, np.inf])
def test_a_factor_that_is_no_scale_stays(factor: float) -> None:
    b = GraphBuilder("test")
    inner = b.add(OPS.Mul(), activation(b, "x", (1, 256), FIRST), b.constant(np.array(factor, np.float32)))
    y = quantized(b, b.add(OPS.Erf(), inner), QuantParams.per_tensor(1 / 127, 0))
    assert "Dequantize" in names(optimize(b.graph([y])))
