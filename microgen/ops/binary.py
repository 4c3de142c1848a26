"""What ADD and MUL share: broadcasting, the fused activation, the choice between the plain and the strided kernel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, FieldValue, Input, Int, Output, Struct, Target
from microgen.ops.constraints import fused_activation, quantized_int8
from microgen.ops.tflite_form import ACTIVATION, TFLiteForm, TFLiteSource

# Dimensions of the strided kernels' parameter blocks.
_RANK = 6

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Binary(Op):
    """An elementwise function of two int8 tensors whose shapes broadcast."""

    activation: Activation = Activation.NONE

    fuses_clamp: ClassVar[bool] = True
    #: The kernel for operands of the output's shape, from CMSIS-NN.
    plain_kernel: ClassVar[str]
    #: The kernel that broadcasts.
    strided_kernel: ClassVar[str]

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(fused_activation(source)), (source.input(0), source.input(1))

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"FusedActivationFunction": ACTIVATION.index(self.activation.value)}
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, Shape], ...]:
        first, second = node.input(0), node.input(1)
        if first.type.dtype is not second.type.dtype:
            raise VerifyError(f"the inputs are {first.type.dtype} and {second.type.dtype}")
        try:
            shape = np.broadcast_shapes(first.shape, second.shape)
        except ValueError:
            raise VerifyError(f"shapes {list(first.shape)} and {list(second.shape)} do not broadcast") from None
        return ((first.type.dtype, shape),)

    @constraint
    def int8_tensors(self, node: Node) -> str | None:
        """inputs and output are int8 with quantization parameters, one scale each"""
        return quantized_int8(node, (node.input(0), node.input(1), node.output))

    @constraint
    def representable(self, node: Node) -> str | None:
        """the scales of inputs and output are of comparable size"""
        if self.int8_tensors(node) is not None:
            return None
        try:
            self.quant_fields(node)
        except ValueError as error:
            return str(error)
        return None

    @abstractmethod
    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        """The function on quantized values, before the clamp."""

    @abstractmethod
    def quant_fields(self, node: Node) -> dict[str, int]:
        """Offsets, multipliers and shifts by their names in the strided kernel; ValueError when out of range."""

    @abstractmethod
    def plain_arguments(self, node: Node) -> tuple[Arg, ...]:
        """The plain kernel's arguments up to and with the output's shift."""

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        rank = len(node.output.shape)
        operands = []
        for array in inputs:
            assert array is not None
            # Shapes align at their last dimension; the sample axis stays in front of all others.
            shape = (array.shape[0], *(1,) * (rank + 1 - array.ndim), *array.shape[1:])
            operands.append(array.reshape(shape).astype(np.int64))
        low, high = self.activation.bounds(node.output.type)
        return [np.clip(self.combine(node, operands[0], operands[1]), low, high).astype(np.int8)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        low, high = self.activation.bounds(node.output.type)
        size = node.output.type.elements
        if self.in_place(node) == (0, 1):
            tail = (Int(low), Int(high), Int(size))
            return (Call(self.plain_kernel, (*self.plain_arguments(node), *tail)),)
        dims, first, second = merged_loops(node.input(0).shape, node.input(1).shape, node.output.shape)
        numbers = tuple((name, Int(value)) for name, value in self.quant_fields(node).items())
        activation = Struct("cmsis_nn_activation", (("min", Int(low)), ("max", Int(high))))
        fields: tuple[tuple[str, FieldValue], ...] = (
            ("quant", Struct(f"{self.strided_kernel}_quant", (*numbers, ("activation", activation)))),
            ("dims", tuple(map(Int, dims))),
            ("input_1_strides", tuple(map(Int, first))),
            ("input_2_strides", tuple(map(Int, second))),
        )
        return (
            Call(self.strided_kernel, (Struct(f"{self.strided_kernel}_params", fields), Input(0), Input(1), Output())),
        )

    def in_place(self, node: Node) -> tuple[int, ...]:
        # An operand that is not repeated lies in memory as the output does and is read once, just before
        # the output's element is written.
        size = node.output.type.elements
        return tuple(i for i in (0, 1) if node.input(i).type.elements == size)


def merged_loops(first: Shape, second: Shape, output: Shape) -> tuple[Shape, Shape, Shape]:
    """(lengths, strides of the first operand, strides of the second) of the loops over ``output``, outermost first.

    Always ``_RANK`` of each, padded in front with length 1 and stride 0. A stride counts elements and is 0
    where the operand is repeated. Neighbouring dimensions over which both operands run alike become one.
    """
    loops: list[tuple[int, int, int]] = []  # innermost first
    strides = zip(_strides(first, len(output)), _strides(second, len(output)), strict=True)
    for length, (a, b) in reversed(list(zip(output, strides, strict=True))):
        if length == 1:
            continue
        if loops:
            inner, inner_a, inner_b = loops[-1]
            if a == inner * inner_a and b == inner * inner_b:
                loops[-1] = (inner * length, inner_a, inner_b)
                continue
        loops.append((length, a, b))
    loops += [(1, 0, 0)] * (_RANK - len(loops))
    lengths, strides_a, strides_b = zip(*reversed(loops), strict=True)
    return lengths, strides_a, strides_b


def _strides(shape: Shape, rank: int) -> list[int]:
    """Element strides of a contiguous tensor, 0 for dimensions of length 1, aligned at the last of ``rank``."""
    padded = (1,) * (rank - len(shape)) + shape
    return [math.prod(padded[i + 1 :]) if padded[i] > 1 else 0 for i in range(rank)]


def scale_and_zero_point(value: Value) -> tuple[float, int]:
    """The per-tensor quantization of ``value``."""
    assert value.type.quant is not None
    return value.type.quant.scale, value.type.quant.zero_point


def binary_samples(make: Callable[[Activation], Op], scale: float) -> Iterator[Sample]:
    """Samples that serve every binary operator; ``scale`` suits the result of two operands of scale 0.05."""

    def sample(
        id: str,
        first: Shape,
        second: Shape,
        *,
        activation: Activation = Activation.NONE,
        quants: tuple[tuple[float, int], tuple[float, int]] = ((0.05, 3), (0.04, -7)),
        output: tuple[float, int] = (scale, -5),
        constant: int | None = None,
        twice: bool = False,
    ) -> Sample:
        operands: list[TensorType | Value] = [
            sampling.int8(shape, *quant) for shape, quant in zip((first, second), quants, strict=True)
        ]
        if constant is not None:
            kind = sampling.int8((first, second)[constant], *quants[constant])
            data = sampling.rng(id).integers(-128, 128, kind.shape, dtype=np.int8)
            operands[constant] = Value("constant", kind, data)
        if twice:
            operands = [Value("input_0", sampling.int8(first, *quants[0]))] * 2
        return sampling.single(make(activation), id, operands, QuantParams.per_tensor(*output))

    image = (1, 3, 4, 5)
    yield sample("image", image, image)
    yield sample("one", (1,), (1,))
    yield sample("odd", (67,), (67,))
    for activation in (Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1):
        yield sample(activation.value.lower(), (2, 33), (2, 33), activation=activation)
    yield sample("relu_low", (65,), (65,), activation=Activation.RELU, output=(scale, -128))
    yield sample("zero_points_low", (65,), (65,), quants=((0.05, -128), (0.05, -128)), output=(scale, -128))
    yield sample("zero_points_high", (65,), (65,), quants=((0.05, 127), (0.05, 127)), output=(scale, 127))
    yield sample("zero_points_apart", (65,), (65,), quants=((0.05, -128), (0.05, 127)), output=(scale, 0))
    yield sample("scales_apart", (65,), (65,), quants=((3.0, 4), (0.0005, -9)), output=(3.0 * scale, 1))
    yield sample("saturating", (65,), (65,), output=(scale / 40, 0))
    yield sample("vanishing", (65,), (65,), output=(scale * 500, 0))
    yield sample("constant_second", image, image, constant=1)
    yield sample("constant_first", image, image, constant=0)
    yield sample("constant_channels", image, (5,), constant=1, activation=Activation.RELU)
    yield sample("constant_scalar", image, (), constant=1)
    yield sample("same_value", image, image, twice=True)
    for id, first, second in (
        ("scalar_second", image, ()),
        ("scalar_first", (), image),
        ("one_second", image, (1,)),
        ("one_first", (1,), image),
        ("channels_second", image, (1, 1, 1, 5)),
        ("channels_first", (5,), image),
        ("rows", image, (1, 3, 1, 1)),
        ("columns", (1, 1, 4, 1), image),
        ("inner", (1, 3, 4, 5), (1, 3, 4, 1)),
        ("outer", (2, 3, 4, 5), (1, 3, 4, 5)),
        ("alternate", (2, 1, 4, 1), (1, 3, 1, 5)),
        ("crossed", (4, 1), (1, 5)),
        ("leading_ones", (1, 1, 6), (6,)),
        ("rank5", (2, 1, 3, 1, 4), (1, 2, 3, 5, 1)),
        ("rank6", (2, 1, 2, 1, 3, 1), (1, 2, 1, 3, 1, 2)),
        ("rank6_plain", (1, 2, 1, 2, 3, 2), (1, 2, 1, 2, 3, 2)),
    ):
        yield sample(id, first, second)
