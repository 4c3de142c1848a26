"""Functions of each element: tables of 256 results, arithmetic of two operands, changes of scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from microgen import arith
from microgen.delegates.gpu import exact
from microgen.delegates.gpu.rows import (
    Step,
    bounds,
    clamped,
    given,
    int8_only,
    int8_or_float32,
    row,
    torch_dtype,
    upload,
)
from microgen.mindir import DType, Node
from microgen.ops.abs import Abs
from microgen.ops.add import Add
from microgen.ops.base import op_of
from microgen.ops.binary import Binary
from microgen.ops.clip import Clip
from microgen.ops.common_scale import scaled_operands
from microgen.ops.comparisons import Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual
from microgen.ops.constraints import is_quantized
from microgen.ops.dequantize import Dequantize, along_axis
from microgen.ops.div import Div
from microgen.ops.exp import Exp
from microgen.ops.hard_swish import HardSwish
from microgen.ops.log import Log
from microgen.ops.logistic import Logistic
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mul import Mul
from microgen.ops.neg import Neg
from microgen.ops.quantize import Quantize
from microgen.ops.relu import Relu
from microgen.ops.relu6 import Relu6
from microgen.ops.sqrt import Sqrt
from microgen.ops.square import Square
from microgen.ops.squared_difference import SquaredDifference
from microgen.ops.sub import Sub
from microgen.ops.tanh import Tanh
from microgen.ops.unary import Predicate, Unary

#: Functions of floats that PyTorch has; in int8 every function is a table.
_FLOATS: dict[type[Unary], Callable[[Tensor], Tensor]] = {
    Abs: torch.abs,
    Exp: torch.exp,
    HardSwish: lambda x: x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
    Log: torch.log,
    Logistic: torch.sigmoid,
    Neg: torch.neg,
    Relu: torch.relu,
    Relu6: lambda x: x.clamp(0.0, 6.0),
    Sqrt: torch.sqrt,
    Square: torch.square,
    Tanh: torch.tanh,
}


def _looked_up(table: Tensor, x: Tensor) -> Tensor:
    """The entry of a table of 256 for every int8, which counts as the unsigned number of the same bits."""
    places = x.contiguous().view(torch.uint8).int()
    return table.index_select(0, places.reshape(-1)).reshape(places.shape)


def _known_function(node: Node) -> str | None:
    op = op_of(node)
    if is_quantized(node):
        return int8_only(node)
    if isinstance(op, Predicate) or not (isinstance(op, Clip) or type(op) in _FLOATS):
        return f"path gpu has no {op.name} of floats"
    return int8_or_float32(node)


@row(Unary, check=_known_function)
def unary(node: Node, device: torch.device) -> Step:
    """The operator's own table of all 256 results; of floats PyTorch's function."""
    op = op_of(node)
    assert isinstance(op, Unary)
    if is_quantized(node):
        table = upload(op.table(node), device)

        return lambda inputs: [_looked_up(table, given(inputs[0]))]
    interval = (op.low, op.high) if isinstance(op, Clip) else None

    def floats(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        x = given(inputs[0])
        return [_FLOATS[type(op)](x) if interval is None else clamped(x, interval)]

    return floats


def _aligned(node: Node, inputs: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
    """Both operands, of the output's rank behind the sample axis."""
    rank = len(node.output.shape)
    first, second = (t.reshape(len(t), *(1,) * (rank + 1 - t.ndim), *t.shape[1:]) for t in map(given, inputs[:2]))
    return first, second


@row(Add, Sub, check=int8_or_float32)
def sum_or_difference(node: Node, device: torch.device) -> Step:
    """In int8 each operand at the common scale is one of 256 numbers."""
    op = op_of(node)
    if not is_quantized(node):
        return binary(node, device)
    assert isinstance(op, Add | Sub) and node.output.type.quant is not None
    q = op.quant_fields(node)
    every = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
    one, two = scaled_operands(q, every, every)
    two = -two if isinstance(op, Sub) else two
    bound = int(np.abs(one).max() + np.abs(two).max())
    tables = [upload(table.astype(np.float64), device) for table in (one, two)]
    multiplier, shift = (np.array([q[f"output_{name}"]]) for name in ("multiplier", "shift"))
    finish = exact.Requantizer(multiplier, shift, 0, bound, q["output_offset"], op.clamp(node), device)

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        first, second = (_looked_up(t, x) for t, x in zip(tables, _aligned(node, inputs), strict=True))
        return [finish(first + second)]

    return step


