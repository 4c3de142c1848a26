"""L2_POOL_2D: the root of the mean square of a sliding window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgen import arith
from microgen.mindir import Array, Node
from microgen.ops import sampling
from microgen.ops.attributes import Activation, same_or_valid
from microgen.ops.base import Sample, constraint
from microgen.ops.call import Call
from microgen.ops.constraints import short
from microgen.ops.floats import FloatArray
from microgen.ops.pooling import Pooling
from microgen.ops.quantization import QuantRule


@dataclass(frozen=True)
class L2Pool2D(Pooling):
    """The root of the mean square of the window's positions inside the image."""

    name: ClassVar[str] = "L2Pool2D"
    tflite: ClassVar[tuple[str, ...]] = ("L2_POOL_2D",)
    float_kernel: ClassVar[str] = "mg_l2_pool_f32"

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input and output are of one floating-point type"""
        for value in (node.input(0), node.output):
            if not value.type.dtype.is_float:
                return f"{short(value)} is {value.type.dtype}"
        return None

    def pool(self, node: Node, image: Array) -> arith.Ints:
        raise NotImplementedError  # it is never quantized

    def quantized_call(self, node: Node) -> Call:
        raise NotImplementedError

    def quant_rule(self, node: Node) -> QuantRule | None:
        return None

    def pool_float(self, node: Node, image: Array, dtype: Any) -> FloatArray:
        inside = np.ones((1, 1, *image.shape[2:4], 1))
        counts: FloatArray = sum(self.taps(node, inside, 0.0, dtype), np.zeros((), dtype))
        squares: FloatArray = sum((x * x for x in self.taps(node, image, 0.0, dtype)), np.zeros((), dtype))
        roots: FloatArray = np.sqrt(squares / counts)
        return roots

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape, kernel, stride, padding, activation in (
            ("2x2", (1, 6, 8, 3), (2, 2), (2, 2), "VALID", Activation.NONE),
            ("3x3_same_stride2", (2, 7, 9, 2), (3, 3), (2, 2), "SAME", Activation.NONE),
            ("relu6", (1, 4, 4, 3), (2, 3), (1, 1), "SAME", Activation.RELU6),
        ):
            pads = same_or_valid(padding, shape[1:3], kernel, stride, (1, 1))
            op = cls(kernel, stride, pads, activation)
            yield sampling.single(op, f"f32_{id}", [sampling.float32(shape)], None)
