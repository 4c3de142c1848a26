"""What tests share: the test models and the tools that may be missing.

What is missing is a skip with one clear line, so that everything else still runs. With ``CI=true`` it is a
failure, so that nothing goes untested unseen. Tests under ``cross/`` or marked ``cross`` need the cross compiler and
the emulator, tests marked ``oracle`` the reference interpreter; neither has to ask for them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support import compiler_cache
from tests.support.command import Run, runner

REPOSITORY = Path(__file__).resolve().parent.parent


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _missing(reason: str) -> NoReturn:
    """Skips the test, or fails it in continuous integration."""
    if _is_ci():
        pytest.fail(f"{reason} (CI is set: nothing may be missing)", pytrace=False)
    pytest.skip(reason)


def _testdata_dir() -> Path:
    return Path(os.environ.get("MICROGEN_TESTDATA") or REPOSITORY.parent / "shared").resolve()


def _tool(*names: str) -> str:
    """The first of the commands that is installed."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    _missing(f"{names[0]} is not installed; ./test.sh installs it")


@pytest.fixture
def microgen(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit code, standard output, standard error."""
    return runner(capsys)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder with models/ and data/: MICROGEN_TESTDATA, or ../shared beside the checkout."""
    folder = _testdata_dir()
    if not (folder / "models").is_dir():
        _missing(f"no test models in {folder}; set MICROGEN_TESTDATA")
    return folder


@pytest.fixture(scope="session")
def test_model(testdata: Path):
    """A function from a file name such as ``kws_dscnn_int8.tflite`` to its path under ``models/``."""

    def find(name: str) -> Path:
        path = testdata / "models" / name
        if not path.is_file():
            _missing(f"no test model {path}")
        return path

    return find


@pytest.fixture(scope="session")
def digits_model() -> Path:
    """The sample model that the repository ships."""
    return REPOSITORY / "examples" / "digits" / "digits_int8.tflite"


@pytest.fixture(scope="session")
def arm_gcc() -> str:
    """Path of arm-none-eabi-gcc, with newlib."""
    compiler = _tool("arm-none-eabi-gcc")
    preprocessed = subprocess.run(
        [compiler, "-E", "-x", "c", "-"], input=b"#include <string.h>\n", capture_output=True, check=False
    )
    if preprocessed.returncode != 0:
        _missing("arm-none-eabi-gcc has no C library (libnewlib-arm-none-eabi); ./test.sh installs it")
    return compiler


@pytest.fixture(scope="session")
def qemu_arm() -> str:
    """Path of qemu-system-arm."""
    return _tool("qemu-system-arm")


@pytest.fixture(scope="session")
def host_gcc() -> str:
    """Path of the host's gcc."""
    return _tool("gcc")


@pytest.fixture(scope="session")
def clang() -> str:
    """Path of clang, under its plain name or one with a version."""
    return _tool("clang", *(f"clang-{version}" for version in range(22, 13, -1)))


@pytest.fixture(scope="session")
def cmake() -> str:
    """Path of cmake, with Ninja as a second way to build."""
    _tool("ninja")
    return _tool("cmake")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that runs without a display."""
    return _tool("chromium", "chromium-browser", "google-chrome")


_CACHE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes a compiler cache for all tests of this run; the processes that xdist starts inherit it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[_CACHE] = Path(tempfile.mkdtemp(prefix="microgen-ccache-"))
        compiler_cache.start(config.stash[_CACHE])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the compiler cache."""
    if (folder := config.stash.get(_CACHE, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ends a test before its fixtures are made where what it needs is missing.

    Ending it here and not in a fixture lets the report fold all of them into one line.
    """
    if "testdata" in getattr(item, "fixturenames", ()) and not (_testdata_dir() / "models").is_dir():
        _missing(f"no test models: {_testdata_dir()} has no models/ (MICROGEN_TESTDATA names the folder)")
    if item.get_closest_marker("cross") or Path(__file__).parent / "cross" in item.path.parents:
        _tool("arm-none-eabi-gcc")
        _tool("qemu-system-arm")
    if item.get_closest_marker("oracle") and importlib.util.find_spec("tflite_micro") is None:
        _missing("the package tflite-micro is not installed; ./test.sh installs it")


def pytest_report_header() -> str:
    """Names the folder of the test models, so that a log shows what was tested."""
    folder = _testdata_dir()
    state = "" if (folder / "models").is_dir() else " (missing)"
    return f"test models: {folder}{state}"
