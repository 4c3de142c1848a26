"""MEAN: the mean over any dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgen import arith
from microgen.mindir import Array, DType, Node, QuantParams, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.reduction import QuantizedSum


@dataclass(frozen=True)
class Mean(QuantizedSum):
    """The mean over ``axes``, which for integers that are not quantized is cut off; see ``Reduction``."""

    name: ClassVar[str] = "Mean"
    tflite: ClassVar[tuple[str, ...]] = ("MEAN",)
    onnx: ClassVar[tuple[str, ...]] = ("ReduceMean",)
    float_kernel: ClassVar[str] = "mg_sum_f32"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        numbers: Any = x
        result: Array = numbers.mean(axis=axes) if x.dtype.kind == "f" else np.trunc(numbers.mean(axis=axes))
        return result

    def factor_f32(self, node: Node) -> float:
        return 1.0 / self.count(node)

    def factor(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from a sum to the output's scale; ValueError when out of range.

        The division by the count goes into the multiplier, whose lost bits the shift makes up for as far as it
        can; the quotient is truncated.
        """
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        multiplier, shift = arith.quantize_multiplier(source.scale / result.scale)
        count = self.count(node)
        extra = min(count.bit_length() - 1, 32, 31 + shift)
        return (multiplier << extra) // count, shift - extra

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            axes: tuple[int, ...],
            keep_dims: bool = False,
            zero_points: tuple[int, int] = (3, -5),
            scales: tuple[float, float] = (0.05, 0.02),
        ) -> Sample:
            source = sampling.int8(shape, scales[0], zero_points[0])
            output = QuantParams.per_tensor(scales[1], zero_points[1])
            return sampling.single(cls(axes, keep_dims), id, (source,), output)

        yield make("global", (1, 5, 6, 7), (1, 2))
        yield make("global_keep_dims", (1, 5, 6, 7), (1, 2), True)
        yield make("height", (1, 5, 6, 3), (1,))
        yield make("width", (1, 5, 6, 3), (2,), True)
        yield make("channels", (1, 5, 6, 3), (3,))
        yield make("batch", (4, 5, 6, 3), (0,))
        yield make("batches", (3, 5, 6, 4), (1, 2))
        yield make("all", (2, 3, 4, 5), (0, 1, 2, 3))
        yield make("all_keep_dims", (2, 3, 4, 5), (0, 1, 2, 3), True)
        yield make("apart", (2, 3, 4, 5), (1, 3))
        yield make("apart_keep_dims", (2, 3, 4, 5), (0, 2), True)
        yield make("rank_1", (13,), (0,), True)
        yield make("rank_1_to_scalar", (13,), (0,))
        yield make("rank_2", (6, 11), (1,))
        yield make("rank_3", (2, 7, 5), (1,))
        yield make("rank_5", (2, 3, 2, 5, 3), (1, 3))
        yield make("rank_6", (2, 3, 2, 3, 2, 5), (0, 2, 4))
        yield make("rank_6_others", (2, 3, 2, 3, 2, 5), (1, 3, 5), True)
        yield make("size_1", (1, 1, 1, 9), (1, 2))
        yield make("same_scale", (1, 7, 7, 5), (1, 2), scales=(0.05, 0.05), zero_points=(-128, -128))
        yield make("zero_points_low", (1, 3, 3, 5), (1, 2), zero_points=(-128, -128))
        yield make("zero_points_high", (1, 3, 3, 5), (1, 2), zero_points=(127, 127))
        yield make("zero_points_apart", (1, 3, 3, 5), (1, 2), zero_points=(-128, 127))
        yield make("saturating", (1, 3, 3, 5), (1, 2), scales=(0.05, 0.001))
        yield make("factor_far_above_1", (1, 3, 5, 5), (1, 2), scales=(3000.0, 0.001))
        yield make("vanishing", (1, 3, 3, 5), (1, 2), scales=(0.05, 40.0))
        yield make("shift_at_its_end", (1, 3, 5, 5), (1, 2), scales=(1e-9, 1.9))
        yield make("factor_0", (1, 3, 5, 5), (1, 2), scales=(1e-9, 100.0))
        yield make("many", (1, 47, 43, 2), (1, 2))
        for count in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 49, 63, 64, 65):
            yield make(f"count_{count}", (3, count), (1,), scales=(0.05, 0.04))

        for id, shape, axes in (("global", (1, 5, 6, 7), (1, 2)), ("apart", (2, 3, 4, 5), (1, 3))):
            quant = QuantParams.per_tensor(0.0001, 0)
            yield sampling.single(cls(axes), f"i16_{id}", (sampling.int16(shape, 0.0005),), quant)

        def plain(id: str, shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool = False) -> Sample:
            return sampling.single(cls(axes, keep_dims), f"f32_{id}", (TensorType(DType.FLOAT32, shape),), None)

        yield plain("global", (1, 5, 6, 7), (1, 2))
        yield plain("global_keep_dims", (1, 5, 6, 7), (1, 2), True)
        yield plain("channels", (1, 5, 6, 3), (3,))
        yield plain("apart", (2, 3, 4, 5), (1, 3))
        yield plain("rank_6", (2, 3, 2, 3, 2, 5), (0, 2, 4))
        yield plain("many", (1, 47, 43, 2), (1, 2))
