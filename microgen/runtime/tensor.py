"""Tensors at the border of a model: a name, a type, and memory that is shared with NumPy."""

from __future__ import annotations

import numpy as np

from microgen.errors import InputError
from microgen.mindir import Array, DType, QuantParams, TensorType


class Tensor:
    """An input or output of a model. ``numpy()`` is its memory: writing there is setting the input."""

    def __init__(self, name: str, type_: TensorType, samples: int = 1) -> None:
        self.name = name
        self.type = type_
        self._data: Array = np.zeros((samples, *type_.shape), type_.dtype.numpy)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape with the samples' axis in front."""
        return self._data.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.type.dtype

    @property
    def quant(self) -> QuantParams | None:
        """Scale and zero point, of quantized tensors."""
        return self.type.quant

    def numpy(self) -> Array:
        """The tensor's memory itself."""
        return self._data

    def set(self, array: Array) -> None:
        """Make ``array`` ([samples, *shape], or one sample without that axis) the tensor's memory, without a copy where
        it is contiguous. InputError for another shape or element type.
        """
        given = np.asarray(array)
        whole = given[np.newaxis] if given.shape == self.type.shape else given
        if whole.dtype != self.type.dtype.numpy or whole.ndim == 0 or whole.shape[1:] != self.type.shape:
            expected = f"{self.type.dtype} [samples, {', '.join(map(str, self.type.shape))}]"
            raise InputError(f"is {given.dtype} {list(given.shape)}, not {expected}", where=self.name)
        self._data = np.ascontiguousarray(whole)

    def resize(self, samples: int) -> None:
        """Give the tensor memory for that many samples, cleared."""
        self._data = np.zeros((samples, *self.type.shape), self.type.dtype.numpy)

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.type}, samples={len(self._data)})"
