"""Options of custom operators: a FlexBuffers map of scalars, read within bounds."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from microgen.errors import InputError, VerifyError
from microgen.frontends.tflite_schema import Record
from microgen.ops.tflite_form import Option

_MOST_BYTES = 1 << 12
_MOST_OPTIONS = 64
# What the package's reader raises where bytes lead nowhere.
_READER_ERRORS = (ArithmeticError, LookupError, MemoryError, struct.error, TypeError, UnicodeError, ValueError)
_HINT = "The file is damaged or incomplete"


def options(operator: Record) -> Callable[[str], Option]:
    """The options of a custom operator by key; asking for a missing one raises VerifyError.

    Raises InputError for options that are no FlexBuffers map of numbers, or too many.
    """
    found = _read(operator.vector("CustomOptions").tobytes(), f"{operator.path}.CustomOptions")

    def option(name: str) -> Option:
        if name not in found:
            raise VerifyError(f"option {name!r} is missing")
        return found[name]

    return option


def _read(data: bytes, where: str) -> dict[str, Option]:
    if not data:
        return {}
    if len(data) > _MOST_BYTES:
        raise InputError(f"{len(data)} bytes of options, more than {_MOST_BYTES}", where=where)
    try:
        return _numbers(data)
    except _READER_ERRORS as error:
        raise InputError(f"is no FlexBuffers map of numbers ({error})", where=where, hint=_HINT) from None


def _numbers(data: bytes) -> dict[str, Option]:
    from flatbuffers import flexbuffers

    root: Any = flexbuffers.GetRoot(data)
    if not root.IsMap:
        raise ValueError("the root is no map")
    table: Any = root.AsMap
    if len(table) > _MOST_OPTIONS:
        raise ValueError(f"{len(table)} entries")
    found: dict[str, Option] = {}
    for key, value in zip(table.Keys, table.Values, strict=True):
        name = str(key.AsKey)
        if value.IsBool:
            found[name] = bool(value.AsBool)
        elif value.IsInt:
            found[name] = int(value.AsInt)
        elif value.IsFloat:
            found[name] = float(value.AsFloat)
        else:
            raise ValueError(f"option {name!r} is no number")
    return found
