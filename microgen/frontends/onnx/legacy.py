"""What operators meant in opset 6, before ONNX broadcast as NumPy does."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Known
from microgen.ops.reshape import Reshape

_FIRST_MODERN = 7
_BROADCASTING = frozenset(("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"))
_TRAINABLE = frozenset(("BatchNormalization", "Dropout"))


def modernize(n: Context) -> None:
    """Change the operands of a node from before opset 7 so that it can be read as one of opset 7."""
    if n.opset >= _FIRST_MODERN:
        return
    if n.operator in _TRAINABLE and not n.attrs.integer("is_test", 0):
        raise VerifyError("is_test 0, which is training, is not supported")
    if n.operator in _BROADCASTING:
        _broadcast(n)
        n.attributes = {name: v for name, v in n.attributes.items() if name not in ("broadcast", "axis")}
    elif n.operator == "PRelu" and len(n.shape(1)) == 1 and len(n.shape(0)) > 1:
        # One slope for each channel, or one for all.
        _reshape(n, 1, (*n.shape(1), *(1,) * (len(n.shape(0)) - 2)))


def _broadcast(n: Context) -> None:
    first, second = n.shape(0), n.shape(1)
    if not n.attrs.integer("broadcast", 0):
        if first != second:
            raise VerifyError(f"shapes {list(first)} and {list(second)} differ, and attribute broadcast is 0")
        return
    axis = n.attrs.integer("axis", len(first) - len(second))
    axis = axis + len(first) if axis < 0 else axis
    behind = len(first) - axis - len(second)
    if axis < 0 or behind < 0:
        raise VerifyError(f"axis {axis} does not fit shapes {list(first)} and {list(second)}")
    if behind:
        _reshape(n, 1, (*second, *(1,) * behind))


def _reshape(n: Context, index: int, shape: tuple[int, ...]) -> None:
    item = n.item(index)
    new = Known(item.name, item.data.reshape(shape)) if isinstance(item, Known) else n.b.add(Reshape(shape), item)
    n.items = (*n.items[:index], new, *n.items[index + 1 :])
