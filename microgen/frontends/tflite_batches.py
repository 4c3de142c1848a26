"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, which TensorFlow puts around dilated convolutions, as operators of MindIR.

Blocks of pixels become images of a larger batch: padding, and a transposition of the image cut into blocks.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, Node, TensorType, Value
from microgen.ops.attributes import Padding
from microgen.ops.base import Op, op_of
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.pad import Pad
from microgen.ops.reshape import Reshape, View
from microgen.ops.slice import Slice
from microgen.ops.transpose import Transpose

TO_BATCH = "SPACE_TO_BATCH_ND"
TO_SPACE = "BATCH_TO_SPACE_ND"
OPERATORS = (TO_BATCH, TO_SPACE)


def output_shape(operator: str, inputs: Sequence[Value | None]) -> tuple[int, ...]:
    """The shape of the result; VerifyError when the operands do not go together."""
    return _Blocks(operator, inputs).result


def nodes(operator: str, inputs: Sequence[Value | None], output: Value) -> list[Node]:
    """What computes ``output``, of the shape that ``output_shape`` tells."""
    return _Blocks(operator, inputs).nodes(output)


def dilated(
    nodes: Sequence[Node],
    batches: Mapping[Value, Sequence[Value | None]],
    inputs: Sequence[Value | None],
    output: Value,
) -> list[Node] | None:
    """What computes ``output``, images from the batch ``inputs``, where a convolution between is meant to be dilated.

    ``nodes`` are those of the graph so far, ``batches`` the operands of what turned images into batches, by result.
    """
    back = _Blocks(TO_SPACE, inputs)
    producers = {value: node for node in nodes for value in node.outputs}
    convolution, views = _behind_view(producers, back.x)
    if convolution is None or not isinstance(convolution.op, Conv2D | DepthwiseConv2D):
        return None
    image = convolution.input(0)
    found = batches.get(image)
    if found is None and isinstance(view := producers.get(image), Node) and isinstance(view.op, View):
        found, views = batches.get(view.input(0)), views - 1
    if found is None or views != 0 or convolution.op.dilation != (1, 1) or convolution.op.stride != (1, 1):
        return None
    to = _Blocks(TO_BATCH, found)
    if to.block != back.block or convolution.op.padding != Padding() or any(before for before, _ in back.border):
        return None
    block, border = to.block, tuple((a, b - c) for (a, b), (_, c) in zip(to.border, back.border, strict=True))
    shape = to.x.shape
    if len(block) == 1 and len(shape) == 3 and image.shape[1] == 1:
        block, border, shape = (1, *block), ((0, 0), *border), (shape[0], 1, *shape[1:])
    if len(block) != 2 or len(shape) != 4 or min(map(min, border)) < 0:
        return None
    (top, bottom), (left, right) = border
    dilation = (block[0], block[1])
    op = dataclasses.replace(convolution.op, dilation=dilation, padding=Padding(top, left, bottom, right))
    return _replacement(convolution, op, to.x, shape, output)


def _behind_view(producers: Mapping[Value, Node], value: Value) -> tuple[Node | None, int]:
    """What computes ``value``, or what it is another shape of, and the number of such views."""
    node = producers.get(value)
    return (producers.get(node.input(0)), 1) if node is not None and isinstance(node.op, View) else (node, 0)


def _replacement(old: Node, op: Op, x: Value, shape: tuple[int, ...], output: Value) -> list[Node] | None:
    made = []
    if x.shape != shape:
        lifted = Value(f"{output.name}/image", dataclasses.replace(x.type, shape=shape))
        made.append(Node(Reshape(shape), (x,), (lifted,), lifted.name))
        x = lifted
    node = Node(op, (x, *old.inputs[1:]), old.outputs, output.name)
    try:
        ((_, found),) = op.infer(node)
        result = output if found == output.shape else Value(f"{output.name}/sums", _shaped(old.output.type, found))
        made.append(dataclasses.replace(node, outputs=(result,)))
        if result is not output:
            made.append(Node(Reshape(output.shape), (result,), (output,), output.name))
        for each in made:
            op_of(each).check(each)
    except VerifyError:
        return None
    return made


def _shaped(kind: TensorType, shape: tuple[int, ...]) -> TensorType:
    return dataclasses.replace(kind, shape=shape)


