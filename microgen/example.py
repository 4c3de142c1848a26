"""The example input of a network, which its self-test uses: what the generated code fills in by itself."""

from __future__ import annotations

import numpy as np

from microgen.codegen import Example
from microgen.mindir import Array, DType, Graph, TensorType
from microgen.ops.base import every_value
from microgen.runtime import Session


def example_input(t: TensorType) -> Array:
    """One sample, [1, *shape]: element i is ((37·i + 11) mod 256) − 128.

    Of float32 it is that / 128, of uint8 that + 128, of int16 that · 256, of bool its lowest bit. Other integers are 0,
    for they may be indices.
    """
    pattern = (37 * np.arange(t.elements, dtype=np.int64) + 11) % 256 - 128
    values = {
        DType.FLOAT32: pattern / 128.0,
        DType.INT8: pattern,
        DType.UINT8: pattern + 128,
        DType.INT16: pattern * 256,
        DType.BOOL: pattern & 1,
    }.get(t.dtype, 0 * pattern)
    return values.reshape(1, *t.shape).astype(t.dtype.numpy)


def make_example(graph: Graph) -> Example:
    """What the host runtime makes of the example input."""
    outputs = Session(graph).run([example_input(value.type) for value in graph.inputs])
    return Example(
        tuple(output[0] for output in outputs), not any(value.type.dtype.is_float for value in every_value(graph))
    )