# What these operators say of themselves is written with Python's operators and ``arith`` alone, and takes tensors.
@row(Mul, SquaredDifference, Equal, NotEqual, Greater, GreaterEqual, Less, LessEqual, check=int8_or_float32)
def binary(node: Node, device: torch.device) -> Step:
    """The operator's own arithmetic on tensors."""
    op = op_of(node)
    assert isinstance(op, Binary)
    kind = torch_dtype(node.output.type.dtype)
    quantized = is_quantized(node)
    limits = op.clamp(node) if kind is torch.int8 else (0, 1)

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        first, second = _aligned(node, inputs)
        if not quantized:
            made = torch.as_tensor(op.compute(first, second))  # type: ignore[arg-type]
            return [clamped(made, bounds(node))]
        combined = torch.as_tensor(op.combine(node, first.long(), second.long()))  # type: ignore[arg-type]
        return [combined if kind is torch.bool else combined.clamp(*limits).to(kind)]

    return step


@row(Maximum, Minimum, check=int8_or_float32)
def extreme(node: Node, device: torch.device) -> Step:
    """One of two elements, as they are."""
    function = torch.maximum if isinstance(op_of(node), Maximum) else torch.minimum
    return lambda inputs: [function(*_aligned(node, inputs))]


def _floats_only(node: Node) -> str | None:
    return f"path gpu has no {op_of(node).name} of int8" if is_quantized(node) else int8_or_float32(node)


@row(Div, check=_floats_only)
def division(node: Node, device: torch.device) -> Step:
    """Quotients of floats."""

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        first, second = _aligned(node, inputs)
        return [clamped(first / second, bounds(node))]

    return step


_INTEGERS = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)


def _one_scale(node: Node) -> str | None:
    source, result = node.input(0).type, node.output.type
    if result.dtype not in _INTEGERS or source.dtype not in (*_INTEGERS, DType.FLOAT32):
        return f"path gpu does not quantize {source.dtype} to {result.dtype}"
    return None if result.quant is not None and result.quant.is_per_tensor else "the output has several scales"


@row(Quantize, check=_one_scale)
def quantize(node: Node, device: torch.device) -> Step:
    """Floats or integers of another scale to integers."""
    op = op_of(node)
    assert isinstance(op, Quantize)
    source, result = node.input(0).type, node.output.type.quant
    assert result is not None
    kind, limits, zero_point = torch_dtype(node.output.type.dtype), node.output.type.dtype.limits, result.zero_point

    def from_float(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        steps = arith.quantize_float(given(inputs[0]), result.scale, zero_point, *limits)  # type: ignore[arg-type]
        return [torch.as_tensor(steps).to(kind)]

    def from_integer(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        assert source.quant is not None
        centred = arith.wrap32(given(inputs[0]).long() - source.quant.zero_point)
        scaled = arith.multiply_by_quantized_multiplier(centred, *op.factor(node))
        return [torch.as_tensor(arith.wrap32(scaled + zero_point)).clamp(*limits).to(kind)]

    return from_float if source.dtype.is_float else from_integer


def _small_integer(node: Node) -> str | None:
    dtype = node.input(0).type.dtype
    return None if dtype in _INTEGERS else f"path gpu does not dequantize {dtype}"


@row(Dequantize, check=_small_integer)
def dequantize(node: Node, device: torch.device) -> Step:
    """One product in single precision, as on the device."""
    quant = node.input(0).type.quant
    assert quant is not None
    scales, zero_points = (upload(a, device) for a in along_axis(quant, node.input(0).shape))
    return lambda inputs: [scales * (given(inputs[0]).long() - zero_points).float()]
