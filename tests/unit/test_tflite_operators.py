"""What TensorFlow Lite Micro's interpreter knows is the list to go by: microgen reads all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite

from microgen.errors import UnsupportedError
from microgen.frontends import tflite_batches, tflite_control, tflite_schema, tflite_shapes, tflite_states
from microgen.frontends.tflite import load
from microgen.ops.registry import by_tflite_name
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.oracle import Oracle, OracleRefused
from tests.support.oracle import run as reference
from tests.support.tflite_file import ints, operator, tensor, write

#: The builtin operators that the interpreter of package tflite-micro registers.
REGISTERED = frozenset(
    ("ABS", "ADD", "ADD_N", "ARG_MAX", "ARG_MIN", "ASSIGN_VARIABLE", "AVERAGE_POOL_2D", "BATCH_MATMUL",
     "BATCH_TO_SPACE_ND", "BROADCAST_ARGS", "BROADCAST_TO", "CALL_ONCE", "CAST", "CEIL", "CONCATENATION",
     "CONV_2D", "COS", "CUMSUM", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV",
     "DYNAMIC_UPDATE_SLICE", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP", "EXPAND_DIMS", "FILL", "FLOOR",
     "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER", "GATHER_ND", "GREATER", "GREATER_EQUAL", "HARD_SWISH",
     "IF", "L2_NORMALIZATION", "L2_POOL_2D", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND",
     "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "LOG_SOFTMAX", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM",
     "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "PACK", "PAD", "PADV2", "PRELU", "QUANTIZE", "READ_VARIABLE",
     "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
     "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "ROUND", "RSQRT", "SELECT_V2", "SHAPE", "SIN", "SLICE", "SOFTMAX",
     "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE",
     "STRIDED_SLICE", "SUB", "SUM", "SVDF", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
     "UNPACK", "VAR_HANDLE", "WHILE", "ZEROS_LIKE")
)  # fmt: skip
#: Those whose results are known when a file is read.
COMPUTED_EARLY = frozenset(("SHAPE", *tflite_shapes.OPTIONS))
_TYPES = {np.dtype(n): getattr(tflite.TensorType, n.upper()) for n in ("float32", "int8", "int32", "int64", "bool")}


def plain(name: str, array: Any, **fields: Any) -> dict[str, Any]:
    """A tensor without quantization, of an array's shape and type."""
    given: dict[str, Any] = {"Name": name, "Shape": ints(*array.shape), "Type": _TYPES[array.dtype]}
    return given | fields


def model(
    name: str, inputs: list[Any], outputs: list[Any], options: Any = None, *, constants: tuple[int, ...] = ()
) -> bytes:
    """A file of one operator; inputs are arrays or tensors, those at the places ``constants`` are constants."""
    tensors: list[dict[str, Any]] = []
    buffers: list[dict[str, Any]] = [{}]
    for place, item in enumerate(inputs):
        fields = {}
        if place in constants:
            fields["Buffer"] = len(buffers)
            buffers.append({"Data": np.frombuffer(np.ascontiguousarray(item).tobytes(), np.uint8)})
        tensors.append(plain(f"x{place}", item, **fields))
    tensors += [item if isinstance(item, dict) else plain(f"y{i}", item) for i, item in enumerate(outputs)]
    places = range(len(tensors))
    fields = (
        {}
        if options is None
        else {"BuiltinOptionsType": getattr(tflite.BuiltinOptions, options[0]), "BuiltinOptions": options}
    )
    code = getattr(tflite.BuiltinOperator, name)
    subgraph = {
        "Tensors": tensors,
        "Inputs": ints(*(i for i in range(len(inputs)) if i not in constants)),
        "Outputs": ints(*places[len(inputs) :]),
        "Operators": [operator(0, tuple(places[: len(inputs)]), tuple(places[len(inputs) :]), **fields)],
    }
    codes = [{"DeprecatedBuiltinCode": min(code, 127), "BuiltinCode": code, "Version": 1}]
    return write({"Version": 3, "OperatorCodes": codes, "Buffers": buffers, "Subgraphs": [subgraph]})


@pytest.mark.oracle
def test_the_list_is_what_the_interpreter_registers(capfd: pytest.CaptureFixture[str]) -> None:
    # Operators that are refused while their operands are looked at are known; some need more than these to live.
    unsafe = {"MEAN", "SUM", "MIRROR_PAD", "WHILE", "VAR_HANDLE", "CUSTOM"}
    x = np.zeros(1, np.float32)
    for name in set(tflite_schema.names("BuiltinOperator").values()) - unsafe:
        try:
            Oracle(model(name, [x], [x]))
        except OracleRefused:
            known = "Didn't find op" not in capfd.readouterr().err
        else:
            known = True
        assert known == (name in REGISTERED), name


