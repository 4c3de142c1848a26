"""int8 division against the reference interpreter, as far as that is defined."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops.attributes import Activation
from microgen.ops.div import Div
from microgen.ops.tflite_form import ACTIVATION
from tests.support import oracle
from tests.support.tflite_file import ints, operator, write


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("first", "second", "output", "activation"),
    [
        ((0.05, 3), (0.04, -7), (0.9, -5), Activation.NONE),
        ((0.05, -128), (0.05, -128), (0.01, -128), Activation.RELU),
        ((0.1, 127), (0.001, -128), (3.0, 0), Activation.RELU6),
    ],
)
def test_int8_quotients_where_the_reference_has_them(
    first: tuple[float, int], second: tuple[float, int], output: tuple[float, int], activation: Activation
) -> None:
    """All pairs but divisions by 0 and quotients for which the reference shifts by 31 bits or more."""
    a, b = (grid.reshape(-1) for grid in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    kinds = [TensorType(DType.INT8, a.shape, QuantParams.per_tensor(*quant)) for quant in (first, second, output)]
    values = [Value(name, kind) for name, kind in zip("aby", kinds, strict=True)]
    node = Node(Div(activation), (values[0], values[1]), (values[2],), "y")
    inputs = [a.astype(np.int8), b.astype(np.int8)]
    (found,) = Div(activation).evaluate(node, [x[np.newaxis] for x in inputs])
    names = [{"Name": v.name, "Shape": ints(a.size), "Type": tflite.TensorType.INT8, "Quantization": {
        "Scale": np.array([q[0]], np.float32), "ZeroPoint": np.array([q[1]], np.int64)
    }} for v, q in zip(values, (first, second, output), strict=True)]  # fmt: skip
    options = ("DivOptions", {"FusedActivationFunction": ACTIVATION.index(activation.value)})
    divide = operator(0, (0, 1), (2,), BuiltinOptionsType=tflite.BuiltinOptions.DivOptions, BuiltinOptions=options)
    graph = {"Tensors": names, "Inputs": ints(0, 1), "Outputs": ints(2), "Operators": [divide]}
    codes = [{"DeprecatedBuiltinCode": tflite.BuiltinOperator.DIV, "Version": 1}]
    model = write({"Version": 3, "OperatorCodes": codes, "Buffers": [{}], "Subgraphs": [graph]})
    (expected,) = oracle.run(model, inputs).outputs
    quotient = np.abs((a - first[1]) / np.where(b == second[1], 1, b - second[1]))
    # The shift is 31 at most half a step of the output, and never for a whole one.
    defined = (b != second[1]) & (quotient * first[0] / second[0] >= output[0])
    assert defined.mean() > 0.15
    np.testing.assert_array_equal(found[0][defined], expected[defined])
