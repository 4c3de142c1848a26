"""The MindSpore frontend: what files may hold, which primitives become what, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from microgen import frontends
from microgen.errors import InputError, UnsupportedError, VerifyError
from microgen.exporters.mindspore import save
from microgen.frontends.mindspore import load, recognizes, schema
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph
from microgen.ops.registry import by_mindspore_name, operators
from microgen.runtime import Session
from tests.support.mindspore_file import FLOAT, INT64, File

DATA = Path(__file__).resolve().parent.parent / "data" / "mindspore"
FIXTURES = sorted(DATA.glob("*.mindir"))


def _run(data: bytes, *inputs: Any, options: ImportOptions = ImportOptions()) -> list[np.ndarray]:
    graph = load(data, "m", options)
    return [y[0] for y in Session(graph).run([np.asarray(x, np.float32)[None] for x in inputs])]


def _operators(graph: Graph) -> set[str]:
    return {node.op.name for node in graph.nodes}


# Recognition -----------------------------------------------------------------------------------------------


def _recognizers(data: bytes) -> list[str]:
    return [m.__name__.rsplit(".", 1)[1] for m in frontends._frontends() if m.recognizes(data)]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_files_of_mindspore_are_recognized_by_this_frontend_alone(path: Path) -> None:
    data = path.read_bytes()
    assert _recognizers(data) == ["mindspore"]
    assert recognizes(data[: len(data) // 2]), "a truncated file is still this frontend's to refuse"


def test_onnx_files_which_are_protobuf_too_are_not_taken_for_mindspores() -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 3]) for n in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "MindSpore", values[:1], values[1:]))
    for producer in ("", "pytorch", "MindSpore"):
        model.producer_name = producer
        data = model.SerializeToString()
        assert not recognizes(data)
        assert "mindspore" not in _recognizers(data)


def test_other_files_are_not_recognized() -> None:
    for data in (b"", b"\n", b"TFL3" * 4, b"\x1c\x00\x00\x00TFL3", b"PK\x03\x04" + bytes(30), bytes(100), b"text" * 9):
        assert not recognizes(data)


def test_a_file_of_another_producer_is_recognized_by_its_version_and_graph() -> None:
    file = File(producer_name=b"another")
    file.input("x", 1, 3)
    assert recognizes(file.output("x").bytes())


def test_the_suffix_decides_where_the_content_says_nothing() -> None:
    with pytest.raises(InputError, match=r"x\.mindir: is no MindSpore model, or a damaged one"):
        frontends.load(Path("x.mindir"), b"\x07\x07")


# Structure -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_bookkeeping_is_stripped_and_names_say_where_a_layer_stands(path: Path) -> None:
    graph = load(path)
    assert _operators(graph) <= {operator.name for operator in operators()}
    assert not any(":" in value.name or value.name.startswith("Default") for value in graph.values())


def test_attributes_may_stand_on_the_nodes_as_in_older_files() -> None:
    file = File()
    file.input("x", 1, 2, 5, 5)
    weights = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3) / 10.0
    file.parameter("w", weights)
    attributes = {"kernel_size": [3, 3], "stride": [1, 1, 2, 2], "dilation": [1, 1, 1, 1], "group": 1}
    file.node("Conv2D", ["x", "w"], "c", {**attributes, "pad_mode": 0, "pad_list": [1, 0, 0, 1], "format": 0})
    file.node("MaxPool", ["c"], "m", {"kernel_size": [1, 1, 2, 2], "strides": [1, 1, 1, 1], "pad_mode": "VALID"})
    file.node("ReduceMean", ["m"], "y", {"axis": [2, 3], "keep_dims": 1})
    x = np.random.default_rng(1).normal(size=(1, 2, 5, 5)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)))
    conv = np.array([[(padded[0, :, i : i + 3, j : j + 3] * w).sum() for i in (0, 2) for j in (0, 2)] for w in weights])
    expected = conv.reshape(2, -1).max(axis=1).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(_run(file.output("y").bytes(), x)[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("mode", "shape"), [("same", (1, 1, 3, 3)), (1, (1, 1, 3, 3)), ("VALID", (1, 1, 2, 2)), (2, (1, 1, 2, 2))]
)
def test_pad_modes_are_text_or_numbers(mode: Any, shape: tuple[int, ...]) -> None:
    file = File()
    file.input("x", 1, 1, 5, 5)
    file.node("AvgPool", ["x"], "y", {"kernel_size": [1, 1, 3, 3], "strides": [1, 1, 2, 2], "pad_mode": mode})
    assert load(file.output("y").bytes(), "m").outputs[0].shape == shape


def test_an_unknown_pad_mode_is_refused() -> None:
    file = File()
    file.input("x", 1, 1, 5, 5)
    file.node("AvgPool", ["x"], "y", {"kernel_size": 3, "pad_mode": "circular"})
    with pytest.raises(UnsupportedError, match="y \\(AvgPool\\): pad_mode must be one of pad, same, valid"):
        load(file.output("y").bytes(), "m")


def test_typed_lists_hold_data_as_well() -> None:
    file = File()
    file.input("x", 2, 2)
    file.graph.parameter.add(name=b"w", dims=[2], data_type=FLOAT, float_data=[3.0, 4.0])
    value = file.constant("c", type=schema.TENSORS)
    value.tensors.add(dims=[2], data_type=INT64, int64_data=[1, 0])
    file.node("Mul", ["x", "w"], "m")
    file.node("Gather", ["m", "c", "axis"], "y")
    file.constant("axis", type=INT64, i=1)
    (y,) = _run(file.output("y").bytes(), [[1, 2], [3, 4]])
    assert y.tolist() == [[8, 3], [16, 9]]


def test_unsupported_primitives_are_listed_all_at_once() -> None:
    file = File()
    file.input("x", 1, 4)
    file.node("Fold", ["x"], "a")
    file.node("ReLU", ["a"], "b")
    file.node("Spindle", ["b", "x"], "c")
    file.node("Softmax", ["x"], "d", {"axis": [0, 1]})
    with pytest.raises(UnsupportedError) as caught:
        load(file.output("c").bytes(), "m")
    assert [p.split(":")[0] for p in caught.value.problems] == ["a (Fold)", "c (Spindle)", "d (Softmax)"]
    assert "Supported primitives are" in caught.value.hint


def test_batch_normalization_in_training_mode_is_refused() -> None:
    file = File()
    file.input("x", 1, 2, 3, 3)
    for name in "gbmv":
        file.parameter(name, np.ones(2))
    file.node("BatchNorm", ["x", "g", "b", "m", "v"], "y", {"is_training": 1})
    with pytest.raises(UnsupportedError, match="as in training"):
        load(file.output("y").bytes(), "m")


def test_primitives_of_operators_are_found_by_name() -> None:
    table = by_mindspore_name()
    assert {"Sub", "Div", "Maximum", "ReLU", "Tanh", "Sigmoid"} <= table.keys()


# Inputs ----------------------------------------------------------------------------------------------------


def test_an_unknown_batch_is_1_and_other_dimensions_can_be_given() -> None:
    file = File()
    file.input("x", -1, 3)
    file.input("y", -1, -1)
    file.node("Add", ["x", "y"], "z")
    data = file.output("z").bytes()
    with pytest.raises(InputError, match=r"y: shape \[-1, -1\] is not static"):
        load(data, "m")
    graph = load(data, "m", ImportOptions(input_shapes={"y": (1, 3)}))
    assert [v.shape for v in graph.inputs] == [(1, 3), (1, 3)]
    with pytest.raises(InputError, match="does not fit"):
        load(data, "m", ImportOptions(input_shapes={"y": (1, 3), "x": (1, 4)}))
    with pytest.raises(InputError, match="no input 'q'"):
        load(data, "m", ImportOptions(input_shapes={"q": (1,)}))


def test_inputs_can_be_fixed() -> None:
    file = File()
    file.input("x", 1, 3)
    file.input("y", 1, 3)
    file.node("Mul", ["x", "y"], "z")
    data = file.output("z").bytes()
    options = ImportOptions(constants={"y": np.full((1, 3), 2, np.float32)})
    assert _run(data, [[1, 2, 3]], options=options)[0].tolist() == [[2, 4, 6]]
    with pytest.raises(InputError, match="the given constant is float32"):
        load(data, "m", ImportOptions(constants={"y": np.zeros((1, 2), np.float32)}))


# Functions -------------------------------------------------------------------------------------------------


def test_functions_may_call_functions_but_not_themselves() -> None:
    file = File()
    file.input("x", 1, 3)
    for name, called in (("outer", "REF::inner"), ("inner", "Neg")):
        function = file.function(name, [f"{name}:a"], f"{name}:r")
        file.node(called, [f"{name}:a"], f"{name}:r", graph=function)
    file.node("REF::outer", ["x"], "y")
    data = file.output("y").bytes()
    assert _run(data, [[1, -2, 0.5]])[0].tolist() == [[-1, 2, -0.5]]
    for function in file.model.functions:
        function.node[0].op_type = b"REF::outer"
    with pytest.raises(InputError, match="calls functions more than"):
        load(file.bytes(), "m")
    file.node("REF::inner", ["x", "x"], "z")
    file.model.functions[0].node[0].op_type = b"Neg"
    with pytest.raises(InputError, match="2 arguments are given to a function of 1"):
        load(file.bytes(), "m")


def test_functions_that_double_themselves_end_in_an_error() -> None:
    file = File()
    file.input("x", 1, 3)
    for level in range(20):
        function = file.function(f"f{level}", [f"f{level}:a"], f"f{level}:r")
        called = f"REF::f{level + 1}" if level < 19 else "Neg"
        file.node(called, [f"f{level}:a"], f"f{level}:b", graph=function)
        file.node(called, [f"f{level}:b"], f"f{level}:r", graph=function)
    file.node("REF::f0", ["x"], "y")
    with pytest.raises(InputError, match="has more than 20000 nodes"):
        load(file.output("y").bytes(), "m")


def test_tuples_that_double_themselves_end_in_an_error() -> None:
    file = File()
    file.input("t0", 1, 3)
    for i in range(40):
        file.node("MakeTuple", [f"t{i}", f"t{i}"], f"t{i + 1}")
    with pytest.raises(InputError, match="more than 1000 outputs"):
        load(file.output("t40").bytes(), "m")


# External data ---------------------------------------------------------------------------------------------


def _external(location: str, offset: int = 0, length: int = 12) -> bytes:
    file = File()
    file.input("x", 3)
    parameter = file.graph.parameter.add(name=b"w", dims=[3], data_type=FLOAT)
    parameter.external_data.location = location.encode()
    parameter.external_data.offset, parameter.external_data.length = offset, length
    file.node("Mul", ["x", "w"], "y")
    return file.output("y").bytes()


def test_weights_may_lie_beside_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "v").mkdir(parents=True)
    (folder / "v" / "data_0").write_bytes(bytes(64) + np.array([1, 2, 3], np.float32).tobytes())
    options = ImportOptions(folder=folder)
    assert _run(_external("v/data_0", 64), [2, 2, 2], options=options)[0].tolist() == [2, 4, 6]
    (tmp_path / "secret").write_bytes(bytes(100))
    (folder / "link").symlink_to(tmp_path / "secret")
    for location, offset, length, message in (
        ("../secret", 0, 12, "outside of the model's folder"),
        (str(tmp_path / "secret"), 0, 12, "outside of the model's folder"),
        ("link", 0, 12, "outside of the model's folder"),
        ("v/data_1", 0, 12, "which is no file"),
        ("v", 0, 12, "which is no file"),
        ("v\0", 0, 12, "cannot be read"),
        ("v/data_0", 65, 12, "outside of the file"),
        ("v/data_0", -1, 12, "outside of the file"),
        ("v/data_0", 64, 8, "8 bytes are in"),
    ):
        with pytest.raises(InputError, match=message):
            load(_external(location, offset, length), "m", options)
    with pytest.raises(InputError, match="has no folder"):
        load(_external("v/data_0"), "m")


# The exporter's limits -------------------------------------------------------------------------------------


def test_what_mindspore_does_not_have_is_refused(test_model: Any) -> None:
    with pytest.raises(VerifyError, match=r"cannot be written to a \.mindir file\. Export the float model"):
        save(frontends.load(path := test_model("kws_dscnn_int8.tflite"), path.read_bytes()))
    file = File()
    file.input("x", 1, 4)
    node = file.node("Slice", ["x"], "y", {"begin": [0, 0], "size": [1, 2]})
    assert _operators(load(save(load(file.output("y").bytes(), "m")), "m")) == {"Slice"}
    node.op_type = b"StridedSlice"
    del node.attribute[:]
    for name, values in (("begin", [0, 3]), ("end", [1, 0]), ("strides", [1, -1])):
        node.attribute.add(name=name.encode(), type=INT64, ints=values)
    graph = load(file.bytes(), "m")
    with pytest.raises(VerifyError, match="stride \\[1, -1\\] cannot be written"):
        save(graph)
