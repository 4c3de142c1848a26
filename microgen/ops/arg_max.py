"""ARG_MAX: where along an axis the largest element is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array
from microgen.ops.arg_reduction import ArgReduction


@dataclass(frozen=True)
class ArgMax(ArgReduction):
    """The index of the largest element; see ``ArgReduction``."""

    name: ClassVar[str] = "ArgMax"
    tflite: ClassVar[tuple[str, ...]] = ("ARG_MAX",)
    tflite_options: ClassVar[str | None] = "ArgMaxOptions"
    onnx: ClassVar[tuple[str, ...]] = ("ArgMax",)
    largest: ClassVar[bool] = True

    def find(self, x: Array, axis: int) -> Array:
        return np.asarray(np.argmax(x, axis=axis))