class _Blocks:
    def __init__(self, operator: str, inputs: Sequence[Value | None]) -> None:
        if len(inputs) != 3 or inputs[0] is None:
            raise VerifyError(f"{len(inputs)} inputs instead of 3")
        self.x = inputs[0]
        self.to_batch = operator == TO_BATCH
        block, border = _numbers(inputs[1], "the block"), _numbers(inputs[2], "the border")
        count, rank = block.size, len(self.x.shape)
        if block.ndim != 1 or not 1 <= count < rank or border.shape != (count, 2):
            raise VerifyError(f"a block {list(block.shape)} and a border {list(border.shape)} do not fit rank {rank}")
        if rank + count > 6:
            raise VerifyError(f"blocks of {count} dimensions of rank {rank} are not supported")
        self.block = tuple(map(int, block))
        self.border = tuple((int(a), int(b)) for a, b in border)
        if min(self.block) < 1 or min(map(min, self.border)) < 0 or max(self.block) > 1 << 16:
            raise VerifyError(f"a block {list(self.block)} with a border {list(map(list, self.border))} makes no sense")
        self.whole, self.result = self._to_batch() if self.to_batch else self._to_space()
        if min(self.result) < 1:
            raise VerifyError(f"the result would have the shape {list(self.result)}")

    def _to_batch(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(the padded image, the result)."""
        batch, *rest = self.x.shape
        count = len(self.block)
        sizes = [size + before + after for size, (before, after) in zip(rest, self.border, strict=False)]
        if any(size % step for size, step in zip(sizes, self.block, strict=True)):
            raise VerifyError(f"an image of {sizes} has no whole number of blocks {list(self.block)}")
        small = [size // step for size, step in zip(sizes, self.block, strict=True)]
        return (batch, *sizes, *rest[count:]), (batch * math.prod(self.block), *small, *rest[count:])

    def _to_space(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(the image with its border, the result)."""
        batch, *rest = self.x.shape
        count = len(self.block)
        if batch % math.prod(self.block):
            raise VerifyError(f"a batch of {batch} has no whole number of blocks {list(self.block)}")
        sizes = [size * step for size, step in zip(rest, self.block, strict=False)]
        left = [size - before - after for size, (before, after) in zip(sizes, self.border, strict=True)]
        batch //= math.prod(self.block)
        return (batch, *sizes, *rest[count:]), (batch, *left, *rest[count:])

    def nodes(self, output: Value) -> list[Node]:
        count, rank = len(self.block), len(self.x.shape)
        rest = tuple(range(rank + count))[1 + 2 * count :]
        steps: list[Op] = []
        if self.to_batch:
            if self.whole != self.x.shape:
                steps.append(Pad(((0, 0), *self.border, *((0, 0),) * (rank - 1 - count))))
            cut = [n for size, step in zip(self.whole[1:], self.block, strict=False) for n in (size // step, step)]
            steps.append(Reshape((self.whole[0], *cut, *self.whole[1 + count :])))
            inner, outer = (tuple(range(start, 1 + 2 * count, 2)) for start in (2, 1))
            steps += [Transpose((*inner, 0, *outer, *rest)), Reshape(self.result)]
        else:
            steps.append(Reshape((*self.block, self.whole[0], *self.x.shape[1:])))
            pairs = tuple(axis for i in range(count) for axis in (count + 1 + i, i))
            steps += [Transpose((count, *pairs, *rest)), Reshape(self.whole)]
            if self.whole != self.result:
                begin = (0, *(before for before, _ in self.border), *(0,) * (rank - 1 - count))
                steps.append(Slice(begin, self.result))
        return self._chain(steps, output)

    def _chain(self, steps: Sequence[Op], output: Value) -> list[Node]:
        made: list[Node] = []
        value = self.x
        for number, op in enumerate(steps):
            ((dtype, shape),) = op.infer(Node(op, (value,), (output,), output.name))
            last = number == len(steps) - 1
            result = output if last else Value(f"{output.name}/{number}", TensorType(dtype, shape, self.x.type.quant))
            node = Node(op, (value,), (result,), result.name)
            op.check(node)
            made.append(node)
            value = result
        return made


def _numbers(value: Value | None, what: str) -> Array:
    if value is None or not value.is_const:
        raise VerifyError(f"{what} must be known at compile time")
    if value.const.dtype.kind != "i":
        raise VerifyError(f"{what} is {value.type.dtype}, not integers")
    return value.const.astype(np.int64)
