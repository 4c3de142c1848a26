"""ARG_MIN: where along an axis the smallest element is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array
from microgen.ops.arg_reduction import ArgReduction


@dataclass(frozen=True)
class ArgMin(ArgReduction):
    """The index of the smallest element; see ``ArgReduction``."""

    name: ClassVar[str] = "ArgMin"
    tflite: ClassVar[tuple[str, ...]] = ("ARG_MIN",)
    tflite_options: ClassVar[str | None] = "ArgMinOptions"
    onnx: ClassVar[tuple[str, ...]] = ("ArgMin",)
    largest: ClassVar[bool] = False

    def find(self, x: Array, axis: int) -> Array:
        return np.asarray(np.argmin(x, axis=axis))
