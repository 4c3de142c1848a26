"""Control flow that can be decided at import."""

from __future__ import annotations

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Item, Known, Results, array_of, translates
from microgen.ops.concatenation import Concatenation
from microgen.ops.reshape import Reshape

# Loops of more rounds than this are not written out.
_MAX_ROUNDS = 256


@translates("If")
def _if(n: Context) -> Results:
    condition = n.known(0)
    if condition.size != 1:
        raise VerifyError(f"the condition has {condition.size} elements, not 1")
    assert n.inline is not None
    return n.inline(n.graphs["then_branch" if condition.reshape(-1)[0] else "else_branch"], ())


@translates("Loop")
def _loop(n: Context) -> Results:
    rounds = int(n.number(0)) if n.has(0) else None
    going = bool(n.known(1).reshape(-1)[0]) if n.has(1) else True
    body = n.graphs["body"]
    carried: list[Item] = [n.item(i) for i in range(2, len(n.items))]
    scans: list[list[Item]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    assert n.inline is not None
    done = 0
    while going and (rounds is None or done < rounds):
        if done >= _MAX_ROUNDS:
            raise VerifyError(f"it runs more than {_MAX_ROUNDS} rounds")
        start = (Known("round", np.array(done, np.int64)), Known("condition", np.array(True)))
        condition, *results = n.inline(body, (*start, *carried))
        data = array_of(condition)
        if data is None:
            raise VerifyError("the condition must be known at compile time")
        going = bool(data.reshape(-1)[0])
        carried = results[: len(carried)]
        for scan, item in zip(scans, results[len(carried) :], strict=True):
            scan.append(item)
        done += 1
    return [*carried, *(_stacked(n, scan) for scan in scans)]


def _stacked(n: Context, items: list[Item]) -> Item:
    if not items:
        raise VerifyError("it runs no round, and what it collects is empty")
    arrays = [array_of(item) for item in items]
    known = [a for a in arrays if a is not None]
    if len(known) == len(arrays):
        return n.keep(np.stack(known))
    values = [item.value(n.b) if isinstance(item, Known) else item for item in items]
    rows = [n.b.add(Reshape((1, *v.shape)), v) for v in values]
    return rows[0] if len(rows) == 1 else n.b.add(Concatenation(0), *rows)
