"""What CONV_2D and DEPTHWISE_CONV_2D share: attributes, typing, arithmetic around the sums, C parameter blocks."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops.attributes import (
    NO_PADDING,
    Activation,
    Padding,
    check_padded,
    image_size,
    padding_kind,
    same_or_valid,
    window_output,
)
from microgen.ops.base import Op, constraint, device_constraint
from microgen.ops.call import Arg, Call, Const, FieldValue, Input, Int, Null, Output, Scratch, Struct, ints, nhwc
from microgen.ops.constraints import (
    device_arithmetic,
    fused_activation,
    is_int16,
    is_quantized,
    not_constant,
    quantized_or_float,
    short,
    wrong_bias,
)
from microgen.ops.floats import FloatArray, clamp_fields, clamped, computed_in, samples_of
from microgen.ops.packed import packs
from microgen.ops.quantization import Int4, QuantRule, Weights
from microgen.ops.tflite_form import ACTIVATION, PADDING, Option, TFLiteForm, TFLiteSource

# Pointers to so many rows fit on the kernel's stack: MG_CONV_F32_LOCAL_ROWS of runtime_c/mg_scratch.h.
_LOCAL_ROWS_F32 = 16


@dataclass(frozen=True)
class Convolution(Op):
    """A sliding window with weights. Inputs: NHWC image, filter, optional bias (int32 where the image is int8).

    ``weight_bits`` 4: an int8 layer's weights, from -8 to 7, are stored two in a byte.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    activation: Activation = Activation.NONE
    weight_bits: int = 8

    fuses_clamp: ClassVar[bool] = True
    #: The filter's axis that counts output channels.
    channel_axis: ClassVar[int]
    #: The filter's axis that counts the input channels which an output channel reads, None where it reads but one.
    input_axis: ClassVar[int | None]
    #: The kernel of float32 tensors.
    float_kernel: ClassVar[str]
    #: The element types of a bias beside an int16 input.
    wide_biases: ClassVar[tuple[DType, ...]] = (DType.INT64, DType.INT32)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        image, filter_ = source.input(0), source.input(1)
        if len(image.shape) != 4 or len(filter_.shape) != 4:
            raise VerifyError(
                f"input and filter must have 4 dimensions, not {len(image.shape)} and {len(filter_.shape)}"
            )
        stride = source.pair("StrideH", "StrideW")
        dilation = source.pair("DilationHFactor", "DilationWFactor")
        kind = source.enum("Padding", PADDING)
        padding = same_or_valid(kind, image_size(image), image_size(filter_), stride, dilation)
        activation = fused_activation(source)
        bits = 4 if 1 in source.int4 and image.type.dtype is DType.INT8 else 8
        return cls(stride, dilation, padding, activation, bits), (*source.inputs, None)[:3]

    def to_tflite(self, node: Node) -> TFLiteForm:
        kernel, size = self.kernel(node), image_size(node.input(0))
        kind = padding_kind(self.padding, size, kernel, self.stride, self.dilation)
        if kind is None:
            raise VerifyError(f"padding {self.padding} is neither SAME nor VALID", where=node.label)
        options: dict[str, Option] = {
            "Padding": PADDING.index(kind),
            "StrideH": self.stride[0],
            "StrideW": self.stride[1],
            "DilationHFactor": self.dilation[0],
            "DilationWFactor": self.dilation[1],
            "FusedActivationFunction": ACTIVATION.index(self.activation.value),
            **self.extra_options(node),
        }
        # Interpreters tell a depthwise convolution without bias by the number of its inputs.
        inputs = node.inputs if node.optional_input(2) is not None else node.inputs[:2]
        int4 = (1,) if packs(node, self.weight_bits) else ()
        return TFLiteForm(self.tflite[0], inputs, self.tflite_options, options, version=7 if int4 else 3, int4=int4)

    def extra_options(self, node: Node) -> dict[str, Option]:
        """Options that only one of the two operators has."""
        return {}

    def kernel(self, node: Node) -> tuple[int, int]:
        """(height, width) of the filter."""
        _, height, width, _ = node.input(1).shape
        return height, width

    @abstractmethod
    def check_channels(self, node: Node) -> int:
        """The number of output channels; VerifyError when input and filter do not fit together."""

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        image, filter_ = node.input(0), node.input(1)
        if len(image.shape) != 4 or len(filter_.shape) != 4:
            raise VerifyError(
                f"input and filter must have 4 dimensions, not {len(image.shape)} and {len(filter_.shape)}"
            )
        channels = self.check_channels(node)
        bias = node.optional_input(2)
        if bias is not None and bias.type.elements != channels:
            raise VerifyError(f"{bias.type.elements} biases for {channels} output channels")
        check_padded(image, self.padding)
        height, width = window_output(image_size(image), self.kernel(node), self.stride, self.dilation, self.padding)
        if min(height, width) < 1:
            raise VerifyError(f"the {self.kernel(node)} window does not fit into the padded input {image.shape}")
        return ((image.type.dtype, (image.shape[0], height, width, channels)),)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input, filter and output are int8 with quantization parameters, input and output per tensor and both or \
