"""Calls the TOSA tools, in a process of their own and a temporary folder."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgen.errors import InputError, ToolMissing, UnsupportedError, one_line
from microgen.mindir import Array
from microgen.tosa.environment import HINT, find_python

_PROGRAM = Path(__file__).parent / "child" / "worker.py"
_SECONDS = 300.0
_REFUSED, _MISSING = 3, 4
_WHERE = "path tosa"


def convert(model: bytes) -> bytes:
    """The .tflite file ``model``, whose shapes are fixed, as the bytes of a .tosa file.

    Raises UnsupportedError with the tools' words where they refuse, InputError where they crash or never end, and
    ToolMissing where they are not installed.
    """
    with tempfile.TemporaryDirectory(prefix="microgen-tosa-") as folder:
        place = Path(folder)
        (place / "model.tflite").write_bytes(model)
        _call("convert", place)
        try:
            return (place / "model.tosa").read_bytes()
        except OSError as error:
            raise InputError(f"the TOSA tools left no result ({error.strerror})", where=_WHERE) from error


def execute(graph: bytes, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a .tosa file, [samples, *shape] each, for inputs of that form; for no sample at all, none.

    Raises what ``convert`` does.
    """
    with tempfile.TemporaryDirectory(prefix="microgen-tosa-") as folder:
        place = Path(folder)
        (place / "model.tosa").write_bytes(graph)
        np.savez(place / "inputs.npz", *[np.asarray(a) for a in inputs])
        _call("run", place)
        try:
            with np.load(place / "outputs.npz", allow_pickle=False) as stored:
                return [stored[f"arr_{index}"] for index in range(len(stored.files))]
        except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"the TOSA tools left no result ({one_line(str(error))})", where=_WHERE) from error


def _call(what: str, folder: Path) -> None:
    command = [str(find_python()), "-E", str(_PROGRAM), what, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"the TOSA tools have not finished after {_SECONDS:.0f} seconds", where=_WHERE) from None
    except OSError as error:
        raise ToolMissing(f"{command[0]} does not start ({error.strerror})", where=_WHERE, hint=HINT) from None
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no message"]
    said = one_line(lines[-1], 300)
    if done.returncode == _REFUSED:
        raise UnsupportedError([f"the TOSA tools: {said}"], where=_WHERE)
    if done.returncode == _MISSING:
        raise ToolMissing(f"{command[0]} has not all of the TOSA tools: {said}", where=_WHERE, hint=HINT)
    raise InputError(f"the TOSA tools end with status {done.returncode}: {said}", where=_WHERE)
