"""Frontends: model formats to MindIR. One module per format, found by scanning.

A frontend module has ``SUFFIXES`` (file name endings, lower case), ``recognizes(data) -> bool`` (by content) and
``load(data, name) -> Graph``.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from microgen.errors import InputError, MicrogenError
from microgen.mindir import Graph


@functools.cache
def _frontends() -> tuple[ModuleType, ...]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return tuple(module for module in modules if hasattr(module, "SUFFIXES"))


def load(path: Path, data: bytes) -> Graph:
    """The model in ``data``, whose file is named ``path``, as a verified graph.

    The content decides, then the name's ending. Raises InputError for an unknown or damaged file and
    UnsupportedError, with every unsupported layer, for a model that cannot be compiled.
    """
    where = str(path)
    if not data:
        raise InputError("is empty", where=where, hint=_hint())
    for module in _frontends():
        if module.recognizes(data):
            return _load(module, path, data)
    for module in _frontends():
        if path.suffix.lower() in module.SUFFIXES:
            return _load(module, path, data)
    raise InputError("is not a model file that microgen knows", where=where, hint=_hint())


def _load(module: ModuleType, path: Path, data: bytes) -> Graph:
    try:
        graph = module.load(data, path.stem)
    except MicrogenError as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise
    assert isinstance(graph, Graph)
    return graph


def _hint() -> str:
    return f"microgen reads {', '.join(s for module in _frontends() for s in module.SUFFIXES)} files"
