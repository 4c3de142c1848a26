"""Interfaces to the networks besides our own, one module each, found by scanning.

An API module defines ``NAME``, what ``--api`` calls it, ``HOOKS``, whether it can make use of a function that the
networks call before and after each layer (compiled with ``-D<NAME>_HOOKS``), and ``files(project, render)``, which
returns the files that it adds to the project. They only call the functions of ``<name>.h``, so every project has those
as well.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from microgen.codegen.environment import Render
from microgen.codegen.options import NATIVE
from microgen.codegen.projects.model import Group, ProjectModel
from microgen.errors import UsageError


@dataclass(frozen=True, slots=True)
class ApiFiles:
    """What an API adds: ``files`` (path → content), of which ``group``, named ``api``, lists sources and headers, and
    the folders ``includes`` that belong on the include path. All relative to the project folder, with ``/``.
    """

    files: dict[str, bytes]
    group: Group
    includes: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.group.name == "api" and {*self.group.sources, *self.group.headers} <= self.files.keys()


@dataclass(frozen=True, slots=True)
class Api:
    """An interface. ``files`` is given the project without the groups ``api``, ``application`` and ``example``."""

    name: str
    hooks: bool
    files: Callable[[ProjectModel, Render], ApiFiles]


def _native(project: ProjectModel, render: Render) -> ApiFiles:
    return ApiFiles({}, Group("api"), ())


@functools.cache
def apis() -> dict[str, Api]:
    """Every interface by name: our own first, then the others in alphabetical order."""
    found: dict[str, Api] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "NAME"):
            assert module.NAME not in found and module.NAME != NATIVE, module.NAME
            found[module.NAME] = Api(module.NAME, module.HOOKS, module.files)
    return {NATIVE: Api(NATIVE, False, _native), **dict(sorted(found.items()))}


def select(name: str) -> Api:
    """The interface of that name; UsageError where there is none."""
    known = apis()
    if name not in known:
        raise UsageError(f"unknown API {name!r}", where="--api", hint=f"Known are {', '.join(known)}")
    return known[name]
