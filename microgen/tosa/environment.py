"""Finds the Python that has the TOSA tools."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from microgen.errors import ToolMissing

#: The environment variable that names that Python's executable.
TOSA_PYTHON = "MICROGEN_TOSA_PYTHON"
MODULES = ("tosa_converter_for_tflite", "tosa_reference_model")
HINT = (
    "They need an environment of their own: python3 -m venv tosa && "
    "tosa/bin/pip install tosa-tools tosa-converter-for-tflite && "
    f'export {TOSA_PYTHON}="$PWD/tosa/bin/python"'
)


def find_python() -> Path:
    """The Python of ``MICROGEN_TOSA_PYTHON``, or this one where it has the tools itself.

    Raises ToolMissing where neither is there; whether the named one has the tools shows when it is used.
    """
    if named := os.environ.get(TOSA_PYTHON, ""):
        path = Path(named)
        if not path.is_file():
            raise ToolMissing(f"{TOSA_PYTHON} names {named}, which is no file", where="path tosa", hint=HINT)
        return path
    if all(find_spec(name) is not None for name in MODULES):
        return Path(sys.executable)
    raise ToolMissing("the TOSA tools are not installed", where="path tosa", hint=HINT)
