"""Frontends: model formats to MindIR. One module per format, found by scanning.

A frontend module has ``SUFFIXES`` (file name endings, lower case), ``recognizes(data) -> bool`` (by content) and
``load(data, name, options) -> Graph``; ``CHANNELS_FIRST = True`` says that its images have channels before height.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from microgen.errors import InputError, MicrogenError
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph


@functools.cache
def _frontends() -> tuple[ModuleType, ...]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return tuple(module for module in modules if hasattr(module, "SUFFIXES"))


def load(path: Path, data: bytes, options: ImportOptions = ImportOptions()) -> Graph:
    """The model in ``data``, whose file is named ``path``, as a verified graph.

    The content decides, then the name's ending. Raises InputError for an unknown or damaged file and
    UnsupportedError, with every unsupported layer, for a model that cannot be compiled.
    """
    if not data:
        raise InputError("is empty", where=str(path), hint=_hint())
    module = _frontend(path, data)
    if module is None:
        raise InputError("is not a model file that microgen knows", where=str(path), hint=_hint())
    if options.folder is None:
        options = dataclasses.replace(options, folder=path.parent)
    try:
        graph = module.load(data, path.stem, options)
    except MicrogenError as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise
    assert isinstance(graph, Graph)
    return graph


def is_channels_first(path: Path, data: bytes) -> bool:
    """Whether images in the format of this model file have their channels before height and width."""
    return bool(getattr(_frontend(path, data), "CHANNELS_FIRST", False))


def _frontend(path: Path, data: bytes) -> ModuleType | None:
    by_content = (module for module in _frontends() if module.recognizes(data))
    by_name = (module for module in _frontends() if path.suffix.lower() in module.SUFFIXES)
    return next(by_content, None) or next(by_name, None)


def _hint() -> str:
    return f"microgen reads {', '.join(s for module in _frontends() for s in module.SUFFIXES)} files"
