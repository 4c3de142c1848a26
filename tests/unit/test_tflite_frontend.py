"""The TensorFlow Lite frontend: real models, every oddity the format allows, and files that are damaged."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from microgen import frontends
from microgen.errors import InputError, MicrogenError, UnsupportedError, VerifyError
from microgen.exporters.tflite import save
from microgen.frontends.tflite import load, recognizes
from microgen.mindir import DType, Graph, to_text, verify
from microgen.ops.registry import operators
from microgen.runtime import Session
from tests.support.tflite_file import add_relu, ints, operator, tensor, write

INT8_MODELS = {
    "ad_autoencoder_int8.tflite": 10,
    "hello_world_int8.tflite": 3,
    "ic_resnet8_int8.tflite": 16,
    "kws_dscnn_int8.tflite": 13,
    "micro_speech_int8.tflite": 4,
    "vww_mobilenet_int8.tflite": 31,
}
FLOAT_MODELS = {
    "ad_autoencoder_float.tflite": 10,
    "hello_world_float.tflite": 3,
    "ic_resnet8_float.tflite": 15,
    "kws_dscnn_hybrid.tflite": 12,
    "vww_mobilenet_float.tflite": 30,
}


# Real models -----------------------------------------------------------------------------------------------


def _assert_same_tensor(value: Any, model: Any, subgraph: Any, index: int) -> None:
    if index < 0:
        assert value is None
        return
    stored = subgraph.Tensors(index)
    assert value.name == stored.Name().decode()
    assert list(value.shape) == ([] if stored.ShapeLength() == 0 else stored.ShapeAsNumpy().tolist())
    assert value.type.dtype.name == {v: k for k, v in vars(tflite.TensorType).items()}[stored.Type()]
    quant = stored.Quantization()
    if quant is not None and quant.ScaleLength():
        assert value.type.quant.scales == tuple(quant.ScaleAsNumpy().tolist())
        assert value.type.quant.zero_points == tuple(quant.ZeroPointAsNumpy().tolist())
        if quant.ScaleLength() > 1:
            assert value.type.quant.axis == quant.QuantizedDimension()
    buffer = model.Buffers(stored.Buffer())
    assert value.is_const == (buffer.DataLength() > 0)
    if value.is_const:
        assert value.const.tobytes() == buffer.DataAsNumpy().tobytes()


@pytest.mark.parametrize(("name", "layers"), INT8_MODELS.items())
def test_model_holds_what_the_file_holds(test_model: Any, name: str, layers: int) -> None:
    data = test_model(name).read_bytes()
    graph = load(data, "m")
    verify(graph)
    model = tflite.Model.GetRootAs(data, 0)
    subgraph = model.Subgraphs(0)
    assert len(graph.nodes) == layers == subgraph.OperatorsLength()
    for values, stored in ((graph.inputs, subgraph.InputsAsNumpy()), (graph.outputs, subgraph.OutputsAsNumpy())):
        for value, index in zip(values, stored, strict=True):
            _assert_same_tensor(value, model, subgraph, index)
    for number, node in enumerate(graph.nodes):
        assert node.name == node.outputs[0].name
        stored = subgraph.Operators(number)
        for value, index in zip(node.inputs, stored.InputsAsNumpy(), strict=False):
            _assert_same_tensor(value, model, subgraph, index)
        for value, index in zip(node.outputs, stored.OutputsAsNumpy(), strict=True):
            _assert_same_tensor(value, model, subgraph, index)


@pytest.mark.parametrize("name", INT8_MODELS)
def test_text_is_stable_and_survives_export(test_model: Any, name: str) -> None:
    path = test_model(name)
    graph = load(path)
    assert graph.name == path.stem
    text = to_text(graph)
    assert text == to_text(load(path.read_bytes(), path.stem))
    exported = save(graph)
    assert exported == save(load(path))
    assert to_text(load(exported, path.stem)) == text


@pytest.mark.parametrize(("name", "layers"), FLOAT_MODELS.items())
def test_float_models_load(test_model: Any, name: str, layers: int) -> None:
    data = test_model(name).read_bytes()
    graph = load(data)
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    unpacked = [n for n in graph.nodes if n.op.name == "Dequantize" and n.input(0).is_const]
    assert len(graph.nodes) - len(unpacked) == subgraph.OperatorsLength() >= layers
    assert bool(unpacked) == ("hybrid" in name)
    assert {v.type.dtype for n in graph.nodes for v in n.outputs} == {DType.FLOAT32}


def test_the_weights_of_a_hybrid_layer_are_unpacked_once() -> None:
    """Two layers that share int8 weights get the same float ones; the activations stay float."""
    real = {"Type": tflite.TensorType.FLOAT32, "Quantization": {}}
    scales = {"Scale": np.array([0.5, 0.25], np.float32), "ZeroPoint": np.zeros(2, np.int64), "QuantizedDimension": 0}
    tensors = [
        tensor("image", **real),
        tensor("weights", (2, 4), Buffer=1, Quantization=scales),
        tensor("first", (1, 2), **real),
        tensor("second", (1, 2), **real),
    ]
    layers = [operator(0, (0, 1), (2,)), operator(0, (0, 1), (3,))]
    model = {
        "Version": 3,
        "OperatorCodes": [{"BuiltinCode": tflite.BuiltinOperator.FULLY_CONNECTED}],
        "Buffers": [{}, {"Data": np.arange(8, dtype=np.uint8)}],
        "Subgraphs": [{"Tensors": tensors, "Inputs": ints(0), "Outputs": ints(2, 3), "Operators": layers}],
    }
    graph = load(write(model))
    assert [n.op.name for n in graph.nodes] == ["Dequantize", "FullyConnected", "FullyConnected"]
    results = Session(graph).run([np.ones((1, 1, 4), np.float32)])
    assert [r.tolist() for r in results] == [[[[3.0, 5.5]]]] * 2


# Oddities that the format allows ---------------------------------------------------------------------------


def _model(**subgraph: Any) -> dict[str, Any]:
    model = add_relu()
    model["Subgraphs"][0] |= subgraph
    return model


def _tensors(*changes: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    model = add_relu()
    for index, change in changes:
        model["Subgraphs"][0]["Tensors"][index] |= change
    return model


def _quantization(scales: list[float], zero_points: list[int] | None = None, axis: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {"Scale": np.array(scales, np.float32), "QuantizedDimension": axis}
    if zero_points is not None:
        fields["ZeroPoint"] = np.array(zero_points, np.int64)
    return fields


def test_missing_options_and_deprecated_codes() -> None:
    model = add_relu()
    model["OperatorCodes"][1] = {"DeprecatedBuiltinCode": tflite.BuiltinOperator.RELU}
    graph = load(write(model))
    assert to_text(graph) == (
        'graph "model" {\n'
        '  input  %0: int8[1×4] q(0.5, 3) "image"\n'
        '  const  %1: int8[1×4] q(0.5, 3) "offset"\n'
        '  %2: int8[1×4] q(0.5, 3) "total" = Add(%0, %1) {activation=NONE}\n'
        '  %3: int8[1×4] q(0.5, 3) "result" = Relu(%2)\n'
        "  output %3\n"
        "}\n"
    )
    assert graph.nodes[0].input(1).const.tolist() == [[0, 1, 2, 3]]


def test_options_are_read() -> None:
    model = add_relu()
    model["Subgraphs"][0]["Operators"][0] |= {
        "BuiltinOptionsType": tflite.BuiltinOptions.AddOptions,
        "BuiltinOptions": ("AddOptions", {"FusedActivationFunction": tflite.ActivationFunctionType.RELU6}),
    }
    assert "{activation=RELU6}" in to_text(load(write(model)))


def test_dynamic_batch_uses_the_static_shape() -> None:
    signature = {"ShapeSignature": ints(-1, 4)}
    graph = load(write(_tensors((0, signature), (2, signature), (3, signature))))
    assert graph.inputs[0].shape == (1, 4)


def test_several_inputs_and_outputs_and_unused_tensors() -> None:
    model = _model(Inputs=ints(0, 1), Outputs=ints(3, 2, 0))
    model["Subgraphs"][0]["Tensors"][1]["Buffer"] = 0
    # Nobody reads it: what it holds does not matter.
    model["Subgraphs"][0]["Tensors"].append(tensor("unused", (0, -7), Type=tflite.TensorType.STRING, Buffer=99))
    graph = load(write(model))
    assert [v.name for v in graph.inputs] == ["image", "offset"]
    assert [v.name for v in graph.outputs] == ["result", "total", "image"]


def test_a_model_without_operators() -> None:
    graph = load(write(_model(Operators=[], Outputs=ints(0))))
    assert graph.nodes == ()
    assert graph.outputs == graph.inputs


def test_operators_in_any_order() -> None:
    chain = 40
    tensors = [tensor(f"t{i}") for i in range(chain + 1)]
    layers = [operator(1, (i,), (i + 1,)) for i in range(chain)]
    random.Random(1).shuffle(layers)
    graph = load(write(_model(Tensors=tensors, Outputs=ints(chain), Operators=layers)))
    assert [node.name for node in graph.nodes] == [f"t{i + 1}" for i in range(chain)]


def test_first_subgraph_is_used() -> None:
    model = add_relu()
    model["Subgraphs"].append({"Tensors": [], "Name": "other"})
    assert len(load(write(model)).nodes) == 2


def test_data_behind_the_flatbuffer() -> None:
    model = add_relu()
    model["Buffers"][1] = {"Offset": 1 << 20, "Size": 4}
    size = len(write(model))
    model["Buffers"][1]["Offset"] = size
    graph = load(write(model) + bytes((9, 8, 7, 6)))
    assert graph.nodes[0].input(1).const.tolist() == [[9, 8, 7, 6]]
    with pytest.raises(InputError, match="outside of the file"):
        load(write(model) + bytes((9, 8, 7)))


def test_quantization_that_means_nothing_is_dropped() -> None:
    for empty in ({}, {"Min": np.zeros(1, np.float32)}, _quantization([])):
        with pytest.raises(UnsupportedError, match="no quantization"):
            load(write(_tensors((0, {"Quantization": empty}))))
    model = add_relu()
    subgraph = model["Subgraphs"][0]
    model["OperatorCodes"][1] = {"BuiltinCode": tflite.BuiltinOperator.RESHAPE}
    model["Buffers"].append({"Data": np.array([2, 2], np.int32).view(np.uint8)})
    for scales in ([0.0], [float("nan")], [1.0, 2.0, 3.0], [-1.0]):
        shape = tensor("shape", (2,), Type=tflite.TensorType.INT32, Buffer=2, Quantization=_quantization(scales))
        subgraph["Tensors"] = [*add_relu()["Subgraphs"][0]["Tensors"][:3], tensor("result", (2, 2)), shape]
        subgraph["Operators"][1] = operator(1, (2, 4), (3,))
        assert load(write(model)).outputs[0].shape == (2, 2)


def test_per_axis_scales_and_missing_zero_points() -> None:
    code = {"BuiltinCode": tflite.BuiltinOperator.FULLY_CONNECTED}
    model = add_relu()
    model["OperatorCodes"][1] = code
    model["Buffers"].append({"Data": np.arange(12, dtype=np.uint8)})
    weights = tensor("weights", (3, 4), Buffer=2, Quantization=_quantization([0.25, 0.5, 1.0]))
    subgraph = model["Subgraphs"][0]
    subgraph["Tensors"] = [*subgraph["Tensors"][:3], tensor("result", (1, 3)), weights]
    subgraph["Operators"][1] = operator(1, (2, 4, -1), (3,))
    node = load(write(model)).nodes[1]
    quant = node.input(1).type.quant
    assert quant is not None
    assert (quant.scales, quant.zero_points, quant.axis) == ((0.25, 0.5, 1.0), (0, 0, 0), 0)
    assert node.optional_input(2) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Type": tflite.TensorType.COMPLEX64}, "COMPLEX64"),
        ({"Type": tflite.TensorType.INT4}, "INT4"),
        ({"Type": 100}, "type 100"),
        ({"Sparsity": {}}, "sparse"),
        ({"Shape": ints(1, 1, 1, 1, 1, 1, 4)}, "7 dimensions"),
        ({"Quantization": {"DetailsType": 1, "Details": {}}}, "CustomQuantization"),
    ],
)
def test_unsupported_tensors_are_reported_by_layer(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        load(write(_tensors((2, change))))
    first, second = error.value.problems
    assert first.startswith("total (ADD): ")
    assert second.startswith("result (RELU): ")
    assert reason in first and reason in second and "'total'" in first


def test_variables_are_no_results() -> None:
    """What reads one finds what was there before; an operator without a state leaves none."""
    with pytest.raises(UnsupportedError) as error:
        load(write(_tensors((2, {"IsVariable": True}))))
    (problem,) = error.value.problems
    assert "is a variable, kept from one invocation to the next" in problem


def test_unsupported_operators_are_reported_together() -> None:
    model = add_relu()
    model["OperatorCodes"] = [
        {"BuiltinCode": tflite.BuiltinOperator.CUSTOM, "CustomCode": "Fancy\n*/Op"},
        {"BuiltinCode": tflite.BuiltinOperator.RFFT2D},
        {"BuiltinCode": 9999},
    ]
    subgraph = model["Subgraphs"][0]
    subgraph["Tensors"].append(tensor("last"))
    subgraph["Operators"].append(operator(2, (3,), (4,)))
    with pytest.raises(UnsupportedError) as error:
        load(write(model))
    labels = [problem.rsplit(":", 1)[0] for problem in error.value.problems]
    assert labels == ["total (CUSTOM Fancy\\n*/Op)", "result (RFFT2D)", "last (operator 9999)"]
    assert str(error.value).isprintable()


def test_names_may_be_anything() -> None:
    hostile = ['*/ #include "x"', "a\nb\r\x00\x1b[31m", "$(rm -rf)", ""]
    model = add_relu()
    for stored, name in zip(model["Subgraphs"][0]["Tensors"], hostile, strict=True):
        stored["Name"] = name
    graph = load(write(model))
    assert [node.name for node in graph.nodes] == [hostile[2], "tensor_3"]
    assert to_text(load(save(graph))) == to_text(graph)


# Files that contradict themselves --------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_scale_names_the_tensor(scale: float) -> None:
    with pytest.raises(InputError, match="scale") as error:
        load(write(_tensors((2, {"Quantization": _quantization([scale], [0])}))))
    assert "total" in error.value.where


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (_tensors((0, {"Quantization": _quantization([0.5, 0.5, 0.5], axis=1)})), "3 scales"),
        (_tensors((0, {"Quantization": _quantization([0.5, 0.5], axis=7)})), "axis 7"),
        (_tensors((0, {"Quantization": _quantization([0.5, 0.5], axis=-1)})), "axis -1"),
        (_tensors((0, {"Quantization": _quantization([0.5], [1, 2])})), "zero points"),
        (_tensors((0, {"Quantization": _quantization([0.5], [300])})), "zero point 300"),
        (_tensors((0, {"Quantization": _quantization([0.5], [-(2**63)])})), "zero point"),
        (_tensors((0, {"Shape": ints(1, 0)})), "not positive"),
        (_tensors((0, {"Shape": ints(-1, 4)})), "not positive"),
        (_tensors((0, {"Shape": ints(-(2**31), 4)})), "not positive"),
        (_tensors((0, {"Shape": ints(2**31 - 1, 2**31 - 1)})), "larger than"),
        (_tensors((1, {"Shape": ints(1, 5)})), "4 bytes of data"),
        (_tensors((1, {"Buffer": 2})), "buffer 2"),
        (_tensors((1, {"Buffer": 2**32 - 1})), "buffer"),
        (_tensors((1, {"Buffer": 0})), "nothing computes"),
        (_model(Inputs=ints(4)), "tensor 4"),
        (_model(Inputs=ints(-1)), "tensor -1"),
        (_model(Inputs=ints(0, 0)), "twice"),
        (_model(Inputs=ints(0, 1)), "constant"),
        (_model(Inputs=ints(0, 2)), "twice"),
        (_model(Inputs=ints()), "nothing computes"),
        (_model(Outputs=ints(2**31 - 1)), "tensor 2147483647"),
        (_model(Outputs=ints()), "no output"),
        (_model(Operators=[operator(2, (0, 1), (2,))]), "operator code 2"),
        (_model(Operators=[operator(0, (0, 9), (2,))]), "tensor 9"),
        (_model(Operators=[operator(0, (0, -2), (2,))]), "tensor -2"),
        (_model(Operators=[operator(0, (0, 1), (-1,))]), "tensor -1"),
        (_model(Operators=[operator(0, (0, 1), ())]), "no output"),
        (_model(Operators=[operator(0, (0, 1), (3,)), operator(1, (0,), (3,))]), "computed twice"),
        (_model(Operators=[operator(0, (0, 3), (2,)), operator(1, (2,), (3,))]), "reads, directly or not"),
        (_model(Operators=[operator(1, (3,), (3,))]), "reads, directly or not"),
        (_model(Operators=[operator(0, (0, 0), (1,))], Outputs=ints(0)), "constant"),
        (_model(Operators=[operator(1, (2,), (3,))]), "nothing computes"),
        (add_relu() | {"Version": 2}, "schema version 2"),
        (add_relu() | {"Subgraphs": []}, "no subgraph"),
        (add_relu() | {"Buffers": [{"Data": np.zeros(4, np.uint8)}] * 2}, "buffer 0"),
    ],
)
def test_contradictions_are_input_errors(model: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        load(write(model))
    assert "\n" not in str(error.value)


def test_wrong_output_type_is_a_verify_error() -> None:
    with pytest.raises(VerifyError, match="output is"):
        load(write(_tensors((3, {"Shape": ints(1, 5)}))))


def test_absent_and_superfluous_operands() -> None:
    for inputs in ((), (0,), (-1, 1), (0, -1), (-1, -1)):
        with pytest.raises(MicrogenError, match="missing"):
            load(write(_model(Operators=[operator(0, inputs, (2,)), operator(1, (2,), (3,))])))


def test_options_of_another_operator() -> None:
    model = add_relu()
    model["Subgraphs"][0]["Operators"][0] |= {
        "BuiltinOptionsType": tflite.BuiltinOptions.Conv2DOptions,
        "BuiltinOptions": ("Conv2DOptions", {"StrideW": 1}),
    }
    with pytest.raises(InputError, match="Conv2DOptions, not AddOptions"):
        load(write(model))


# Files that are no models ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b"TFL3", b"hello, world\n", b"\0\0\0\0TFL3", bytes(1000), b"\xff\xff\xff\xffTFL3"]
)
def test_no_model_at_all(data: bytes) -> None:
    for suffix in ("tflite", "bin"):
        with pytest.raises(InputError) as error:
            frontends.load(Path(f"some/file.{suffix}"), data)
        assert str(error.value).startswith(f"some/file.{suffix}: ")


def test_unreadable_paths(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.tflite"):
        with pytest.raises(InputError, match="cannot be read"):
            load(path)


def test_recognized_by_content(tmp_path: Path) -> None:
    data = write(add_relu())
    assert recognizes(data)
    assert frontends.load(Path("renamed.bin"), data).name == "renamed"
    with pytest.raises(InputError, match=r"^odd\.bin: tensor 'total': "):
        frontends.load(Path("odd.bin"), write(_tensors((2, {"Shape": ints(0)}))))


# Mutations -------------------------------------------------------------------------------------------------

_WORDS = (
    b"\0\0\0\0",
    b"\1\0\0\0",
    b"\2\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\0\0\xc0\x7f",
)


def _mutated(data: bytes, source: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        at = source.randrange(len(result))
        kind = source.randrange(4)
        if kind == 0:
            result[at] = source.randrange(256)
        elif kind == 1:
            result[at] ^= 1 << source.randrange(8)
        else:
            at &= ~3
            other = source.randrange(len(result)) & ~3
            result[at : at + 4] = source.choice(_WORDS) if kind == 2 else result[other : other + 4]
    return bytes(result)


def _outcome(data: bytes) -> str:
    """What loading ``data`` leads to; anything but a graph or a typed error passes through."""
    start = time.process_time()
    try:
        graph = load(data)
    except MicrogenError as error:
        outcome = type(error).__name__ if "\n" not in str(error) else f"{type(error).__name__} of several lines"
    else:
        assert isinstance(graph, Graph)
        outcome = "Graph"
    assert time.process_time() - start < 2.0
    return outcome


@pytest.mark.parametrize("name", ["hello_world_int8.tflite", "micro_speech_int8.tflite"])
def test_truncated_and_mutated_models(test_model: Any, name: str) -> None:
    data = test_model(name).read_bytes()
    step = max(1, len(data) // 300)
    assert {_outcome(data[:length]) for length in range(0, len(data), step)} == {"InputError"}
    source = random.Random(name)
    outcomes = Counter(_outcome(_mutated(data, source)) for _ in range(2000))
    assert set(outcomes) <= {"Graph", "InputError", "UnsupportedError", "VerifyError"}
    assert outcomes["Graph"] > 100 and outcomes["InputError"] > 100
    tracemalloc.start()
    try:
        for _ in range(200):
            _outcome(_mutated(data, source))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def _files(operator_class: Any) -> list[bytes]:
    """The operator's samples that the format can express."""
    files = []
    for sample in operator_class.samples():
        try:
            files.append(save(sample.graph))
        except VerifyError:
            continue
    return files


