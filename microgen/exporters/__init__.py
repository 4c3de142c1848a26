"""Exporters: MindIR to model formats. One module per format, found by scanning.

An exporter module has ``SUFFIXES`` (file name endings, lower case) and ``save(graph) -> bytes``;
``FLOAT_ONLY = True`` says that its format has no quantized tensors.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from microgen.errors import InputError, UsageError
from microgen.mindir import Graph


@functools.cache
def _exporters() -> tuple[ModuleType, ...]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return tuple(module for module in modules if hasattr(module, "SUFFIXES"))


def suffixes() -> tuple[str, ...]:
    """The file name endings that can be written."""
    return tuple(suffix for module in _exporters() for suffix in module.SUFFIXES)


def exporter(path: Path, *, quantized: bool = False) -> ModuleType:
    """The module that writes files named like ``path``, of ``quantized`` graphs if asked; UsageError without one."""
    for module in _exporters():
        if path.suffix.lower() in module.SUFFIXES:
            if quantized and getattr(module, "FLOAT_ONLY", False):
                what = f"{path.suffix} files hold float models only"
                others = (s for m in _exporters() if not getattr(m, "FLOAT_ONLY", False) for s in m.SUFFIXES)
                raise UsageError(what, where=str(path), hint=f"End it in {', '.join(others)}")
            return module
    raise UsageError(
        "is no model format that can be written", where=str(path), hint=f"End it in {', '.join(suffixes())}"
    )


def check_folder(path: Path) -> None:
    """Raise, before there is anything to write, what a missing folder would raise then."""
    if not path.absolute().parent.is_dir():
        raise InputError("cannot be written (its folder does not exist)", where=str(path))


def save(graph: Graph, path: Path) -> None:
    """Write ``graph`` in the format that ``path`` ends in, aside first and then renamed into place.

    Raises UsageError for an unknown ending, VerifyError for what the format cannot express and InputError where the
    file cannot be written.
    """
    write_file(path, exporter(path).save(graph))


def write_file(path: Path, content: bytes) -> None:
    """``content`` as the file ``path``, whole or not at all; InputError where it cannot be written."""
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"cannot be written ({error.strerror})", where=str(path)) from None
