"""SELECT_V2: elements of one tensor or another, as a condition says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, FieldValue, Input, Int, Output, Struct, Target
from microgen.ops.constraints import short
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import present, unequal_quantization
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class Select(Op):
    """Input 1 where the condition, input 0, is true and input 2 elsewhere; the shapes of the three broadcast."""

    name: ClassVar[str] = "Select"
    tflite: ClassVar[tuple[str, ...]] = ("SELECT_V2", "SELECT")
    tflite_options: ClassVar[str | None] = "SelectV2Options"
    onnx: ClassVar[tuple[str, ...]] = ("Where",)
    mindspore: ClassVar[tuple[str, ...]] = ("Select",)

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        return "SelectV2Options" if operator == "SELECT_V2" else "SelectOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        condition, first = source.input(0), source.input(1)
        if source.operator == "SELECT" and len(condition.shape) == 1 and len(first.shape) > 1:
            raise VerifyError("a condition for whole rows is not supported")
        return cls(), (condition, first, source.input(2))

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0), source.input(1), source.input(2))

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm("SELECT_V2", node.inputs, self.tflite_options)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Where", node.inputs)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        condition, first, second = (node.input(i) for i in range(3))
        if first.type.dtype is not second.type.dtype:
            raise VerifyError(f"the inputs are {first.type.dtype} and {second.type.dtype}")
        try:
            shape = np.broadcast_shapes(condition.shape, first.shape, second.shape)
        except ValueError:
            shapes = ", ".join(str(list(v.shape)) for v in (condition, first, second))
            raise VerifyError(f"shapes {shapes} do not broadcast") from None
        return ((first.type.dtype, shape),)

    @constraint
    def boolean_condition(self, node: Node) -> str | None:
        """the condition is bool"""
        condition = node.input(0)
        return None if condition.type.dtype is DType.BOOL else f"{short(condition)} is {condition.type.dtype}"

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """inputs and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.output, node.input(1), node.input(2))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        rank = len(node.output.shape)
        condition, first, second = (
            a.reshape(a.shape[0], *(1,) * (rank + 1 - a.ndim), *a.shape[1:]) for a in present(inputs)
        )
        result = np.where(condition, first, second)
        return [np.broadcast_to(result, (len(result), *node.output.shape))]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({0}), tied=True)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        if len(permutation) != len(node.output.shape):
            return None
        return Permuted(self, (permutation,) * 3, (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        operands = [node.input(i) for i in range(3)]
        return (select_call(node.output, [v.shape for v in operands], (Input(0), Input(1), Input(2))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            condition: tuple[int, ...],
            first: tuple[int, ...],
            second: tuple[int, ...],
            dtype: DType = DType.INT8,
        ) -> Sample:
            kinds = [sampling.int8(s) if dtype is DType.INT8 else TensorType(dtype, s) for s in (first, second)]
            return sampling.single(cls(), id, [TensorType(DType.BOOL, condition), *kinds], kinds[0].quant)

        yield make("same_shapes", (2, 3, 5), (2, 3, 5), (2, 3, 5))
        yield make("condition_by_channel", (5,), (1, 3, 4, 5), (1, 3, 4, 5))
        yield make("scalar_second", (3, 7), (3, 7), ())
        yield make("one_first", (3, 7), (1,), (3, 7))
        yield make("everything_broadcast", (2, 1, 4), (3, 1), (1, 4))
        yield make("f32_same_shapes", (2, 3, 5), (2, 3, 5), (2, 3, 5), DType.FLOAT32)
        yield make("f32_broadcast", (2, 1, 4), (3, 1), (1, 4), DType.FLOAT32)
        yield make("i64_same_shapes", (3, 5), (3, 5), (3, 5), DType.INT64)
        yield make("i16_same_shapes", (3, 5), (3, 5), (3, 5), DType.INT16)


def select_call(output: Value, shapes: Sequence[tuple[int, ...]], operands: tuple[Arg, Arg, Arg]) -> Call:
    """The call that selects for ``output``; ``shapes`` are those of condition, first and second."""
    loops = _loops(output.shape, shapes)
    loops = [(1, (0, 0, 0))] * (_RANK - len(loops)) + loops
    names = ("condition_strides", "input_1_strides", "input_2_strides")
    fields: list[tuple[str, FieldValue]] = [("dims", tuple(Int(length) for length, _ in loops))]
    fields += [(name, tuple(Int(s[i]) for _, s in loops)) for i, name in enumerate(names)]
    fields.append(("size", Int(output.type.dtype.size)))
    return Call("mg_select", (Struct("mg_select_params", tuple(fields)), *operands, Output()))


def _loops(output: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, tuple[int, ...]]]:
    """(length, stride of each operand in elements) of the loops over ``output``, outermost first, merged."""
    loops: list[tuple[int, tuple[int, ...]]] = []  # innermost first
    rank = len(output)
    columns = []
    for shape in shapes:
        padded = (1,) * (rank - len(shape)) + shape
        columns.append([math.prod(padded[i + 1 :]) if padded[i] > 1 else 0 for i in range(rank)])
    for axis in reversed(range(rank)):
        strides = tuple(column[axis] for column in columns)
        if output[axis] == 1:
            continue
        if loops:
            length, inner = loops[-1]
            if all(s == length * t for s, t in zip(strides, inner, strict=True)):
                loops[-1] = (length * output[axis], inner)
                continue
        loops.append((output[axis], strides))
    return loops[::-1]
