"""Quantized ONNX models: the same scales, and results within one step of onnxruntime's."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from microgen.frontends.onnx import load
from microgen.passes import optimize
from microgen.runtime.session import Session

_RNG = np.random.default_rng(5)


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def weights(shape: tuple[int, ...], dtype: type = np.int8, centre: int = 0) -> np.ndarray:
    return (_RNG.integers(-90, 91, shape) + centre).astype(dtype)


def single(operator: str, operands: list[np.ndarray | None], x: np.ndarray, **attributes: object) -> None:
    """Compare a model of one quantized operator: ``operands`` are its inputs, None for x."""
    names = ["x" if a is None else f"c{i}" for i, a in enumerate(operands)]
    constants = [numpy_helper.from_array(a, n) for a, n in zip(operands, names, strict=True) if a is not None]
    domain = attributes.pop("domain", "")
    node = helper.make_node(operator, names, ["y"], domain=domain, **attributes)
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [node],
        "model",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        constants,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    compare(helper.make_model(graph, opset_imports=opsets, ir_version=10), x)


def compare(model: onnx.ModelProto, x: np.ndarray) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    for graph in (load(model.SerializeToString(), "model"), optimize(load(model.SerializeToString(), "model"))):
        (found,) = Session(graph).run([x[None]])
        assert found.dtype == expected.dtype and found[0].shape == expected.shape
        apart = np.abs(found[0].astype(np.int64) - expected.astype(np.int64))
        assert apart.max() <= 1, apart.max()
        # One step is what halves and double rounding make of it, not the rule.
        assert apart.size < 50 or np.mean(apart == 0) > 0.9


def image(dtype: type) -> np.ndarray:
    info = np.iinfo(dtype)
    return _RNG.integers(info.min, info.max + 1, (1, 4, 7, 6)).astype(dtype)


ZERO = {
    np.int8: (np.array(-7, np.int8), np.array(11, np.int8)),
    np.uint8: (np.array(121, np.uint8), np.array(9, np.uint8)),
}


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_convolution(dtype: type, groups: int) -> None:
    zx, zy = ZERO[dtype]
    w, scales = weights((8, 4 // groups, 3, 3)), (0.01 + 0.002 * np.arange(8)).astype(np.float32)
    bias = _RNG.integers(-500, 500, 8).astype(np.int32)
    operands = [None, scalar(0.05), zx, w, scales, np.zeros(8, np.int8), scalar(0.2), zy, bias]
    single("QLinearConv", operands, image(dtype), pads=[1, 1, 0, 1], strides=[1, 2], group=groups)


def test_convolution_with_unsigned_weights() -> None:
    zx, zy = ZERO[np.uint8]
    w = weights((5, 4, 3, 3), np.uint8, 128)
    for zero in (128, 120):  # symmetric, and not
        operands = [None, scalar(0.05), zx, w, scalar(0.02), np.array(zero, np.uint8), scalar(0.3), zy]
        single("QLinearConv", operands, image(np.uint8))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_matrix_product(dtype: type) -> None:
    zx, zy = ZERO[dtype]
    x = image(dtype).reshape(4, 42)
    w = weights((42, 9))
    operands = [None, scalar(0.05), zx, w, scalar(0.02), np.array(0, np.int8), scalar(0.4), zy]
    single("QLinearMatMul", operands, x)
    bias = _RNG.integers(-500, 500, 9).astype(np.int32)
    operands = [None, scalar(0.05), zx, w, scalar(0.02), np.array(0, np.int8), bias, scalar(0.4), zy]
    single("QGemm", operands, x, domain="com.microsoft")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_functions_that_onnxruntime_adds(dtype: type) -> None:
    zx, zy = ZERO[dtype]
    x, other = image(dtype), image(dtype)
    pair = [None, scalar(0.05), zx, other, scalar(0.03), zy]
    single("QLinearAdd", [*pair, scalar(0.07), zy], x, domain="com.microsoft")
    single("QLinearMul", [*pair, scalar(0.1), zy], x, domain="com.microsoft")
    single("QLinearLeakyRelu", [None, scalar(0.05), zx, scalar(0.0437), zy], x, domain="com.microsoft", alpha=0.2)
    single("QLinearGlobalAveragePool", [None, scalar(0.05), zx, scalar(0.01), zy], x, domain="com.microsoft")
    low = np.array(np.iinfo(dtype).min, dtype)
    single("QLinearSigmoid", [None, scalar(0.05), zx, scalar(1 / 256), low], x, domain="com.microsoft")
    operands = [scalar(0.07), zy, None, scalar(0.05), zx, other, scalar(0.06), zy]
    single("QLinearConcat", operands, x, domain="com.microsoft", axis=1)
    single(
        "QLinearAveragePool",
        [None, scalar(0.05), zx, scalar(0.05), zx],
        x,
        domain="com.microsoft",
        kernel_shape=[2, 3],
        strides=[2, 1],
    )


def test_quantizing_between_float_layers() -> None:
    """A QDQ model: the passes join the operators to int8 ones."""
    onnxruntime = pytest.importorskip("onnxruntime")
    text = """<ir_version: 10, opset_import: ["" : 21]> agraph (float[1, 4, 7, 6] x) => (float[1, 5, 5, 4] y) {
        a = QuantizeLinear(x, sx, zx) b = DequantizeLinear(a, sx, zx)
        w = DequantizeLinear<axis = 0>(wq, sw, zw) c = Conv(b, w) d = Relu(c)
        e = QuantizeLinear(d, sy, zy) y = DequantizeLinear(e, sy, zy) }"""
    model = onnx.parser.parse_model(text)
    constants = {
        "sx": scalar(0.04),
        "zx": np.array(120, np.uint8),
        "wq": weights((5, 4, 3, 3)),
        "sw": (0.01 + 0.002 * np.arange(5)).astype(np.float32),
        "zw": np.zeros(5, np.int8),
        "sy": scalar(0.15),
        "zy": np.array(0, np.uint8),
    }
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    x = _RNG.normal(0, 2, (1, 4, 7, 6)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    graph = optimize(load(model.SerializeToString(), "model"))
    (convolution,) = (node for node in graph.nodes if node.op.name == "Conv2D")
    assert str(convolution.output.type.dtype) == "int8"
    (found,) = Session(graph).run([x[None]])
    steps = np.abs(found[0] - expected) / 0.15
    assert steps.max() < 1.01 and np.mean(steps < 0.01) > 0.9
