"""Tensors at the border of a model: a name, a type, and memory that is shared with NumPy."""

from __future__ import annotations

import numpy as np

from microgen.errors import InputError, UsageError, one_line
from microgen.mindir import Array, DType, QuantParams, TensorType


def as_array(name: str, given: object) -> Array:
    """``given`` as NumPy sees it; InputError, which names ``name``, where that is no array."""
    try:
        return np.asarray(given)
    # RuntimeError and TypeError are PyTorch's for tensors with gradients and those on a GPU.
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"is no array ({one_line(str(error), 120)})", where=name) from None


def check_array(name: str, type_: TensorType, array: Array) -> None:
    """InputError, with what to do about it, unless ``array`` is [samples, *shape] and of that element type."""
    if array.dtype == type_.dtype.numpy and array.ndim > 0 and array.shape[1:] == type_.shape:
        return
    expected = f"{type_.dtype} [{', '.join(map(str, ('samples', *type_.shape)))}]"
    hint = ""
    if array.shape == type_.shape:
        hint = "An axis for samples comes first: array[numpy.newaxis]"
    elif array.dtype.kind == "f" and type_.quant is not None and type_.quant.is_per_tensor:
        hint = f"Quantize real numbers first: scale {type_.quant.scale:.9g}, zero point {type_.quant.zero_point}"
    raise InputError(f"is {array.dtype} {list(array.shape)}, not {expected}", where=name, hint=hint)


class Tensor:
    """An input or output of a model. ``numpy()`` is its memory: writing there is setting the input.

    ``set`` and ``resize``, and ``predict()`` of outputs, give a tensor other memory: an array that ``numpy()`` returned
    before keeps its values and is no longer the tensor's.
    """

    def __init__(self, name: str, type_: TensorType, samples: int = 1) -> None:
        self.name = name
        self.type = type_
        self._data: Array
        self.resize(samples)

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
        given = as_array(self.name, array)
        whole = given[np.newaxis] if given.shape == self.type.shape else given
        check_array(self.name, self.type, whole)
        self._data = np.ascontiguousarray(whole)

    def resize(self, samples: int) -> None:
        """Give the tensor memory for that many samples, cleared; UsageError for less than none."""
        if samples < 0:
            raise UsageError(f"{samples} samples are not possible", where=self.name)
        self._data = np.zeros((samples, *self.type.shape), self.type.dtype.numpy)

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.type}, samples={len(self._data)})"
