"""What functions of one int8 tensor share: all 256 results are computed at compile time and become a table."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgen import arith
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Const, Input, Int, Output, Target
from microgen.ops.constraints import quantized_int8
from microgen.ops.tflite_form import TFLiteSource


@dataclass(frozen=True)
class Unary(Op):
    """An elementwise function of an int8 tensor."""

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0),)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        return ((source.type.dtype, source.shape),)

    @constraint
    def int8_tensors(self, node: Node) -> str | None:
        """input and output are int8 with quantization parameters, one scale each"""
        return quantized_int8(node, (node.input(0), node.output))

    @abstractmethod
    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        """The function on quantized values; what leaves int8 is clamped afterwards.

        ValueError when the scales are out of the range of the arithmetic.
        """

    @constraint
    def representable(self, node: Node) -> str | None:
        """the scales are in the range of 32-bit fixed-point arithmetic"""
        if self.int8_tensors(node) is not None:
            return None
        try:
            self.table(node)
        except ValueError as error:
            return str(error)
        return None

    def table(self, node: Node) -> Array:
        """The int8 result of every int8 input, in the order of the input's bits as an unsigned number."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return _table(self, source, result)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        assert inputs[0] is not None
        return [self.table(node)[inputs[0].astype(np.uint8)]]

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type and np.array_equal(self.table(node), _EVERY_INT8)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        size = Int(node.output.type.elements)
        clamp = self.as_clamp(node)
        if clamp is not None:
            low, high = clamp.bounds(node.output.type)
            return (Call("mg_clamp_s8", (Input(0), Output(), size, Int(low), Int(high))),)
        return (Call("mg_lut_s8", (Input(0), Const("table", self.table(node)), Output(), size)),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)


_EVERY_INT8 = np.arange(256, dtype=np.uint8).view(np.int8)


@functools.lru_cache(maxsize=64)
def _table(op: Unary, source: QuantParams, result: QuantParams) -> Array:
    values = op.apply(source, result, _EVERY_INT8.astype(np.int64))
    table = np.clip(values, -128, 127).astype(np.int8)
    table.setflags(write=False)
    return table


def rescale(x: arith.Ints, factor: float) -> arith.Ints:
    """``x · factor``, rounded; ValueError when the factor is out of range."""
    return arith.multiply_by_quantized_multiplier(x, *arith.quantize_multiplier(factor))


def sample(
    op: Unary,
    id: str,
    source: tuple[float, int],
    result: tuple[float, int],
    shape: tuple[int, ...] = (16, 17),
) -> Sample:
    """A sample by (scale, zero point) of input and output; its size lets random data meet most int8 values."""
    return sampling.single(op, id, [sampling.int8(shape, *source)], QuantParams.per_tensor(*result))
