"""MAX_POOL_2D: the maximum of a sliding window."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgen import arith
from microgen.mindir import Array, Node
from microgen.ops.base import Sample
from microgen.ops.call import Call
from microgen.ops.constraints import suffix
from microgen.ops.floats import FloatArray
from microgen.ops.pooling import Pooling, pooling_samples


@dataclass(frozen=True)
class MaxPool2D(Pooling):
    """The maximum of the window's positions inside the image."""

    name: ClassVar[str] = "MaxPool2D"
    tflite: ClassVar[tuple[str, ...]] = ("MAX_POOL_2D",)
    float_kernel: ClassVar[str] = "mg_max_pool_f32"

    def pool(self, node: Node, image: Array) -> arith.Ints:
        return functools.reduce(np.maximum, self.taps(node, image, fill=node.output.type.dtype.limits[0]))

    def pool_float(self, node: Node, image: Array, dtype: Any) -> FloatArray:
        return functools.reduce(np.maximum, self.taps(node, image, -np.inf, dtype))

    def quantized_call(self, node: Node) -> Call:
        return self.call(node, f"arm_max_pool_{suffix(node)}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from pooling_samples(cls)
