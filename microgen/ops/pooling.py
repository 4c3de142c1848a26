"""What the two-dimensional pooling operators share: attributes, typing, windows, the C parameter blocks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
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
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Context, Input, Output, Struct, Target, ints, nhwc
from microgen.ops.constraints import device_arithmetic, fused_activation, is_quantized, quantized_or_float
from microgen.ops.floats import FloatArray, clamp_fields, clamped, computed_in
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import ACTIVATION, PADDING, TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Pooling(Op):
    """A sliding window without weights over an NHWC image. Padding takes no part in the result."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    activation: Activation = Activation.NONE

    tflite_options: ClassVar[str | None] = "Pool2DOptions"
    fuses_clamp: ClassVar[bool] = True
    #: The kernel of float32 tensors.
    float_kernel: ClassVar[str]

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        image = source.input(0)
        if len(image.shape) != 4:
            raise VerifyError(f"the input must have 4 dimensions, not {len(image.shape)}")
        kernel = source.pair("FilterHeight", "FilterWidth")
        stride = source.pair("StrideH", "StrideW")
        kind = source.enum("Padding", PADDING)
        padding = same_or_valid(kind, image_size(image), kernel, stride, (1, 1))
        return cls(kernel, stride, padding, fused_activation(source)), (image,)

    def to_tflite(self, node: Node) -> TFLiteForm:
        kind = padding_kind(self.padding, image_size(node.input(0)), self.kernel, self.stride, (1, 1))
        if kind is None:
            raise VerifyError(f"padding {self.padding} is neither SAME nor VALID", where=node.label)
        options = {
            "Padding": PADDING.index(kind),
            "StrideH": self.stride[0],
            "StrideW": self.stride[1],
            "FilterHeight": self.kernel[0],
            "FilterWidth": self.kernel[1],
            "FusedActivationFunction": ACTIVATION.index(self.activation.value),
        }
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        image = node.input(0)
        if len(image.shape) != 4:
            raise VerifyError(f"the input must have 4 dimensions, not {len(image.shape)}")
        check_padded(image, self.padding)
        height, width = window_output(image_size(image), self.kernel, self.stride, (1, 1), self.padding)
        if min(height, width) < 1:
            raise VerifyError(f"the {self.kernel} window does not fit into the padded input {list(image.shape)}")
        return ((image.type.dtype, (image.shape[0], height, width, image.shape[3])),)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input and output are int8 with per-tensor quantization parameters, int16 with zero point 0, or of one \
