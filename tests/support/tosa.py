"""The TOSA tools in an environment of their own, made once and kept in the checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: What conversion and execution import; their tools for making tests need more.
PINS = ("numpy==2.1.3", "tosa-converter-for-tflite==2026.2.0", "tosa-tools==2026.8.0")
_SECONDS = 300


def tosa_python() -> Path:
    """The Python that has the tools: that of MICROGEN_TOSA_PYTHON, or of ``.venv-tosa/``, which is made if need be.

    Skips the test where it cannot be made; in CI, where nothing may be missing, fails it.
    """
    if named := os.environ.get("MICROGEN_TOSA_PYTHON", ""):
        return Path(named)
    key = hashlib.sha256("\n".join((sys.version, *PINS)).encode()).hexdigest()[:12]
    folder = REPOSITORY / ".venv-tosa" / key
    python, done = folder / "bin" / "python", folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of tests that run side by side one makes it
        if not done.is_file():
            venv.create(folder, clear=True, symlinks=True, with_pip=False)
            _install(python)
            done.touch()
    return python


def _install(python: Path) -> None:
    options = ("--disable-pip-version-check", "--quiet", "--no-deps", "--only-binary", ":all:")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, *PINS]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _missing(f"pip has not finished after {_SECONDS} seconds")
    if made.returncode:
        _missing((made.stderr.strip().splitlines() or ["no message"])[-1])


def _missing(why: str) -> NoReturn:
    reason = f"the environment of the TOSA tools cannot be made: {why}"
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"{reason} (CI is set: nothing may be missing)", pytrace=False)
    pytest.skip(reason)
