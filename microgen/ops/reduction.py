"""What sums, means and extremes over any dimensions share."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, FieldValue, Float, Input, Int, Output, Struct, Target, ints
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_or_plain, suffix
from microgen.ops.layout import Permutation, Permuted, reduced_permutation
from microgen.ops.movement import axes_in, present
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.reshape import Reshape
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernels' parameter blocks.
_RANK = 6


@dataclass(frozen=True)
class Reduction(Op):
    """``axes``, ascending and without duplicates, become 1 or, without ``keep_dims``, vanish."""

    axes: tuple[int, ...]
    keep_dims: bool = False

    tflite_options: ClassVar[str | None] = "ReducerOptions"
    #: The kernel for float32.
    float_kernel: ClassVar[str]
    #: Whether there is an int16 form.
    takes_int16: ClassVar[bool] = False
    #: The version of the ONNX operator set since which the axes are an input.
    axes_are_an_input_since: ClassVar[int] = 18

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

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        x = source.input(0)
        rank = len(x.shape)
        if source.opset < cls.axes_are_an_input_since:
            given = source.integer_list("axes", ())
        else:
            given = () if source.optional(1) is None else source.integers(1)
        none_is_none = bool(source.integer("noop_with_empty_axes", 0))
        if rank == 0 or (not given and none_is_none):
            axes_in(given, rank)
            return Reshape(x.shape), (x,)
        axes = axes_in(given, rank) if given else tuple(range(rank))
        return cls(axes, bool(source.integer("keepdims", 1))), (x,)

    def to_onnx(self, node: Node) -> OnnxForm:
        axes = constant_input("axes", np.array(self.axes, np.int64))
        return OnnxForm(self.onnx[0], (node.input(0), axes), {"keepdims": int(self.keep_dims)})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        rank = len(source.shape)
        if not self.axes:
            raise VerifyError("there is no axis to reduce")
        if list(self.axes) != sorted({axis for axis in self.axes if 0 <= axis < rank}):
            raise VerifyError(f"axes {list(self.axes)} are not ascending dimensions of {list(source.shape)}")
        if self.keep_dims:
            shape = tuple(1 if i in self.axes else size for i, size in enumerate(source.shape))
        else:
            shape = tuple(size for i, size in enumerate(source.shape) if i not in self.axes)
        return ((source.type.dtype, shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """input and output are int8 with per-tensor quantization parameters (for SUM and MEAN also int16 with zero \
point 0), or both have none
        """
        return quantized_or_plain(node, (node.input(0), node.output), int16=self.takes_int16)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0), node.output)

    def count(self, node: Node) -> int:
        """How many values each result is made of."""
        return math.prod(node.input(0).shape[axis] for axis in self.axes)

    @abstractmethod
    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        """The reduction of numbers that are not quantized."""

    @abstractmethod
    def reduce_quantized(self, node: Node, x: Array, axes: tuple[int, ...]) -> Array:
        """The reduction of quantized int8 numbers."""

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        axes = tuple(axis + 1 for axis in self.axes)
        if is_quantized(node):
            result = self.reduce_quantized(node, x, axes)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                result = self.reduce(x, axes)
        return [result.astype(x.dtype, copy=False).reshape(x.shape[0], *node.output.shape)]

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        op = dataclasses.replace(self, axes=tuple(sorted(permutation.index(axis) for axis in self.axes)))
        return Permuted(op, (permutation,), (reduced_permutation(permutation, self.axes, self.keep_dims),))

    def simplified(self, node: Node) -> Node | None:
        if self.count(node) > 1 or is_quantized(node):
            return None
        return dataclasses.replace(node, op=Reshape(node.output.shape))

    @abstractmethod
    def lower_quantized(self, node: Node) -> Call:
        """The call for int8."""

    def factor_f32(self, node: Node) -> float:
        """What the float kernel multiplies a result with."""
        return 1.0

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if is_quantized(node):
            return (self.lower_quantized(node),)
        fields = (*self.loop_fields(node), ("factor", Float(self.factor_f32(node))))
        return (Call(self.float_kernel, (Struct("mg_reduce_f32_params", fields), Input(0), Output())),)

    def loop_fields(self, node: Node) -> tuple[tuple[str, FieldValue], ...]:
        """The loops of a kernel's parameter block."""
        kept_dims, kept_strides = self._loops(node, reduced=False)
        reduced_dims, reduced_strides = self._loops(node, reduced=True)
        return (
            ("kept_dims", kept_dims),
            ("kept_strides", kept_strides),
            ("reduced_dims", reduced_dims),
            ("reduced_strides", reduced_strides),
        )

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
    def shape_samples(cls, output: tuple[float, int] | None, *, sums: bool = False) -> Iterator[Sample]:
        """Samples over shapes and axes; ``output`` is the quantization of int8 results, None for the input's.

        A single sum of floats is left out with ``sums``: it may vanish but for its rounding.
        """

        def make(id: str, shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool = False) -> Iterator[Sample]:
            source = sampling.int8(shape)
            quant = source.quant if output is None else QuantParams.per_tensor(*output)
            yield sampling.single(cls(axes, keep_dims), id, (source,), quant)
            if len(axes) < len(shape) or not sums:
                yield sampling.single(cls(axes, keep_dims), f"f32_{id}", (sampling.float32(shape),), None)

        yield from make("global", (1, 5, 6, 7), (1, 2))
        yield from make("global_keep_dims", (1, 5, 6, 7), (1, 2), True)
        yield from make("width", (1, 5, 6, 3), (2,), True)
        yield from make("channels", (1, 5, 6, 3), (3,))
        yield from make("batch", (4, 5, 6, 3), (0,))
        yield from make("all", (2, 3, 4, 5), (0, 1, 2, 3))
        yield from make("apart", (2, 3, 4, 5), (1, 3))
        yield from make("rank_1", (13,), (0,), True)
        yield from make("rank_5", (2, 3, 2, 5, 3), (1, 3))
        yield from make("rank_6", (2, 3, 2, 3, 2, 5), (0, 2, 4))


