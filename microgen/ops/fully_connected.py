"""FULLY_CONNECTED: a dense layer."""

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
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Context, FieldValue, Input, Output, Struct, Target, ints, nhwc
from microgen.ops.constraints import (
    device_arithmetic,
    fused_activation,
    is_int16,
    is_quantized,
    not_constant,
    quantized_or_float,
    wrong_bias,
)
from microgen.ops.convolution import (
    bias_argument,
    bias_data,
    bias_dims,
    has_narrow_sums,
    per_channel_quant,
    requantization,
    requantized,
    wrong_wide_bias,
)
from microgen.ops.floats import clamp_fields, clamped, computed_in, samples_of
from microgen.ops.packed import packed_weights, packs
from microgen.ops.quantization import Int4, QuantRule, Weights
from microgen.ops.tflite_form import ACTIVATION, TFLiteForm, TFLiteSource

_WEIGHTS_FORMAT = ("DEFAULT", "SHUFFLED4x16INT8")


@dataclass(frozen=True)
class FullyConnected(Op):
    """Inputs: a tensor of any rank, weights [units, depth], optional bias (int32 where the input is int8).

    The input is taken as rows of ``depth`` values; the output is [rows, units], or the input's shape with
    ``units`` in place of its last dimension where ``keep_dims`` is set. ``weight_bits`` 4: an int8 layer's weights,
    from -8 to 7, are stored two in a byte.
    """

    keep_dims: bool = False
    activation: Activation = Activation.NONE
    weight_bits: int = 8

    name: ClassVar[str] = "FullyConnected"
    tflite: ClassVar[tuple[str, ...]] = ("FULLY_CONNECTED",)
    tflite_options: ClassVar[str | None] = "FullyConnectedOptions"
    fuses_clamp: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        layout = source.enum("WeightsFormat", _WEIGHTS_FORMAT)
        if layout != "DEFAULT":
            raise VerifyError(f"weights format {layout} is not supported, only DEFAULT")
        bits = 4 if 1 in source.int4 and source.input(0).type.dtype is DType.INT8 else 8
        op = cls(bool(source.option("KeepNumDims")), fused_activation(source), bits)
        return op, (source.input(0), source.input(1), *(source.inputs[2:] or (None,)))

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {
            "FusedActivationFunction": ACTIVATION.index(self.activation.value),
            "WeightsFormat": _WEIGHTS_FORMAT.index("DEFAULT"),
            "KeepNumDims": self.keep_dims,
        }
        # TensorFlow Lite Micro refuses int4 weights with a scale for each output.
        weights = node.input(1).type.quant
        int4 = (1,) if packs(node, self.weight_bits) and weights is not None and weights.is_per_tensor else ()
        return TFLiteForm(
            self.tflite[0], node.inputs, self.tflite_options, options, version=10 if int4 else 4, int4=int4
        )

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, weights = node.input(0), node.input(1)
        if len(weights.shape) != 2:
            raise VerifyError(f"the weights must have 2 dimensions, not {len(weights.shape)}")
        units, depth = weights.shape
        if source.type.elements % depth:
            raise VerifyError(f"an input of {source.type.elements} values does not divide into rows of {depth}")
        bias = node.optional_input(2)
        if bias is not None and bias.type.elements != units:
            raise VerifyError(f"{bias.type.elements} biases for {units} outputs")
        if not self.keep_dims:
            return ((source.type.dtype, (source.type.elements // depth, units)),)
        if source.shape[-1:] != (depth,):
            raise VerifyError(f"the last dimension of the input {list(source.shape)} is not {depth}")
        return ((source.type.dtype, (*source.shape[:-1], units)),)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input, weights and output are int8 with quantization parameters, input and output per tensor and both or \
neither int16 with zero point 0, or all of one floating-point type
        """
        return quantized_or_float(node, (node.input(0), node.output), (node.input(1),), int16=True)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0), node.input(1))

    @constraint
    def constant_weights(self, node: Node) -> str | None:
        """weights and bias of a quantized input are constants"""
        return not_constant(node.input(1), node.optional_input(2)) if is_quantized(node) else None

    @constraint
    def channels(self, node: Node) -> str | None:
        """the weights have one scale and any zero point (0 beside an int16 input), or one scale per output and \
zero point 0
        """
        quant = node.input(1).type.quant
        if quant is not None and is_int16(node) and any(quant.zero_points):
            return f"zero point {next(filter(None, quant.zero_points))}"
        if quant is None or quant.is_per_tensor:
            return None
        if quant.axis != 0:
            return f"scales along axis {quant.axis}"
        bad = next(filter(None, quant.zero_points), None)
        return None if bad is None else f"{len(quant.scales)} scales and zero point {bad}"

    @constraint
    def bias_type(self, node: Node) -> str | None:
        """the bias of an int8 input is int32, that of an int16 one int64 or int32, any other of the input's type"""
        if is_int16(node):
            return wrong_wide_bias(node.optional_input(2), (DType.INT64, DType.INT32))
        wanted = DType.INT32 if is_quantized(node) else node.input(0).type.dtype
        return wrong_bias(node.optional_input(2), wanted)

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale times weight scale over output scale is below 2^30, of int16 tensors below 2^7"""
        if not is_quantized(node) or self.tensors(node) is not None:
            return None
        try:
            requantization(node)
        except ValueError as error:
            return str(error)
        return None

    @constraint
    def matching_bias(self, node: Node) -> str | None:
        """the scale of the bias is input scale times weight scale, within 0.02 of the output scale"""
        weights, bias = node.input(1).type.quant, node.optional_input(2)
        if self.tensors(node) is not None or bias is None or bias.type.quant is None or weights is None:
            return None
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        if not (weights.is_per_tensor and bias.type.quant.is_per_tensor):
            return None
        # The reference interpreter tests this, of per-tensor weights only.
        product = source.scale * weights.scale
        if abs(product - bias.type.quant.scale) / result.scale > 0.02:
            return f"{bias.type.quant.scale:.6g}, not {product:.6g}"
        return None

    def macs(self, node: Node) -> int:
        return node.output.type.elements * node.input(1).shape[1]

    def quant_rule(self, node: Node) -> QuantRule | None:
        if not_constant(node.input(1), node.optional_input(2)) is not None:
            return None
        return QuantRule(Weights(1, 0, 1, Int4.ONE_SCALE), bias=2)

    def _evaluate_float(self, node: Node, source: Array, weights: Array, bias: Array | None) -> Array:
        dtype = computed_in(node.output.type.dtype)
        parts = []
        for rows, matrix, offset in samples_of(source, weights, bias):
            assert rows is not None and matrix is not None
            sums = rows.reshape(-1, matrix.shape[2]).astype(dtype) @ matrix[0].astype(dtype).T
            if offset is not None:
                sums = sums + offset.astype(dtype).reshape(-1)
            parts.append(sums.reshape(rows.shape[0], *node.output.shape))
        return clamped(np.concatenate(parts), self.activation, node.output.type.dtype)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        if not is_quantized(node):
            values, matrix, offset = (*inputs, None)[:3]
            assert values is not None and matrix is not None
            return [self._evaluate_float(node, values, matrix, offset)]
        source, weights = inputs[0], node.input(1)
        quant, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and quant is not None and result is not None and weights.type.quant is not None
        # float64 matrix products of integers are exact (sums stay far below 2^53) and run on BLAS.
        rows = source.reshape(-1, weights.shape[1]).astype(np.float64) - quant.zero_point
        centred = weights.const.astype(np.float64) - weights.type.quant.zero_points[0]
        accumulators = (rows @ centred.T).astype(np.int64)
        if (bias := node.optional_input(2)) is not None:
            accumulators += bias.const.astype(np.int64).reshape(-1)
        scaled = requantized(node, accumulators)
        low, high = self.activation.bounds(node.output.type)
        made = np.clip(arith.wrap32(scaled + result.zero_point), low, high).astype(node.output.type.dtype.numpy)
        return [made.reshape(source.shape[0], *node.output.shape)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        units, depth = node.input(1).shape
        rows = node.output.type.elements // units
        if not is_quantized(node):
            sizes = ints(rows=rows, depth=depth, units=units)
            params = Struct("mg_dense_f32_params", (*sizes, *clamp_fields(self.activation)))
            return (Call("mg_dense_f32", (params, Input(0), Input(1), bias_argument(node), Output())),)
        source, weights, result = node.input(0).type.quant, node.input(1).type.quant, node.output.type.quant
        assert source is not None and weights is not None and result is not None
        low, high = self.activation.bounds(node.output.type)
        fields: tuple[tuple[str, FieldValue], ...] = (
            *ints(
                input_offset=-source.zero_point,
                filter_offset=-weights.zero_points[0],
                output_offset=result.zero_point,
            ),
            ("activation", Struct("cmsis_nn_activation", ints(min=low, max=high))),
        )
        if is_int16(node):
            return (self._int16_call(node, fields, rows),)
        packed = packs(node, self.weight_bits)
        if weights.is_per_tensor:
            function = "arm_fully_connected_s4" if packed else "arm_fully_connected_s8"
            multipliers, shifts = requantization(node)
            factors = ints(multiplier=int(multipliers[0]), shift=int(shifts[0]))
            quant = Struct("cmsis_nn_per_tensor_quant_params", factors)
        else:
            # CMSIS-NN has no scales per output of packed weights.
            function = "mg_fully_connected_per_channel_s4" if packed else "arm_fully_connected_per_channel_s8"
            quant = per_channel_quant(node)
        args = (
            Context(),
            Struct("cmsis_nn_fc_params", fields),
            quant,
            nhwc((rows, 1, 1, depth)),
            Input(0),
            nhwc((depth, 1, 1, units)),
            packed_weights(node) if packed else Input(1),
            bias_dims(units),
            bias_argument(node),
            nhwc((rows, 1, 1, units)),
            Output(),
        )
        return (Call(function, args),)

    def _int16_call(self, node: Node, fields: tuple[tuple[str, FieldValue], ...], rows: int) -> Call:
        units, depth = node.input(1).shape
        weights = node.input(1).type.quant
        assert weights is not None
        shapes = (nhwc((rows, 1, 1, depth)), Input(0), nhwc((depth, 1, 1, units)), Input(1), bias_dims(units))
        if weights.is_per_tensor and not has_narrow_sums(node):
            multipliers, shifts = requantization(node)
            factors = ints(multiplier=int(multipliers[0]), shift=int(shifts[0]))
            quant = Struct("cmsis_nn_per_tensor_quant_params", factors)
            wide = (Context(), Struct("cmsis_nn_fc_params", fields), quant, *shapes, bias_argument(node))
            return Call("arm_fully_connected_s16", (*wide, nhwc((rows, 1, 1, units)), Output()))
        # CMSIS-NN has neither scales per output nor sums of 32 bits.
        head = (Struct("cmsis_nn_fc_params", fields), per_channel_quant(node), *shapes, bias_data(node))
        return Call("mg_fully_connected_per_channel_s16", (*head, nhwc((rows, 1, 1, units)), Output()))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            units: int,
            depth: int | None = None,
            *,
            keep_dims: bool = False,
            activation: Activation = Activation.NONE,
            axis: int | None = None,
            bias: int | tuple[int, ...] | None = 0,
            zero_points: tuple[int, int, int] = (3, 0, -5),
            input_scale: float = 0.05,
            weight_scale: float = 0.02,
            scale: float | None = None,
            bits: int = 8,
        ) -> Sample:
            size = depth or math.prod(shape[1:])
            source = sampling.int8(shape, input_scale, zero_points[0])
            weights = sampling.weights(id, (units, size), axis, weight_scale, bits)
            if zero_points[1]:
                quant = QuantParams.per_tensor(weight_scale, zero_points[1])
                weights = Value("weights", TensorType(DType.INT8, (units, size), quant), weights.data)
            operands: tuple[TensorType | Value | None, ...] = (source, weights, None)
            if isinstance(bias, int):
                operands = (source, weights, sampling.bias(id, source, weights, units, bias))
            elif bias is not None:
                quant = QuantParams.per_tensor(input_scale * weight_scale, 0)
                operands = (source, weights, sampling.constant("bias", np.array(bias, np.int32), quant))
            if scale is None:
                scale = 0.05 * 0.02 * 60.0 / (1 << 8 - bits) * size**0.5
            output = QuantParams.per_tensor(scale, zero_points[2])
            return sampling.single(cls(keep_dims, activation, bits), id, operands, output)

        yield make("vector", (1, 37), 10)
        yield make("i4_batch", (3, 37), 5, bits=4, activation=Activation.RELU6)
        yield make("i4_per_channel", (2, 21), 6, axis=0, bits=4, bias=None)
        yield make("one", (1, 1), 1)
        yield make("one_output", (1, 64), 1)
        yield make("one_input", (1, 1), 9)
        yield make("batch", (4, 21), 6)
        yield make("rank_1", (24,), 5, 24)
        yield make("image", (1, 3, 4, 5), 7)
        yield make("images", (3, 2, 4, 3), 5)
        yield make("rows_of_image", (1, 3, 4, 6), 5, 6)
        yield make("rows_across_dimensions", (2, 3, 4), 5, 8)
        yield make("keep_dims_rank_2", (3, 12), 5, keep_dims=True)
        yield make("keep_dims_rank_3", (2, 3, 12), 5, 12, keep_dims=True)
        yield make("keep_dims_rank_4", (1, 3, 4, 6), 5, 6, keep_dims=True)
        yield make("keep_dims_rank_1", (12,), 5, 12, keep_dims=True)
        yield make("no_bias", (1, 33), 6, bias=None)
        yield make("huge_bias", (1, 33), 6, bias=1 << 30)
        yield make("huge_bias_small_factor", (1, 33), 6, bias=1 << 30, weight_scale=1e-9)
        yield make("relu", (2, 33), 6, activation=Activation.RELU, zero_points=(3, 0, -128))
        yield make("relu_middle", (2, 33), 6, activation=Activation.RELU)
        yield make("relu6", (2, 33), 6, activation=Activation.RELU6, zero_points=(3, 0, -128))
        yield make("n1_to_1", (2, 33), 6, activation=Activation.RELU_N1_TO_1)
        yield make("zero_points_low", (1, 33), 6, zero_points=(-128, 0, -128))
        yield make("zero_points_high", (1, 33), 6, zero_points=(127, 0, 127))
        yield make("weight_zero_point", (2, 33), 6, zero_points=(3, 11, -5))
        yield make("weight_zero_point_low", (2, 33), 6, zero_points=(127, -128, 0))
        yield make("weight_zero_point_high", (2, 33), 6, zero_points=(-128, 127, 0))
        yield make("per_channel", (1, 37), 10, axis=0)
        yield make("per_channel_batch", (3, 20), 5, axis=0, activation=Activation.RELU6)
        yield make("per_channel_no_bias", (1, 37), 6, axis=0, bias=None)
        yield make("per_channel_huge_bias", (1, 37), 6, axis=0, bias=1 << 30)
        yield make("per_channel_keep_dims", (2, 3, 12), 5, 12, axis=0, keep_dims=True)
        yield make("per_channel_one_output", (1, 37), 1, axis=0)
        yield make("saturating", (1, 33), 6, scale=0.003)
        yield make("factor_above_1", (2, 33), 6, weight_scale=0.7, scale=0.001)
        yield make("factor_far_above_1", (2, 33), 6, weight_scale=3000.0, scale=0.0001, bias=None)
        yield make("vanishing", (1, 33), 6, weight_scale=1e-9)
        # With the input at its zero point these biases come out one higher when the scales are multiplied in
        # double precision, as they must be, than in single.
        telling = (191931363, 267093292, 248302812, 245618453, 202668781, 264408941, 256355873, 140928623)
        scale = float(np.float32(0.0037)) * float(np.float32(0.0041)) * 2**28 / 100
        yield make("product_of_scales", (1, 21), 8, input_scale=0.0037, weight_scale=0.0041, scale=scale, bias=telling)
        yield make("many_rows", (9, 13), 7)
        yield make("many_rows_per_channel", (8, 5), 6, axis=0, activation=Activation.RELU6)
        yield make("many_rows_weight_zero_point", (8, 5), 6, zero_points=(3, 11, -5))
        for depth in (*range(1, 18), 31, 33):
            yield make(f"depth_{depth}", (1, depth), 1 + depth % 6)
        for units in (7, 8, 9, 16, 17):
            yield make(f"units_{units}", (2, 19), units)

        def wide(
            id: str,
            shape: tuple[int, ...],
            units: int,
            *,
            axis: int | None = None,
            bias: bool = True,
            narrow: bool = False,
            activation: Activation = Activation.NONE,
        ) -> Sample:
            depth = shape[-1]
            source = sampling.int16(shape)
            weights = sampling.weights(id, (units, depth), axis)
            extra = sampling.bias(id, source, weights, units) if bias else None
            if extra is not None and narrow:
                kind = TensorType(DType.INT32, extra.shape, extra.type.quant)
                extra = Value("bias", kind, (extra.const // 256).astype(np.int32))
            quant = QuantParams.per_tensor(0.0002 * 0.02 * 60.0 * depth**0.5, 0)
            return sampling.single(cls(False, activation), f"i16_{id}", (source, weights, extra), quant)

        yield wide("vector", (1, 37), 10)
        yield wide("rows", (3, 21), 7, activation=Activation.RELU6)
        yield wide("no_bias_long", (1, 1100), 5, bias=False)
        yield wide("per_channel", (2, 18), 6, axis=0)
        yield wide("bias_i32", (2, 18), 6, narrow=True)
        yield wide("per_channel_bias_i32", (1, 18), 6, axis=0, narrow=True)

        def plain(
            id: str,
            shape: tuple[int, ...],
            units: int,
            depth: int | None = None,
            *,
            keep_dims: bool = False,
            activation: Activation = Activation.NONE,
            bias: bool = True,
            constant: bool = True,
        ) -> Sample:
            size = (units, depth or math.prod(shape[1:]))
            operands: tuple[TensorType | Value | None, ...] = (
                sampling.float_weights(id, size),
                sampling.float_weights(id, (units,), name="bias") if bias else None,
            )
            if not constant:
                operands = (sampling.float32(size), sampling.float32((units,)))
            op = cls(keep_dims, activation)
            return sampling.single(op, f"f32_{id}", (sampling.float32(shape), *operands), None)

        yield plain("vector", (1, 37), 10)
        yield plain("one", (1, 1), 1)
        yield plain("batch", (4, 21), 6)
        yield plain("many_rows", (9, 13), 7)
        yield plain("rank_1", (24,), 5, 24)
        yield plain("images", (3, 2, 4, 3), 5)
        yield plain("rows_across_dimensions", (2, 3, 4), 5, 8)
        yield plain("keep_dims_rank_3", (2, 3, 12), 5, 12, keep_dims=True)
        yield plain("no_bias", (1, 33), 6, bias=False)
        yield plain("relu", (2, 33), 6, activation=Activation.RELU)
        yield plain("relu6", (2, 33), 6, activation=Activation.RELU6)
        yield plain("n1_to_1", (2, 33), 6, activation=Activation.RELU_N1_TO_1)
        yield plain("computed_weights", (3, 10), 5, constant=False)
        for depth in range(1, 10):
            yield plain(f"depth_{depth}", (1 + depth % 3, depth), 1 + depth % 6)
        for units in (7, 8, 9, 17):
            yield plain(f"units_{units}", (2, 19), units)
