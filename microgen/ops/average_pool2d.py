"""AVERAGE_POOL_2D: the mean of a sliding window."""

from __future__ import annotations

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
class AveragePool2D(Pooling):
    """The mean of the window's positions inside the image; integers round halves away from zero."""

    name: ClassVar[str] = "AveragePool2D"
    tflite: ClassVar[tuple[str, ...]] = ("AVERAGE_POOL_2D",)
    float_kernel: ClassVar[str] = "mg_avgpool_f32"

    def pool(self, node: Node, image: Array) -> arith.Ints:
        sums = arith.wrap32(sum(self.taps(node, image, fill=0)))
        counts: arith.Ints = np.sum(list(self.taps(node, np.ones((1, *image.shape[1:]), np.int64), fill=0)), axis=0)
        counts = np.tile(counts, (image.shape[0], 1, 1, 1))
        # Halves are added to the quantized sum, zero point and all, and the division truncates.
        nudged = arith.wrap32(np.where(sums > 0, sums + counts // 2, sums - counts // 2))
        return np.where(nudged >= 0, nudged // counts, -(-nudged // counts))

    def pool_float(self, node: Node, image: Array, dtype: Any) -> FloatArray:
        inside = np.ones((1, 1, *image.shape[2:4], 1))
        counts: FloatArray = sum(self.taps(node, inside, 0.0, dtype), np.zeros((), dtype))
        sums: FloatArray = sum(self.taps(node, image, 0.0, dtype), np.zeros((), dtype))
        return sums / counts

    def quantized_call(self, node: Node) -> Call:
        channels = node.output.shape[3]
        kernel = f"arm_avgpool_{suffix(node)}"
        return self.call(node, kernel, 4 * channels, f"MG_AVGPOOL_S8_SCRATCH({channels})")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from pooling_samples(cls)
