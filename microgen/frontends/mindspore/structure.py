"""Bookkeeping of MindSpore's graphs: loads of parameters, the order of side effects, tuples."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.frontends.mindspore.call import Call, Item, primitive

#: The primitive that looks at none of its inputs, whether they could be imported or not.
ORDER_ONLY = "UpdateState"


@primitive("Load", "Depend", "Return", "Identity", "StopGradient", "TensorMove")
def _first(call: Call) -> Item:
    if not call.items:
        raise VerifyError("there is no input")
    return call.items[0]


@primitive(ORDER_ONLY)
def _nothing(call: Call) -> Item:
    return None


@primitive("MakeTuple", "MakeList")
def _tuple(call: Call) -> Item:
    return call.items


@primitive("TupleGetItem", "ListGetItem")
def _element(call: Call) -> Item:
    items, index = call.items[0] if call.items else None, call.integer("index", 1)
    if not isinstance(items, tuple):
        raise VerifyError("its input is no tuple")
    if not -len(items) <= index < len(items):
        raise VerifyError(f"element {index} of a tuple of {len(items)}")
    item = items[index]
    if item is None:
        raise VerifyError(f"output {index} of its input is not supported")
    return item
