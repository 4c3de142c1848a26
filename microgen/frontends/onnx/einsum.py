"""Einsum: diagonals, sums, and products of pairs of operands by transposes and matrix products."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.mindir import Value
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.reshape import Reshape
from microgen.ops.slice import Slice
from microgen.ops.sum import Sum
from microgen.ops.transpose import Transpose

# Labels of the dimensions under an ellipsis, outermost first: what no equation can hold.
_ELLIPSIS = "0123456789"


@dataclass(frozen=True)
class _Term:
    """An operand and the label of each of its dimensions."""

    value: Value
    labels: tuple[str, ...]

    def size(self, label: str) -> int:
        return self.value.shape[self.labels.index(label)]


@translates("Einsum")
def _einsum(n: Context) -> Results:
    equation = n.attrs.text("equation").replace(" ", "")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(n.items):
        raise VerifyError(f"equation {equation!r} has {len(parts)} operands, the node {len(n.items)}")
    terms = [_Term(n.x(i), _labels(part, len(n.shape(i)), equation)) for i, part in enumerate(parts)]
    ellipsis = max((tuple(c for c in t.labels if c in _ELLIPSIS) for t in terms), key=len)
    if arrow:
        output = tuple(c for part in _tokens(right, equation) for c in (ellipsis if part == "..." else part))
    else:
        every = [c for t in terms for c in t.labels if c not in _ELLIPSIS]
        output = (*ellipsis, *sorted(c for c in set(every) if every.count(c) == 1))
    if len(set(output)) != len(output) or any(all(c not in t.labels for t in terms) for c in output):
        raise VerifyError(f"equation {equation!r} is not supported")
    terms = [_without_diagonals(n, term) for term in terms]
    result = terms[0]
    for i, term in enumerate(terms[1:], 1):
        needed = {*output, *(c for t in terms[i + 1 :] for c in t.labels)}
        result = _product(n, result, term, needed)
    return _arranged(n, _summed(n, result, output), output)


def _tokens(part: str, equation: str) -> list[str]:
    before, dots, after = part.partition("...")
    tokens = [*before, *([dots] if dots else []), *after]
    if any(not (t.isalpha() and t.isascii()) and t != "..." for t in tokens):
        raise VerifyError(f"equation {equation!r} is not supported")
    return tokens


def _labels(part: str, rank: int, equation: str) -> tuple[str, ...]:
    tokens = _tokens(part, equation)
    covered = rank - len([t for t in tokens if t != "..."])
    if covered < 0 or covered > len(_ELLIPSIS) or (covered and "..." not in tokens):
        raise VerifyError(f"equation {equation!r} does not fit an operand of {rank} dimensions")
    hidden = _ELLIPSIS[len(_ELLIPSIS) - covered :]
    return tuple(c for t in tokens for c in (hidden if t == "..." else t))


def _without_diagonals(n: Context, term: _Term) -> _Term:
    """A label that an operand has twice picks the diagonal: every (size + 1)th element of both dimensions as one."""
    for label in dict.fromkeys(term.labels):
        while term.labels.count(label) > 1:
            first = term.labels.index(label)
            second = term.labels.index(label, first + 1)
            size = term.value.shape[first]
            if term.value.shape[second] != size:
                raise VerifyError(f"label {label} stands for {size} and {term.value.shape[second]}")
            others = tuple(c for i, c in enumerate(term.labels) if i not in (first, second))
            order = (*(i for i in range(len(term.labels)) if i not in (first, second)), first, second)
            x = n.b.add(Transpose(order), term.value)
            flat = n.b.add(Reshape((*x.shape[:-2], size * size)), x)
            rank = len(flat.shape)
            picked = Slice((0,) * rank, (*flat.shape[:-1], size), (*(1,) * (rank - 1), size + 1))
            term = _Term(n.b.add(picked, flat), (*others, label))
    return term


def _summed(n: Context, term: _Term, keep: Iterable[str]) -> _Term:
    wanted = set(keep)
    axes = tuple(i for i, c in enumerate(term.labels) if c not in wanted)
    if not axes:
        return term
    return _Term(n.b.add(Sum(axes, False), term.value), tuple(c for c in term.labels if c in wanted))


def _arranged(n: Context, term: _Term, labels: tuple[str, ...]) -> Value:
    order = tuple(term.labels.index(c) for c in labels)
    return term.value if order == tuple(range(len(order))) else n.b.add(Transpose(order), term.value)


def _product(n: Context, a: _Term, b: _Term, needed: set[str]) -> _Term:
    """The product of two operands, summed over what nobody needs any more."""
    a = _summed(n, a, needed | set(b.labels))
    b = _summed(n, b, needed | set(a.labels))
    shared = [c for c in a.labels if c in b.labels]
    if any(a.size(c) != b.size(c) for c in shared):
        raise VerifyError("a label stands for different sizes")
    batch = [c for c in shared if c in needed]
    inner = [c for c in shared if c not in needed]
    rows = [c for c in a.labels if c not in shared]
    columns = [c for c in b.labels if c not in shared]

    def matrix(term: _Term, *groups: list[str]) -> Value:
        x = _arranged(n, term, tuple(c for group in groups for c in group))
        shape = tuple(math.prod(term.size(c) for c in group) for group in groups)
        return x if x.shape == shape else n.b.add(Reshape(shape), x)

    result = n.b.add(BatchMatMul(), matrix(a, batch, rows, inner), matrix(b, batch, inner, columns))
    sizes = (*(a.size(c) for c in (*batch, *rows)), *(b.size(c) for c in columns))
    if result.shape != sizes:
        result = n.b.add(Reshape(sizes), result)
    return _Term(result, (*batch, *rows, *columns))
