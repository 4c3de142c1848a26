"""The table of operators: which ones this path computes, and how a node becomes a function of tensors."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from microgen.mindir import Array, DType, Node
from microgen.ops.base import Op, op_of
from microgen.ops.constraints import is_quantized

#: The outputs of a node for its inputs, both [samples, *shape]; None stands for an absent input. Constants have one
#: sample, and results may have one where all inputs have.
Step: TypeAlias = Callable[[Sequence[Tensor | None]], list[Tensor]]
#: Makes the step of a node on a device, with whatever that needs there.
Maker: TypeAlias = Callable[[Node, torch.device], Step]
M = TypeVar("M", bound=Maker)
#: A class of operators, of which there need be no instances.
Kind: TypeAlias = Callable[..., Op]

_MODULES = ("dense", "elementwise", "movement", "reduction", "windows")
# NumPy's types that PyTorch computes with as well.
_MOVED = (
    DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.BOOL, DType.FLOAT16,
    DType.FLOAT64,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """How nodes of one class of operators are computed. ``check`` says what is wrong with a node, or None."""

    make: Maker
    check: Callable[[Node], str | None]


_ROWS: dict[object, Row] = {}


def row(*operators: Kind, check: Callable[[Node], str | None]) -> Callable[[M], M]:
    """Enters the function for these operators and those derived from them."""

    def enter(make: M) -> M:
        for operator in operators:
            assert operator not in _ROWS, operator
            _ROWS[operator] = Row(make, check)
        return make

    return enter


@functools.cache
def _load() -> None:
    for name in _MODULES:
        importlib.import_module(f"{__package__}.{name}")


def row_of(node: Node) -> Row | None:
    """The row of the most derived class that has one."""
    _load()
    return next((_ROWS[c] for c in type(op_of(node)).__mro__ if c in _ROWS), None)


def problem(node: Node) -> str | None:
    """Why this path does not compute ``node``; None where it does."""
    found = row_of(node)
    return f"path gpu has no {op_of(node).name}" if found is None else found.check(node)


def moved(node: Node) -> str | None:
    """For operators that only move elements: any type that PyTorch has."""
    return _first_other(node, _MOVED)


def int8_or_float32(node: Node) -> str | None:
    """For operators that compute: int8 with scales throughout (a bias is int32), or float32 throughout."""
    if not is_quantized(node):
        return _first_other(node, (DType.FLOAT32,))
    return _first_other(node, (DType.INT8, DType.INT32, DType.BOOL))


def int8_only(node: Node) -> str | None:
    """For operators that have but their quantized form here."""
    return int8_or_float32(node) if is_quantized(node) else f"path gpu has no {op_of(node).name} of floats"


def _first_other(node: Node, dtypes: Sequence[DType]) -> str | None:
    values = [*(v for v in node.inputs if v is not None), *node.outputs]
    other = next((v.type.dtype for v in values if v.type.dtype not in dtypes), None)
    return None if other is None else f"path gpu has no {op_of(node).name} of {other}"


def given(tensor: Tensor | None) -> Tensor:
    """An input that is there."""
    assert tensor is not None
    return tensor


def torch_dtype(dtype: DType) -> torch.dtype:
    """PyTorch's type of the same name."""
    found = getattr(torch, dtype.value)
    assert isinstance(found, torch.dtype)
    return found


def upload(array: Array, device: torch.device) -> Tensor:
    """``array`` on the device; a view of it where that is the processor and the array may be written to."""
    contiguous = np.ascontiguousarray(array).reshape(array.shape)
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy()).to(device)


def bounds(node: Node) -> tuple[float, float]:
    """The interval of a fused activation on floats."""
    activation = getattr(op_of(node), "activation", None)
    return (-math.inf, math.inf) if activation is None else activation.interval


def clamped(tensor: Tensor, interval: tuple[float, float]) -> Tensor:
    """Floats in an interval; NaN stays."""
    return tensor if interval == (-math.inf, math.inf) else tensor.clamp(*interval)
