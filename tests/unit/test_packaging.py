"""The wheel and the editable install: both find templates, kernels and boards, from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

DATA_FOLDERS = ("templates", "runtime_c", "boards")
BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, started where nothing of the checkout can be found."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def data_files(repository: Path) -> set[str]:
    """Path of each file in the data folders, relative to the root, as git would keep them."""
    return {
        path.relative_to(repository).as_posix()
        for folder in DATA_FOLDERS
        for path in (repository / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def fresh_environment(folder: Path) -> Path:
    """An environment whose dependencies are the running one's; returns its Python.

    The folder is added by a .pth file, whose own .pth files are not read: an editable microgen in the running
    environment stays invisible, so that what is found is what this test installs.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def install(python: Path, *what: str | Path, cwd: Path) -> None:
    """Installs with the running environment's pip, without dependencies and without a network."""
    options = ("--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, *options, *what, cwd=cwd)


@pytest.fixture(scope="session")
def distributions(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from that sdist (what `python -m build` does)."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, repository, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def wheel_python(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    python = fresh_environment(folder / "venv")
    install(python, distributions[1], cwd=folder)
    return python


@pytest.fixture(scope="session")
def editable_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with an editable install of the checkout."""
    folder = tmp_path_factory.mktemp("editable")
    python = fresh_environment(folder / "venv")
    install(python, "--editable", repository, cwd=folder)
    return python


def compile_sample(python: Path, model: Path, folder: Path) -> dict[str, bytes]:
    """Compiles the sample in a folder of its own, and gives every file of the project."""
    shutil.copy(model, folder / "sample.tflite")
    command = ("compile", "sample.tflite", "--board", "mps2-an386", "--name", "sample", "-o", "project")
    run(python.parent / "microgen", *command, cwd=folder)
    project = folder / "project"
    return {p.relative_to(project).as_posix(): p.read_bytes() for p in project.rglob("*") if p.is_file()}


def test_the_wheel_carries_every_data_file(distributions: tuple[Path, Path], repository: Path) -> None:
    expected = data_files(repository)
    assert {Path(name).parts[0] for name in expected} == set(DATA_FOLDERS)
    with zipfile.ZipFile(distributions[1]) as archive:
        prefix = "microgen/_data/"
        packed = {name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)}
        assert packed == expected
        assert not [name for name in archive.namelist() if name.split("/")[0] in ("tests", "examples", *DATA_FOLDERS)]


def test_the_sdist_carries_what_a_wheel_is_built_from(distributions: tuple[Path, Path], repository: Path) -> None:
    with tarfile.open(distributions[0]) as archive:
        packed = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert data_files(repository) <= packed
    assert {"pyproject.toml", "README.md", "LICENSE", "examples/digits/digits_int8.tflite"} <= packed


def test_the_wheel_is_found_outside_the_checkout(wheel_python: Path, repository: Path, tmp_path: Path) -> None:
    where = Path(run(wheel_python, "-c", "import microgen; print(microgen.__file__)", cwd=tmp_path).strip())
    assert wheel_python.parent.parent in where.parents
    assert repository not in where.parents


def test_the_editable_install_is_the_checkout(editable_python: Path, repository: Path, tmp_path: Path) -> None:
    where = Path(run(editable_python, "-c", "import microgen; print(microgen.__file__)", cwd=tmp_path).strip())
    assert where == repository / "microgen" / "__init__.py"


@pytest.mark.parametrize("kind", ["wheel_python", "editable_python"])
def test_boards_are_listed_from_any_folder(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    listed = run(request.getfixturevalue(kind).parent / "microgen", "boards", cwd=tmp_path)
    for board in BOARDS:
        assert board in listed


def test_both_compile_the_sample_to_the_same_bytes(
    wheel_python: Path, editable_python: Path, digits_model: Path, tmp_path: Path
) -> None:
    projects = []
    for name, python in (("wheel", wheel_python), ("editable", editable_python)):
        folder = tmp_path / name
        folder.mkdir()
        projects.append(compile_sample(python, digits_model, folder))
    assert {"manifest.json", "sample.h", "sample.c", "sample_weights.c"} <= projects[0].keys()
    assert projects[0] == projects[1]