neither int16 with zero point 0, or all of one floating-point type
        """
        return quantized_or_float(node, (node.input(0), node.output), (node.input(1),), int16=True)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0), node.input(1))

    @constraint
    def constant_filter(self, node: Node) -> str | None:
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
        if quant.axis is not None and quant.axis != self.channel_axis and not quant.is_per_tensor:
            return f"scales along axis {quant.axis}"
        return None

    @constraint
    def bias_type(self, node: Node) -> str | None:
        """the bias of an int8 input is int32, that of an int16 one int64 (or int32, but in depthwise), any other of \
the input's type
        """
        if is_int16(node):
            return wrong_wide_bias(node.optional_input(2), self.wide_biases)
        wanted = DType.INT32 if is_quantized(node) else node.input(0).type.dtype
        return wrong_bias(node.optional_input(2), wanted)

    @constraint
    def representable(self, node: Node) -> str | None:
        """input scale times filter scale over output scale is below 2^30, of int16 tensors below 2^7"""
        return self._factors_problem(node)

    def _factors_problem(self, node: Node) -> str | None:
        if not is_quantized(node) or self.tensors(node) is not None:
            return None
        try:
            requantization(node)
        except ValueError as error:
            return str(error)
        return None

    def with_padding(self, node: Node, extra: Padding) -> Op | None:
        # A 1×1 window that lies in the padding altogether computes nothing, and CMSIS-NN's pointwise kernels, which
        # are not told of padding below and to the right, would read behind the image.
        if self.kernel(node) == (1, 1):
            return None
        return dataclasses.replace(self, padding=self.padding + extra)

    def macs(self, node: Node) -> int:
        _, height, width, channels = node.output.shape
        filter_ = node.input(1)
        per_output = filter_.type.elements // filter_.shape[self.channel_axis]
        return node.output.shape[0] * height * width * channels * per_output

    def quant_rule(self, node: Node) -> QuantRule | None:
        if not_constant(node.input(1), node.optional_input(2)) is not None:
            return None
        return QuantRule(Weights(1, self.channel_axis, self.input_axis, Int4.CHANNELS), bias=2)

    @abstractmethod
    def sums(self, node: Node, images: FloatArray, filter_: FloatArray) -> FloatArray:
        """The sums of products, in the type of the operands: images [count, height, width, depth] without padding
        to sums [count, height, width, channels].
        """

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        image, filter_, bias = (*inputs, None)[:3]
        assert image is not None and filter_ is not None
        if not is_quantized(node):
            return [self._evaluate_float(node, image, filter_, bias)]
        quant = node.input(0).type.quant
        assert quant is not None and quant.is_per_tensor
        # Sums of products of 9-bit or 16-bit and 8-bit values stay far below 2^53, where float64 is exact.
        real = image.reshape(-1, *image.shape[2:]).astype(np.float64) - quant.zero_point
        accumulators = self.sums(node, real, filter_[0].astype(np.float64)).astype(np.int64)
        if bias is not None:
            accumulators += bias.astype(np.int64).reshape(-1)
        return [self.requantize(node, accumulators).reshape(image.shape[0], *node.output.shape)]

    def _evaluate_float(self, node: Node, image: Array, filter_: Array, bias: Array | None) -> Array:
        dtype = computed_in(node.output.type.dtype)
        parts = []
        # The usual filter is a constant, and all samples go through it at once.
        for images, kernel, offset in samples_of(image, filter_, bias):
            assert images is not None and kernel is not None
            stacked = images.reshape(-1, *images.shape[2:]).astype(dtype)
            sums = self.sums(node, stacked, kernel[0].astype(dtype))
            if offset is not None:
                sums = sums + offset.astype(dtype).reshape(-1)
            parts.append(sums.reshape(images.shape[0], *node.output.shape))
        return clamped(np.concatenate(parts), self.activation, node.output.type.dtype)

    def padded_taps(self, node: Node, images: FloatArray) -> Iterator[tuple[int, int, FloatArray]]:
        """(row, column, what every output position reads there) of the filter's positions; zeros in the padding."""
        out_h, out_w = image_size(node.output)
        kernel_h, kernel_w = self.kernel(node)
        pad = self.padding
        padded = np.pad(images, ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)))
        for y in range(kernel_h):
            for x in range(kernel_w):
                y0, x0 = y * self.dilation[0], x * self.dilation[1]
                rows = slice(y0, y0 + (out_h - 1) * self.stride[0] + 1, self.stride[0])
                columns = slice(x0, x0 + (out_w - 1) * self.stride[1] + 1, self.stride[1])
                yield y, x, padded[:, rows, columns, :]

    def float_call(self, node: Node) -> Call:
        """The call of the float32 kernel."""
        image, filter_, output = node.input(0), node.input(1), node.output
        height = self.kernel(node)[0]
        fields: tuple[tuple[str, FieldValue], ...] = (
            ("input", nhwc(image.shape)),
            ("filter", nhwc(filter_.shape)),
            ("output", nhwc(output.shape)),
            ("stride", Struct("cmsis_nn_tile", ints(w=self.stride[1], h=self.stride[0]))),
            ("padding", Struct("cmsis_nn_tile", ints(w=self.padding.left, h=self.padding.top))),
            ("dilation", Struct("cmsis_nn_tile", ints(w=self.dilation[1], h=self.dilation[0]))),
            *clamp_fields(self.activation),
        )
        # Pointers to the rows of a tall window do not fit on the kernel's stack.
        scratch = row_pointers(height) if height > _LOCAL_ROWS_F32 else 0
        pointers: Arg = Scratch() if scratch else Null()
        args = (Struct("mg_conv_f32_params", fields), Input(0), Input(1), bias_argument(node), pointers, Output())
        return Call(self.float_kernel, args, scratch, f"MG_CONV_F32_SCRATCH({height})" if scratch else "")

    def requantize(self, node: Node, accumulators: arith.Ints) -> Array:
        """int64 accumulators (bias included) as quantized outputs, channels last."""
        assert node.output.type.quant is not None
        scaled = requantized(node, accumulators)
        low, high = self.activation.bounds(node.output.type)
        made = np.clip(arith.wrap32(scaled + node.output.type.quant.zero_point), low, high)
        return made.astype(node.output.type.dtype.numpy)

    def params(self, node: Node, ctype: str, **leading: int) -> Struct:
        """``cmsis_nn_conv_params`` or ``cmsis_nn_dw_conv_params``."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        low, high = self.activation.bounds(node.output.type)
        fields: tuple[tuple[str, FieldValue], ...] = (
            *ints(input_offset=-source.zero_point, output_offset=result.zero_point, **leading),
            ("stride", Struct("cmsis_nn_tile", ints(w=self.stride[1], h=self.stride[0]))),
            ("padding", Struct("cmsis_nn_tile", ints(w=self.padding.left, h=self.padding.top))),
            ("dilation", Struct("cmsis_nn_tile", ints(w=self.dilation[1], h=self.dilation[0]))),
            ("activation", Struct("cmsis_nn_activation", ints(min=low, max=high))),
        )
        return Struct(ctype, fields)


def requantization(node: Node) -> tuple[arith.Ints, arith.Ints]:
    """(multipliers, shifts) per output channel of a convolution or dense layer; ValueError when out of range."""
    source, filter_, result = node.input(0).type.quant, node.input(1).type.quant, node.output.type.quant
    assert source is not None and filter_ is not None and result is not None
    channels = node.output.shape[-1]
    pairs = [arith.quantize_multiplier(source.scale * s / result.scale) for s in filter_.scales]
    if is_int16(node):
        check_wide_factors(pairs)
    if len(pairs) == 1:
        pairs *= channels
    table = np.array(pairs, dtype=np.int64)
    return table[:, 0], table[:, 1]


def check_wide_factors(pairs: Sequence[tuple[int, int]]) -> None:
    """ValueError for factors of 48-bit accumulators that are out of range."""
    if any(shift not in arith.REDUCED_SHIFTS for _, shift in pairs):
        raise ValueError(f"a factor of int16 results must be below 2^{arith.REDUCED_SHIFTS.stop - 1}")


def has_narrow_sums(node: Node) -> bool:
    """Whether the sums of an int16 input are int32 and scaled as those of int8 ones: beside an int32 bias."""
    bias = node.optional_input(2)
    return bias is not None and bias.type.dtype is DType.INT32


def requantized(node: Node, accumulators: arith.Ints) -> arith.Ints:
    """int64 accumulators (bias included) of a convolution or dense layer at the output's scale, channels last."""
    multipliers, shifts = requantization(node)
    if is_int16(node) and not has_narrow_sums(node):
        return arith.multiply_by_reduced_multiplier(accumulators, multipliers, shifts)
    return arith.multiply_by_quantized_multiplier(arith.wrap32(accumulators), multipliers, shifts)


