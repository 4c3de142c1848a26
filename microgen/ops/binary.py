"""What functions of two tensors share: broadcasting, NumPy's arithmetic, the kernels with strides."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, FieldValue, Input, Int, Output, Struct, Target
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_or_plain, short, suffix
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteSource

# Dimensions of the strided kernels' parameter blocks.
_RANK = 6

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Binary(Op):
    """An elementwise function of two tensors whose shapes broadcast as in NumPy."""

    #: The float kernel's name without ``mg_`` and ``_f32``.
    stem: ClassVar[str]
    #: Whether there is an int8 form.
    quantizes: ClassVar[bool] = True
    #: Whether there is an int16 form.
    takes_int16: ClassVar[bool] = False
    #: Types of plain integers that there are kernels for.
    device_integers: ClassVar[frozenset[DType]] = frozenset()
    #: The struct of the quantized kernels' parameters without ``_params``; empty for that of the operator's own name.
    quant_struct: ClassVar[str] = ""

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0), source.input(1))

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        if source.has("broadcast") or source.has("axis"):
            raise VerifyError(
                "attributes broadcast and axis are of operator sets before 7",
                hint="Convert the model with onnx.version_converter",
            )
        return cls(), (source.input(0), source.input(1))

    def infer(self, node: Node) -> tuple[tuple[DType, Shape], ...]:
        first, second = node.input(0), node.input(1)
        if first.type.dtype is not second.type.dtype:
            raise VerifyError(f"the inputs are {first.type.dtype} and {second.type.dtype}")
        return ((first.type.dtype, broadcast_shape(first, second)),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """inputs and output are numbers of one type, or int8 with quantization parameters, one scale each, or int16 \
with zero point 0 (but in comparisons)
        """
        if node.input(0).type.dtype is DType.BOOL:
            return f"{short(node.input(0))} is bool"
        if not self.quantizes and is_quantized(node):
            return f"{short(node.input(0))} is quantized"
        return quantized_or_plain(node, (node.input(0), node.input(1), node.output), int16=self.takes_int16)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """inputs are float32 or quantized, or plain integers that the operator has a kernel for"""
        if self._computes_integers(node):
            return None
        return device_arithmetic(node.input(0), node.input(1))

    @constraint
    def representable(self, node: Node) -> str | None:
        """the scales of inputs and output are of comparable size"""
        if not is_quantized(node) or self.tensor_types(node) is not None:
            return None
        try:
            self.quant_fields(node)
        except ValueError as error:
            return str(error)
        return None

    @abstractmethod
    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        """The function on arrays that broadcast, in the arithmetic of their element type."""

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> Numbers:
        """The function on quantized values, before they are clamped."""
        raise NotImplementedError

    def clamp(self, node: Node) -> tuple[int, int]:
        """The bounds of quantized results."""
        return node.output.type.dtype.limits

    def quant_fields(self, node: Node) -> dict[str, int]:
        """Offsets, multipliers and shifts by their names in the quantized kernel; ValueError when out of range."""
        return {}

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        first, second = aligned(node, inputs)
        dtype = node.output.type.dtype.numpy
        if is_quantized(node):
            combined = self.combine(node, first.astype(np.int64), second.astype(np.int64))
            return [combined if dtype == np.bool_ else np.clip(combined, *self.clamp(node)).astype(dtype)]
        with np.errstate(all="ignore"):
            if first.dtype == np.float16:
                return [self.compute(first.astype(np.float32), second.astype(np.float32)).astype(dtype)]
            return [self.compute(first, second).astype(dtype)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule() if self.quantizes else None

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        return permuted_operands(self, node, permutation)

    def _computes_integers(self, node: Node) -> bool:
        """Whether the kernels for plain integers serve."""
        return not is_quantized(node) and node.input(0).type.dtype in self.device_integers

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if is_quantized(node):
            return self.lower_quantized(node)
        if self._computes_integers(node):
            return self.lower_integers(node)
        return (Call(f"mg_{self.stem}_f32", (self.float_params(node), Input(0), Input(1), Output())),)

    def lower_integers(self, node: Node) -> tuple[Call, ...]:
        """The C calls for plain integers of ``device_integers``."""
        raise NotImplementedError

    def float_params(self, node: Node) -> Struct:
        """The first argument of the float kernel."""
        return Struct("mg_broadcast", loop_fields(node))

    def lower_quantized(self, node: Node) -> tuple[Call, ...]:
        """The C calls for quantized operands: those of a kernel that broadcasts."""
        params = self.quant_struct or f"mg_{self.stem}_s8"
        low, high = self.clamp(node)
        numbers = tuple((name, Int(value)) for name, value in self.quant_fields(node).items())
        activation = Struct("cmsis_nn_activation", (("min", Int(low)), ("max", Int(high))))
        quant = Struct(f"{params}_quant", (*numbers, ("activation", activation)))
        struct = Struct(f"{params}_params", (("quant", quant), *loop_fields(node)))
        return (Call(f"mg_{self.stem}_{suffix(node)}", (struct, Input(0), Input(1), Output())),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        # An operand that is not repeated lies in memory as the output does and is read once, just before
        # the output's element is written.
        wanted = (node.output.type.elements, node.output.type.dtype.size)
        kinds = [node.input(i).type for i in (0, 1)]
        return tuple(i for i, kind in enumerate(kinds) if (kind.elements, kind.dtype.size) == wanted)


def broadcast_shape(first: Value, second: Value) -> Shape:
    """The common shape; VerifyError when there is none."""
    try:
        return np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise VerifyError(f"shapes {list(first.shape)} and {list(second.shape)} do not broadcast") from None


def aligned(node: Node, inputs: Sequence[Array | None]) -> tuple[Numbers, Numbers]:
    """The two operands, of the output's rank behind the sample axis, which stays in front of all others."""
    rank = len(node.output.shape)
    operands = []
    for array in inputs[:2]:
        assert array is not None
        operands.append(array.reshape(array.shape[0], *(1,) * (rank + 1 - array.ndim), *array.shape[1:]))
    return operands[0], operands[1]


