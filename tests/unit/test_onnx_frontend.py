"""The ONNX frontend: what a file may hold, what the user may add, and how both are refused."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from microgen import frontends
from microgen.errors import InputError, MicrogenError, UnsupportedError
from microgen.frontends.onnx import load, recognizes
from microgen.frontends.options import ImportOptions
from microgen.mindir import DType, Graph
from microgen.passes import optimize
from microgen.runtime.session import Session


def model(text: str, opset: int = 21, functions: str = "", **weights: np.ndarray) -> onnx.ModelProto:
    """A model from ONNX's text form, with initializers."""
    domains = ', "local" : 1' if functions else ""
    result = parser.parse_model(f'<ir_version: 10, opset_import: ["" : {opset}{domains}]> {text} {functions}')
    result.graph.initializer.extend(numpy_helper.from_array(data, name) for name, data in weights.items())
    return result


def read(proto: onnx.ModelProto, options: ImportOptions = ImportOptions()) -> Graph:
    return load(proto.SerializeToString(), "model", options)


def result(proto: onnx.ModelProto, *inputs: np.ndarray, options: ImportOptions = ImportOptions()) -> np.ndarray:
    return Session(read(proto, options)).run([x[None] for x in inputs])[0][0]


RELU = "agraph (float[1, 4] x) => (float[1, 4] y) { y = Relu(x) }"
X = np.array([[-1.0, 0.5, 2.0, -3.0]], np.float32)


# Files ------------------------------------------------------------------------------------------------


def test_content_is_recognized(tmp_path: Path) -> None:
    data = model(RELU).SerializeToString()
    assert recognizes(data)
    for other in (b"", b"\0" * 64, b"\x1c\0\0\0TFL3" + b"\0" * 40, data[:-1], data[: len(data) // 2], b"\x08\x0a"):
        assert not recognizes(other)
    assert frontends.load(tmp_path / "network.bin", data).name == "network"


def test_a_truncated_file_is_an_input_error(tmp_path: Path) -> None:
    data = model(RELU).SerializeToString()
    for length in range(1, len(data)):
        with pytest.raises(MicrogenError):
            frontends.load(tmp_path / "model.onnx", data[:length])


def test_damaged_bytes_never_cause_another_error() -> None:
    random_ = random.Random(7)
    text = """agraph (float[1, 2, 5, 5] x) => (float[1, 12] y) {
        c = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w) r = Clip(c, low, high)
        p = AveragePool<kernel_shape = [2, 2]>(r) f = Flatten(p) y = Gemm<transB = 1>(f, g) }"""
    weights = {
        "w": np.ones((3, 2, 3, 3), np.float32),
        "low": np.float32(0).reshape(()),
        "high": np.float32(6).reshape(()),
        "g": np.ones((12, 12), np.float32),
    }
    data = model(text, **weights).SerializeToString()
    load(data, "model")
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(random_.choice((1, 1, 3))):
            # Weights are most of the file and damage to them is none.
            damaged[random_.choice((random_.randrange(len(data)), random_.randrange(300)))] = random_.randrange(256)
        with contextlib.suppress(MicrogenError):
            load(bytes(damaged), "model")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: setattr(m.opset_import[0], "version", 5), "uses opset 5"),
        (lambda m: setattr(m.opset_import[0], "version", 900), "uses opset 900"),
        (lambda m: setattr(m, "ir_version", 900), "IR version 900"),
        (lambda m: m.ClearField("opset_import"), "opset_import"),
        (lambda m: m.ClearField("graph"), "no graph"),
        (lambda m: m.graph.node[0].input.append("x"), "has 2 inputs, ONNX wants 1 to 1"),
        (lambda m: m.graph.node[0].attribute.append(helper.make_attribute("alpha", 1)), "attribute alpha"),
        (lambda m: m.graph.node[0].input.__setitem__(0, "z"), "reads tensor 'z', which nothing computes"),
        (lambda m: m.graph.node[0].input.__setitem__(0, "y"), "reads, directly or not, what it computes"),
        (lambda m: m.graph.node.append(m.graph.node[0]), "'y' is computed twice"),
    ],
)
def test_what_a_file_must_not_be(change: Callable[[onnx.ModelProto], None], says: str) -> None:
    proto = model(RELU)
    change(proto)
    with pytest.raises(InputError, match=says):
        read(proto)


