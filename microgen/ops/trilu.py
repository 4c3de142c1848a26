"""Trilu: the upper or lower triangle of matrices, zero elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Const, Input, Target
from microgen.ops.movement import present, unequal_quantization
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.select import select_call


@dataclass(frozen=True)
class Trilu(Op):
    """The elements on and above (or, if not ``upper``, below) the diagonal ``k`` of the last two dimensions; diagonal
    0 is the main one, higher ones lie above. The others become zero: the zero point of a quantized tensor.
    """

    upper: bool = True
    k: int = 0

    name: ClassVar[str] = "Trilu"
    onnx: ClassVar[tuple[str, ...]] = ("Trilu",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        k = (0,) if source.optional(1) is None else source.integers(1)
        if len(k) != 1:
            raise VerifyError(f"has {len(k)} diagonals, not 1")
        return cls(bool(source.integer("upper", 1)), k[0]), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        k = constant_input("k", np.array(self.k, np.int64))
        return OnnxForm("Trilu", (node.input(0), k), {"upper": int(self.upper)})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(source.shape) < 2:
            raise VerifyError(f"{list(source.shape)} holds no matrices")
        return ((source.type.dtype, source.shape),)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.output)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        return [np.where(self._kept(node), x, self._zero(node))]

    def _kept(self, node: Node) -> Array:
        """Which elements of a matrix stay."""
        rows, columns = node.output.shape[-2:]
        distance = np.arange(columns)[None, :] - np.arange(rows)[:, None]
        return distance >= self.k if self.upper else distance <= self.k

    def _zero(self, node: Node) -> Array:
        quant = node.output.type.quant
        return np.array(quant.zero_point if quant is not None else 0).astype(node.output.type.dtype.numpy)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        kept, zero = self._kept(node), self._zero(node).reshape(1)
        operands = (Const("kept", kept), Input(0), Const("zero", zero))
        return (select_call(node.output, (kept.shape, node.input(0).shape, ()), operands),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        source = sampling.int8((4, 5))
        yield sampling.single(cls(), "upper", [source], source.quant)
        yield sampling.single(cls(False, 1), "lower", [source], source.quant)
        yield sampling.single(cls(), "f32_upper", [sampling.float32((2, 4, 4))], None)
        yield sampling.single(cls(False, -1), "f32_lower", [sampling.float32((2, 4, 5))], None)
