"""REDUCE_MAX: the largest element over any dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from microgen.mindir import Array
from microgen.ops.reduction import Extreme


@dataclass(frozen=True)
class ReduceMax(Extreme):
    """The largest element over ``axes``, NaN where there is one; see ``Reduction``."""

    name: ClassVar[str] = "ReduceMax"
    tflite: ClassVar[tuple[str, ...]] = ("REDUCE_MAX",)
    onnx: ClassVar[tuple[str, ...]] = ("ReduceMax",)
    float_kernel: ClassVar[str] = "mg_reduce_max_f32"
    int8_kernel: ClassVar[str] = "mg_reduce_max_s8"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        numbers: Any = x
        result: Array = numbers.max(axis=axes)
        return result
