"""REDUCE_PROD: the product over any dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from microgen.errors import VerifyError
from microgen.mindir import Array, Node
from microgen.ops.base import Sample, constraint
from microgen.ops.call import Call
from microgen.ops.constraints import short
from microgen.ops.reduction import Reduction


@dataclass(frozen=True)
class ReduceProd(Reduction):
    """The product over ``axes``, of numbers that are not quantized; see ``Reduction``."""

    name: ClassVar[str] = "ReduceProd"
    tflite: ClassVar[tuple[str, ...]] = ("REDUCE_PROD",)
    onnx: ClassVar[tuple[str, ...]] = ("ReduceProd",)
    float_kernel: ClassVar[str] = "mg_reduce_prod_f32"

    @constraint
    def not_quantized(self, node: Node) -> str | None:
        """input and output are not quantized"""
        found = next((v for v in (node.input(0), node.output) if v.type.quant is not None), None)
        return None if found is None else f"{short(found)} has {found.type.quant}"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        numbers: Any = x
        result: Array = numbers.prod(axis=axes, dtype=x.dtype)
        return result

    def reduce_quantized(self, node: Node, x: Array, axes: tuple[int, ...]) -> Array:
        raise VerifyError("there is no product of quantized numbers", where=node.label)

    def lower_quantized(self, node: Node) -> Call:
        raise VerifyError("there is no product of quantized numbers", where=node.label)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for sample in cls.shape_samples(None):
            if sample.id.startswith("f32_"):
                yield sample
