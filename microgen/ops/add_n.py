"""ADD_N: the sum of several tensors of one shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.binary import merged_loops
from microgen.ops.call import Call, Input, Int, Output, Scratch, Struct, Target
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_or_plain, short
from microgen.ops.floats import clamp_fields
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteSource

# Bits by which the sum of quantized numbers is refined before it is brought to the output's scale, and how many
# numbers of 8 bits then stay within 32.
_FRACTION_BITS = 19
_MOST_QUANTIZED = 15


@dataclass(frozen=True)
class AddN(Op):
    """Two or more inputs of one shape, added in their order.

    In int8 they have one scale and zero point, and from the sum that zero point is taken once more than there are
    inputs: so does the reference interpreter, which models were made for.
    """

    name: ClassVar[str] = "AddN"
    tflite: ClassVar[tuple[str, ...]] = ("ADD_N",)
    tflite_options: ClassVar[str | None] = "AddNOptions"
    mindspore: ClassVar[tuple[str, ...]] = ("AddN",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), source.inputs

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Sum", node.inputs)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        if len(node.inputs) < 2 or None in node.inputs:
            raise VerifyError(f"has {sum(v is not None for v in node.inputs)} inputs, not 2 or more")
        first = node.input(0).type
        for value in node.inputs[1:]:
            assert value is not None
            if (value.type.dtype, value.shape) != (first.dtype, first.shape):
                found = f"{value.type.dtype} {list(value.shape)}"
                raise VerifyError(f"the inputs are {first.dtype} {list(first.shape)} and {found}")
        return ((first.dtype, first.shape),)

    def _operands(self, node: Node) -> tuple[Value, ...]:
        return tuple(v for v in node.inputs if v is not None)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """inputs and output are numbers of one type, or int8 with quantization parameters, the same of all inputs"""
        operands = self._operands(node)
        if operands[0].type.dtype is DType.BOOL:
            return f"{short(operands[0])} is bool"
        different = next((v for v in operands if v.type.quant != operands[0].type.quant), None)
        if different is not None:
            return f"{short(different)} has {different.type.quant}, {short(operands[0])} {operands[0].type.quant}"
        return quantized_or_plain(node, (*operands, node.output))

    @constraint
    def representable(self, node: Node) -> str | None:
        """in int8 there are at most 15 inputs, and the output's scale is above a 2^20th of the inputs'"""
        if not is_quantized(node) or self.tensor_types(node) is not None:
            return None
        if len(node.inputs) > _MOST_QUANTIZED:
            return f"there are {len(node.inputs)}"
        try:
            _, shift = self._factor(node)
        except ValueError as error:
            return str(error)
        return None if shift <= 0 else f"it is {node.output.type.quant}"

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are float32 or quantized int8"""
        return device_arithmetic(*node.inputs)

    def _factor(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from the refined sum to the output's scale; ValueError when out of range."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return arith.quantize_multiplier(2 * source.scale / ((1 << (_FRACTION_BITS + 1)) * result.scale))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        arrays = [a for a in inputs if a is not None]
        dtype = node.output.type.dtype.numpy
        if not is_quantized(node):
            with np.errstate(all="ignore"):
                total = sum(arrays[1:], arrays[0])
            return [total.astype(dtype)]
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        sums = sum((a.astype(np.int64) - source.zero_point for a in arrays), np.full((), -source.zero_point, np.int64))
        scaled = arith.multiply_by_quantized_multiplier(sums << _FRACTION_BITS, *self._factor(node))
        return [np.clip(scaled + result.zero_point, *node.output.type.dtype.limits).astype(dtype)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return None

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        return Permuted(self, (permutation,) * len(node.inputs), (permutation,))

    def simplified(self, node: Node) -> Node | None:
        quant = node.input(0).type.quant
        alike = len(node.inputs) == 2 and (quant is None or quant.zero_point == 0)
        return dataclasses.replace(node, op=Add()) if alike else None

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        count = len(node.inputs)
        size = Int(node.output.type.elements)
        if not is_quantized(node):
            dims, first, second = merged_loops(node.output.shape, node.output.shape, node.output.shape)
            loops = (("dims", dims), ("input_1_strides", first), ("input_2_strides", second))
            fields = tuple((name, tuple(map(Int, numbers))) for name, numbers in loops)
            params = Struct("mg_arithmetic_f32_params", (*clamp_fields(Activation.NONE), *fields))
            return (
                Call("mg_add_f32", (params, Input(0), Input(1), Output())),
                *(Call("mg_add_f32", (params, Output(), Input(i), Output())) for i in range(2, count)),
            )
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        scratch = 4 * node.output.type.elements
        unit = 1 << _FRACTION_BITS
        offset, start = -source.zero_point, -source.zero_point * unit
        calls = [
            Call(
                "mg_accumulate_s8", (Input(i), Scratch(), size, *map(Int, (offset, unit, int(i == 0), start))), scratch
            )
            for i in range(count)
        ]
        finish = map(Int, (0, *self._factor(node), result.zero_point))
        last = Call("mg_requantize_s32_s8", (Scratch(), Output(), size, *finish), scratch)
        return (*calls, last)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, count: int, shape: tuple[int, ...], output: tuple[float, int], zero: int = 3) -> Sample:
            source = sampling.int8(shape, 0.05, zero)
            return sampling.single(cls(), id, [source] * count, QuantParams.per_tensor(*output))

        yield make("two", 2, (1, 3, 4, 5), (0.08, -5))
        yield make("three", 3, (1, 3, 4, 5), (0.1, 7))
        yield make("fifteen", 15, (67,), (0.3, 0))
        yield make("saturating", 3, (67,), (0.01, -128))
        yield make("symmetric", 2, (67,), (0.08, 4), 0)
        for count in (2, 3, 5):
            yield sampling.single(cls(), f"f32_{count}", [sampling.float32((1, 3, 4, 5))] * count, None)
