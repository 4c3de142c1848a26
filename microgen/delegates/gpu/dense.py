"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from microgen.delegates.gpu import exact
from microgen.delegates.gpu.rows import Step, bounds, clamped, given, int8_or_float32, row, upload
from microgen.mindir import Node
from microgen.ops.base import op_of
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.constraints import not_constant
from microgen.ops.convolution import requantization
from microgen.ops.fully_connected import FullyConnected


def _constant_weights(node: Node) -> str | None:
    if (problem := not_constant(node.input(1), node.optional_input(2))) is not None:
        return problem
    return int8_or_float32(node)


@row(FullyConnected, check=_constant_weights)
def fully_connected(node: Node, device: torch.device) -> Step:
    """One matrix product for all samples."""
    op, weights, bias = op_of(node), node.input(1), node.optional_input(2)
    assert isinstance(op, FullyConnected)
    shape, depth = node.output.shape, weights.shape[1]
    quant, result = node.input(0).type.quant, node.output.type.quant
    if quant is None:
        matrix = upload(weights.const, device).T
        offset = None if bias is None else upload(bias.const.reshape(-1), device)

        def floats(inputs: Sequence[Tensor | None]) -> list[Tensor]:
            made = given(inputs[0]).reshape(-1, depth) @ matrix
            made = made if offset is None else made + offset
            return [clamped(made, bounds(node)).reshape(-1, *shape)]

        return floats
    assert result is not None and weights.type.quant is not None
    centred = weights.const.astype(np.int64) - weights.type.quant.zero_points[0]
    bound = exact.sums_bound(centred, exact.largest_magnitude(quant))
    kind = exact.products_dtype(int(bound.max()))
    whole_matrix = upload(centred, device).to(kind).T
    multipliers, shifts = requantization(node)
    summand = 0 if bias is None else bias.const.astype(np.int64).reshape(-1)
    limits = op.activation.bounds(node.output.type)
    finish = exact.Requantizer(multipliers, shifts, summand, bound, result.zero_point, limits, device)

    def integers(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        rows = given(inputs[0]).reshape(-1, depth).to(kind) - quant.zero_point
        return [finish(rows @ whole_matrix).reshape(-1, *shape)]

    return integers


@row(BatchMatMul, check=int8_or_float32)
def batch_matmul(node: Node, device: torch.device) -> Step:
    """Products of matrices that may all be computed; leading dimensions broadcast."""
    op, rank = op_of(node), len(node.output.shape)
    assert isinstance(op, BatchMatMul)
    quants = [node.input(i).type.quant for i in (0, 1)]
    first, second = quants
    result = node.output.type.quant
    finish: exact.Requantizer | None = None
    kind = torch.float32
    if first is not None and second is not None and result is not None:
        depth = node.input(0).shape[-2 if op.transpose_a else -1]
        bound = depth * exact.largest_magnitude(first) * exact.largest_magnitude(second)
        kind = exact.products_dtype(bound)
        multiplier, shift = (np.array([number]) for number in op.factor(node))
        finish = exact.Requantizer(multiplier, shift, 0, bound, result.zero_point, (-128, 127), device)

    def operand(tensor: Tensor, index: int, transpose: bool) -> Tensor:
        quant = quants[index]
        aligned = tensor.reshape(len(tensor), *(1,) * (rank + 1 - tensor.ndim), *tensor.shape[1:])
        centred = aligned.to(kind) if quant is None else aligned.to(kind) - quant.zero_point
        return centred.transpose(-1, -2) if transpose else centred

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        left = operand(given(inputs[0]), 0, op.transpose_a)
        sums = torch.matmul(left, operand(given(inputs[1]), 1, op.transpose_b))
        return [sums if finish is None else finish(sums)]

    return step
