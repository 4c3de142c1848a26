"""BATCH_MATMUL: products of matrices, with broadcasting over leading dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Arg, Call, Const, Context, FieldValue, Input, Int, Output, Struct, Target, ints, nhwc
from microgen.ops.constraints import device_arithmetic, is_int16, is_quantized, quantized_or_plain, suffix
from microgen.ops.convolution import check_wide_factors
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule, Weights
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Leading dimensions of the kernels' parameter block.
_BATCH_RANK = 4


@dataclass(frozen=True)
class BatchMatMul(Op):
    """Inputs: a [..., rows, depth] and b [..., depth, columns], each with its last two dimensions swapped where its
    flag says so; at least two dimensions each. Either may be a constant.
    """

    transpose_a: bool = False
    transpose_b: bool = False

    name: ClassVar[str] = "BatchMatMul"
    tflite: ClassVar[tuple[str, ...]] = ("BATCH_MATMUL",)
    tflite_options: ClassVar[str | None] = "BatchMatMulOptions"
    onnx: ClassVar[tuple[str, ...]] = ("MatMul",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(bool(source.option("AdjX")), bool(source.option("AdjY"))), source.inputs[:2]

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"AdjX": self.transpose_a, "AdjY": self.transpose_b}
        version = 2 if is_quantized(node) else 1
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        if min(len(source.input(0).shape), len(source.input(1).shape)) < 2:
            raise VerifyError("both operands must have at least 2 dimensions")
        return cls(), source.inputs[:2]

    def to_onnx(self, node: Node) -> OnnxForm:
        if not (self.transpose_a or self.transpose_b):
            return OnnxForm("MatMul", node.inputs)
        if len(node.input(0).shape) == len(node.input(1).shape) == 2:
            flags = {"transA": int(self.transpose_a), "transB": int(self.transpose_b)}
            return OnnxForm("Gemm", node.inputs, flags)
        raise VerifyError("ONNX multiplies no transposed matrices with leading dimensions", where=node.label)

    def _matrices(self, node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
        """((rows, depth), (depth, columns)) of one product."""
        a, b = node.input(0).shape, node.input(1).shape
        left = (a[-1], a[-2]) if self.transpose_a else (a[-2], a[-1])
        right = (b[-1], b[-2]) if self.transpose_b else (b[-2], b[-1])
        return left, right

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        a, b = node.input(0).shape, node.input(1).shape
        if min(len(a), len(b)) < 2:
            raise VerifyError(f"operands of shape {list(a)} and {list(b)} must have at least 2 dimensions")
        (rows, depth), (other, columns) = self._matrices(node)
        if depth != other:
            raise VerifyError(f"matrices of {rows}×{depth} and {other}×{columns} have no product")
        try:
            batch = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            raise VerifyError(f"leading dimensions {list(a[:-2])} and {list(b[:-2])} do not broadcast") from None
        return ((node.input(0).type.dtype, (*batch, rows, columns)),)

    @constraint
    def same_kind(self, node: Node) -> str | None:
        """inputs and output are all int8 with per-tensor quantization parameters, all int16 with zero point 0, or all \
