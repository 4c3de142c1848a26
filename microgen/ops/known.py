"""Operators on constants, computed when a model is read or optimized."""

from __future__ import annotations

from collections.abc import Sequence

from microgen.errors import VerifyError
from microgen.mindir import Array, Node
from microgen.ops.base import op_of

#: The most elements that constants may become, unless they are four times as many as those in the file: what a few
#: bytes of a file can ask for is bounded, and operators compute in 64 bits.
MAX_ELEMENTS = 1 << 22


def evaluated(node: Node, arrays: Sequence[Array | None]) -> list[Array]:
    """The results of a node for one sample of its inputs; VerifyError where they come to more than is sensible."""
    given = sum(array.size for array in arrays if array is not None)
    made = sum(value.type.elements for value in node.outputs)
    if made > max(MAX_ELEMENTS, 4 * given):
        raise VerifyError(f"{made:,} elements are computed from constants of {given:,}", where=node.label)
    return op_of(node).evaluate(node, arrays)
