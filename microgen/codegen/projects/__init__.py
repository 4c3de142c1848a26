"""Project writers, one module each, found by scanning: a new build system is one new file.

A writer module defines ``NAME``, what ``--project`` calls it, ``NEEDS``, which of the groups ``application`` and
``example`` its build uses, ``hint(project)``, a line or two of Markdown on how to use what it writes, and
``files(project, render)``, which returns the files it adds to the project (path → content).
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from microgen.codegen.environment import Render
from microgen.codegen.projects.model import ProjectModel
from microgen.errors import UsageError

PARTS = frozenset({"application", "example"})


@dataclass(frozen=True, slots=True)
class Writer:
    """A project writer: ``needs`` are those of PARTS that its build uses."""

    name: str
    needs: frozenset[str]
    hint: Callable[[ProjectModel], str]
    files: Callable[[ProjectModel, Render], dict[str, bytes]]


@functools.cache
def writers() -> dict[str, Writer]:
    """Every writer by name, in alphabetical order."""
    found: dict[str, Writer] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "NAME"):
            assert module.NAME not in found and module.NEEDS <= PARTS, module.NAME
            found[module.NAME] = Writer(module.NAME, module.NEEDS, module.hint, module.files)
    return dict(sorted(found.items()))


def select(names: Iterable[str]) -> tuple[Writer, ...]:
    """The writers of these names, each once; UsageError for a name that none has."""
    known = writers()
    chosen: list[Writer] = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise UsageError(f"unknown project type {name!r}", where="--project", hint=f"Known are {', '.join(known)}")
        chosen.append(known[name])
    return tuple(chosen)
