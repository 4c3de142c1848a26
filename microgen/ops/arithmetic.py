"""What ADD, SUB, MUL and DIV share: the fused activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, device_constraint
from microgen.ops.binary import Binary, Shape, float_samples, loop_fields
from microgen.ops.call import Arg, Call, Float, Input, Int, Output, Struct
from microgen.ops.constraints import fused_activation, is_quantized, suffix
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.tflite_form import ACTIVATION, TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Arithmetic(Binary):
    """An elementwise operation of two tensors, followed by a clamp."""

    activation: Activation = Activation.NONE

    fuses_clamp: ClassVar[bool] = True
    device_integers: ClassVar[frozenset[DType]] = frozenset((DType.INT32,))
    #: The kernel for quantized operands of the output's shape, from CMSIS-NN, without the element type; empty where it
    #: has none.
    plain_kernel: ClassVar[str] = ""
    #: The version of the operator in TensorFlow Lite's list that takes int8.
    tflite_version: ClassVar[int] = 2

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        activation, first = fused_activation(source), source.input(0)
        if activation is not Activation.NONE and not first.type.dtype.is_float and first.type.quant is None:
            # The reference interpreter computes as if it were not there.
            raise VerifyError(f"fused activation {activation.value} is not supported behind plain integers")
        return cls(activation), (first, source.input(1))

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"FusedActivationFunction": ACTIVATION.index(self.activation.value)}
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version=self.tflite_version)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.activation is not Activation.NONE:
            raise VerifyError(f"ONNX's {self.onnx[0]} has no fused {self.activation.value}", where=node.label)
        return super().to_onnx(node)

    def clamp(self, node: Node) -> tuple[int, int]:
        return self.activation.bounds(node.output.type)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (result,) = super().evaluate(node, inputs)
        if is_quantized(node) or self.activation is Activation.NONE:
            return [result]
        low, high = self.activation.interval
        if result.dtype.kind in "iu":
            least, most = node.output.type.dtype.limits
            low, high = max(low, least), min(high, most)
        return [np.clip(result, result.dtype.type(low), result.dtype.type(high))]

    def float_params(self, node: Node) -> Struct:
        low, high = self.activation.interval
        return Struct("mg_arithmetic_f32_params", (("low", Float(low)), ("high", Float(high)), *loop_fields(node)))

    def lower_integers(self, node: Node) -> tuple[Call, ...]:
        loops = Struct("mg_broadcast", loop_fields(node))
        return (Call(f"mg_{self.stem}_s32", (loops, Input(0), Input(1), Output())),)

    @device_constraint
    def plain_activation(self, node: Node) -> str | None:
        """plain integers have no fused activation"""
        return (
            self.activation.value if self._computes_integers(node) and self.activation is not Activation.NONE else None
        )

    def plain_arguments(self, node: Node) -> tuple[Arg, ...]:
        """The plain kernel's arguments up to and with the output's shift."""
        return ()

    def lower_quantized(self, node: Node) -> tuple[Call, ...]:
        if self.plain_kernel and self.in_place(node) == (0, 1):
            low, high = self.clamp(node)
            tail = (Int(low), Int(high), Int(node.output.type.elements))
            return (Call(f"{self.plain_kernel}_{suffix(node)}", (*self.plain_arguments(node), *tail)),)
        return super().lower_quantized(node)


def arithmetic_samples(op: type[Arithmetic], *, divides: bool = False) -> Iterator[Sample]:
    """Samples of plain numbers; where the operator ``divides``, the second operand is a constant without zeros."""
    image = (1, 3, 4, 5)

    def make(id: str, first: Shape, second: Shape, activation: Activation = Activation.NONE) -> Sample:
        operand: TensorType | Value = sampling.float32(second)
        if divides:
            operand = sampling.float_weights(id, second, name="divisor")
        return sampling.single(op(activation), f"f32_{id}", [sampling.float32(first), operand], None)

    if divides:
        yield make("image", image, image)
        yield make("scalar_second", image, ())
        yield make("inner", image, (1, 3, 4, 1))
        yield make("crossed", (4, 1), (1, 5))
    else:
        yield from float_samples(op())
        constant = sampling.float_weights("constant", (5,), name="constant")
        yield sampling.single(op(), "f32_constant_first", [constant, sampling.float32(image)], None)
        yield sampling.single(op(), "f32_constant_second", [sampling.float32(image), constant], None)
    for activation in (Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1):
        yield make(activation.value.lower(), (2, 33), (33,), activation)
    whole = sampling.constant("whole", np.array([-3, 1, 7], np.int32))
    yield sampling.single(op(), "i32", [TensorType(DType.INT32, (2, 3)), whole], None)
    if not divides:
        image32 = TensorType(DType.INT32, (2, 3, 4))
        yield sampling.single(op(), "i32_image", [image32, image32], None)
