"""A quantizer configuration from a YAML file."""

from __future__ import annotations

import dataclasses
import difflib
import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from microgen.data.stepfile import read_steps
from microgen.data.values import Reader, Wrong, flag, integer, number, numbers, shown, size, text, texts
from microgen.errors import InputError, one_line
from microgen.quantize.config import Granularity, Method, Ports, Preprocess, QuantConfig, Scheme

# Far above any configuration; keeps a mistaken path from filling the memory.
_MAX_BYTES = 1 << 16
# A section, its list of steps, their arguments that are lists, and one level more for what is mistaken.
_MAX_DEPTH = 7

E = TypeVar("E", bound=enum.Enum)


def _enum(kind: type[E]) -> Reader:
    def read(value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            raise Wrong(f"must be one of {', '.join(member.value for member in kind)}") from None

    return read


# A key of the file: the field that it sets and how its value is read; a mapping is a section of its own.
_PREPROCESS: Mapping[str, tuple[str, Reader]] = {
    "resize": ("resize", size),
    "crop": ("crop", text),
    "channels": ("channels", text),
    "scale": ("scale", number),
    "mean": ("mean", numbers),
    "std": ("std", numbers),
    "layout": ("layout", text),
    "sample_rate": ("sample_rate", integer),
    "window": ("window", integer),
    "hop": ("hop", integer),
    "steps": ("steps", read_steps),
}
_SKIP: Mapping[str, tuple[str, Reader]] = {
    "layers": ("skip_layers", texts),
    "operators": ("skip_operators", texts),
}
_TOP: Mapping[str, tuple[str, Reader]] = {
    "method": ("method", _enum(Method)),
    "weights": ("weights", _enum(Granularity)),
    "scheme": ("scheme", _enum(Scheme)),
    "io": ("io", _enum(Ports)),
    "equalize": ("equalize", flag),
    "bias_correction": ("bias_correction", flag),
    "percentile": ("percentile", number),
    "momentum": ("momentum", number),
    "samples": ("samples", integer),
    "weight_bits": ("weight_bits", integer),
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
        known = (self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines)
        line = next(known, None)
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
        except Wrong as wrong:
            raise InputError(f"{wrong}, not {shown(value)}", where=at.of(key)) from None
        except InputError as error:
            *inner, last = (key, *filter(None, error.where.split(".")))
            error.where = dataclasses.replace(at, path=(*at.path, *inner)).of(last)
            raise


def _made(kind: type[Any], fields: dict[str, Any], at: _Place) -> Any:
    try:
        return kind(**fields)
    except InputError as error:
        *section, key = error.where.split(".")
        error.where = dataclasses.replace(at, path=tuple(section)).of(key)
        raise


def _lines(node: Any, where: str, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of every key and of every item of a list, counted from 1. InputError for a key that stands twice."""
    found: dict[tuple[str, ...], int] = {}
    if node is None or not isinstance(node.value, list):
        return found
    if node.id == "sequence":
        pairs = [(str(number), item, item.start_mark) for number, item in enumerate(node.value)]
    else:
        pairs = [(str(key.value), value, key.start_mark) for key, value in node.value]
    for name, value, mark in pairs:
        here = (*path, name)
        line = mark.line + 1
        if here in found:
            place = f"{where}, line {line}: {one_line('.'.join(here), 80)}"
            raise InputError(f"stands twice, first in line {found[here]}", where=place)
        found[here] = line
        found |= _lines(value, where, here)
    return found
