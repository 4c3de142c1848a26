"""ONNX files: operator sets 6 to the newest that the installed package ``onnx`` knows.

Operators that are one to one say so themselves (``Op.onnx``, ``Op.from_onnx``); the modules of this package translate
the others, and what is left is expanded where ONNX defines it by other operators.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from microgen.frontends.onnx import reading
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph

SUFFIXES = (".onnx",)
CHANNELS_FIRST = True
recognizes = reading.recognizes


@functools.cache
def _translators() -> None:
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")


def load(data: bytes, name: str, options: ImportOptions = ImportOptions()) -> Graph:
    """The model in ``data`` as a verified graph called ``name``.

    Unknown batch sizes become 1. Raises InputError for a damaged file or one of a version that is not supported,
    UnsupportedError, with every layer and input that is not supported.
    """
    from microgen.frontends.onnx.importer import Importer

    _translators()
    return Importer(reading.parse(data), options).graph(name)
