"""CUMSUM: running sums along an axis."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Arg, Call, Input, Int, Output, Target
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_or_plain
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import axis_in, present
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Bits that the reference interpreter's int8 sums have behind the point, less the one that its input factor of 1/2
# takes away.
_SHIFT = 20
_FRACTION = _SHIFT - 1


@dataclass(frozen=True)
class CumulativeSum(Op):
    """Each element becomes the sum of those up to it along ``axis``, which may count from the end; ``exclusive`` ones
    leave itself out, ``reverse`` ones start at the other end.

    In int8 the sums are the reference interpreter's, which start from minus the input's zero point, not from 0.
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False

    name: ClassVar[str] = "CumulativeSum"
    tflite: ClassVar[tuple[str, ...]] = ("CUMSUM",)
    tflite_options: ClassVar[str | None] = "CumsumOptions"
    onnx: ClassVar[tuple[str, ...]] = ("CumSum",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.integers(1)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        return cls(axes[0], bool(source.option("Exclusive")), bool(source.option("Reverse"))), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axis = sampling.constant("axis", np.array([self.axis], np.int32))
        options = {"Exclusive": self.exclusive, "Reverse": self.reverse}
        return TFLiteForm(self.tflite[0], (node.input(0), axis), self.tflite_options, options)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.integers(1)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        exclusive, reverse = bool(source.integer("exclusive", 0)), bool(source.integer("reverse", 0))
        return cls(axes[0], exclusive, reverse), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        axis = constant_input("axis", np.array(self.axis, np.int64))
        attributes = {"exclusive": int(self.exclusive), "reverse": int(self.reverse)}
        return OnnxForm("CumSum", (node.input(0), axis), attributes)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axis_in(self.axis, len(source.shape))
        return ((source.type.dtype, source.shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """input and output are int8 with per-tensor quantization parameters, or both have none"""
        return quantized_or_plain(node, (node.input(0), node.output))

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale over output scale is below 2^19"""
        if self.types(node) is not None or not is_quantized(node):
            return None
        ratio = self._ratio(node)
        return None if ratio < 1 << _FRACTION else f"it is {ratio:g}"

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized int8 or float32"""
        return device_arithmetic(node.input(0), node.output)

    def _ratio(self, node: Node) -> float:
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return source.scale / result.scale

    def _factor(self, node: Node) -> tuple[int, int]:
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return arith.quantize_multiplier(2 * source.scale / ((1 << _SHIFT) * result.scale))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        axis = axis_in(self.axis, len(node.input(0).shape)) + 1
        forward = np.flip(x, axis) if self.reverse else x
        quantized = is_quantized(node)
        source, result = node.input(0).type.quant, node.output.type.quant
        if quantized:
            assert source is not None
            forward = (forward.astype(np.int64) - source.zero_point) << _FRACTION
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.cumsum(forward, axis=axis, dtype=forward.dtype)
            if self.exclusive:
                first = np.zeros_like(np.take(sums, [0], axis=axis))
                sums = np.concatenate([first, np.take(sums, np.arange(x.shape[axis] - 1), axis=axis)], axis=axis)
        if quantized:
            assert source is not None and result is not None
            sums = arith.wrap32(sums - (source.zero_point << _FRACTION))
            sums = arith.multiply_by_quantized_multiplier(sums, *self._factor(node)) + result.zero_point
            sums = np.clip(arith.wrap32(sums), -128, 127).astype(np.int8)
        return [np.flip(sums, axis) if self.reverse else sums]

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = permutation.index(axis_in(self.axis, len(permutation)))
        return Permuted(dataclasses.replace(self, axis=axis), (permutation,), (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        shape = node.input(0).shape
        axis = axis_in(self.axis, len(shape))
        sizes = (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
        args: tuple[Arg, ...] = (Input(0), Output(), *map(Int, (*sizes, int(self.exclusive), int(self.reverse))))
        if not is_quantized(node):
            return (Call("mg_cumulative_sum_f32", args),)
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        numbers = (source.zero_point, *self._factor(node), result.zero_point)
        return (Call("mg_cumulative_sum_s8", (*args, *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for exclusive in (False, True):
            for reverse in (False, True):
                suffix = "_exclusive" * exclusive + "_reverse" * reverse
                op = cls(1, exclusive, reverse)
                source = sampling.int8((2, 7, 5))
                yield sampling.single(op, f"inside{suffix}", [source], QuantParams.per_tensor(0.2, -4))
                yield sampling.single(op, f"f32_inside{suffix}", [sampling.float32((2, 7, 5))], None)
        source = sampling.int8((3, 13), 0.05, 0)
        yield sampling.single(cls(-1), "last", [source], QuantParams.per_tensor(0.3, 5))
        yield sampling.single(cls(0), "first", [sampling.int8((13, 3))], QuantParams.per_tensor(0.3, 5))
        yield sampling.single(cls(0), "vanishing", [sampling.int8((13, 3))], QuantParams.per_tensor(80.0, 5))
        yield sampling.single(cls(0), "long", [sampling.int8((90, 3))], QuantParams.per_tensor(2.0, 5))
        yield sampling.single(cls(-1), "f32_last", [sampling.float32((3, 13))], None)
        yield sampling.single(cls(0), "f32_first", [sampling.float32((13, 3))], None)
