"""A quantizer configuration from a YAML file."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from microgen.errors import InputError, one_line
from microgen.quantize.config import Granularity, Method, Ports, Preprocess, QuantConfig, Scheme

# Far above any configuration; keeps a mistaken path from filling the memory.
_MAX_BYTES = 1 << 16
# A section, its list and one level more for what is mistaken.
_MAX_DEPTH = 4
# What YAML 1.1, which wants a point in it, takes for text.
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")

E = TypeVar("E", bound=enum.Enum)
Reader = Callable[[Any], Any]


class _Wrong(Exception):
    """A value that cannot be used; the message says what it must be."""


def _enum(kind: type[E]) -> Reader:
    def read(value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            raise _Wrong(f"must be one of {', '.join(member.value for member in kind)}") from None

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Wrong("must be a finite number")
    if _is_huge(value) or not math.isfinite(value):
        raise _Wrong("must be a finite number")
    return float(value)


def _is_huge(value: object) -> bool:
    """Whether this is an integer that neither single precision nor a message can hold."""
    return isinstance(value, int) and value.bit_length() > 64


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or _is_huge(value):
        raise _Wrong("must be an integer")
    return value


def _shown(value: Any) -> str:
    if _is_huge(value):
        return f"a number of {value.bit_length()} bits"
    try:
        return one_line(reprlib.repr(value), 60)
    except ValueError:  # Python does not print integers of thousands of digits, which a list may hold
        return "this"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise _Wrong("must be a list of names")
    return tuple(value)


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(_number(v) for v in value) if isinstance(value, list) else (_number(value),)


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Wrong("must be [height, width]")
    return _integer(value[0]), _integer(value[1])


# A key of the file: the field that it sets and how its value is read; a mapping is a section of its own.
_PREPROCESS: Mapping[str, tuple[str, Reader]] = {
    "resize": ("resize", _size),
    "crop": ("crop", _text),
    "channels": ("channels", _text),
    "scale": ("scale", _number),
    "mean": ("mean", _numbers),
    "std": ("std", _numbers),
    "layout": ("layout", _text),
    "sample_rate": ("sample_rate", _integer),
    "window": ("window", _integer),
    "hop": ("hop", _integer),
}
_SKIP: Mapping[str, tuple[str, Reader]] = {
    "layers": ("skip_layers", _texts),
    "operators": ("skip_operators", _texts),
}
_TOP: Mapping[str, tuple[str, Reader]] = {
    "method": ("method", _enum(Method)),
    "weights": ("weights", _enum(Granularity)),
    "scheme": ("scheme", _enum(Scheme)),
    "io": ("io", _enum(Ports)),
    "equalize": ("equalize", _flag),
    "bias_correction": ("bias_correction", _flag),
    "percentile": ("percentile", _number),
    "momentum": ("momentum", _number),
    "samples": ("samples", _integer),
}
_SECTIONS = ("skip", "preprocess")


def load_config(path: Path) -> QuantConfig:
    """The configuration in a YAML file; InputError, with the line, for anything that is not understood."""
    try:
        if path.is_dir() or path.stat().st_size > _MAX_BYTES:
            raise InputError(f"is not a configuration (a YAML file of at most {_MAX_BYTES >> 10} KB)", where=str(path))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("is not text in UTF-8", where=str(path)) from None
    return parse_config(text, str(path))


def parse_config(text: str, where: str) -> QuantConfig:
    """The configuration in ``text``; ``where`` names it in errors."""
    import yaml

    try:
        _check_structure(text, where)
        content = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader), where)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise InputError(f"is not YAML: {one_line(str(problem))}", where=f"{where}{line}") from None
    except ValueError as error:
        # YAML's own types raise plain ValueErrors for dates and numbers that do not exist.
        raise InputError(f"is not a configuration ({one_line(str(error), 80)})", where=where) from None
    if content is None:
        return QuantConfig()
    if not isinstance(content, dict):
        raise InputError("must hold keys and values", where=where, hint=f"Keys are {', '.join((*_TOP, *_SECTIONS))}")
    at = _Place(where, lines)
    fields: dict[str, Any] = {}
    sections = {"skip": _SKIP, "preprocess": _PREPROCESS}
    _read(content, _TOP, fields, at, _SECTIONS)
    for name, keys in sections.items():
        section = content.get(name)
        if section is None:
            continue
        if not isinstance(section, dict):
            raise InputError(f"must hold keys ({', '.join(keys)})", where=at.of(name))
        own: dict[str, Any] = {}
        _read(section, keys, own, at.inside(name))
        if name == "preprocess":
            fields["preprocess"] = _made(Preprocess, own, at)
        else:
            fields.update(own)
    made = _made(QuantConfig, fields, at)
    assert isinstance(made, QuantConfig)
    return made


def _check_structure(text: str, where: str) -> None:
    """Refuse what a configuration does not need and a reader of YAML expands: aliases, and depth."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            what = "aliases (*name) are not read in a configuration"
            raise InputError(what, where=f"{where}, line {line}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise InputError("is not a configuration (nested too deeply)", where=f"{where}, line {line}")


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where keys stand: the file, the line of each key by its path."""

    file: str
    lines: Mapping[tuple[str, ...], int]
    path: tuple[str, ...] = ()

    def inside(self, key: str) -> _Place:
        return dataclasses.replace(self, path=(*self.path, key))

    def of(self, key: str) -> str:
        path = (*self.path, key)
        line = self.lines.get(path)
        return f"{self.file}{f', line {line}' if line else ''}: {one_line('.'.join(path), 80)}"


def _read(
    content: Mapping[Any, Any],
    keys: Mapping[str, tuple[str, Reader]],
    fields: dict[str, Any],
    at: _Place,
    sections: tuple[str, ...] = (),
) -> None:
    for key, value in content.items():
        if key in sections:
            continue
        if key not in keys:
            known = (*keys, *sections)
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Keys are {', '.join(known)}"
            raise InputError("is not a key of the configuration", where=at.of(str(key)), hint=hint)
        field, reader = keys[key]
        try:
            fields[field] = reader(value)
        except _Wrong as wrong:
            raise InputError(f"{wrong}, not {_shown(value)}", where=at.of(key)) from None


def _made(kind: type[Any], fields: dict[str, Any], at: _Place) -> Any:
    try:
        return kind(**fields)
    except InputError as error:
        *section, key = error.where.split(".")
        error.where = dataclasses.replace(at, path=tuple(section)).of(key)
        raise


def _lines(node: Any, where: str, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of every key of the two upper levels, counted from 1. Raises InputError for a key that stands twice."""
    found: dict[tuple[str, ...], int] = {}
    for key, value in node.value if node is not None and isinstance(node.value, list) and node.id == "mapping" else ():
        here = (*path, str(key.value))
        line = key.start_mark.line + 1
        if here in found:
            place = f"{where}, line {line}: {one_line('.'.join(here), 80)}"
            raise InputError(f"stands twice, first in line {found[here]}", where=place)
        found[here] = line
        if len(path) < 1:
            found |= _lines(value, where, here)
    return found