of one unquantized type
        """
        return quantized_or_plain(node, (node.input(0), node.input(1), node.output), int16=True)

    @constraint
    def representable(self, node: Node) -> str | None:
        """the product of the inputs' scales over the output's is below 2^30, of int16 tensors below 2^7"""
        if not is_quantized(node) or self.same_kind(node) is not None:
            return None
        try:
            self.factor(node)
        except ValueError as error:
            return str(error)
        return None

    @device_constraint
    def int8_or_float32(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0), node.input(1), node.output)

    @device_constraint
    def leading_dimensions(self, node: Node) -> str | None:
        """the result has at most 4 leading dimensions"""
        count = len(node.output.shape) - 2
        return f"it has {count}" if count > _BATCH_RANK else None

    def quant_rule(self, node: Node) -> QuantRule | None:
        for index in (1, 0):
            if node.input(index).is_const and not node.input(1 - index).is_const:
                return QuantRule(weights=Weights(index, None))
        return QuantRule()

    def macs(self, node: Node) -> int:
        return node.output.type.elements * self._matrices(node)[0][1]

    def factor(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from a sum of products to the output's scale; ValueError when out of range."""
        a, b, result = (value.type.quant for value in (node.input(0), node.input(1), node.output))
        assert a is not None and b is not None and result is not None
        factor = arith.quantize_multiplier(a.scale * b.scale / result.scale)
        if is_int16(node):
            check_wide_factors([factor])
        return factor

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        rank = len(permutation)
        if rank < 2:
            return None
        leading, last = permutation[:-2], permutation[-2:]
        if sorted(last) != [rank - 2, rank - 1]:
            return None
        moves = leading != tuple(range(rank - 2))
        full = len(node.output.shape)
        if moves and rank != full:
            return None
        swaps = last != (rank - 2, rank - 1)
        kept: Permutation = (*leading, rank - 2, rank - 1)
        which = 0 if not node.input(0).is_const else 1
        operator = BatchMatMul(self.transpose_a ^ (swaps and which == 0), self.transpose_b ^ (swaps and which == 1))
        other = kept if moves else None
        inputs = (permutation, other) if which == 0 else (other, permutation)
        return Permuted(operator, inputs, (kept if moves else tuple(range(full)),))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        a, b = inputs[0], inputs[1]
        assert a is not None and b is not None
        rank = len(node.output.shape)
        left, right = (array.reshape(len(array), *(1,) * (rank + 1 - array.ndim), *array.shape[1:]) for array in (a, b))
        if self.transpose_a:
            left = left.swapaxes(-1, -2)
        if self.transpose_b:
            right = right.swapaxes(-1, -2)
        if not is_quantized(node):
            return [np.matmul(left, right)]
        zeros = [
            value.type.quant.zero_point for value in (node.input(0), node.input(1)) if value.type.quant is not None
        ]
        result = node.output.type.quant
        assert result is not None
        # float64 matrix products of integers are exact (sums stay far below 2^53) and run on BLAS.
        sums = np.matmul(left.astype(np.float64) - zeros[0], right.astype(np.float64) - zeros[1]).astype(np.int64)
        if is_int16(node):
            scaled = arith.multiply_by_reduced_multiplier(sums, *self.factor(node))
        else:
            scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(sums), *self.factor(node))
        return [np.clip(arith.wrap32(scaled + result.zero_point), *node.output.type.dtype.limits).astype(a.dtype)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if not is_quantized(node):
            params = Struct("mg_batch_matmul_params", self._strided(node))
            return (Call("mg_batch_matmul_f32", (params, Input(0), Input(1), Output())),)
        rows = None if is_int16(node) else self._cmsis_operands(node)
        a, b, result = (value.type.quant for value in (node.input(0), node.input(1), node.output))
        assert a is not None and b is not None and result is not None
        multiplier, shift = self.factor(node)
        offsets = ints(input_offset=-a.zero_point, filter_offset=-b.zero_point, output_offset=result.zero_point)
        factors = ints(multiplier=multiplier, shift=shift)
        if rows is None:
            fields = (("loops", Struct("mg_batch_matmul_params", self._strided(node))), *offsets, *factors)
            params = Struct("mg_batch_matmul_s8_params", fields)
            return (Call(f"mg_batch_matmul_{suffix(node)}", (params, Input(0), Input(1), Output())),)
        (left, left_shape), (right, right_shape) = rows
        dense = Struct(
            "cmsis_nn_fc_params", (*offsets, ("activation", Struct("cmsis_nn_activation", ints(min=-128, max=127))))
        )
        args = (
            Context(),
            Struct("cmsis_nn_bmm_params", (*ints(adj_x=0, adj_y=1), ("fc_params", dense))),
            Struct("cmsis_nn_per_tensor_quant_params", factors),
            nhwc(left_shape),
            left,
            nhwc(right_shape),
            right,
            nhwc(node.output.shape),
            Output(),
        )
        return (Call("arm_batch_matmul_s8", args),)

    def _cmsis_operands(self, node: Node) -> tuple[tuple[Arg, tuple[int, ...]], tuple[Arg, tuple[int, ...]]] | None:
        """a in rows and b in columns for CMSIS-NN, each with its shape; None where one lies otherwise in memory."""
        if len(node.output.shape) > 4:
            return None
        found: list[tuple[Arg, tuple[int, ...]]] = []
        for index, in_order in ((0, not self.transpose_a), (1, self.transpose_b)):
            value = node.input(index)
            shape = value.shape
            if in_order:
                found.append((Input(index), shape))
            elif value.is_const:
                turned = np.ascontiguousarray(value.const.swapaxes(-1, -2))
                found.append((Const(("left", "right")[index], turned), turned.shape))
            elif 1 in shape[-2:]:
                # A matrix of one row or column lies in memory as its transpose does.
                found.append((Input(index), (*shape[:-2], shape[-1], shape[-2])))
            else:
                return None
        return found[0], found[1]

    def _strided(self, node: Node) -> tuple[tuple[str, FieldValue], ...]:
        """Fields of ``mg_batch_matmul_params``."""
        batch = node.output.shape[:-2]
        lead = _BATCH_RANK - len(batch)
        (rows, depth), (_, columns) = self._matrices(node)
        steps: list[tuple[Int, ...]] = []
        for value in (node.input(0), node.input(1)):
            shape = (1,) * (len(batch) + 2 - len(value.shape)) + value.shape
            strides = [math.prod(shape[i + 1 :]) if shape[i] > 1 else 0 for i in range(len(batch))]
            steps.append(tuple(map(Int, (0,) * lead + tuple(strides))))
        a_last, b_last = node.input(0).shape[-1], node.input(1).shape[-1]
        a_steps = (1, a_last) if self.transpose_a else (a_last, 1)
        b_steps = (1, b_last) if self.transpose_b else (b_last, 1)
        return (
            ("batch", tuple(map(Int, (1,) * lead + batch))),
            ("a_batch_strides", steps[0]),
            ("b_batch_strides", steps[1]),
            *ints(rows=rows, depth=depth, columns=columns),
            *ints(a_row=a_steps[0], a_depth=a_steps[1], b_depth=b_steps[0], b_column=b_steps[1]),
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            a: tuple[int, ...],
            b: tuple[int, ...],
            flags: str = "",
            constant: int | None = None,
            zero_points: tuple[int, int, int] = (3, -9, 5),
            scale: float | None = None,
            real: bool = False,
        ) -> Sample:
            op = cls("a" in flags, "b" in flags)
            depth = a[-2] if op.transpose_a else a[-1]
            operands: list[TensorType | Value] = []
            for index, shape in enumerate((a, b)):
                if real:
                    fixed = sampling.float_weights(id, shape)
                    operands.append(fixed if index == constant else fixed.type)
                    continue
                kind = sampling.int8(shape, (0.05, 0.02)[index], zero_points[index])
                data = sampling.rng("matrix", id).integers(-128, 128, shape, dtype=np.int8)
                operands.append(Value("matrix", kind, data) if index == constant else kind)
            if real:
                return sampling.single(op, f"f32_{id}", operands, None)
            output = QuantParams.per_tensor(scale or 0.05 * 0.02 * 75.0 * depth**0.5, zero_points[2])
            return sampling.single(op, id, operands, output)

        for real in (False, True):
            for flags in ("", "a", "b", "ab"):
                left = (7, 4) if "a" in flags else (4, 7)
                right = (5, 7) if "b" in flags else (7, 5)
                suffix = f"_{flags}" if flags else ""
                yield make(f"matrices{suffix}", left, right, flags, real=real)
                yield make(f"batch{suffix}", (2, 3, *left), (2, 3, *right), flags, real=real)
                yield make(f"constant_right{suffix}", (3, *left), (3, *right), flags, 1, real=real)
                yield make(f"constant_left{suffix}", left, (3, *right), flags, 0, real=real)
                yield make(f"broadcast_left{suffix}", (1, 3, *left), (2, 1, *right), flags, real=real)
                yield make(f"broadcast_right{suffix}", (2, 1, *left), (1, 3, *right), flags, real=real)
            yield make("lower_rank_left", (4, 7), (2, 3, 7, 5), real=real)
            yield make("lower_rank_right", (2, 3, 4, 7), (7, 5), "", real=real)
            yield make("lower_rank_right_b", (2, 3, 4, 7), (5, 7), "b", real=real)
            yield make("rank_5", (2, 1, 3, 4, 7), (1, 2, 3, 7, 5), real=real)
            yield make("rank_6", (2, 1, 3, 1, 2, 3), (1, 2, 3, 2, 3, 2), real=real)
            yield make("row", (1, 9), (9, 4), real=real)
            yield make("column", (6, 9), (9, 1), real=real)
            yield make("outer_product", (6, 1), (1, 5), real=real)
            yield make("inner_product", (1, 17), (1, 17), "b", real=real)
            yield make("one", (1, 1), (1, 1), real=real)
            yield make("attention_scores", (1, 2, 9, 8), (1, 2, 9, 8), "b", real=real)
            yield make("attention_values", (1, 2, 9, 9), (1, 2, 9, 8), real=real)
            for columns in (2, 3, 4, 8, 9):
                yield make(f"columns_{columns}", (3, 6), (6, columns), real=real)
        for id, a, b, flags in (
            ("matrices", (4, 7), (7, 6), ""),
            ("batch_b", (2, 3, 9), (2, 5, 9), "b"),
            ("broadcast_a", (1, 3, 5, 2), (2, 1, 5, 3), "a"),
        ):
            kinds = (sampling.int16(a), sampling.int16(b, 0.0001))
            quant = QuantParams.per_tensor(0.002, 0)
            yield sampling.single(cls("a" in flags, "b" in flags), f"i16_{id}", kinds, quant)
        yield make("zero_points_low", (3, 9), (9, 4), zero_points=(-128, -128, -128))
        yield make("zero_points_high", (3, 9), (4, 9), "b", zero_points=(127, 127, 127))
        yield make("saturating", (3, 9), (4, 9), "b", scale=0.002)
        yield make("vanishing", (3, 9), (9, 4), scale=900.0)
        yield make("deep", (2, 300), (3, 300), "b")