def test_data_that_do_not_fit_are_refused() -> None:
    proto = model("agraph (float[4] x) => (float[4] y) { y = Add(x, w) }", w=np.ones(4, np.float32))
    proto.graph.initializer[0].raw_data = b"\0" * 7
    with pytest.raises(InputError, match="7 bytes of data for 4 elements"):
        read(proto)
    proto.graph.initializer[0].dims[0] = 1 << 40
    with pytest.raises(UnsupportedError, match="larger than"):
        read(proto)


# External data ----------------------------------------------------------------------------------------


def external(location: str, offset: int = 0, length: int = 16) -> onnx.ModelProto:
    proto = model("agraph (float[4] x) => (float[4] y) { y = Add(x, w) }", w=np.ones(4, np.float32))
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return proto


def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(b"\0" * 8 + np.arange(4, dtype=np.float32).tobytes())
    x = np.zeros(4, np.float32)
    found = result(external("sub/w.bin", 8), x, options=ImportOptions(folder=tmp_path))
    assert found.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("location", "offset", "length", "says"),
    [
        ("/etc/hostname", 0, 16, "outside of the model's folder"),
        ("../w.bin", 0, 16, "outside of the model's folder"),
        ("a/../../w.bin", 0, 16, "outside of the model's folder"),
        ("..\\w.bin", 0, 16, "outside of the model's folder"),
        ("C:\\w.bin", 0, 16, "outside of the model's folder"),
        ("link.bin", 0, 16, "outside of the model's folder"),
        ("", 0, 16, "outside of the model's folder"),
        (".", 0, 16, "outside of the model's folder"),
        ("gone.bin", 0, 16, "cannot be read"),
        ("short.bin", 0, 16, "end at byte 16 of short.bin, which has 8"),
        ("short.bin", -8, 16, "end at byte 8"),
        ("short.bin", 0, 8, "8 bytes of external data for a tensor of 16"),
    ],
)
def test_external_data_stay_in_the_folder(tmp_path: Path, location: str, offset: int, length: int, says: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(b"\0" * 64)
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "short.bin").write_bytes(b"\0" * 8)
    with pytest.raises(InputError, match=says):
        read(external(location, offset, length), ImportOptions(folder=folder))


def test_external_data_need_a_folder() -> None:
    with pytest.raises(InputError, match="not read from a file"):
        read(external("w.bin"))


# Inputs -----------------------------------------------------------------------------------------------


def test_an_unknown_batch_is_1() -> None:
    graph = read(model("agraph (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"))
    assert graph.inputs[0].shape == (1, 4)


def test_another_unknown_dimension_needs_the_user() -> None:
    proto = model("agraph (float[N, 3, H, W] x, float[1, W] b) => (float[N, 3, H, W] y) { y = Add(x, b) }")
    with pytest.raises(UnsupportedError, match=r"--input-shape x:1,3,32,32") as caught:
        read(proto)
    assert any("its shape [N, 3, H, W] is not fixed" in problem for problem in caught.value.problems)
    graph = read(proto, ImportOptions(input_shapes={"x": (1, 3, 8, 6)}))
    # The name of a dimension stands for one size.
    assert [v.shape for v in graph.inputs] == [(1, 3, 8, 6), (1, 6)]
    for shape in ((1, 4, 8, 6), (1, 3, 8)):
        with pytest.raises(InputError, match="was given for input 'x'"):
            read(proto, ImportOptions(input_shapes={"x": shape}))
    with pytest.raises(InputError, match=r"no input 'z'.*x, b"):
        read(proto, ImportOptions(input_shapes={"z": (1,)}))


