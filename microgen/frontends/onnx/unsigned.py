"""Tensors that are uint8 in the file and int8 in MindIR: who may take them so, and ONNX's numbers for others."""

from __future__ import annotations

from collections.abc import Sequence

from microgen.frontends.onnx.context import FoldingBuilder, Item
from microgen.mindir import DType, QuantParams, Value
from microgen.ops.quantize import Quantize

# These move elements or compare them, and keep the quantization.
_MOVES = frozenset(
    ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand", "MaxPool", "Identity", "Dropout")
)


def _takes(operator: str) -> bool:
    return operator in _MOVES or operator.startswith("QLinear") or operator in ("DequantizeLinear", "QGemm", "Shape")


def operands(b: FoldingBuilder, operator: str, items: Sequence[Item | None]) -> tuple[Item | None, ...]:
    """The operands as ``operator`` can take them."""
    current = [b.current(item) if isinstance(item, Value) else item for item in items]
    if _takes(operator):
        return tuple(current)
    return tuple(raw(b, item) if isinstance(item, Value) and item in b.unsigned else item for item in current)


def follow(b: FoldingBuilder, operator: str, given: Sequence[Item | None], results: Sequence[Item]) -> None:
    """Mark the results of an operator that only moves the elements of such a tensor."""
    if operator in _MOVES and any(isinstance(item, Value) and item in b.unsigned for item in given):
        b.unsigned.update(v for v in results if isinstance(v, Value) and v.type.quant is not None)


def raw(b: FoldingBuilder, value: Value, name: str = "") -> Value:
    """The uint8 tensor of the file."""
    quant = value.type.quant
    assert quant is not None
    own = QuantParams(quant.scales, tuple(z + 128 for z in quant.zero_points), quant.axis)
    return b.add(Quantize(DType.UINT8), value, name=name, quant=own)
