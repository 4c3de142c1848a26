"""MEAN: the mean over any dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, FieldValue, Input, Int, Output, Struct, Target, ints
from microgen.ops.constraints import quantized_int8
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class Mean(Op):
    """The mean over ``axes``, ascending and without duplicates, which become 1 or, without ``keep_dims``, vanish."""

    axes: tuple[int, ...]
    keep_dims: bool = False

    name: ClassVar[str] = "Mean"
    tflite: ClassVar[tuple[str, ...]] = ("MEAN",)
    tflite_options: ClassVar[str | None] = "ReducerOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        rank = len(source.input(0).shape)
        axes = source.integers(1)
        bad = next((axis for axis in axes if not -rank <= axis < rank), None)
        if bad is not None:
            raise VerifyError(f"axis {bad} is outside of the input's {rank} dimensions")
        ascending = tuple(sorted({axis % rank for axis in axes}))
        return cls(ascending, bool(source.option("KeepDims"))), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axes = sampling.constant("axes", np.array(self.axes, np.int32))
        return TFLiteForm(
            self.tflite[0], (node.input(0), axes), self.tflite_options, {"KeepDims": self.keep_dims}, version=2
        )

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        rank = len(source.shape)
        if not self.axes:
            raise VerifyError("there is no axis to average over")
        if list(self.axes) != sorted({axis for axis in self.axes if 0 <= axis < rank}):
            raise VerifyError(f"axes {list(self.axes)} are not ascending dimensions of {list(source.shape)}")
        if self.keep_dims:
            shape = tuple(1 if i in self.axes else size for i, size in enumerate(source.shape))
        else:
            shape = tuple(size for i, size in enumerate(source.shape) if i not in self.axes)
        return ((source.type.dtype, shape),)

    @constraint
    def int8_tensors(self, node: Node) -> str | None:
        """input and output are int8 with per-tensor quantization parameters"""
        return quantized_int8(node, (node.input(0), node.output))

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale over output scale is below 2^30"""
        if self.int8_tensors(node) is not None:
            return None
        try:
            self.factor(node)
        except ValueError as error:
            return str(error)
        return None

    def count(self, node: Node) -> int:
        """How many values each mean is taken of."""
        return math.prod(node.input(0).shape[axis] for axis in self.axes)

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

    def sum_offset(self, node: Node) -> int:
        """What is added to a sum for the input's zero point."""
        quant = node.input(0).type.quant
        assert quant is not None
        return int(arith.wrap32(-quant.zero_point * self.count(node)))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source, quant = inputs[0], node.output.type.quant
        assert source is not None and quant is not None
        sums = source.astype(np.int64).sum(axis=tuple(axis + 1 for axis in self.axes))
        scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(sums + self.sum_offset(node)), *self.factor(node))
        result = np.clip(arith.wrap32(scaled + quant.zero_point), -128, 127).astype(np.int8)
        return [result.reshape(source.shape[0], *node.output.shape)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        assert node.output.type.quant is not None
        kept_dims, kept_strides = self._loops(node, reduced=False)
        reduced_dims, reduced_strides = self._loops(node, reduced=True)
        multiplier, shift = self.factor(node)
        fields: tuple[tuple[str, FieldValue], ...] = (
            ("kept_dims", kept_dims),
            ("kept_strides", kept_strides),
            ("reduced_dims", reduced_dims),
            ("reduced_strides", reduced_strides),
            *ints(
                sum_offset=self.sum_offset(node),
                multiplier=multiplier,
                shift=shift,
                output_offset=node.output.type.quant.zero_point,
            ),
        )
        return (Call("mg_mean_s8", (Struct("mg_mean_s8_params", fields), Input(0), Output())),)

    def _loops(self, node: Node, *, reduced: bool) -> tuple[tuple[Int, ...], tuple[Int, ...]]:
        """(sizes, strides) of the loops over the dimensions that are ``reduced`` or not, outermost first."""
        shape = node.input(0).shape
        loops: list[tuple[int, int]] = []
        before = -1
        for axis, size in enumerate(shape):
            if (axis in self.axes) is not reduced:
                continue
            stride = math.prod(shape[axis + 1 :])
            if loops and before == axis - 1:
                # Neighbouring dimensions are one loop.
                loops[-1] = (loops[-1][0] * size, stride)
            else:
                loops.append((size, stride))
            before = axis
        loops = [(1, 0)] * (_RANK - len(loops)) + loops
        return tuple(Int(size) for size, _ in loops), tuple(Int(stride) for _, stride in loops)

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
