"""A RESHAPE whose constant shape has no elements makes a scalar; it was refused for a dimension of 0."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from microgen.frontends.tflite import load
from microgen.runtime import Session
from tests.support.oracle import run
from tests.support.tflite_file import write


def model(name: str) -> bytes:
    quant = {"Scale": np.array([0.5], np.float32), "ZeroPoint": np.array([0], np.int64)}
    int8 = {"Type": tflite.TensorType.INT8, "Quantization": quant}
    tensors = [
        {**int8, "Shape": np.array([1, 1], np.int32), "Buffer": 0, "Name": "x"},
        {"Type": getattr(tflite.TensorType, name), "Shape": np.array([0], np.int32), "Buffer": 1, "Name": "shape"},
        {**int8, "Shape": np.array([], np.int32), "Buffer": 0, "Name": "y"},
    ]
    operator = {"OpcodeIndex": 0, "Inputs": np.array([0, 1], np.int32), "Outputs": np.array([2], np.int32)}
    graph = {
        "Tensors": tensors,
        "Inputs": np.array([0], np.int32),
        "Outputs": np.array([2], np.int32),
        "Operators": [operator],
    }
    code = {"BuiltinCode": tflite.BuiltinOperator.RESHAPE, "DeprecatedBuiltinCode": 22}
    return write({"Version": 3, "Buffers": [{}, {}], "OperatorCodes": [code], "Subgraphs": [graph]})


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["INT32"])
def test_reshape_to_scalar(name: str) -> None:
    graph = load(model(name))
    assert graph.outputs[0].shape == ()
    x = np.full((1, 1, 1), 42, np.int8)
    (y,) = Session(graph).run([x])
    np.testing.assert_array_equal(y[0], run(model(name), [x[0]]).outputs[0].reshape(()))


def test_sixty_four_bit_shapes() -> None:
    assert load(model("INT64")).outputs[0].shape == ()
