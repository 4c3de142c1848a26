"""Steps as a configuration file lists them: ``- resize: {height: 96, width: 96}``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, get_type_hints

from microgen.data import values
from microgen.data.audio import FrontEnd
from microgen.data.pipeline import Pipeline
from microgen.data.steps import STEPS, Step
from microgen.data.values import Reader, Wrong, shown
from microgen.errors import InputError


def known_steps() -> Mapping[str, type[Any]]:
    """Every step by its name in a file."""
    return {**STEPS, "frontend": FrontEnd}


def _or_none(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


_READERS: dict[Any, Reader] = {
    int: values.integer,
    float: values.number,
    str: values.text,
    bool: values.flag,
    tuple[float, ...]: values.numbers,
    int | None: _or_none(values.integer),
    float | None: _or_none(values.number),
    str | None: _or_none(values.text),
}


def read_steps(given: Any) -> tuple[Step, ...]:
    """The steps of a list whose items are a step's name, or a name with its arguments.

    Arguments are a mapping by name, the first one alone, or [height, width]. Raises InputError, whose ``where`` is the
    item's place below the list (``2.height``, "" for the list itself).
    """
    if not isinstance(given, list) or not given:
        raise InputError(f"must be a list of steps, not {shown(given)}", hint=f"Steps are {', '.join(known_steps())}")
    steps = tuple(_step(str(number), item) for number, item in enumerate(given))
    try:
        Pipeline(steps)
    except InputError as error:
        error.where = error.where.removeprefix("preprocess.steps").removeprefix(".")
        raise
    return steps


def _step(place: str, item: Any) -> Step:
    if isinstance(item, str):
        item = {item: None}
    if not isinstance(item, dict) or len(item) != 1:
        hint = "For example: - resize: {height: 96, width: 96}"
        raise InputError(f"must be a step's name with its arguments, not {shown(item)}", where=place, hint=hint)
    ((name, arguments),) = item.items()
    if name not in known_steps():
        near = difflib.get_close_matches(str(name), known_steps(), 1)
        hint = f"Did you mean {near[0]}?" if near else f"Steps are {', '.join(known_steps())}"
        raise InputError(f"{shown(name)} is no step", where=place, hint=hint)
    kind = known_steps()[name]
    types = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    chosen: dict[str, Any] = {}
    for key, value in _by_name(list(fields), arguments).items():
        if key not in fields:
            hint = f"It has {', '.join(fields)}"
            raise InputError(f"{shown(key)} is no argument of {name}", where=place, hint=hint)
        try:
            chosen[key] = _READERS[types[key]](value)
        except Wrong as wrong:
            raise InputError(f"{wrong}, not {shown(value)}", where=f"{place}.{key}") from None
    nothing = dataclasses.MISSING
    for key, field in fields.items():
        if key not in chosen and field.default is nothing and field.default_factory is nothing:
            raise InputError(f"{name} needs {key}", where=place)
    try:
        made: Step = kind(**chosen)
    except InputError as error:
        key = error.where.rpartition(".")[2]
        error.where = f"{place}.{key}" if key in fields else place
        raise
    return made


def _by_name(fields: list[str], arguments: Any) -> Mapping[Any, Any]:
    if arguments is None:
        return {}
    if isinstance(arguments, dict):
        return arguments
    if isinstance(arguments, list) and len(arguments) == 2 and fields[:2] == ["height", "width"]:
        return dict(zip(fields, arguments, strict=False))
    return {fields[0]: arguments} if fields else {"": arguments}