class QuantizedSum(Reduction):
    """What sum and mean share in int8 and int16: a sum in 32 bits, brought to the output's scale."""

    takes_int16: ClassVar[bool] = True

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale over output scale is below 2^30"""
        if self.types(node) is not None or not is_quantized(node):
            return None
        try:
            self.factor(node)
        except ValueError as error:
            return str(error)
        return None

    def factor(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from a sum to the output's scale; ValueError when out of range."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return arith.quantize_multiplier(source.scale / result.scale)

    def sum_offset(self, node: Node) -> int:
        """What is added to a sum for the input's zero point."""
        quant = node.input(0).type.quant
        assert quant is not None
        return int(arith.wrap32(-quant.zero_point * self.count(node)))

    def reduce_quantized(self, node: Node, x: Array, axes: tuple[int, ...]) -> Array:
        quant = node.output.type.quant
        assert quant is not None
        sums = x.astype(np.int64).sum(axis=axes)
        scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(sums + self.sum_offset(node)), *self.factor(node))
        return np.clip(arith.wrap32(scaled + quant.zero_point), *node.output.type.dtype.limits).astype(x.dtype)

    def lower_quantized(self, node: Node) -> Call:
        assert node.output.type.quant is not None
        multiplier, shift = self.factor(node)
        fields: tuple[tuple[str, FieldValue], ...] = (
            *self.loop_fields(node),
            *ints(
                sum_offset=self.sum_offset(node),
                multiplier=multiplier,
                shift=shift,
                output_offset=node.output.type.quant.zero_point,
            ),
        )
        return Call(f"mg_mean_{suffix(node)}", (Struct("mg_mean_s8_params", fields), Input(0), Output()))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule()


class Extreme(Reduction):
    """What the largest and smallest elements share: int8 is compared as it is."""

    #: The kernel for int8.
    int8_kernel: ClassVar[str]

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point"""
        source, result = node.input(0).type.quant, node.output.type.quant
        return None if source == result else f"they have {source or 'none'} and {result or 'none'}"

    def reduce_quantized(self, node: Node, x: Array, axes: tuple[int, ...]) -> Array:
        return self.reduce(x, axes)

    def lower_quantized(self, node: Node) -> Call:
        params = Struct("mg_reduce_s8_params", self.loop_fields(node))
        return Call(self.int8_kernel, (params, Input(0), Output()))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from cls.shape_samples(None)
