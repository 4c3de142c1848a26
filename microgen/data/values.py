"""Values from configuration files: each reader gives the value in its type, or says what it must be."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable
from typing import Any

from microgen.errors import one_line

# What YAML 1.1, which wants a point in it, takes for text.
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")

Reader = Callable[[Any], Any]


class Wrong(Exception):
    """A value that cannot be used; the message says what it must be."""


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong("must be a finite number")
    if _is_huge(value) or not math.isfinite(value):
        raise Wrong("must be a finite number")
    return float(value)


def _is_huge(value: object) -> bool:
    """Whether this is an integer that neither single precision nor a message can hold."""
    return isinstance(value, int) and value.bit_length() > 64


def integer(value: Any) -> int:
    """A whole number of at most 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or _is_huge(value):
        raise Wrong("must be an integer")
    return value


def shown(value: Any) -> str:
    """The value, short, for an error's line."""
    if _is_huge(value):
        return f"a number of {value.bit_length()} bits"
    try:
        return one_line(reprlib.repr(value), 60)
    except ValueError:  # Python does not print integers of thousands of digits, which a list may hold
        return "this"


def text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise Wrong("must be text")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of names."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise Wrong("must be a list of names")
    return tuple(value)


def numbers(value: Any) -> tuple[float, ...]:
    """A list of finite numbers; one alone is a list of one."""
    return tuple(number(v) for v in value) if isinstance(value, list) else (number(value),)


def size(value: Any) -> tuple[int, int]:
    """[height, width]."""
    if not isinstance(value, list) or len(value) != 2:
        raise Wrong("must be [height, width]")
    return integer(value[0]), integer(value[1])
