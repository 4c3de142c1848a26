"""TRANSPOSE_CONV: two-dimensional transposed convolution, the upsampling step of decoders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.mindir.types import MAX_TENSOR_BYTES
from microgen.ops import sampling
from microgen.ops.attributes import NO_PADDING, Activation, Padding, image_size
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Arg, Call, Const, Context, Input, Null, Output, Struct, Target, ints, nhwc
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
    bias_dims,
    per_channel_quant,
    requantization,
    requantized,
    wrong_wide_bias,
)
from microgen.ops.floats import FloatArray, clamp_fields, clamped, computed_in
from microgen.ops.quantization import QuantRule, Weights
from microgen.ops.tflite_form import ACTIVATION, PADDING, Option, TFLiteForm, TFLiteSource


def _same_padding(out: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """(top, left) that TensorFlow's ``SAME`` cuts from a result of size ``out``."""
    top, left = (max((-(-o // s) - 1) * s + k - o, 0) // 2 for o, k, s in zip(out, kernel, stride, strict=True))
    return top, left


@dataclass(frozen=True)
class TransposeConv2D(Op):
    """Inputs: NHWC image, filter [output channels, height, width, input channels], optional bias.

    Every pixel of the input adds the filter, times its values, to the result, ``stride`` apart. ``padding`` is what is
    cut from that at each side; ``output_padding`` rows and columns are then added at the bottom and right, which take
    back what was cut and hold the bias alone beyond.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    output_padding: tuple[int, int] = (0, 0)
    activation: Activation = Activation.NONE

    name: ClassVar[str] = "TransposeConv2D"
    tflite: ClassVar[tuple[str, ...]] = ("TRANSPOSE_CONV",)
    tflite_options: ClassVar[str | None] = "TransposeConvOptions"
    fuses_clamp: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        # The result has the shape that the file gives it, even where the operand is computed from it at run time.
        given, filter_, image = source.input(0), source.input(1), source.input(2)
        shape = source.integers(0) if given.is_const else source.outputs[0].shape
        if len(shape) != 4 or len(filter_.shape) != 4 or len(image.shape) != 4:
            raise VerifyError("output shape, filter and input must have 4 dimensions")
        kernel = image_size(filter_)
        stride = source.pair("StrideH", "StrideW")
        size = (shape[1], shape[2])
        if source.enum("Padding", PADDING) == "SAME":
            top, left = _same_padding(size, kernel, stride)
        else:
            top, left = 0, 0
        full = [(i - 1) * s + k for i, s, k in zip(image_size(image), stride, kernel, strict=True)]
        rest = (full[0] - top - size[0], full[1] - left - size[1])
        padding = Padding(top, left, max(rest[0], 0), max(rest[1], 0))
        added = (max(-rest[0], 0), max(-rest[1], 0))
        bias = source.inputs[3] if len(source.inputs) > 3 else None
        operator = cls(stride, (1, 1), padding, added, fused_activation(source))
        if (shape[0], shape[3]) != (image.shape[0], filter_.shape[0]):
            raise VerifyError(
                f"output shape {list(shape)} does not go with input {image.type} and filter {filter_.type}"
            )
        return operator, (image, filter_, bias)

    def to_tflite(self, node: Node) -> TFLiteForm:
        size, kernel = image_size(node.output), image_size(node.input(1))
        if self.dilation != (1, 1):
            raise VerifyError("TensorFlow Lite has no dilated transposed convolution", where=node.label)
        cut = (self.padding.top, self.padding.left)
        choices = {"VALID": (0, 0), "SAME": _same_padding(size, kernel, self.stride)}
        kind = next((name for name, found in choices.items() if found == cut), None)
        if kind is None:
            raise VerifyError(f"padding {self.padding} is neither SAME nor VALID", where=node.label)
        options: dict[str, Option] = {
            "Padding": PADDING.index(kind),
            "StrideH": self.stride[0],
            "StrideW": self.stride[1],
            "FusedActivationFunction": ACTIVATION.index(self.activation.value),
        }
        shape = sampling.constant("output_shape", np.array(node.output.shape, np.int32))
        inputs: tuple[Value | None, ...] = (shape, node.input(1), node.input(0))
        bias = node.optional_input(2)
        if bias is not None:
            inputs = (*inputs, bias)
        version = 1 if bias is None and not is_quantized(node) else 3
        return TFLiteForm(
            self.tflite[0],
            inputs,
            self.tflite_options,
            options,
            4 if self.activation is not Activation.NONE else version,
        )

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        image, filter_ = node.input(0), node.input(1)
        if len(image.shape) != 4 or len(filter_.shape) != 4:
            raise VerifyError(
                f"input and filter must have 4 dimensions, not {len(image.shape)} and {len(filter_.shape)}"
            )
        if image.shape[3] != filter_.shape[3]:
            raise VerifyError(f"{image.shape[3]} input channels for filter {list(filter_.shape)}")
        pad = self.padding
        if min(*self.stride, *self.dilation) < 1:
            raise VerifyError(f"stride {list(self.stride)} and dilation {list(self.dilation)} must be at least 1")
        if min(pad.top, pad.left, pad.bottom, pad.right, *self.output_padding) < 0:
            raise VerifyError(f"padding {pad} and output padding {list(self.output_padding)} must not be negative")
        channels = filter_.shape[0]
        bias = node.optional_input(2)
        if bias is not None and bias.type.elements != channels:
            raise VerifyError(f"{bias.type.elements} biases for {channels} output channels")
        full = self._full_size(node)
        height = full[0] - pad.top - pad.bottom + self.output_padding[0]
        width = full[1] - pad.left - pad.right + self.output_padding[1]
        if min(height, width) < 1:
            raise VerifyError(f"padding {pad} leaves nothing of {full[0]}×{full[1]}")
        # What is cut and what a dilated filter spans are made on the host.
        whole = image.shape[0] * max(full[0], pad.top + height) * max(full[1], pad.left + width) * channels
        span = math.prod((k - 1) * d + 1 for k, d in zip(image_size(filter_), self.dilation, strict=True))
        if max(whole, span * channels * image.shape[3]) * 4 > MAX_TENSOR_BYTES:
            raise VerifyError(f"{full[0]}×{full[1]} before it is cut is larger than {MAX_TENSOR_BYTES >> 20} MiB")
        return ((image.type.dtype, (image.shape[0], height, width, channels)),)

    def _full_size(self, node: Node) -> tuple[int, int]:
        """(height, width) before anything is cut."""
        sizes = zip(image_size(node.input(0)), image_size(node.input(1)), self.stride, self.dilation, strict=True)
        height, width = ((i - 1) * s + (k - 1) * d + 1 for i, k, s, d in sizes)
        return height, width

    @constraint
    def same_kind(self, node: Node) -> str | None:
        """input, filter and output are int8 with quantization parameters, input and output per tensor and both or \
neither int16 with zero point 0, or all float
        """
        return quantized_or_float(node, (node.input(0), node.output), (node.input(1),), int16=True)

    @constraint
    def constant_int8_filter(self, node: Node) -> str | None:
        """filter and bias of a quantized input are constants"""
        return not_constant(node.input(1), node.optional_input(2)) if is_quantized(node) else None

    @constraint
    def symmetric_filter(self, node: Node) -> str | None:
        """the filter is symmetric (zero point 0), with one scale or one per output channel"""
        quant = node.input(1).type.quant
        if quant is None:
            return None
        if any(quant.zero_points):
            return f"zero point {next(filter(None, quant.zero_points))}"
        if quant.axis not in (None, 0) and not quant.is_per_tensor:
            return f"scales along axis {quant.axis}"
        return None

    @constraint
    def bias_type(self, node: Node) -> str | None:
        """the bias of an int8 input is int32, that of an int16 one int64 or int16, any other of the input's type"""
        if is_int16(node):
            return wrong_wide_bias(node.optional_input(2), (DType.INT64, DType.INT16))
        wanted = DType.INT32 if is_quantized(node) else node.input(0).type.dtype
        return wrong_bias(node.optional_input(2), wanted)

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale times filter scale over output scale is below 2^30, of int16 tensors below 2^7"""
        if not is_quantized(node) or self.same_kind(node) is not None:
            return None
        try:
            requantization(node)
        except ValueError as error:
            return str(error)
        return None

    @device_constraint
    def int8_or_float32(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0), node.input(1), node.output)

    @device_constraint
    def constant_filter(self, node: Node) -> str | None:
        """filter and bias are constants"""
        return not_constant(node.input(1), node.optional_input(2))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(weights=Weights(1, 0, 3), bias=2)

    def macs(self, node: Node) -> int:
        image = node.input(0)
        return image.type.elements // image.shape[3] * node.input(1).type.elements

    def _spread(self, node: Node, image: FloatArray, filter_: FloatArray) -> FloatArray:
        """The sums [images, height, width, channels] of images [images, height, width, depth], without bias."""
        full, pad = self._full_size(node), self.padding
        out_h, out_w, channels = node.output.shape[1:]
        in_h, in_w = image_size(node.input(0))
        canvas: FloatArray = np.zeros(
            (len(image), max(full[0], pad.top + out_h), max(full[1], pad.left + out_w), channels), image.dtype
        )
        for y in range(filter_.shape[1]):
            for x in range(filter_.shape[2]):
                y0, x0 = y * self.dilation[0], x * self.dilation[1]
                rows = slice(y0, y0 + (in_h - 1) * self.stride[0] + 1, self.stride[0])
                columns = slice(x0, x0 + (in_w - 1) * self.stride[1] + 1, self.stride[1])
                canvas[:, rows, columns] += image @ filter_[:, y, x, :].T
        return canvas[:, pad.top : pad.top + out_h, pad.left : pad.left + out_w]

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        image, filter_ = inputs[0], inputs[1]
        bias = inputs[2] if len(inputs) > 2 else None
        assert image is not None and filter_ is not None
        if is_quantized(node):
            return [self._evaluate_quantized(node, image, filter_[0], None if bias is None else bias[0])]
        kind = computed_in(node.output.type.dtype)
        image, filter_ = image.astype(kind, copy=False), filter_.astype(kind, copy=False)
        samples = max(len(image), len(filter_))
        if len(filter_) == 1:
            sums = self._spread(node, image.reshape(-1, *image.shape[2:]), filter_[0])
        else:
            images = np.broadcast_to(image, (samples, *image.shape[1:]))
            sums = np.concatenate([self._spread(node, i, f) for i, f in zip(images, filter_, strict=True)])
        result = sums.reshape(-1, *node.output.shape)
        if bias is not None:
            result = result + bias.astype(kind, copy=False).reshape(len(bias), 1, 1, 1, -1)
        return [clamped(result, self.activation, node.output.type.dtype)]

    def _evaluate_quantized(self, node: Node, image: Array, filter_: Array, bias: Array | None) -> Array:
        source, quant = node.input(0).type.quant, node.output.type.quant
        assert source is not None and quant is not None
        # float64 matrix products of integers are exact (sums stay far below 2^53) and run on BLAS.
        real = image.reshape(-1, *image.shape[2:]).astype(np.float64) - source.zero_point
        sums = self._spread(node, real, filter_.astype(np.float64)).astype(np.int64)
        if bias is not None:
            sums = sums + bias.astype(np.int64).reshape(-1)
        scaled = requantized(node, sums)
        low, high = self.activation.bounds(node.output.type)
        result = np.clip(arith.wrap32(scaled + quant.zero_point), low, high).astype(node.output.type.dtype.numpy)
        return result.reshape(len(image), *node.output.shape)

    def _filter_argument(self, node: Node) -> tuple[Arg, tuple[int, ...]]:
        """The filter, with zeros between its taps where it is dilated, and its shape."""
        filter_ = node.input(1)
        if self.dilation == (1, 1):
            return Input(1), filter_.shape
        channels, height, width, depth = filter_.shape
        (down, across) = self.dilation
        spread = np.zeros((channels, (height - 1) * down + 1, (width - 1) * across + 1, depth), filter_.const.dtype)
        spread[:, ::down, ::across] = filter_.const
        return Const("filter", spread), spread.shape

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        image, output = node.input(0), node.output
        filter_, filter_shape = self._filter_argument(node)
        stride = ("stride", Struct("cmsis_nn_tile", ints(w=self.stride[1], h=self.stride[0])))
        padding = ("padding", Struct("cmsis_nn_tile", ints(w=self.padding.left, h=self.padding.top)))
        if not is_quantized(node):
            params = Struct(
                "mg_transpose_conv_f32_params",
                (
                    stride,
                    padding,
                    ("input", nhwc(image.shape)),
                    ("filter", nhwc(filter_shape)),
                    ("output", nhwc(output.shape)),
                    *clamp_fields(self.activation),
                ),
            )
            return (Call("mg_transpose_conv_f32", (params, Input(0), filter_, bias_argument(node), Output())),)
        source, quant = image.type.quant, output.type.quant
        assert source is not None and quant is not None
        low_s8, high_s8 = self.activation.bounds(output.type)
        params = Struct(
            "cmsis_nn_transpose_conv_params",
            (
                *ints(input_offset=-source.zero_point, output_offset=quant.zero_point),
                stride,
                padding,
                ("dilation", Struct("cmsis_nn_tile", ints(w=1, h=1))),
                ("activation", Struct("cmsis_nn_activation", ints(min=low_s8, max=high_s8))),
            ),
        )
        if is_int16(node):
            bias = node.optional_input(2)
            # CMSIS-NN has none of these.
            wide = Null() if bias is None else Const("bias", bias.const.astype(np.int64).reshape(-1))
            head = (params, per_channel_quant(node), nhwc(image.shape), Input(0), nhwc(filter_shape), filter_, wide)
            return (Call("mg_transpose_conv_s16", (*head, nhwc(output.shape), Output())),)
        args = (
            Context(),
            Null(),
            params,
            per_channel_quant(node),
            nhwc(image.shape),
            Input(0),
            nhwc(filter_shape),
            filter_,
            bias_dims(output.shape[3]),
            bias_argument(node),
            nhwc(output.shape),
            Output(),
        )
        return (Call("arm_transpose_conv_wrapper_s8", args),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            size: tuple[int, int, int],
            filter_: tuple[int, int, int],
            *,
            batch: int = 1,
            stride: tuple[int, int] = (2, 2),
            dilation: tuple[int, int] = (1, 1),
            out: tuple[int, int] | None = None,
            kind: str = "SAME",
            cut: Padding | None = None,
            added: tuple[int, int] = (0, 0),
            activation: Activation = Activation.NONE,
            axis: int | None = 0,
            bias: int | None = 0,
            zero_points: tuple[int, int] = (3, -5),
            scale: float | None = None,
            real: bool = False,
            wide: bool = False,
        ) -> Sample:
            units, height, width = filter_
            if cut is None:
                full = [(i - 1) * s + k for i, s, k in zip(size[:2], stride, (height, width), strict=True)]
                given = out or ((size[0] * stride[0], size[1] * stride[1]) if kind == "SAME" else (full[0], full[1]))
                top, left = _same_padding(given, (height, width), stride) if kind == "SAME" else (0, 0)
                rest = (full[0] - top - given[0], full[1] - left - given[1])
                cut = Padding(top, left, max(rest[0], 0), max(rest[1], 0))
                added = (max(-rest[0], 0), max(-rest[1], 0))
            op = cls(stride, dilation, cut, added, activation)
            shape, weight_shape = (batch, *size), (units, height, width, size[2])
            operands: tuple[TensorType | Value | None, ...]
            if real:
                weights = sampling.float_weights(id, weight_shape, 0.3)
                extra = None if bias is None else sampling.float_weights(id, (units,), name="bias")
                return sampling.single(op, f"f32_{id}", (sampling.float32(shape), weights, extra), None)
            source = sampling.int16(shape) if wide else sampling.int8(shape, 0.05, zero_points[0])
            weights = sampling.weights(id, weight_shape, axis)
            extra = None if bias is None else sampling.bias(id, source, weights, units, bias)
            operands = (source, weights, extra)
            sums = height * width * size[2] / (stride[0] * stride[1])
            output = QuantParams.per_tensor(scale or 0.05 * 0.02 * 60.0 * max(sums, 1.0) ** 0.5, zero_points[1])
            if wide:
                output = QuantParams.per_tensor(0.0002 * 0.02 * 60.0 * max(sums, 1.0) ** 0.5, 0)
            return sampling.single(op, id, operands, output)

        for real in (False, True):
            yield make("double", (3, 4, 5), (6, 3, 3), real=real)
            yield make("double_2x2", (3, 4, 5), (4, 2, 2), real=real)
            yield make("double_4x4", (3, 4, 3), (2, 4, 4), real=real)
            yield make("valid", (3, 4, 5), (6, 3, 3), kind="VALID", real=real)
            yield make("stride_1", (4, 5, 3), (4, 3, 3), stride=(1, 1), real=real)
            yield make("stride_1_valid", (4, 5, 3), (4, 3, 2), stride=(1, 1), kind="VALID", real=real)
            yield make("strides_apart", (3, 4, 3), (4, 3, 5), stride=(3, 2), real=real)
            yield make("stride_above_kernel", (3, 3, 4), (3, 2, 1), stride=(3, 3), real=real)
            yield make("pointwise", (3, 4, 5), (6, 1, 1), stride=(1, 1), real=real)
            yield make("odd_result", (3, 4, 3), (4, 3, 3), out=(5, 7), real=real)
            yield make("larger_result", (3, 4, 3), (4, 3, 3), kind="VALID", out=(9, 12), real=real)
            yield make("smaller_result", (3, 4, 3), (4, 3, 3), kind="VALID", out=(5, 6), real=real)
            yield make("batch", (2, 3, 4), (5, 3, 3), batch=3, real=real)
            yield make("one_pixel", (1, 1, 7), (5, 4, 3), kind="VALID", real=real)
            yield make("one_channel", (4, 3, 1), (1, 3, 3), real=real)
            yield make("no_bias", (3, 4, 5), (6, 3, 3), bias=None, real=real)
            yield make("relu", (3, 4, 5), (6, 3, 3), activation=Activation.RELU, real=real)
            yield make("relu6", (3, 4, 5), (6, 3, 3), activation=Activation.RELU6, real=real)
            yield make("dilated", (3, 4, 3), (4, 3, 2), dilation=(2, 3), cut=Padding(1, 0, 2, 1), real=real)
            yield make("cut", (4, 4, 3), (4, 4, 4), cut=Padding(2, 1, 0, 3), real=real)
            yield make("cut_and_added", (3, 4, 3), (4, 3, 3), cut=Padding(1, 1, 1, 1), added=(1, 1), real=real)
        yield make("i16_double", (3, 4, 5), (6, 3, 3), wide=True)
        yield make("i16_one_row", (1, 7, 4), (5, 1, 8), stride=(1, 4), wide=True, kind="VALID")
        yield make("i16_batch_per_tensor", (2, 3, 3), (1, 2, 3), batch=2, bias=None, axis=None, wide=True)
        yield make("per_tensor", (3, 4, 5), (6, 3, 3), axis=None)
        yield make("huge_bias", (3, 4, 5), (6, 3, 3), bias=1 << 30)
        yield make("zero_points_low", (3, 4, 5), (6, 3, 3), zero_points=(-128, -128))
        yield make("zero_points_high", (3, 4, 5), (6, 3, 3), zero_points=(127, 127))
        yield make("saturating", (3, 4, 5), (6, 3, 3), scale=0.003)
        yield make("vanishing", (3, 4, 5), (6, 3, 3), scale=9000.0)
