"""A quantizer configuration from a YAML file."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from microgen.errors import InputError, one_line
from microgen.quantize.config import Granularity, Method, Ports, Preprocess, QuantConfig, Scheme

# Far above any configuration; keeps a mistaken path from filling the memory.
_MAX_BYTES = 1 << 16

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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _Wrong("must be a finite number")
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong("must be an integer")
    return value


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
        content = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise InputError(f"is not YAML: {one_line(str(problem))}", where=f"{where}{line}") from None
    except (RecursionError, ValueError) as error:
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
            raise InputError(f"{wrong}, not {one_line(repr(value), 60)}", where=at.of(key)) from None


def _made(kind: type[Any], fields: dict[str, Any], at: _Place) -> Any:
    try:
        return kind(**fields)
    except InputError as error:
        error.where = at.of(error.where) if "." not in error.where else f"{at.file}: {error.where}"
        raise


def _lines(node: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of every key of the two upper levels, counted from 1."""
    found: dict[tuple[str, ...], int] = {}
    for key, value in node.value if node is not None and isinstance(node.value, list) and node.id == "mapping" else ():
        here = (*path, str(key.value))
        found[here] = key.start_mark.line + 1
        if len(path) < 1:
            found |= _lines(value, here)
    return found
