"""What the operators of TensorFlow Lite Micro's signal library share.

There a tensor is one frame of audio. Here every leading dimension counts frames, on each of which an operator works by
itself; files of the format can express one frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops.constraints import short
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

#: TensorFlow Lite's numbers of the element types that operators of several ones have as their option T.
TYPE_NUMBERS = {DType.FLOAT32: 0, DType.INT32: 2, DType.INT16: 7}
_MOST_KEPT = 1 << 22


def check_type(source: TFLiteSource) -> None:
    """VerifyError where option T is not the input's element type."""
    dtype, number = source.input(0).type.dtype, source.int_option("T")
    if TYPE_NUMBERS.get(dtype, number) != number:
        raise VerifyError(f"T is {number} for {dtype} samples")


def frames(value: Value) -> int:
    """How many frames lie along the leading dimensions."""
    return math.prod(value.shape[:-1])


def last(value: Value, what: str = "input") -> int:
    """The length of a frame; VerifyError for a scalar."""
    if not value.shape:
        raise VerifyError(f"{what} {short(value)} is a scalar")
    return value.shape[-1]


def wrong_types(*wanted: tuple[Value, DType]) -> str | None:
    """The first tensor that has another element type, or quantization parameters on an operand."""
    for value, dtype in wanted:
        if value.type.dtype is not dtype:
            return f"{short(value)} is {value.type.dtype}, not {dtype}"
    return None


def table(value: Value) -> NDArray[np.int64]:
    """The elements of a constant, along one axis; VerifyError for what is computed at run time."""
    if not value.is_const:
        raise VerifyError(f"{short(value)} is computed at run time, not a constant")
    return value.const.astype(np.int64).reshape(-1)


def beside(array: Array, other: Array) -> Array:
    """``array`` [samples, n], an operand that all frames share, with the rank of ``other`` [samples, ..., n]."""
    return array.reshape(array.shape[0], *(1,) * (other.ndim - 2), array.shape[-1])


def one_frame_form(node: Node, code: str, options: Mapping[str, int]) -> TFLiteForm:
    """The custom operator of the format; VerifyError for more than one frame."""
    source = node.input(0)
    if len(source.shape) != 1:
        raise VerifyError(f"TensorFlow Lite Micro's {code} takes one frame, not {list(source.shape)}", where=node.label)
    return TFLiteForm(code, node.inputs, options=options, custom=True)


def begin(dtype: type[np.generic], *shape: int) -> Array:
    """Zeros that an operator keeps; VerifyError for more than anybody's device has."""
    if math.prod(shape) > _MOST_KEPT:
        raise VerifyError(f"keeps {math.prod(shape)} elements, more than {_MOST_KEPT}")
    return np.zeros(shape, dtype)


def bit_lengths(array: Array) -> NDArray[np.int64]:
    """How many bits each of the unsigned numbers below 2^32 takes; 0 for 0."""
    return np.frexp(array.astype(np.float64))[1].astype(np.int64)
