"""An audio front end from a YAML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microgen.data.audio import FrontEnd
from microgen.data.values import Reader, Wrong, flag, integer, number, shown, text
from microgen.errors import InputError, one_line

# Far above any front end; keeps a mistaken path from filling the memory.
_MAX_BYTES = 1 << 14
_MAX_MS = 10_000
_KEYS: Mapping[str, Reader] = {
    "kind": text,
    "sample_rate": integer,
    "window": integer,
    "window_ms": number,
    "hop": integer,
    "hop_ms": number,
    "fft": integer,
    "shape": text,
    "bands": integer,
    "lower": number,
    "upper": number,
    "coefficients": integer,
    "noise_reduction": flag,
    "gain_control": flag,
    "samples": integer,
}


def load_front_end(path: Path) -> FrontEnd:
    """The front end in a YAML file; InputError, with the line, for anything that is not understood."""
    try:
        if path.is_dir() or path.stat().st_size > _MAX_BYTES:
            raise InputError(f"is not a front end (a YAML file of at most {_MAX_BYTES >> 10} KB)", where=str(path))
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("is not text in UTF-8", where=str(path)) from None
    return parse_front_end(content, str(path))


def parse_front_end(content: str, where: str) -> FrontEnd:
    """The front end in ``content``, keys with plain values; ``where`` names it in errors.

    The keys are the fields of ``FrontEnd``; ``window_ms`` and ``hop_ms`` give times in place of ``window`` and ``hop``.
    """
    lines: dict[str, int] = {}
    given: dict[str, Any] = {}
    for key, value, line in _pairs(content, where):
        place = f"{where}, line {line}: {one_line(key, 80)}"
        if key in lines:
            raise InputError(f"stands twice, first in line {lines[key]}", where=place)
        try:
            given[key] = _KEYS[key](value)
        except Wrong as wrong:
            raise InputError(f"{wrong}, not {shown(value)}", where=place) from None
        lines[key] = line
    for key in ("window", "hop"):
        _in_samples(given, lines, key, where)
    try:
        return FrontEnd(**given)
    except InputError as error:
        at = lines.get(error.where) or lines.get(f"{error.where}_ms")
        error.where = f"{where}{f', line {at}' if at else ''}: {error.where}"
        raise


def _in_samples(given: dict[str, Any], lines: Mapping[str, int], key: str, where: str) -> None:
    """Turn a time, if it is given, into the nearest number of samples."""
    time = given.pop(f"{key}_ms", None)
    if time is None:
        return
    if key in given:
        place = f"{where}, line {lines[f'{key}_ms']}: {key}_ms"
        raise InputError(f"does not go together with {key}", where=place, hint="Leave out one of the two")
    if not 0 < time <= _MAX_MS:
        raise InputError(f"must be up to {_MAX_MS} ms", where=f"{where}, line {lines[f'{key}_ms']}: {key}_ms")
    given[key] = round(time * given.get("sample_rate", FrontEnd.sample_rate) / 1000)


def _pairs(content: str, where: str) -> list[tuple[str, Any, int]]:
    """Keys, values and lines of a mapping of scalars. InputError for anything else."""
    import yaml

    try:
        for event in yaml.parse(content, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                place = f"{where}, line {event.start_mark.line + 1}"
                raise InputError("aliases (*name) are not read in a front end", where=place)
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        if root is None:
            return []
        if not isinstance(root, yaml.MappingNode):
            raise InputError("must hold keys and values", where=where, hint=f"Keys are {', '.join(_KEYS)}")
        made = yaml.SafeLoader("")
        pairs = []
        for key, value in root.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            place = f"{where}, line {line}: {one_line(name, 80)}"
            if name not in _KEYS:
                near = difflib.get_close_matches(name, _KEYS, 1)
                hint = f"Did you mean {near[0]}?" if near else f"Keys are {', '.join(_KEYS)}"
                raise InputError("is not a key of a front end", where=place, hint=hint)
            if not (isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)):
                raise InputError("must be a plain value", where=place)
            pairs.append((str(key.value), made.construct_object(value), line))
        return pairs
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line_ = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise InputError(f"is not YAML: {one_line(str(problem))}", where=f"{where}{line_}") from None
    except (ValueError, RecursionError) as error:
        # YAML's own types raise plain ValueErrors for dates and numbers that do not exist.
        raise InputError(f"is not a front end ({one_line(str(error), 80)})", where=where) from None