def wrong_wide_bias(bias: Value | None, wanted: tuple[DType, ...]) -> str | None:
    """What is wrong with a bias of an int16 input: its type, or a number beyond 2^46, with which sums leave 48 bits."""
    if bias is None:
        return None
    if bias.type.dtype not in wanted:
        return f"{short(bias)} is {bias.type.dtype}"
    largest = int(np.abs(bias.const.astype(np.float64)).max(initial=0.0)) if bias.is_const else 0
    return f"{short(bias)} holds {largest}, not below 2^46" if largest >= arith.REDUCED_LIMIT // 2 else None


def bias_data(node: Node) -> Struct:
    """``cmsis_nn_bias_data`` of the bias of an int16 input."""
    bias = node.optional_input(2)
    data: FieldValue = Null() if bias is None else Const("bias", bias.const.reshape(-1))
    return Struct("cmsis_nn_bias_data", (("data", data), ("is_int32_bias", Int(int(has_narrow_sums(node))))))


def per_channel_quant(node: Node) -> Struct:
    """``cmsis_nn_per_channel_quant_params``."""
    multipliers, shifts = requantization(node)
    return Struct(
        "cmsis_nn_per_channel_quant_params",
        (
            ("multiplier", Const("multiplier", multipliers.astype(np.int32))),
            ("shift", Const("shift", shifts.astype(np.int32))),
        ),
    )


def row_pointers(kernel_height: int) -> int:
    """Bytes of a pointer to each row under a window; a window of one row needs none. This and ``patches`` state
    what the macros of runtime_c/mg_scratch.h state.
    """
    return 8 * kernel_height if kernel_height > 1 else 0


def patches(elements: int, depth: int) -> int:
    """Bytes that the DSP flavour keeps of the input: what two positions read, ``elements`` each, in int16, filled
    up to fours, and the bytes of one where pieces of ``depth`` are no fours.
    """
    return -(-elements // 4) * (20 if depth % 4 else 16)


def bias_argument(node: Node, index: int = 2) -> Arg:
    """The bias, or a null pointer."""
    return Null() if node.optional_input(index) is None else Input(index)


def bias_dims(channels: int) -> Struct:
    """``cmsis_nn_dims`` of a bias."""
    return Struct("cmsis_nn_dims", (*ints(n=1, h=1, w=1), ("c", Int(channels))))
