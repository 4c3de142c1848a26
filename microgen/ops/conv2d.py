"""CONV_2D: two-dimensional convolution, with groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation, image_size, same_or_valid
from microgen.ops.base import Sample, op_of
from microgen.ops.call import Call, Context, Input, Isa, Output, Target, nhwc
from microgen.ops.constraints import is_int16, is_quantized
from microgen.ops.convolution import (
    Convolution,
    bias_argument,
    bias_data,
    bias_dims,
    patches,
    per_channel_quant,
    row_pointers,
)
from microgen.ops.floats import FloatArray
from microgen.ops.packed import packed_weights, packs


@dataclass(frozen=True)
class Conv2D(Convolution):
    """Filter [output channels, height, width, input channels / groups]."""

    name: ClassVar[str] = "Conv2D"
    tflite: ClassVar[tuple[str, ...]] = ("CONV_2D",)
    tflite_options: ClassVar[str | None] = "Conv2DOptions"
    channel_axis: ClassVar[int] = 0
    input_axis: ClassVar[int | None] = 3
    float_kernel: ClassVar[str] = "mg_conv_f32"

    def check_channels(self, node: Node) -> int:
        depth, filter_ = node.input(0).shape[3], node.input(1).shape
        if depth % filter_[3] or filter_[0] % (depth // filter_[3]):
            raise VerifyError(f"{depth} input channels do not divide into groups for filter {list(filter_)}")
        return filter_[0]

    def sums(self, node: Node, images: FloatArray, filter_: FloatArray) -> FloatArray:
        channels, kernel_h, kernel_w, group_depth = filter_.shape
        count, (out_h, out_w) = len(images), image_size(node.output)
        taps = [tap for _, _, tap in self.padded_taps(node, images)]
        patches = np.stack(taps, axis=3)  # [images, out_h, out_w, taps, depth]
        groups = images.shape[3] // group_depth
        size = channels // groups
        parts = []
        for group in range(groups):
            columns = slice(group * group_depth, (group + 1) * group_depth)
            left = patches[..., columns].reshape(-1, kernel_h * kernel_w * group_depth)
            right = filter_[group * size : (group + 1) * size].reshape(size, -1)
            parts.append(left @ right.T)
        made: FloatArray = np.concatenate(parts, axis=1)
        return made.reshape(count, out_h, out_w, channels)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if not is_quantized(node):
            return (self.float_call(node),)
        image, filter_, output = node.input(0), node.input(1), node.output
        height, width, depth = filter_.shape[1:]
        if is_int16(node):
            return (self._int16_call(node, target.isa),)
        if packs(node, self.weight_bits):
            return (self._packed_call(node),)
        is_pointwise = height == width == 1 and (self.padding.top, self.padding.left, depth) == (0, 0, image.shape[3])
        scratch = row_pointers(height)
        if target.isa is Isa.DSP:
            scratch += patches(height * width * depth, depth)
        elif not is_pointwise:
            scratch += 4 * height * width * depth + (288 if target.isa is Isa.MVE else 0)
        guard = f"MG_CONVOLVE_S8_SCRATCH({height}, {width}, {depth})" if scratch else ""
        args = (
            Context(),
            self.params(node, "cmsis_nn_conv_params"),
            per_channel_quant(node),
            nhwc(image.shape),
            Input(0),
            nhwc(filter_.shape),
            Input(1),
            bias_dims(output.shape[3]),
            bias_argument(node),
            nhwc(output.shape),
            Output(),
        )
        return (Call("arm_convolve_wrapper_s8", args, scratch, guard),)

    def _packed_call(self, node: Node) -> Call:
        image, filter_, output = node.input(0), node.input(1), node.output
        height, width, depth = filter_.shape[1:]
        args = (
            Context(),
            self.params(node, "cmsis_nn_conv_params"),
            per_channel_quant(node),
            nhwc(image.shape),
            Input(0),
            nhwc(filter_.shape),
            packed_weights(node),
            bias_dims(output.shape[3]),
            bias_argument(node),
            nhwc(output.shape),
            Output(),
        )
        guard = f"MG_CONVOLVE_S4_SCRATCH({height}, {width}, {depth})"
        return Call("arm_convolve_wrapper_s4", args, 8 * height * width * depth, guard)

    def _int16_call(self, node: Node, isa: Isa) -> Call:
        image, filter_, output = node.input(0), node.input(1), node.output
        height, width, depth = filter_.shape[1:]
        size = height * width * depth
        # The DSP flavour packs two patches in fours, Helium gathers four.
        patch = 2 * size + 16 * -(-size // 4) if isa is Isa.DSP else 2 * size * (4 if isa is Isa.MVE else 1)
        scratch = row_pointers(height) + patch
        args = (
            Context(),
            self.params(node, "cmsis_nn_conv_params"),
            per_channel_quant(node),
            nhwc(image.shape),
            Input(0),
            nhwc(filter_.shape),
            Input(1),
            bias_dims(output.shape[3]),
            bias_data(node),
            nhwc(output.shape),
            Output(),
        )
        guard = f"MG_CONVOLVE_S16_SCRATCH({height}, {width}, {depth})"
        return Call("arm_convolve_wrapper_s16", args, scratch, guard)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            size: tuple[int, int, int],
            filter_: tuple[int, int, int],
            *,
            groups: int = 1,
            batch: int = 1,
            padding: str = "SAME",
            stride: tuple[int, int] = (1, 1),
            dilation: tuple[int, int] = (1, 1),
            activation: Activation = Activation.NONE,
            axis: int | None = 0,
            bias: int | None = 0,
            zero_point: int = 3,
            filter_scale: float = 0.02,
            scale: float | None = None,
            wide: bool = False,
            bits: int = 8,
        ) -> Sample:
            channels, height, width = filter_
            image = sampling.int16((batch, *size)) if wide else sampling.int8((batch, *size), 0.05, zero_point)
            values = sampling.weights(id, (channels, height, width, size[2] // groups), axis, filter_scale, bits)
            operands: tuple[TensorType | Value | None, ...] = (image, values, None)
            if bias is not None:
                operands = (image, values, sampling.bias(id, image, values, channels, bias))
            pads = same_or_valid(padding, size[:2], (height, width), stride, dilation)
            if scale is None:
                scale = 0.05 * 0.02 * 60.0 / (1 << 8 - bits) * (height * width * size[2] / groups) ** 0.5
            output = QuantParams.per_tensor(scale, -128 if activation in (Activation.RELU, Activation.RELU6) else -5)
            if wide:
                output = QuantParams.per_tensor(scale / 256, 0)
            return sampling.single(cls(stride, dilation, pads, activation, bits), id, operands, output)

        def narrow(sample: Sample) -> Sample:
            """The same with an int32 bias beside the int16 image."""
            (node,) = sample.graph.nodes
            image, values, offsets = node.input(0), node.input(1), node.input(2)
            data = (offsets.const // 256).astype(np.int32)
            bias = Value("bias", TensorType(DType.INT32, data.shape, offsets.type.quant), data)
            return sampling.single(
                op_of(node), f"{sample.id}_bias_i32", (image.type, values, bias), node.output.type.quant
            )

        yield make("3x3", (5, 6, 3), (4, 3, 3))
        yield make("i4_3x3", (5, 6, 3), (5, 3, 3), bits=4, activation=Activation.RELU)
        yield make("i4_valid_dilated", (9, 7, 2), (4, 3, 2), bits=4, padding="VALID", dilation=(2, 1), stride=(1, 2))
        yield make("i4_pointwise_batch", (3, 2, 7), (9, 1, 1), bits=4, batch=2, bias=None, axis=None)
        yield make("i16_3x3", (5, 6, 3), (5, 3, 3), wide=True)
        yield make("i16_one_row", (1, 12, 5), (6, 1, 5), wide=True, activation=Activation.RELU)
        yield make("i16_one_row_inside", (1, 12, 4), (5, 1, 5), wide=True, padding="VALID", stride=(1, 2))
        yield make("i16_one_row_dilated", (1, 15, 2), (3, 1, 3), wide=True, dilation=(1, 3))
        yield make("i16_grouped", (4, 5, 6), (4, 3, 2), groups=2, batch=2, wide=True, activation=Activation.RELU6)
        yield make("i16_pointwise", (3, 3, 9), (8, 1, 1), wide=True, bias=None, axis=None)
        yield make("i16_long_sums", (1, 3, 560), (5, 1, 3), wide=True, padding="VALID")
        yield make("i16_saturating", (3, 4, 3), (2, 2, 2), wide=True, scale=0.02, bias=1 << 20)
        yield narrow(make("i16_3x3_stride2", (7, 6, 2), (5, 3, 3), wide=True, stride=(2, 2)))
        yield make("3x3_stride2_odd", (7, 6, 2), (5, 3, 3), stride=(2, 2))
        yield make("3x3_stride2_even", (8, 9, 2), (3, 3, 3), stride=(2, 2), activation=Activation.RELU)
        yield make("valid_5x2", (9, 7, 3), (2, 5, 2), padding="VALID", activation=Activation.RELU6)
        yield make("stride_2x3", (9, 10, 1), (3, 4, 3), stride=(2, 3))
        yield make("dilated", (9, 8, 2), (3, 3, 3), dilation=(2, 3))
        yield make("dilated_valid", (11, 9, 1), (2, 3, 2), padding="VALID", dilation=(3, 2))
        yield make("n1_to_1", (4, 4, 3), (3, 2, 2), activation=Activation.RELU_N1_TO_1)
        yield make("pointwise", (5, 5, 8), (7, 1, 1))
        yield make("pointwise_stride2", (5, 6, 8), (4, 1, 1), stride=(2, 2))
        yield make("grouped", (5, 5, 6), (4, 3, 3), groups=2)
        yield make("grouped_depthwise", (4, 5, 3), (6, 3, 3), groups=3)
        yield make("batch2", (4, 5, 2), (3, 3, 3), batch=2)
        yield make("per_tensor", (4, 5, 2), (3, 3, 3), axis=None)
        yield make("no_bias", (4, 5, 2), (3, 3, 3), bias=None)
        yield make("one_row", (1, 12, 3), (4, 1, 5))
        yield make("one_column", (12, 1, 3), (4, 5, 1), stride=(2, 1))
        yield make("kernel_above_input", (2, 3, 2), (3, 5, 7))
        yield make("zero_point_low", (4, 4, 3), (3, 3, 3), zero_point=-128)
        yield make("zero_point_high", (4, 4, 3), (3, 3, 3), zero_point=127)
        yield make("huge_bias", (4, 5, 2), (6, 3, 3), bias=1 << 30)
        yield make("huge_bias_small_factor", (4, 5, 2), (6, 3, 3), bias=1 << 30, filter_scale=1e-9)
        yield make("pointwise_huge_bias", (4, 5, 2), (6, 1, 1), bias=1 << 30)
        yield make("saturating", (4, 4, 3), (3, 3, 3), scale=0.003)
        yield make("factor_above_1", (4, 4, 3), (3, 3, 3), filter_scale=0.7, scale=0.001)
        yield make("factor_far_above_1", (4, 4, 3), (3, 3, 3), filter_scale=3000.0, scale=0.0001)
        yield make("vanishing", (4, 4, 3), (3, 3, 3), filter_scale=1e-9)
        for depth in range(1, 18):
            yield make(f"depth_{depth}", (3, 4 + depth % 2, depth), (depth + 1, 2, 3))
            yield make(f"pointwise_{depth}", (3, 3, depth), (18 - depth, 1, 1))
        yield make("long_rows", (2, 31, 3), (5, 3, 3), activation=Activation.RELU)
        yield make("pointwise_groups", (3, 3, 8), (6, 1, 1), groups=2)
        yield make("pointwise_padded", (3, 4, 6), (5, 1, 1), padding="SAME", stride=(3, 3))
        yield make("deep", (2, 3, 70), (3, 3, 3), activation=Activation.RELU)

        def plain(
            id: str,
            shape: tuple[int, int, int, int],
            filter_: tuple[int, int, int],
            *,
            groups: int = 1,
            padding: str = "SAME",
            stride: tuple[int, int] = (1, 1),
            dilation: tuple[int, int] = (1, 1),
            activation: Activation = Activation.NONE,
            bias: bool = True,
            constant: bool = True,
        ) -> Sample:
            channels, *kernel = filter_
            size = (channels, *kernel, shape[3] // groups)
            weights: tuple[TensorType | Value | None, ...] = (
                sampling.float_weights(id, size),
                sampling.float_weights(id, (channels,), name="bias") if bias else None,
            )
            if not constant:
                weights = (sampling.float32(size), sampling.float32((channels,)))
            pads = same_or_valid(padding, shape[1:3], (kernel[0], kernel[1]), stride, dilation)
            operands = (sampling.float32(shape), *weights)
            return sampling.single(cls(stride, dilation, pads, activation), f"f32_{id}", operands, None)

        yield plain("3x3", (1, 5, 6, 3), (4, 3, 3))
        yield plain("3x3_stride2_odd", (1, 7, 6, 2), (5, 3, 3), stride=(2, 2))
        yield plain("3x3_stride2_even", (1, 8, 9, 2), (3, 3, 3), stride=(2, 2), activation=Activation.RELU)
        yield plain("valid_5x2", (1, 9, 7, 3), (2, 5, 2), padding="VALID", activation=Activation.RELU6)
        yield plain("n1_to_1", (1, 4, 4, 3), (3, 2, 2), activation=Activation.RELU_N1_TO_1)
        yield plain("dilated", (1, 9, 8, 2), (6, 3, 3), dilation=(2, 3))
        yield plain("dilated_valid", (1, 11, 9, 1), (2, 3, 2), padding="VALID", dilation=(3, 2))
        yield plain("pointwise", (1, 5, 5, 8), (7, 1, 1))
        yield plain("pointwise_stride2", (1, 5, 6, 8), (4, 1, 1), stride=(2, 2))
        yield plain("grouped", (1, 5, 5, 6), (4, 3, 3), groups=2)
        yield plain("grouped_8", (2, 5, 6, 4), (10, 3, 2), groups=2, stride=(2, 1))
        yield plain("grouped_depthwise", (1, 4, 5, 3), (6, 3, 3), groups=3)
        yield plain("batch2", (2, 4, 5, 2), (3, 3, 3))
        yield plain("no_bias", (1, 4, 5, 2), (3, 3, 3), bias=False)
        yield plain("one_row", (1, 1, 12, 3), (4, 1, 5))
        yield plain("one_column", (1, 12, 1, 3), (4, 5, 1), stride=(2, 1))
        yield plain("kernel_above_input", (1, 2, 3, 2), (3, 5, 7))
        yield plain("tall_kernel", (1, 5, 2, 3), (3, 17, 2))
        yield plain("computed_filter", (1, 5, 4, 3), (5, 2, 3), constant=False)
        for depth in (1, 2, 3, 4, 5, 7, 9, 16):
            yield plain(f"depth_{depth}", (1, 3, 4 + depth % 2, depth), (depth + 1, 2, 3))
            yield plain(f"pointwise_{depth}", (1, 3, 3, depth), (18 - depth, 1, 1))