floating-point type
        """
        return quantized_or_float(node, (node.input(0), node.output), int16=True)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale (up to 1e-6) and zero point"""
        source, result = node.input(0).type.quant, node.output.type.quant
        if source is None or result is None or not (source.is_per_tensor and result.is_per_tensor):
            return None
        # The reference interpreter's own test, with its tolerance.
        apart = abs(np.float32(source.scale) - np.float32(result.scale)) > 1e-6
        return f"{source} and {result}" if apart or source.zero_point != result.zero_point else None

    @constraint
    def padding_below_window(self, node: Node) -> str | None:
        """every window has at least one position inside the input"""
        for axis, (before, after) in enumerate(
            ((self.padding.top, self.padding.bottom), (self.padding.left, self.padding.right))
        ):
            if before >= self.kernel[axis] or after >= self.kernel[axis]:
                return f"padding {self.padding} around a {self.kernel} window"
        return None

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def taps(self, node: Node, image: Array, fill: float, dtype: Any = np.int64) -> Iterator[Any]:
        """For every position in the window the values that the outputs see there, ``fill`` in the padding:
        of shape [images, output height, output width, channels].
        """
        out_h, out_w = image_size(node.output)
        pad = self.padding
        # A window that leaves the image by more than the padding does not exist, one that ends short of it may.
        padded = np.pad(
            image.reshape(-1, *image.shape[2:]).astype(dtype),
            ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)),
            constant_values=fill,
        )
        for y in range(self.kernel[0]):
            for x in range(self.kernel[1]):
                rows = slice(y, y + (out_h - 1) * self.stride[0] + 1, self.stride[0])
                columns = slice(x, x + (out_w - 1) * self.stride[1] + 1, self.stride[1])
                yield padded[:, rows, columns, :]

    @abstractmethod
    def pool(self, node: Node, image: Array) -> arith.Ints:
        """The quantized results before the clamp."""

    @abstractmethod
    def pool_float(self, node: Node, image: Array, dtype: Any) -> FloatArray:
        """The results of floats before the clamp, computed in ``dtype``."""

    @abstractmethod
    def quantized_call(self, node: Node) -> Call:
        """The call for quantized tensors."""

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        image = inputs[0]
        assert image is not None
        if not is_quantized(node):
            dtype = node.output.type.dtype
            made = clamped(self.pool_float(node, image, computed_in(dtype)), self.activation, dtype)
            return [made.reshape(image.shape[0], *node.output.shape)]
        low, high = self.activation.bounds(node.output.type)
        result = np.clip(self.pool(node, image), low, high).astype(image.dtype)
        return [result.reshape(image.shape[0], *node.output.shape)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if is_quantized(node):
            return (self.quantized_call(node),)
        params = Struct(
            "mg_pool_f32_params",
            (
                ("input", nhwc(node.input(0).shape)),
                ("output", nhwc(node.output.shape)),
                ("window", Struct("cmsis_nn_tile", ints(w=self.kernel[1], h=self.kernel[0]))),
                ("stride", Struct("cmsis_nn_tile", ints(w=self.stride[1], h=self.stride[0]))),
                ("padding", Struct("cmsis_nn_tile", ints(w=self.padding.left, h=self.padding.top))),
                *clamp_fields(self.activation),
            ),
        )
        return (Call(self.float_kernel, (params, Input(0), Output())),)

    def call(self, node: Node, function: str, scratch: int = 0, guard: str = "") -> Call:
        """The call of ``function``, which has the signature of CMSIS-NN's pooling functions."""
        low, high = self.activation.bounds(node.output.type)
        params = Struct(
            "cmsis_nn_pool_params",
            (
                ("stride", Struct("cmsis_nn_tile", ints(w=self.stride[1], h=self.stride[0]))),
                ("padding", Struct("cmsis_nn_tile", ints(w=self.padding.left, h=self.padding.top))),
                ("activation", Struct("cmsis_nn_activation", ints(min=low, max=high))),
            ),
        )
        args = (
            Context(),
            params,
            nhwc(node.input(0).shape),
            Input(0),
            nhwc((1, *self.kernel, 1)),
            nhwc(node.output.shape),
            Output(),
        )
        return Call(function, args, scratch, guard)


def pooling_samples(
    make: Callable[[tuple[int, int], tuple[int, int], Padding, Activation], Op],
) -> Iterator[Sample]:
    """Samples that serve every pooling operator."""

    def sample(
        id: str,
        shape: tuple[int, int, int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: str = "VALID",
        activation: Activation = Activation.NONE,
        scale: float = 0.05,
        zero_point: int = 3,
        output_scale: float | None = None,
    ) -> Sample:
        pads = same_or_valid(padding, shape[1:3], kernel, stride, (1, 1))
        output = QuantParams.per_tensor(output_scale or scale, zero_point)
        op = make(kernel, stride, pads, activation)
        return sampling.single(op, id, (sampling.int8(shape, scale, zero_point),), output)

    yield sample("2x2", (1, 6, 8, 3), (2, 2), (2, 2))
    yield sample("2x2_remainder", (1, 7, 5, 3), (2, 2), (2, 2))
    yield sample("2x2_same_remainder", (1, 7, 5, 3), (2, 2), (2, 2), "SAME")
    yield sample("3x3_overlapping", (1, 6, 7, 2), (3, 3))
    yield sample("3x3_same", (1, 6, 7, 2), (3, 3), padding="SAME")
    yield sample("3x3_same_stride2_odd", (1, 7, 9, 2), (3, 3), (2, 2), "SAME")
    yield sample("3x3_same_stride2_even", (1, 8, 6, 2), (3, 3), (2, 2), "SAME")
    yield sample("4x3_same_stride_2x3", (1, 9, 10, 2), (4, 3), (2, 3), "SAME")
    yield sample("stride_above_kernel", (1, 9, 10, 2), (2, 2), (3, 4))
    yield sample("stride_above_kernel_same", (1, 8, 11, 2), (2, 2), (3, 4), "SAME")
    yield sample("global", (1, 5, 7, 9), (5, 7))
    yield sample("global_same", (1, 5, 7, 4), (5, 7), (5, 7), "SAME")
    yield sample("kernel_above_input", (1, 3, 2, 4), (7, 6), padding="SAME")
    yield sample("pointwise", (1, 4, 5, 3), (1, 1))
    yield sample("pointwise_stride2", (1, 4, 5, 3), (1, 1), (2, 2))
    yield sample("one_row", (1, 1, 12, 3), (1, 4), (1, 3))
    yield sample("one_column", (1, 12, 1, 3), (5, 1), (2, 1), "SAME")
    yield sample("batch3", (3, 5, 4, 3), (3, 2), (2, 1), "SAME")
    yield sample("relu", (1, 6, 6, 3), (2, 3), activation=Activation.RELU)
    yield sample("relu6", (1, 6, 6, 3), (2, 3), activation=Activation.RELU6, zero_point=-100)
    yield sample("n1_to_1", (1, 6, 6, 3), (2, 3), activation=Activation.RELU_N1_TO_1)
    yield sample("relu6_coarse", (1, 4, 4, 3), (2, 2), activation=Activation.RELU6, scale=30.0, zero_point=7)
    yield sample("relu_at_top", (1, 4, 4, 3), (2, 2), activation=Activation.RELU, zero_point=127)
    yield sample("zero_point_low", (1, 4, 4, 3), (3, 3), padding="SAME", zero_point=-128)
    yield sample("zero_point_high", (1, 4, 4, 3), (3, 3), padding="SAME", zero_point=127)
    yield sample("scales_within_tolerance", (1, 4, 4, 3), (2, 2), output_scale=0.0500005)
    for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33):
        yield sample(f"channels_{channels}", (1, 3, 4, channels), (2, 3), padding="SAME")

    for id, shape, kernel, stride, activation in (
        ("3x3_same", (1, 6, 7, 5), (3, 3), (2, 1), Activation.NONE),
        ("one_row", (2, 1, 12, 3), (1, 4), (1, 3), Activation.NONE),
        ("relu6", (1, 4, 4, 4), (2, 3), (1, 1), Activation.RELU6),
    ):
        pads = same_or_valid("SAME", shape[1:3], kernel, stride, (1, 1))
        kind = sampling.int16(shape, 0.0005)
        yield sampling.single(make(kernel, stride, pads, activation), f"i16_{id}", (kind,), kind.quant)

    def plain(
        id: str,
        shape: tuple[int, int, int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: str = "VALID",
        activation: Activation = Activation.NONE,
    ) -> Sample:
        pads = same_or_valid(padding, shape[1:3], kernel, stride, (1, 1))
        return sampling.single(make(kernel, stride, pads, activation), f"f32_{id}", (sampling.float32(shape),), None)

    yield plain("2x2", (1, 6, 8, 3), (2, 2), (2, 2))
    yield plain("2x2_same_remainder", (1, 7, 5, 3), (2, 2), (2, 2), "SAME")
    yield plain("3x3_same_stride2", (1, 7, 9, 2), (3, 3), (2, 2), "SAME")
    yield plain("stride_above_kernel", (1, 9, 10, 2), (2, 2), (3, 4))
    yield plain("global", (1, 5, 7, 9), (5, 7))
    yield plain("kernel_above_input", (1, 3, 2, 4), (7, 6), padding="SAME")
    yield plain("pointwise", (1, 4, 5, 3), (1, 1))
    yield plain("batch3", (3, 5, 4, 3), (3, 2), (2, 1), "SAME")
    yield plain("relu", (1, 6, 6, 3), (2, 3), activation=Activation.RELU)
    yield plain("relu6", (1, 6, 6, 3), (2, 3), activation=Activation.RELU6)
    yield plain("n1_to_1", (1, 6, 6, 3), (2, 3), activation=Activation.RELU_N1_TO_1)
    for channels in (1, 4, 7, 16):
        yield plain(f"channels_{channels}", (1, 3, 4, channels), (2, 3), padding="SAME")