def test_inputs_can_be_fixed() -> None:
    proto = model("agraph (float[2, 3] x, int64[2] shape) => (float[M, N] y) { y = Reshape(x, shape) }")
    with pytest.raises(UnsupportedError, match=r"'shape'.*must be known at compile time"):
        read(proto)
    graph = read(proto, ImportOptions(constants={"shape": np.array([3, -1])}))
    assert [v.name for v in graph.inputs] == ["x"] and graph.outputs[0].shape == (3, 2)
    for wrong in (np.array([3, 2, 1]), np.array([3.0, 2.0])):
        with pytest.raises(InputError, match="shape: is int64"):
            read(proto, ImportOptions(constants={"shape": wrong}))


def test_initializers_may_be_listed_as_inputs() -> None:
    proto = model(
        "agraph (float[1, 4] x, float[4] w) => (float[1, 4] y) { y = Mul(x, w) }", w=np.full(4, 2, np.float32)
    )
    assert [v.name for v in read(proto).inputs] == ["x"]
    assert np.array_equal(result(proto, X), 2 * X)


# Graphs -----------------------------------------------------------------------------------------------


def test_names_of_inputs_and_outputs_stay() -> None:
    graph = read(model("agraph (float[1, 4] x) => (float[1, 4] y, float[1, 4] z) { y = Relu(x) z = Gelu(x) }"))
    assert [v.name for v in (*graph.inputs, *graph.outputs)] == ["x", "y", "z"]


def test_nodes_in_any_order() -> None:
    proto = model("agraph (float[1, 4] x) => (float[1, 4] y) { a = Relu(x) b = Neg(a) y = Abs(b) }")
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    assert np.array_equal(result(proto, X), np.maximum(X, 0))


def test_every_problem_is_listed() -> None:
    proto = model(
        """agraph (float[1, 3, 8] x, string[1] s) => (float[1, 3, 8] y) {
        a = GRU<hidden_size = 8>(x, x, x) b = Relu(a) c = StringNormalizer(s)
        d, e = MaxPool<kernel_shape = [2]>(x) y = Mul(b, d) }"""
    )
    proto.graph.node[0].name, proto.graph.node[3].name = "recurrent", "pool"
    with pytest.raises(UnsupportedError) as caught:
        read(proto)
    assert list(caught.value.problems) == [
        "s (model input): element type string is not supported",
        "recurrent (GRU): operator GRU is not supported",
        "c (StringNormalizer): operator StringNormalizer is not supported",
        "pool (MaxPool): the output Indices is not supported",
    ]


def test_operators_of_other_domains_are_refused_by_name() -> None:
    proto = model(RELU)
    proto.graph.node[0].domain = "com.example"
    proto.opset_import.add(domain="com.example", version=1)
    with pytest.raises(UnsupportedError, match=r"operator Relu of domain 'com.example'"):
        read(proto)


def test_an_operator_that_the_opset_lacks_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no operator Gelu in opset 13"):
        read(model("agraph (float[4] x) => (float[4] y) { y = Gelu(x) }", 13))


def test_a_known_condition_chooses_a_branch() -> None:
    text = """agraph (float[1, 4] x, bool flag) => (float[1, 4] y) {
        twice = Add(x, x)
        y = If(flag)<then_branch = yes () => (float[1, 4] a) { a = Neg(twice) },
                     else_branch = no () => (float[1, 4] b) { b = Identity(twice) }> }"""
    for flag, sign in ((True, -2), (False, 2)):
        found = result(model(text), X, options=ImportOptions(constants={"flag": np.array(flag)}))
        assert np.array_equal(found, sign * X)
    with pytest.raises(UnsupportedError, match=r"y \(If\): input 0 \('flag'\) must be known at compile time"):
        read(model(text))


