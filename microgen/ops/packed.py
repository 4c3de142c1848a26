"""Weights of four bits: two in a byte, the first in its low half, the last alone where their number is odd.

In MindIR they are int8 constants from -8 to 7, which every path but the device computes with as with others; an
operator's ``weight_bits`` says that they are to be stored packed. TensorFlow Lite and CMSIS-NN pack the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, DType, Node
from microgen.ops.call import Const
from microgen.ops.constraints import is_quantized

LOWEST, HIGHEST = -8, 7


def pack(values: Array) -> NDArray[np.int8]:
    """The bytes of integers from -8 to 7, flattened."""
    flat = values.reshape(-1).astype(np.uint8) & 15
    even = np.append(flat, np.zeros(len(flat) % 2, np.uint8)).reshape(-1, 2)
    packed: NDArray[np.int8] = (even[:, 0] | even[:, 1] << 4).astype(np.uint8).view(np.int8)
    return packed


def unpack(data: NDArray[np.uint8], elements: int) -> NDArray[np.int8]:
    """The ``elements`` integers in these bytes."""
    halves = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:elements].astype(np.int8)
    values: NDArray[np.int8] = (halves ^ 8) - 8
    return values


def packs(node: Node, weight_bits: int) -> bool:
    """Whether the weights of a layer, its input 1, are stored packed: those of an int8 layer that asks for it."""
    if weight_bits != 4 or not is_quantized(node) or node.input(0).type.dtype is not DType.INT8:
        return False
    weights = node.input(1)
    if not weights.is_const or weights.type.dtype is not DType.INT8:
        return False
    return int(weights.const.min()) >= LOWEST and int(weights.const.max()) <= HIGHEST


def weight_bytes(node: Node) -> int:
    """Bytes of a layer's constants, as they are stored."""
    sizes = {value: value.type.nbytes for value in node.inputs if value is not None and value.is_const}
    if packs(node, getattr(node.op, "weight_bits", 8)):
        sizes[node.input(1)] = -(-node.input(1).type.nbytes // 2)
    return sum(sizes.values())


def packed_weights(node: Node) -> Const:
    """The table of a layer's packed weights."""
    return Const("weights", pack(node.input(1).const))
