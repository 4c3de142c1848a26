"""SignalRescale: quantized features in the scale and type of a model's input, rounded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.mindir import Array, DType, Node, QuantParams, TensorType
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import wrong_types

_SHORT = {DType.INT8: "s8", DType.INT16: "s16"}


@dataclass(frozen=True)
class SignalRescale(Op):
    """``(x - zero point) · scale / scale' + zero point'``, rounded half up once, within
    ``dtype``: from int16 to int8 or int16.

    Quantize, whose bytes are TensorFlow Lite's, rounds twice where the output's scale is more than twice the input's.
    """

    dtype: DType = DType.INT8

    name: ClassVar[str] = "SignalRescale"

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((self.dtype, node.input(0).shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """int16 with one scale becomes int8 or int16 with one scale"""
        for value in (node.input(0), node.output):
            if value.type.quant is None or not value.type.quant.is_per_tensor:
                return f"{value.name!r} has not one scale"
        if self.dtype not in _SHORT:
            return f"the result is {self.dtype}"
        return wrong_types((node.input(0), DType.INT16))

    @constraint
    def representable(self, node: Node) -> str | None:
        """the input scale over the output scale is between 2^-31 and 2^14"""
        if self.types(node) is not None:
            return None
        ratio = self._ratio(node)
        return None if 2.0**-31 < ratio < 2.0**14 else f"it is {ratio:g}"

    def _ratio(self, node: Node) -> float:
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return source.scale / result.scale

    def _numbers(self, node: Node) -> tuple[int, int, int, int]:
        """Zero point, multiplier, shift to the right, zero point of the result."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        multiplier, shift = arith.quantize_multiplier(self._ratio(node))
        return source.zero_point, multiplier, 31 - shift, result.zero_point

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        zero_point, multiplier, shift, offset = self._numbers(node)
        products = (x.astype(np.int64) - zero_point) * multiplier
        scaled = ((products + (np.int64(1) << (shift - 1))) >> shift) + offset
        return [np.clip(scaled, *self.dtype.limits).astype(self.dtype.numpy)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (node.output.type.elements, *self._numbers(node))
        return (Call(f"mg_signal_rescale_{_SHORT[self.dtype]}", (Input(0), Output(), *map(Int, numbers))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        params = QuantParams.per_tensor
        for dtype, unit in ((DType.INT8, 256.0), (DType.INT16, 1.0)):
            for id, ratio, zero_points in (
                ("half", 0.5, (0, 3)),
                ("third", 1 / 3, (-100, -100)),
                ("saturating", 9.0, (1000, 0)),
                ("vanishing", 1e-5, (0, 7)),
            ):
                kind = TensorType(DType.INT16, (77,), params(0.01, zero_points[0]))
                result = params(0.01 * unit / ratio, zero_points[1])
                yield sampling.single(cls(dtype), f"{dtype}_{id}", [kind], result)
