"""What damaged files have asked for: one line in place of a traceback, and no memory without bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from microgen.boards import load_board
from microgen.compiler import compile_model
from microgen.errors import DoesNotFit, InputError, UnsupportedError, VerifyError
from microgen.frontends.tflite import load
from microgen.mindir import DType, Graph, Node, TensorType, Value
from microgen.ops.broadcast_to import BroadcastTo
from microgen.passes import optimize
from tests.support.tflite_file import ints, operator, tensor, write

FLOAT = {"Type": tflite.TensorType.FLOAT32, "Quantization": {}}
INT32 = {"Type": tflite.TensorType.INT32, "Quantization": {}}


def single(
    code: str, tensors: list[dict[str, Any]], inputs: tuple[int, ...], constants: list[np.ndarray], **fields: Any
) -> bytes:
    """A file of one operator; tensor 0 is the input, the last one the result."""
    result = len(tensors) - 1
    return write(
        {
            "Version": 3,
            "OperatorCodes": [{"BuiltinCode": getattr(tflite.BuiltinOperator, code), "Version": 1}],
            "Buffers": [{}, *({"Data": np.frombuffer(array.tobytes(), np.uint8)} for array in constants)],
            "Subgraphs": [
                {
                    "Tensors": tensors,
                    "Inputs": ints(0),
                    "Outputs": ints(result),
                    "Operators": [operator(0, inputs, (result,), **fields)],
                }
            ],
        }
    )


def options(name: str, **fields: Any) -> dict[str, Any]:
    return {"BuiltinOptionsType": getattr(tflite.BuiltinOptions, name), "BuiltinOptions": (name, fields)}


def test_a_dilation_does_not_make_the_padding_fill_the_memory() -> None:
    tensors = [
        tensor("image", (1, 4, 4, 1), **FLOAT),
        tensor("filter", (1, 3, 3, 1), Buffer=1, **FLOAT),
        tensor("y", (1, 4, 4, 1), **FLOAT),
    ]
    table = options("Conv2DOptions", StrideW=1, StrideH=1, DilationHFactor=10**8, DilationWFactor=1)
    data = single("CONV_2D", tensors, (0, 1), [np.ones((1, 3, 3, 1), np.float32)], **table)
    with pytest.raises((InputError, UnsupportedError), match="with its padding is larger than"):
        load(data)


def test_a_softmax_in_int16_with_a_huge_beta_is_refused() -> None:
    quantization = {"Scale": np.array([2.0**-15], np.float32), "ZeroPoint": np.array([0], np.int64)}
    int16 = {"Type": tflite.TensorType.INT16, "Quantization": quantization}
    table = options("SoftmaxOptions", Beta=1e30)
    data = single("SOFTMAX", [tensor("x", **int16), tensor("y", **int16)], (0,), [], **table)
    with pytest.raises(UnsupportedError, match="beta"):
        load(data)


def test_several_depths_of_one_hot_are_refused() -> None:
    tensors = [
        tensor("x", (2,), **INT32),
        tensor("depth", (2,), Buffer=1, **INT32),
        tensor("on", (1,), Buffer=2, **FLOAT),
        tensor("off", (1,), Buffer=3, **FLOAT),
        tensor("y", (2, 3), **FLOAT),
    ]
    constants = [np.array([3, 3], np.int32), np.ones(1, np.float32), np.zeros(1, np.float32)]
    with pytest.raises(UnsupportedError, match="2 depths, not 1"):
        load(single("ONE_HOT", tensors, (0, 1, 2, 3), constants))


def test_unpack_of_two_tensors_is_refused() -> None:
    data = single("UNPACK", [tensor("x", (1, 4), **FLOAT), tensor("y", (4,), **FLOAT)], (0, 0), [])
    with pytest.raises(UnsupportedError, match="2 inputs, not 1"):
        load(data)


def test_constants_that_a_few_bytes_ask_for_are_bounded() -> None:
    small = Value("small", TensorType(DType.FLOAT32, (1, 1)), np.ones((1, 1), np.float32))
    shape = (4096, 4096)
    result = Value("y", TensorType(DType.FLOAT32, shape))
    node = Node(BroadcastTo(shape), (small,), (result,), "y")
    with pytest.raises(VerifyError, match="elements are computed from constants of 1"):
        optimize(Graph("net", [], [result], [node]))


def test_a_tensor_that_no_board_holds_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    large = (1, 1 << 26)
    path.write_bytes(single("NEG", [tensor("x", large, **FLOAT), tensor("y", large, **FLOAT)], (0,), []))
    with pytest.raises(DoesNotFit):
        compile_model(path, load_board("mps3-an547"))
