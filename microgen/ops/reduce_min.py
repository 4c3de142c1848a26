"""REDUCE_MIN: the smallest element over any dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from microgen.mindir import Array
from microgen.ops.reduction import Extreme


@dataclass(frozen=True)
class ReduceMin(Extreme):
    """The smallest element over ``axes``, NaN where there is one; see ``Reduction``."""

    name: ClassVar[str] = "ReduceMin"
    tflite: ClassVar[tuple[str, ...]] = ("REDUCE_MIN",)
    onnx: ClassVar[tuple[str, ...]] = ("ReduceMin",)
    float_kernel: ClassVar[str] = "mg_reduce_min_f32"
    int8_kernel: ClassVar[str] = "mg_reduce_min_s8"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        numbers: Any = x
        result: Array = numbers.min(axis=axes)
        return result