def test_everything_registered_is_read() -> None:
    known = {*by_tflite_name(), *tflite_batches.OPERATORS, *tflite_control.OPERATORS, *tflite_states.OPERATORS}
    assert known | COMPUTED_EARLY >= REGISTERED


def _check(data: bytes, inputs: list[Any]) -> None:
    """Our results, as the file is read and as it is optimized, are the reference interpreter's."""
    expected = reference(data, inputs).outputs
    graph = load(data, "m")
    for each in (graph, optimize(load(data, "m"))):
        found = Session(each).run([a[np.newaxis] for a in inputs])
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours[0], theirs)
            assert ours.dtype == theirs.dtype


@pytest.mark.oracle
def test_shapes_and_fillings() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    _check(model("SHAPE", [x], [np.zeros(2, np.int32)]), [x])
    _check(model("ZEROS_LIKE", [x], [x]), [x])
    whole = x.astype(np.int64)
    _check(model("ZEROS_LIKE", [whole], [whole]), [whole])
    for kind in (np.float32, np.int32, np.int8):
        value = np.array(7, kind)
        _check(model("FILL", [np.array([2, 3], np.int32), value], [x.astype(kind)], constants=(0,)), [value])
    shapes = [np.array([3, 1, 5], np.int32), np.array([4, 1], np.int32)]
    data = model("BROADCAST_ARGS", shapes, [np.zeros(3, np.int32)], constants=(0, 1))
    _check(data, [])


@pytest.mark.oracle
@pytest.mark.parametrize("constants", [(1,), ()])
def test_embedding_lookup(constants: tuple[int, ...]) -> None:
    table = np.arange(15, dtype=np.float32).reshape(5, 3)
    chosen = np.array([4, 0, 4, 2], np.int32)
    data = model("EMBEDDING_LOOKUP", [chosen, table], [np.zeros((4, 3), np.float32)], constants=constants)
    _check(data, [chosen] if constants else [chosen, table])


@pytest.mark.oracle
def test_embedding_lookup_of_packed_rows() -> None:
    table, chosen = np.arange(-7, 8, dtype=np.int8).reshape(5, 3), np.array([4, 0, 4, 2], np.int32)
    fields = {
        "Quantization": {"Scale": np.array([0.25], np.float32), "ZeroPoint": np.array([0], np.int64)},
        "Buffer": 1,
    }
    tensors = [plain("chosen", chosen), tensor("table", (5, 3), **fields), plain("rows", np.zeros((4, 3), np.float32))]
    code = tflite.BuiltinOperator.EMBEDDING_LOOKUP
    subgraph = {"Tensors": tensors, "Inputs": ints(0), "Outputs": ints(2), "Operators": [operator(0, (0, 1), (2,))]}
    codes = [{"DeprecatedBuiltinCode": code, "BuiltinCode": code, "Version": 1}]
    buffers = [{}, {"Data": table.view(np.uint8).ravel()}]
    _check(write({"Version": 3, "OperatorCodes": codes, "Buffers": buffers, "Subgraphs": [subgraph]}), [chosen])


def test_the_page_of_operators_is_current() -> None:
    from tools.update_operators_doc import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.update_operators_doc"


def test_activations_behind_plain_integers_are_refused() -> None:
    x = np.zeros((2, 3), np.int32)
    with pytest.raises(UnsupportedError, match="fused activation RELU6 is not supported behind plain integers"):
        load(model("ADD", [x, x], [x], ("AddOptions", {"FusedActivationFunction": 3})), "m")


@pytest.mark.oracle
def test_the_output_shape_of_a_transposed_convolution_need_not_be_known() -> None:
    """The result's own shape counts, as for the interpreter; streaming models compute the operand."""
    random = np.random.default_rng(5)
    image, filter_ = (random.standard_normal(shape).astype(np.float32) for shape in ((1, 3, 2, 4), (5, 3, 2, 4)))
    result = np.zeros((1, 7, 4, 5), np.float32)
    options = ("TransposeConvOptions", {"Padding": 1, "StrideH": 2, "StrideW": 2})
    shape = np.array(result.shape, np.int32)
    data = model("TRANSPOSE_CONV", [shape, filter_, image], [result], options, constants=(1,))
    (wanted,) = Oracle(data).run([shape, image]).outputs
    (found,) = Session(optimize(load(data))).run([shape[None], image[None]])
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5, atol=1e-6)
