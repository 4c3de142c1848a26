"""Numbers and arrays as C literals that give back every bit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from microgen.mindir import Array, DType

C_TYPES: dict[DType, str] = {
    DType.FLOAT32: "float",
    DType.INT8: "int8_t",
    DType.UINT8: "uint8_t",
    DType.INT16: "int16_t",
    DType.UINT16: "uint16_t",
    DType.INT32: "int32_t",
    DType.UINT32: "uint32_t",
    DType.INT64: "int64_t",
    DType.UINT64: "uint64_t",
    DType.BOOL: "bool",
}
"""The C type of each element type."""

LINE_WIDTH = 110


def int_literal(value: int) -> str:
    """An integer constant expression; those that C cannot write as one literal are differences."""
    if -(1 << 31) < value < 1 << 31:
        return str(value)
    if value == -(1 << 31):
        return "(-2147483647 - 1)"
    if value == -(1 << 63):
        return "(-9223372036854775807LL - 1)"
    assert -(1 << 63) < value < 1 << 64, value
    return f"{value}LL" if value < 1 << 63 else f"{value}ULL"


def float_literal(value: float) -> str:
    """The shortest decimal literal of type ``float`` that reads back as the same float32; keeps -0.0.

    Infinities and NaN use the macros of ``<math.h>``.
    """
    number = np.float32(value)
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    text = str(number)
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def array_literals(data: Array) -> list[str]:
    """Every element of ``data``, flattened, as a literal."""
    flat = np.ascontiguousarray(data).reshape(-1)
    if flat.dtype == np.float32:
        return [float_literal(float(value)) for value in flat]
    if flat.dtype.itemsize <= 2:
        return [str(value) for value in flat.astype(np.int32).tolist()]
    return [int_literal(value) for value in flat.tolist()]


def wrapped(items: list[str], width: int = LINE_WIDTH - 4) -> list[str]:
    """``items`` with a comma after each, packed into lines of at most ``width`` characters."""
    return list(_lines(items, width))


def _lines(items: list[str], width: int) -> Iterator[str]:
    line: list[str] = []
    length = 0
    for item in items:
        if line and length + len(item) + 2 > width:
            yield " ".join(line)
            line, length = [], 0
        line.append(item + ",")
        length += len(item) + 2
    if line:
        yield " ".join(line)
