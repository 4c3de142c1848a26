"""One primitive at work: what its handler sees, and the table that handlers enter themselves into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.builder import GraphBuilder
from microgen.frontends.mindspore.tensors import Literal
from microgen.mindir import Array, DType, Value

#: What a name of the file stands for: a tensor, a literal, or a tuple of such.
Item: TypeAlias = "Value | Literal | tuple[Item, ...]"

_PAD_MODES = ("pad", "same", "valid")


@dataclass(frozen=True)
class Call:
    """A primitive with its inputs; ``attributes`` decodes an attribute of the file when asked for one.

    Newer files have as inputs what older ones have as attributes; the readers below look for both. They raise
    VerifyError when something is missing or of the wrong kind.
    """

    b: GraphBuilder
    primitive: str
    items: tuple[Item, ...]
    attributes: Mapping[str, Callable[[], Literal]]

    def has(self, index: int) -> bool:
        """Whether the input at ``index`` is given."""
        return index < len(self.items) and self.items[index] is not None

    def tensor(self, index: int, like: Value | None = None) -> Value:
        """The input at ``index`` as a tensor; a scalar becomes a constant, of ``like``'s element type if given."""
        if not self.has(index):
            raise VerifyError(f"input {index} is missing")
        return self.as_tensor(self.items[index], like)

    def optional(self, index: int) -> Value | None:
        """The input at ``index``, None when it is absent."""
        return self.tensor(index) if self.has(index) else None

    def as_tensor(self, item: Item, like: Value | None = None) -> Value:
        """``item`` as a tensor."""
        if isinstance(item, Value):
            return item
        if isinstance(item, np.ndarray):
            return self.b.constant(item)
        if isinstance(item, (bool, int, float)):
            if like is not None:
                # What a scalar cannot be in the tensor's type is not a question of rounding: let NumPy say so.
                return self.b.constant(_cast(item, like.type.dtype))
            kind = DType.BOOL if isinstance(item, bool) else DType.INT64 if isinstance(item, int) else DType.FLOAT32
            return self.b.constant(_cast(item, kind))
        if isinstance(item, tuple) and item and all(isinstance(v, int) for v in item):
            return self.b.constant(np.array(item, np.int64))
        raise VerifyError("an input is no tensor")

    def tensors(self) -> tuple[Value, ...]:
        """All inputs, scalars in the element type of the first tensor."""
        like = next((v for v in self.items if isinstance(v, Value)), None)
        scalars = (bool, int, float)
        return tuple(self.as_tensor(v, like if isinstance(v, scalars) else None) for v in self.items)

    def elements(self, index: int) -> tuple[Value, ...]:
        """The tensors of the tuple at ``index``; where there is none, all inputs from ``index``."""
        item = self.items[index] if index < len(self.items) else ()
        items = item if isinstance(item, tuple) else self.items[index:]
        if not items:
            raise VerifyError("there are no inputs")
        return tuple(self.as_tensor(v) for v in items)

    # What is known at compile time --------------------------------------------------------------------

    def get(self, name: str, index: int | None = None, default: Any = ...) -> Any:
        """The input at ``index`` or the attribute ``name``; ``default``, if one is given, when both are absent."""
        item: Item = None
        if index is not None and self.has(index):
            item = self.items[index]
        elif name in self.attributes:
            item = self.attributes[name]()
        if item is None:
            if default is ...:
                raise VerifyError(f"{name} is missing")
            return default
        if isinstance(item, Value):
            if not item.is_const:
                raise VerifyError(f"{name} must be known at compile time")
            item = item.const
        return item.tolist() if isinstance(item, np.ndarray) else item

    def integer(self, name: str, index: int | None = None, default: Any = ...) -> int:
        """An integer."""
        value = self.get(name, index, default)
        if isinstance(value, (tuple, list)) and len(value) == 1:
            value = value[0]
        if not isinstance(value, int):
            raise VerifyError(f"{name} must be an integer")
        return int(value)

    def number(self, name: str, index: int | None = None, default: Any = ...) -> float:
        """A number."""
        value = self.get(name, index, default)
        if isinstance(value, (tuple, list)) and len(value) == 1:
            value = value[0]
        if not isinstance(value, (int, float)):
            raise VerifyError(f"{name} must be a number")
        return _float(value, name)

    def flag(self, name: str, index: int | None = None, default: bool = False) -> bool:
        """A truth value."""
        return bool(self.integer(name, index, default))

    def integers(self, name: str, index: int | None = None, default: Any = ...) -> tuple[int, ...]:
        """Integers; a single one is a list of one."""
        value = self.get(name, index, default)
        values = (value,) if isinstance(value, int) else value
        if not isinstance(values, (tuple, list)) or not all(isinstance(v, int) for v in values):
            raise VerifyError(f"{name} must be integers")
        return tuple(int(v) for v in values)

    def pad_mode(self, index: int | None = None) -> str:
        """``pad``, ``same`` or ``valid``, which files spell as text in any case or as a number."""
        value = self.get("pad_mode", index, "valid")
        if isinstance(value, int) and 0 <= value < len(_PAD_MODES):
            return _PAD_MODES[value]
        mode = value.lower() if isinstance(value, str) else ""
        if mode not in _PAD_MODES:
            raise VerifyError(f"pad_mode must be one of {', '.join(_PAD_MODES)}")
        return mode

    def channels_first(self, index: int | None = None) -> None:
        """VerifyError unless images have their channels in front."""
        value = self.get("format", index, "NCHW")
        if value not in ("NCHW", "NCDHW", 0):
            raise VerifyError(f"data format {value!r} is not supported, only NCHW")

    def axis(self, value: int, rank: int) -> int:
        """``value`` counted from the front."""
        if not -rank <= value < rank:
            raise VerifyError(f"axis {value} is outside of the input's {rank} dimensions")
        return value % rank

    def axes(self, values: Sequence[int], rank: int) -> tuple[int, ...]:
        """Ascending axes without duplicates; all of them for an empty list."""
        return tuple(sorted({self.axis(v, rank) for v in values})) if values else tuple(range(rank))


Handler: TypeAlias = Callable[[Call], Item]
#: Primitives that are not one operator without attributes.
HANDLERS: dict[str, Handler] = {}


def primitive(*names: str) -> Callable[[Handler], Handler]:
    """Enter a handler under ``names``."""

    def enter(handler: Handler) -> Handler:
        for name in names:
            assert name not in HANDLERS, name
            HANDLERS[name] = handler
        return handler

    return enter


def _cast(value: float, dtype: DType) -> Array:
    if dtype.is_float:
        with np.errstate(over="ignore"):
            return np.array(_float(value, "a scalar"), np.float64).astype(dtype.numpy)
    if dtype is DType.BOOL:
        return np.array(bool(value))
    low, high = dtype.limits
    if value != int(value) or not low <= value <= high:
        raise VerifyError(f"scalar {value} is no {dtype}")
    return np.array(int(value), dtype.numpy)


def _float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise VerifyError(f"{name} is out of range") from None
