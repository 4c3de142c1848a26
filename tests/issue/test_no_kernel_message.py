"""Layers that only the host runtime computes say so in words that make sense."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.compiler import device_problems
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, TensorType, Value
from tests.support.networks import OPS


@pytest.mark.parametrize("operator", ["TopK", "OneHot", "ScatterND"])
def test_the_operand_that_is_computed_is_named(operator: str) -> None:
    b = GraphBuilder("test")
    x = b.input("x", TensorType(DType.FLOAT32, (1, 6)))
    indices = b.input("ids", TensorType(DType.INT32, (1, 2)))
    operands: dict[str, tuple[object, tuple[Value, ...]]] = {
        "TopK": (OPS.TopK(1, 2), (x,)),
        "OneHot": (OPS.OneHot(4, 1), (indices, b.constant(np.array([0, 1], np.float32)))),
        "ScatterND": (OPS.ScatterND(), (x, indices, b.constant(np.array([1], np.float32)))),
    }
    op, inputs = operands[operator]
    value = b.add_all(op, *inputs)[0]  # type: ignore[arg-type]
    (problem,) = (p for p in device_problems(b.graph([value])) if "kernel" in p)
    assert f"no kernel in C, but {inputs[0].name!r} is computed" in problem
