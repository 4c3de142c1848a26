"""CONCATENATION: tensors put side by side along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, Input, Int, Output, Target
from microgen.ops.constraints import fused_activation
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import unequal_quantization
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# CMSIS-NN's functions by the axis, counted from the last; their sizes are uint16.
_BY_AXIS = ("arm_concatenation_s8_x", "arm_concatenation_s8_y", "arm_concatenation_s8_z", "arm_concatenation_s8_w")
_MAX_SIZE = (1 << 16) - 1


@dataclass(frozen=True)
class Concatenation(Op):
    """One or more inputs that differ along ``axis`` only, which may count from the end."""

    axis: int = -1

    name: ClassVar[str] = "Concatenation"
    tflite: ClassVar[tuple[str, ...]] = ("CONCATENATION",)
    tflite_options: ClassVar[str | None] = "ConcatenationOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Concat",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        activation = fused_activation(source)
        if activation is not Activation.NONE:
            raise VerifyError(f"fused activation {activation.value} is not supported behind a concatenation")
        return cls(source.int_option("Axis")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"Axis": self.axis}, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        axis = source.integer("axis", 1) if source.opset < 4 else source.integer("axis")
        return cls(axis), source.inputs

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Concat", node.inputs, {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        if not node.inputs or None in node.inputs:
            raise VerifyError("an input is missing")
        types = [node.input(i).type for i in range(len(node.inputs))]
        first, rank = types[0], len(types[0].shape)
        if not -rank <= self.axis < rank:
            raise VerifyError(f"axis {self.axis} is outside of shape {list(first.shape)}")
        axis = self.axis % rank
        for other in types[1:]:
            if other.dtype is not first.dtype:
                raise VerifyError(f"the inputs are {first.dtype} and {other.dtype}")
            if _without(other.shape, axis) != _without(first.shape, axis) or len(other.shape) != rank:
                raise VerifyError(
                    f"shapes {list(first.shape)} and {list(other.shape)} differ in more than axis {self.axis}"
                )
        length = sum(t.shape[axis] for t in types)
        return ((first.dtype, (*first.shape[:axis], length, *first.shape[axis + 1 :])),)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """all inputs and the output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.output, *(v for v in node.inputs if v is not None))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = permutation.index(self.axis % len(permutation))
        return Permuted(Concatenation(axis), (permutation,) * len(node.inputs), (permutation,))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        arrays = [a for a in inputs if a is not None]
        samples = max(len(a) for a in arrays)
        full = [np.broadcast_to(a, (samples, *a.shape[1:])) for a in arrays]
        return [np.concatenate(full, axis=1 + self.axis % len(node.output.shape))]

    def is_identity(self, node: Node) -> bool:
        return len(node.inputs) == 1 and node.input(0).type == node.output.type

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        output = node.output.shape
        axis = self.axis % len(output)
        size = node.output.type.dtype.size
        cmsis = node.output.type.dtype is DType.INT8 and len(output) <= len(_BY_AXIS) and max(output) <= _MAX_SIZE
        calls, start = [], 0
        for index in range(len(node.inputs)):
            shape = node.input(index).shape
            if cmsis:
                calls.append(_cmsis_call(index, shape, output, axis, start))
            else:
                # Lengths in bytes.
                row, inner = size * math.prod(output[axis:]), size * math.prod(shape[axis:])
                numbers = (math.prod(shape[:axis]), inner, row, start * size * math.prod(shape[axis + 1 :]))
                calls.append(Call("mg_concat", (Input(index), Output(), *map(Int, numbers))))
            start += shape[axis]
        return tuple(calls)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, axis: int, *shapes: tuple[int, ...], constant: int | None = None) -> Sample:
            quant = QuantParams.per_tensor(0.05, 3)
            inputs: list[TensorType | Value] = [TensorType(DType.INT8, shape, quant) for shape in shapes]
            if constant is not None:
                data = sampling.rng(id).integers(-128, 128, shapes[constant], dtype=np.int8)
                inputs[constant] = sampling.constant("constant", data, quant)
            return sampling.single(cls(axis), id, inputs, quant)

        for axis in range(4):
            one, other = [1, 2, 3, 5], [1, 2, 3, 5]
            other[axis] += 2
            yield make(f"axis_{axis}", axis, tuple(one), tuple(other))
            yield make(f"axis_{axis - 4}", axis - 4, tuple(other), tuple(one))
        yield make("one_input", -1, (2, 3))
        yield make("three_inputs", 1, (2, 3), (2, 1), (2, 4))
        yield make("ten_inputs", 0, *[(i, 3) for i in range(1, 11)])
        yield make("vectors", 0, (5,), (1,), (7,))
        yield make("constant_first", 2, (1, 2, 3, 2), (1, 2, 4, 2), constant=0)
        yield make("constant_last", 1, (1, 2, 3), (1, 4, 3), constant=1)
        yield make("rank5", 2, (2, 1, 3, 2, 2), (2, 1, 2, 2, 2))
        yield make("rank6", -2, (1, 2, 1, 2, 3, 2), (1, 2, 1, 2, 1, 2))
        yield make("long_axis", 0, (65000,), (600,))
        quant = QuantParams.per_tensor(0.05, 3)
        twice = Value("input_0", TensorType(DType.INT8, (2, 3), quant))
        yield sampling.single(cls(1), "same_value", [twice, twice], quant)
        for axis in range(4):
            one, other = [1, 2, 3, 5], [1, 2, 3, 5]
            other[axis] += 2
            floats = [sampling.float32(one), sampling.float32(other)]
            yield sampling.single(cls(axis), f"f32_axis_{axis}", floats, None)
        for dtype in (DType.INT32, DType.INT64, DType.BOOL):
            plain = [TensorType(dtype, (2, 9)), TensorType(dtype, (2, 8))]
            yield sampling.single(cls(1), f"{dtype}", plain, None)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _cmsis_call(index: int, shape: tuple[int, ...], output: tuple[int, ...], axis: int, start: int) -> Call:
    """The call that copies input ``index`` to ``start`` along ``axis``; sizes are passed innermost first."""
    from_end = len(shape) - 1 - axis
    sizes = (*reversed(shape), *(1,) * (len(_BY_AXIS) - len(shape)))
    args: list[Arg] = [Input(index), *map(Int, sizes), Output()]
    function = _BY_AXIS[from_end]
    if function != _BY_AXIS[-1]:  # the outermost axis needs no stride
        args.append(Int(output[axis]))
    return Call(function, (*args, Int(start)))
