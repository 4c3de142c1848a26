"""How an operator takes part in moving a change of layout through the graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from microgen.ops.base import Op

#: Dimension i of the result is dimension ``permutation[i]`` of the source, as in NumPy's ``transpose``.
Permutation: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Permuted:
    """An operator that computes the same from rearranged operands.

    ``inputs`` has one entry for each of the node's inputs: how that operand must be rearranged, None where it stays
    as it is (or is absent). An operand of lower rank than its permutation is first given leading dimensions of 1.
    ``outputs`` say how each result comes out: result = present result transposed by the permutation.
    """

    op: Op
    inputs: tuple[Permutation | None, ...]
    outputs: tuple[Permutation, ...]


def inverse(permutation: Permutation) -> Permutation:
    """The permutation that undoes ``permutation``."""
    return tuple(permutation.index(i) for i in range(len(permutation)))


def compose(first: Permutation, second: Permutation) -> Permutation:
    """``transpose(transpose(x, first), second) == transpose(x, compose(first, second))``."""
    return tuple(first[i] for i in second)


def reduced_permutation(permutation: Permutation, axes: Iterable[int], keep_dims: bool) -> Permutation:
    """How the result of a reduction over ``axes`` comes out when the operand is rearranged by ``permutation``."""
    if keep_dims:
        return permutation
    gone = set(axes)
    kept = [i for i in range(len(permutation)) if i not in gone]
    return tuple(kept.index(i) for i in permutation if i not in gone)
