"""Operators that look along whole dimensions: sums, means, extremes, softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from microgen import arith
from microgen.delegates.gpu.rows import Step, given, int8_or_float32, row, upload
from microgen.mindir import Node
from microgen.ops.base import op_of
from microgen.ops.constraints import is_quantized
from microgen.ops.mean import Mean
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.reduce_min import ReduceMin
from microgen.ops.reduction import QuantizedSum, Reduction
from microgen.ops.softmax import DIFFERENCE_BITS, SUM_BITS, Softmax, axis_of
from microgen.ops.sum import Sum


@row(Mean, Sum, check=int8_or_float32)
def sums(node: Node, device: torch.device) -> Step:
    """Sums in 64 bits, which wrap as the device's do, brought to the output's scale."""
    op, quant = op_of(node), node.output.type.quant
    assert isinstance(op, QuantizedSum)
    axes = tuple(axis + 1 for axis in op.axes)
    function = torch.mean if isinstance(op, Mean) else torch.sum

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        x = given(inputs[0])
        if quant is None:
            return [function(x, dim=axes).reshape(-1, *node.output.shape)]
        total = arith.wrap32(x.sum(dim=axes, dtype=torch.int64) + op.sum_offset(node))
        scaled = arith.multiply_by_quantized_multiplier(total, *op.factor(node))
        made = torch.as_tensor(arith.wrap32(scaled + quant.zero_point)).clamp(-128, 127).to(torch.int8)
        return [made.reshape(-1, *node.output.shape)]

    return step


@row(ReduceMax, ReduceMin, check=int8_or_float32)
def extremes(node: Node, device: torch.device) -> Step:
    """The largest or smallest elements as they are."""
    op = op_of(node)
    assert isinstance(op, Reduction)
    axes = tuple(axis + 1 for axis in op.axes)
    function = torch.amax if isinstance(op, ReduceMax) else torch.amin
    return lambda inputs: [function(given(inputs[0]), dim=axes).reshape(-1, *node.output.shape)]


@row(Softmax, check=int8_or_float32)
def softmax(node: Node, device: torch.device) -> Step:
    """In int8 the exponentials are a table of the 256 differences; sums and quotients are ``arith``'s."""
    op = op_of(node)
    assert isinstance(op, Softmax)
    axis = axis_of(op.axis, node.output.shape) + 1
    if not is_quantized(node):
        beta = op.beta
        return lambda inputs: [torch.softmax(given(inputs[0]) * beta, dim=axis)]
    multiplier, shift, smallest = op.scaling(node)
    differences = -np.arange(256, dtype=np.int64)
    scaled = arith.multiply_by_quantized_multiplier(differences, multiplier, shift)
    counts = differences >= smallest
    exponentials = np.where(counts, arith.exp_on_negative_values(np.minimum(scaled, 0), DIFFERENCE_BITS), 0)
    terms = np.where(counts, arith.rounding_divide_by_pot(exponentials, SUM_BITS), 0)
    powers, summands, counting = (upload(a, device) for a in (exponentials, terms, counts))

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        x = given(inputs[0]).long()
        below = x.amax(dim=axis, keepdim=True) - x
        total = summands[below].sum(dim=axis, keepdim=True)
        # frexp's exponent is the number of bits.
        zeros = 32 - torch.frexp(total.double()).exponent.long()
        reciprocals = arith.one_over_one_plus_x((total << zeros) - (1 << 31))  # type: ignore[arg-type]
        products = arith.saturating_rounding_doubling_high_mul(reciprocals, powers[below])  # type: ignore[arg-type]
        exponents = SUM_BITS - zeros + 31 - 8
        quotients = arith.rounding_divide_by_pot(products, exponents.clamp(max=31))  # type: ignore[arg-type]
        # From an exponent of 32 on (sums of 512 and more) every share rounds to 0.
        shares = torch.where(exponents > 31, 0, torch.as_tensor(quotients))
        return [torch.where(counting[below], (shares - 128).clamp(-128, 127), -128).to(torch.int8)]

    return step