def permuted_operands(op: Op, node: Node, permutation: Permutation) -> Permuted:
    """``op``, which broadcasts, on rearranged operands: all are rearranged alike, counted from their last dimension;
    those of one element stay.
    """
    more = len(node.output.shape) - len(permutation)
    full = (*range(more), *(more + axis for axis in permutation))
    inputs: list[Permutation | None] = []
    leads = True
    for value in node.inputs:
        if value is None:
            inputs.append(None)
        elif leads and not value.is_const:
            inputs.append(permutation)
            leads = False
        else:
            inputs.append(None if value.type.elements == 1 else full)
    return Permuted(op, tuple(inputs), (full,) * len(node.outputs))


def loop_fields(node: Node) -> tuple[tuple[str, FieldValue], ...]:
    """The fields of a parameter struct that tell a kernel how to broadcast."""
    dims, first, second = merged_loops(node.input(0).shape, node.input(1).shape, node.output.shape)
    return (
        ("dims", tuple(map(Int, dims))),
        ("input_1_strides", tuple(map(Int, first))),
        ("input_2_strides", tuple(map(Int, second))),
    )


def float_samples(op: Op, dtype: DType = DType.FLOAT32, prefix: str = "f32") -> Iterator[Sample]:
    """Samples of plain numbers that serve every binary operator."""
    image = (1, 3, 4, 5)

    def make(id: str, first: Shape, second: Shape) -> Sample:
        return sampling.single(op, f"{prefix}_{id}", [TensorType(dtype, shape) for shape in (first, second)], None)

    yield make("image", image, image)
    yield make("one", (1,), (1,))
    yield make("odd", (67,), (67,))
    yield make("scalar_second", image, ())
    yield make("channels_second", image, (5,))
    yield make("inner", image, (1, 3, 4, 1))
    yield make("rank6", (2, 1, 2, 1, 3, 1), (2, 2, 2, 3, 3, 2))


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


def int16_samples(op: Callable[[Activation], Op], scale: float) -> Iterator[Sample]:
    """A few samples in int16: ``scale`` suits the result of two operands of scale 0.0002."""

    def sample(
        id: str,
        first: Shape,
        second: Shape,
        scales: tuple[float, float] = (0.0002, 0.00015),
        factor: float = 1.0,
        activation: Activation = Activation.NONE,
    ) -> Sample:
        operands = [sampling.int16(shape, s) for shape, s in zip((first, second), scales, strict=True)]
        output = QuantParams.per_tensor(scale * factor, 0)
        return sampling.single(op(activation), f"i16_{id}", operands, output)

    yield sample("image", (1, 3, 4, 5), (1, 3, 4, 5))
    yield sample("channels", (1, 3, 4, 5), (5,), (0.0003, 0.0003))
    yield sample("crossed", (7, 1), (1, 3), (0.001, 1e-6), 0.3)
    yield sample("saturating", (67,), (67,), (0.0002, 0.0002), 0.05)


def int8_samples(make: Callable[[Activation], Op], scale: float | None, *, fuses: bool = True) -> Iterator[Sample]:
    """Samples that serve every binary operator: ``scale`` suits the result of two operands of scale 0.05, None stands
    for a result that is not quantized; ``fuses`` says whether the operator takes an activation.
    """
    unit = 1.0 if scale is None else scale
    # The reference's comparisons take scales below 1.
    largest = 0.9 if scale is None else 3.0

    def sample(
        id: str,
        first: Shape,
        second: Shape,
        *,
        activation: Activation = Activation.NONE,
        quants: tuple[tuple[float, int], tuple[float, int]] = ((0.05, 3), (0.04, -7)),
        output: tuple[float, int] = (unit, -5),
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
        quant = None if scale is None else QuantParams.per_tensor(*output)
        return sampling.single(make(activation), id, operands, quant)

    image = (1, 3, 4, 5)
    yield sample("image", image, image)
    yield sample("one", (1,), (1,))
    yield sample("odd", (67,), (67,))
    if fuses:
        for activation in (Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1):
            yield sample(activation.value.lower(), (2, 33), (2, 33), activation=activation)
        yield sample("relu_low", (65,), (65,), activation=Activation.RELU, output=(unit, -128))
    yield sample("zero_points_low", (65,), (65,), quants=((0.05, -128), (0.05, -128)), output=(unit, -128))
    yield sample("zero_points_high", (65,), (65,), quants=((0.05, 127), (0.05, 127)), output=(unit, 127))
    yield sample("zero_points_apart", (65,), (65,), quants=((0.05, -128), (0.05, 127)), output=(unit, 0))
    yield sample("scales_apart", (65,), (65,), quants=((largest, 4), (0.0005, -9)), output=(3.0 * unit, 1))
    yield sample("saturating", (65,), (65,), output=(unit / 40, 0))
    yield sample("vanishing", (65,), (65,), output=(unit * 500, 0))
    yield sample("constant_second", image, image, constant=1)
    yield sample("constant_first", image, image, constant=0)
    yield sample("constant_channels", image, (5,), constant=1, activation=Activation.RELU if fuses else Activation.NONE)
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
