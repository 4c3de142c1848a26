"""DEPTHWISE_CONV_2D: a convolution of every channel by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation, same_or_valid
from microgen.ops.base import Sample
from microgen.ops.call import Call, Context, Input, Output, Target, nhwc
from microgen.ops.constraints import is_quantized, suffix
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution, bias_argument, bias_dims, per_channel_quant, row_pointers
from microgen.ops.floats import FloatArray
from microgen.ops.packed import packed_weights, packs
from microgen.ops.tflite_form import Option

# Pointers to so many rows fit on the kernel's stack: MG_DEPTHWISE_LOCAL_ROWS of runtime_c/mg_scratch.h.
_LOCAL_ROWS = 16


@dataclass(frozen=True)
class DepthwiseConv2D(Convolution):
    """Filter [1, height, width, output channels]; output channel i · multiplier + j reads input channel i.

    The multiplier is the quotient of the channel counts: what a file says of it is redundant and not read.
    """

    name: ClassVar[str] = "DepthwiseConv2D"
    tflite: ClassVar[tuple[str, ...]] = ("DEPTHWISE_CONV_2D",)
    tflite_options: ClassVar[str | None] = "DepthwiseConv2DOptions"
    channel_axis: ClassVar[int] = 3
    input_axis: ClassVar[int | None] = None
    float_kernel: ClassVar[str] = "mg_depthwise_conv_f32"
    wide_biases: ClassVar[tuple[DType, ...]] = (DType.INT64,)

    def check_channels(self, node: Node) -> int:
        depth, filter_ = node.input(0).shape[3], node.input(1).shape
        if filter_[0] != 1:
            raise VerifyError(f"the filter's first dimension must be 1, not {filter_[0]}")
        if filter_[3] % depth:
            raise VerifyError(f"{filter_[3]} output channels are not a multiple of {depth} input channels")
        return filter_[3]

    def multiplier(self, node: Node) -> int:
        """Output channels for each input channel."""
        return node.input(1).shape[3] // node.input(0).shape[3]

    def extra_options(self, node: Node) -> dict[str, Option]:
        return {"DepthMultiplier": self.multiplier(node)}

    def sums(self, node: Node, images: FloatArray, filter_: FloatArray) -> FloatArray:
        out_h, out_w, channels = node.output.shape[1:]
        repeated = np.repeat(images, self.multiplier(node), axis=3)
        sums = np.zeros((len(images), out_h, out_w, channels), images.dtype)
        for y, x, tap in self.padded_taps(node, repeated):
            sums += tap * filter_[0, y, x]
        return sums

    def simplified(self, node: Node) -> Node | None:
        """On a single input channel a plain convolution, which reads that channel once for all its outputs."""
        filter_ = node.input(1)
        if node.input(0).shape[3] != 1 or not filter_.is_const:
            return None
        data = np.ascontiguousarray(filter_.const.transpose(3, 1, 2, 0))
        quant = filter_.type.quant
        if quant is not None and quant.axis is not None:
            quant = replace(quant, axis=Conv2D.channel_axis)
        turned = Value(filter_.name, TensorType(filter_.type.dtype, data.shape, quant), data)
        op = Conv2D(self.stride, self.dilation, self.padding, self.activation, self.weight_bits)
        return Node(op, (node.input(0), turned, *node.inputs[2:]), node.outputs, node.name)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if not is_quantized(node):
            return (self.float_call(node),)
        image, filter_, output = node.input(0), node.input(1), node.output
        packed = packs(node, self.weight_bits)
        scratch = row_pointers(filter_.shape[1]) if filter_.shape[1] > _LOCAL_ROWS and not packed else 0
        kernel = f"arm_depthwise_conv_wrapper_{'s4' if packed else suffix(node)}"
        guard = f"MG_DEPTHWISE_CONV_S8_SCRATCH({filter_.shape[1]})" if scratch else ""
        args = (
            Context(),
            self.params(node, "cmsis_nn_dw_conv_params", ch_mult=self.multiplier(node)),
            per_channel_quant(node),
            nhwc(image.shape),
            Input(0),
            nhwc(filter_.shape),
            packed_weights(node) if packed else Input(1),
            bias_dims(output.shape[3]),
            bias_argument(node),
            nhwc(output.shape),
            Output(),
        )
        return (Call(kernel, args, scratch, guard),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            size: tuple[int, int, int],
            kernel: tuple[int, int],
            multiplier: int = 1,
            *,
            batch: int = 1,
            padding: str = "SAME",
            stride: tuple[int, int] = (1, 1),
            dilation: tuple[int, int] = (1, 1),
            activation: Activation = Activation.NONE,
            axis: int | None = 3,
            bias: int | None = 0,
            zero_points: tuple[int, int] = (3, -5),
            filter_scale: float = 0.02,
            scale: float | None = None,
            wide: bool = False,
            bits: int = 8,
        ) -> Sample:
            channels = size[2] * multiplier
            image = sampling.int16((batch, *size)) if wide else sampling.int8((batch, *size), 0.05, zero_points[0])
            filter_ = sampling.weights(id, (1, *kernel, channels), axis, filter_scale, bits)
            operands: tuple[TensorType | Value | None, ...] = (image, filter_, None)
            if bias is not None:
                operands = (image, filter_, sampling.bias(id, image, filter_, channels, bias))
            pads = same_or_valid(padding, size[:2], kernel, stride, dilation)
            if scale is None:
                scale = 0.05 * 0.02 * 60.0 / (1 << 8 - bits) * (kernel[0] * kernel[1]) ** 0.5
            if activation in (Activation.RELU, Activation.RELU6):
                zero_points = (zero_points[0], -128)
            output = QuantParams.per_tensor(scale / 256, 0) if wide else QuantParams.per_tensor(scale, zero_points[1])
            return sampling.single(cls(stride, dilation, pads, activation, bits), id, operands, output)

        yield make("3x3", (5, 6, 3), (3, 3))
        yield make("i4_3x3", (5, 6, 7), (3, 3), bits=4, activation=Activation.RELU)
        yield make(
            "i4_dilated_double", (9, 8, 3), (3, 2), 2, dilation=(2, 3), batch=2, stride=(1, 2), bits=4, bias=None
        )
        yield make("i16_3x3", (5, 6, 7), (3, 3), wide=True)
        yield make("i16_one_row", (1, 12, 4), (1, 5), wide=True, stride=(1, 2), activation=Activation.RELU)
        yield make("i16_dilated_double", (9, 8, 3), (3, 3), 2, dilation=(2, 3), batch=2, wide=True)
        yield make("i16_no_bias_tall", (30, 2, 5), (19, 1), bias=None, axis=None, wide=True)
        yield make("i16_long_sums", (20, 28, 4), (20, 28), padding="VALID", wide=True)
        yield make("tall_kernel", (5, 2, 3), (_LOCAL_ROWS + 1, 2))
        yield make("3x3_stride2_odd", (7, 6, 5), (3, 3), stride=(2, 2))
        yield make("3x3_stride2_even", (8, 9, 4), (3, 3), stride=(2, 2), activation=Activation.RELU)
        yield make("valid_5x2", (9, 7, 3), (5, 2), padding="VALID", activation=Activation.RELU6)
        yield make("valid_stride", (9, 10, 2), (4, 3), padding="VALID", stride=(2, 3))
        yield make("stride_2x3", (9, 10, 2), (4, 3), stride=(2, 3))
        yield make("stride_above_kernel", (9, 10, 2), (2, 2), stride=(3, 4))
        yield make("dilated", (9, 8, 4), (3, 3), dilation=(2, 3))
        yield make("dilated_multiplier", (9, 8, 2), (3, 3), 2, dilation=(2, 2), activation=Activation.RELU)
        yield make("dilated_valid", (11, 9, 3), (3, 2), padding="VALID", dilation=(3, 2))
        yield make("dilated_above_input", (4, 3, 2), (3, 3), dilation=(3, 4))
        yield make("n1_to_1", (4, 4, 3), (2, 2), activation=Activation.RELU_N1_TO_1)
        yield make("pointwise", (5, 5, 8), (1, 1))
        yield make("pointwise_stride2", (5, 6, 8), (1, 1), stride=(2, 2))
        yield make("batch2", (4, 5, 3), (3, 3), batch=2)
        yield make("batch3_multiplier2", (4, 5, 3), (3, 2), 2, batch=3)
        yield make("per_tensor", (4, 5, 3), (3, 3), axis=None)
        yield make("no_bias", (4, 5, 3), (3, 3), bias=None)
        yield make("huge_bias", (4, 5, 6), (3, 3), bias=1 << 30)
        yield make("huge_bias_small_factor", (4, 5, 6), (3, 3), bias=1 << 30, filter_scale=1e-9)
        yield make("one_row", (1, 12, 3), (1, 5))
        yield make("one_row_kernel3", (1, 12, 3), (3, 5))
        yield make("one_column", (12, 1, 3), (5, 1), stride=(2, 1))
        yield make("kernel_10x4_stride2", (13, 10, 1), (10, 4), 8, stride=(2, 2), activation=Activation.RELU)
        yield make("kernel_above_input", (2, 3, 2), (5, 7))
        yield make("whole_input", (4, 5, 3), (4, 5), padding="VALID")
        yield make("zero_points_low", (4, 4, 3), (3, 3), zero_points=(-128, -128))
        yield make("zero_points_high", (4, 4, 3), (3, 3), zero_points=(127, 127))
        yield make("saturating", (4, 4, 3), (3, 3), scale=0.003)
        yield make("factor_above_1", (4, 4, 3), (3, 3), filter_scale=0.7, scale=0.001)
        yield make("factor_far_above_1", (4, 4, 3), (3, 3), filter_scale=3000.0, scale=0.0001)
        yield make("vanishing", (4, 4, 3), (3, 3), filter_scale=1e-9)
        for depth in (*range(1, 18), 24, 25, 33):
            yield make(f"channels_{depth}", (3, 4, depth), (3, 3))
        for multiplier in (2, 3, 5):
            for depth in (1, 2, 3, 4, 5):
                yield make(f"channels_{depth}_multiplier_{multiplier}", (3, 4, depth), (2, 3), multiplier)

        def plain(
            id: str,
            shape: tuple[int, int, int, int],
            kernel: tuple[int, int],
            multiplier: int = 1,
            *,
            padding: str = "SAME",
            stride: tuple[int, int] = (1, 1),
            dilation: tuple[int, int] = (1, 1),
            activation: Activation = Activation.NONE,
            bias: bool = True,
            constant: bool = True,
        ) -> Sample:
            channels = shape[3] * multiplier
            weights: tuple[TensorType | Value | None, ...] = (
                sampling.float_weights(id, (1, *kernel, channels)),
                sampling.float_weights(id, (channels,), name="bias") if bias else None,
            )
            if not constant:
                weights = (sampling.float32((1, *kernel, channels)), sampling.float32((channels,)))
            pads = same_or_valid(padding, shape[1:3], kernel, stride, dilation)
            operands = (sampling.float32(shape), *weights)
            return sampling.single(cls(stride, dilation, pads, activation), f"f32_{id}", operands, None)

        yield plain("3x3", (1, 5, 6, 3), (3, 3))
        yield plain("3x3_stride2_odd", (1, 7, 6, 5), (3, 3), stride=(2, 2))
        yield plain("3x3_stride2_even", (1, 8, 9, 4), (3, 3), stride=(2, 2), activation=Activation.RELU)
        yield plain("valid_5x2", (1, 9, 7, 3), (5, 2), padding="VALID", activation=Activation.RELU6)
        yield plain("n1_to_1", (1, 4, 4, 3), (2, 2), activation=Activation.RELU_N1_TO_1)
        yield plain("stride_above_kernel", (1, 9, 10, 2), (2, 2), stride=(3, 4))
        yield plain("dilated", (1, 9, 8, 4), (3, 3), dilation=(2, 3))
        yield plain("dilated_multiplier", (1, 9, 8, 2), (3, 3), 2, dilation=(2, 2))
        yield plain("batch3_multiplier2", (3, 4, 5, 3), (3, 2), 2)
        yield plain("no_bias", (1, 4, 5, 3), (3, 3), bias=False)
        yield plain("tall_kernel", (1, 5, 2, 3), (17, 2))
        yield plain("one_row", (1, 1, 12, 3), (1, 5))
        yield plain("kernel_above_input", (1, 2, 3, 2), (5, 7))
        yield plain("computed_filter", (1, 5, 4, 3), (3, 3), constant=False)
        for depth in (1, 2, 4, 5, 6, 7, 8, 9, 16):
            yield plain(f"channels_{depth}", (1, 3, 4, depth), (3, 3))
        for multiplier in (2, 3, 5):
            yield plain(f"channels_3_multiplier_{multiplier}", (1, 3, 4, 3), (2, 3), multiplier)
