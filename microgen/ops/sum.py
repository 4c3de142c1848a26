"""SUM: the sum over any dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from microgen.mindir import Array, QuantParams
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.reduction import QuantizedSum


@dataclass(frozen=True)
class Sum(QuantizedSum):
    """The sum over ``axes``; see ``Reduction``."""

    name: ClassVar[str] = "Sum"
    tflite: ClassVar[tuple[str, ...]] = ("SUM",)
    onnx: ClassVar[tuple[str, ...]] = ("ReduceSum",)
    axes_are_an_input_since: ClassVar[int] = 13
    float_kernel: ClassVar[str] = "mg_sum_f32"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        numbers: Any = x
        result: Array = numbers.sum(axis=axes, dtype=x.dtype)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from cls.shape_samples((0.3, -5), sums=True)

        def make(id: str, scales: tuple[float, float], zero_points: tuple[int, int]) -> Sample:
            source = sampling.int8((1, 4, 5, 6), scales[0], zero_points[0])
            return sampling.single(cls((1, 2)), id, (source,), QuantParams.per_tensor(scales[1], zero_points[1]))

        kind = sampling.int16((1, 4, 5, 6))
        yield sampling.single(cls((1, 2)), "i16", (kind,), QuantParams.per_tensor(0.002, 0))
        yield make("same_scale", (0.05, 0.05), (3, 3))
        yield make("zero_points_apart", (0.05, 0.5), (-128, 127))
        yield make("vanishing", (0.05, 400.0), (3, -5))
        yield make("factor_far_above_1", (3000.0, 0.1), (3, -5))