@pytest.mark.parametrize(
    "operator_class", [o for o in operators() if o.tflite or o.tflite_custom], ids=lambda o: o.name
)
def test_mutated_operators(operator_class: Any) -> None:
    """Small files are nearly all structure: mutations reach every operator's options and operands."""
    files = _files(operator_class)
    source = random.Random(operator_class.name)
    outcomes: Counter[str] = Counter()
    for data in files[:: max(1, len(files) // 3)][:3]:
        outcomes.update(_outcome(_mutated(data, source)) for _ in range(150))
    assert set(outcomes) <= {"Graph", "InputError", "UnsupportedError", "VerifyError"}
    assert outcomes["Graph"] and outcomes["InputError"]


def test_bool_constants_are_zero_or_one() -> None:
    model = add_relu()
    model["OperatorCodes"][1] = {"BuiltinCode": tflite.BuiltinOperator.RESHAPE}
    model["Subgraphs"][0]["Tensors"] += [tensor("flags", Type=tflite.TensorType.BOOL, Buffer=1)]
    model["Subgraphs"][0]["Outputs"] = ints(2, 4)
    model["Subgraphs"][0]["Operators"] = [operator(0, (0, 1), (2,))]
    flags = load(write(model)).outputs[1]
    assert flags.type.dtype is DType.BOOL
    assert flags.type.quant is None
    assert flags.const.view(np.uint8).tolist() == [[0, 1, 1, 1]]
