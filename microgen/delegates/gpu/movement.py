"""Operators that move elements, of any type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from microgen.delegates.gpu.rows import Step, given, moved, row, upload
from microgen.mindir import Node
from microgen.ops.base import op_of
from microgen.ops.concatenation import Concatenation
from microgen.ops.constraints import not_constant
from microgen.ops.gather import Gather
from microgen.ops.movement import Movement, address, axis_in, in_range
from microgen.ops.pad import Pad
from microgen.ops.reshape import View
from microgen.ops.resize_nearest import ResizeNearest


@row(View, check=moved)
def view(node: Node, device: torch.device) -> Step:
    """The same elements in another shape."""
    return lambda inputs: [given(inputs[0]).reshape(-1, *node.output.shape)]


@row(Movement, check=moved)
def movement(node: Node, device: torch.device) -> Step:
    """The operator's own views, as strides and offsets into a sample; PyTorch has no strides that go back."""
    op = op_of(node)
    assert isinstance(op, Movement)
    source = node.input(0).type
    memory = np.empty((1, *source.shape), source.dtype.numpy)
    plans = []
    for made, value in zip(op.views(node, memory), node.outputs, strict=True):
        offset = (address(made) - address(memory)) // memory.itemsize
        strides = [s // memory.itemsize for s in made.strides[1:]]
        back = [axis for axis, stride in enumerate(strides) if stride < 0]
        offset += sum(strides[axis] * (made.shape[axis + 1] - 1) for axis in back)
        plans.append((made.shape[1:], [abs(s) for s in strides], offset, [a + 1 for a in back], value.shape))

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        x = given(inputs[0]).contiguous()
        results = []
        for shape, strides, offset, back, wanted in plans:
            seen = x.as_strided((len(x), *shape), (source.elements, *strides), x.storage_offset() + offset)
            results.append((seen.flip(back) if back else seen).reshape(-1, *wanted))
        return results

    return step


@row(Pad, check=moved)
def pad(node: Node, device: torch.device) -> Step:
    """A border of one value."""
    op = op_of(node)
    assert isinstance(op, Pad)
    value = np.array(op.value(node)).astype(node.output.type.dtype.numpy).item()
    inside = (slice(None), *(slice(b, b + n) for n, (b, _) in zip(node.input(0).shape, op.amounts, strict=True)))

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        x = given(inputs[0])
        made = torch.full((len(x), *node.output.shape), value, dtype=x.dtype, device=x.device)
        made[inside] = x
        return [made]

    return step


@row(Concatenation, check=moved)
def concatenation(node: Node, device: torch.device) -> Step:
    """Tensors side by side."""
    op = op_of(node)
    assert isinstance(op, Concatenation)
    axis = 1 + axis_in(op.axis, len(node.output.shape))

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        tensors = [given(t) for t in inputs]
        samples = max(map(len, tensors))
        return [torch.cat([t.expand(samples, *t.shape[1:]) for t in tensors], dim=axis)]

    return step


def _constant_indices(node: Node) -> str | None:
    op = op_of(node)
    assert isinstance(op, Gather)
    batches = f"there are {op.batch_dims} batch dimensions" if op.batch_dims else None
    return batches or not_constant(node.input(1)) or moved(node)


@row(Gather, check=_constant_indices)
def gather(node: Node, device: torch.device) -> Step:
    """Slices that are known at compile time."""
    op, shape = op_of(node), node.input(0).shape
    assert isinstance(op, Gather)
    axis = axis_in(op.axis, len(shape))
    places = upload(in_range(node.input(1).const, shape[axis]).reshape(-1), device)
    return lambda inputs: [given(inputs[0]).index_select(axis + 1, places).reshape(-1, *node.output.shape)]


@row(ResizeNearest, check=moved)
def resize_nearest(node: Node, device: torch.device) -> Step:
    """Copies of rows, then of columns."""
    op = op_of(node)
    assert isinstance(op, ResizeNearest)
    rows, columns = (upload(op.indices(node, axis).astype(np.int64), device) for axis in (0, 1))
    return lambda inputs: [given(inputs[0]).index_select(2, rows).index_select(3, columns)]