def test_a_known_number_of_rounds_is_written_out() -> None:
    text = """agraph (float[1, 4] x) => (float[1, 4] y, float[3, 1, 4] all) {
        count = Constant<value_int = 3>() going = Constant<value = bool {1}>()
        y, all = Loop(count, going, x)<body = one (int64 i, bool c, float[1, 4] v)
            => (bool d, float[1, 4] w, float[1, 4] s) { d = Identity(c) w = Add(v, v) s = Neg(v) }> }"""
    y, every = (out[0] for out in Session(read(model(text))).run([X[None]]))
    assert np.array_equal(y, 8 * X) and np.array_equal(every, -np.stack([X, 2 * X, 4 * X]))


def test_functions_of_the_model_are_expanded() -> None:
    text = "agraph (float[1, 4] x) => (float[1, 4] y) { y = local.scaled<factor = 3.0>(x) }"
    function = """<domain: "local", opset_import: ["" : 21]> scaled <factor> (a) => (b) {
        f = Constant<value_float: float = @factor>() c = Mul(a, f) b = Neg(c) }"""
    assert np.array_equal(result(model(text, functions=function), X), -3 * X)


def test_a_function_that_calls_itself_is_refused() -> None:
    text = "agraph (float[1, 4] x) => (float[1, 4] y) { y = local.again(x) }"
    function = '<domain: "local", opset_import: ["" : 21, "local" : 1]> again (a) => (b) { b = local.again(a) }'
    with pytest.raises(UnsupportedError, match="levels deep"):
        read(model(text, functions=function))


def test_shape_arithmetic_of_exporters() -> None:
    text = """agraph (float[N, 2, 3, 4] x) => (float[N, K] y) {
        s = Shape(x) n = Gather<axis = 0>(s, zero) u = Unsqueeze(n, axes) r = Constant<value_ints = [-1]>()
        t = Concat<axis = 0>(u, r) y = Reshape(x, t) }"""
    proto = model(text, zero=np.array(0), axes=np.array([0]))
    graph = read(proto)
    assert [node.op.name for node in graph.nodes] == ["Reshape"] and graph.outputs[0].shape == (1, 24)


def test_opset_6_broadcasts_along_an_axis() -> None:
    proto = model(
        "agraph (float[1, 2, 3] x) => (float[1, 2, 3] y) { y = Add<broadcast = 1, axis = 1>(x, b) }",
        6,
        b=np.array([1, 2], np.float32),
    )
    x = np.zeros((1, 2, 3), np.float32)
    assert result(proto, x).tolist() == [[[1, 1, 1], [2, 2, 2]]]


# Quantization -----------------------------------------------------------------------------------------


def test_uint8_becomes_int8_inside_and_stays_uint8_outside() -> None:
    text = """agraph (float[1, 4] x) => (uint8[1, 4] q, float[1, 4] y) {
        q = QuantizeLinear(x, scale, zero) y = DequantizeLinear(q, scale, zero) }"""
    proto = model(text, scale=np.float32(0.5).reshape(()), zero=np.array(100, np.uint8))
    graph = optimize(read(proto))
    quantized = next(node for node in graph.nodes if node.op.name == "Quantize").output.type
    assert quantized.dtype is DType.INT8 and quantized.quant is not None and quantized.quant.zero_points == (-28,)
    q, y = (out[0] for out in Session(graph).run([X[None]]))
    assert q.dtype == np.uint8 and q.tolist() == [[98, 101, 104, 94]]
    assert np.array_equal(y, X)


def test_other_parameters_than_those_it_was_quantized_with_are_refused() -> None:
    text = """agraph (float[1, 4] x) => (float[1, 4] y) {
        q = QuantizeLinear(x, scale, zero) y = DequantizeLinear(q, other, zero) }"""
    scale, other = np.float32(0.5).reshape(()), np.float32(0.25).reshape(())
    with pytest.raises(UnsupportedError, match="quantized with other parameters"):
        read(model(text, scale=scale, other=other, zero=np.array(3, np.int8)))
