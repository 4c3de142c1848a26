"""The cross toolchain: finds it, builds a generated project with it, measures what the model takes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgen.boards import Board
from microgen.errors import BuildError, DoesNotFit, InputError, ToolMissing, one_line
from microgen.target.elf import Elf, FlashReport, flash_report

GCC = "arm-none-eabi-gcc"

INSTALL_HINTS: dict[str, str] = {
    GCC: "Debian/Ubuntu: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi; "
    "macOS: brew install --cask gcc-arm-embedded; Windows: winget install Arm.GnuArmEmbeddedToolchain",
    "cmake": "Debian/Ubuntu: apt install cmake ninja-build; macOS: brew install cmake ninja; "
    "Windows: winget install Kitware.CMake Ninja-build.Ninja",
    "make": "Debian/Ubuntu: apt install make; macOS: xcode-select --install; Windows: winget install GnuWin32.Make",
    "qemu-system-arm": "Debian/Ubuntu: apt install qemu-system-arm; macOS: brew install qemu; "
    "Windows: winget install SoftwareFreedomConservancy.QEMU",
    "cc": "Debian/Ubuntu: apt install gcc; macOS: xcode-select --install; Windows: use WSL",
}
"""Program → how to install it on Debian/Ubuntu, macOS and Windows."""

_ERROR = re.compile(r"(?:fatal )?error: |undefined reference|multiple definition|\*\*\* ")
_CMAKE_ERROR = re.compile(r"^CMake Error.*", re.MULTILINE | re.DOTALL)
_OVERFLOW = re.compile(r"region `(?P<region>[^']+)' overflowed by (?P<bytes>\d+) bytes")
_BUILD_TIMEOUT = 900.0


def find_tool(program: str) -> Path:
    """Path of an installed program; ``ToolMissing`` with the way to install it otherwise."""
    path = shutil.which(program)
    if path is None:
        raise ToolMissing(f"{program} is not installed or not on PATH", hint=INSTALL_HINTS.get(program, ""))
    return Path(path)


def tool_version(program: str) -> str:
    """First line that the program prints for ``--version``; ``ToolMissing`` if it is missing or does not run."""
    path = find_tool(program)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(f"{path} does not run", hint=INSTALL_HINTS.get(program, "")) from error
    return (done.stdout.splitlines() or [""])[0]


@dataclass(frozen=True)
class BuildResult:
    """A built project: the firmware, every object file of it, and what the build printed."""

    elf: Path
    objects: tuple[Path, ...]
    log: str


def _environment() -> dict[str, str]:
    # Messages are parsed: they must be in English, and flags of an outer make must not leak in.
    drop = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS"}
    return {k: v for k, v in os.environ.items() if k not in drop} | {"LC_ALL": "C"}


def _first_errors(log: str, count: int = 3) -> str:
    lines = [line.strip() for line in log.splitlines() if _ERROR.search(line)]
    if not lines and (match := _CMAKE_ERROR.search(log)):
        # What was wrong stands on the lines below the place.
        lines = [line.strip() for line in match[0].splitlines() if line.strip()]
    if not lines:
        lines = [line.strip() for line in log.splitlines() if line.strip()][-count:]
    return " | ".join(one_line(line, 300) for line in lines[:count])


def _run(command: Sequence[str | Path], folder: Path, what: str) -> str:
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_BUILD_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{what} did not end within {_BUILD_TIMEOUT:.0f} s", where=str(folder)) from error
    if done.returncode == 0:
        return done.stdout
    overflows = [(m["region"], int(m["bytes"])) for m in _OVERFLOW.finditer(done.stdout)]
    if overflows:
        text = " and ".join(f"{size:,} bytes too many for {region}" for region, size in dict(overflows).items())
        raise DoesNotFit(f"the firmware does not fit: {text}", where=str(folder), overflows=dict(overflows))
    raise BuildError(f"{what} failed: {_first_errors(done.stdout)}", where=str(folder))


def build_project(
    folder: Path,
    *,
    variables: Mapping[str, str] | None = None,
    target: str = "all",
    build_dir: str = "build",
    jobs: int = 0,
) -> BuildResult:
    """Builds a generated project with ``make``, or with ``cmake`` where it has no Makefile.

    The firmware is the one ``.elf`` that make leaves in ``build_dir``, CMake in ``default`` in it. ``variables`` are
    make variables for the command line, or cache variables, which CMake remembers; ``jobs`` of 0 stands for one per
    processor. Raises ``InputError`` for a project of other types alone, ``ToolMissing`` (make or cmake, the compiler),
    ``DoesNotFit`` where a memory region overflows, else ``BuildError`` with the first errors of the compiler.
    """
    settings = variables or {}
    jobs = jobs or os.cpu_count() or 1
    if (folder / "Makefile").is_file():
        make = find_tool("make")
        if "CC" not in settings:
            find_tool(GCC)
        log = _run([make, f"-j{jobs}", target, *(f"{k}={v}" for k, v in settings.items())], folder, "the build")
        return _result(folder, Path(build_dir), "**/*", log)
    if (folder / "CMakePresets.json").is_file():
        return _build_with_cmake(folder, settings, target, Path(build_dir) / _PRESET, jobs)
    if not (found := _other_tools(folder)):
        raise InputError("is no generated project: it has no Makefile and no CMakePresets.json", where=str(folder))
    raise InputError(
        "has no Makefile and no CMakePresets.json: it cannot be built from here",
        where=str(folder),
        hint=f"Compile the model with --project make or --project cmake. To build this one, {' or '.join(found)}",
    )


_PRESET = "default"
# What shows that a project is made for a tool, and what to do there with the file.
_TOOLS = (
    ("iar/*.eww", "open {} in IAR Embedded Workbench"),
    ("*.csolution.yml", "open {} in Keil MDK 6 (or run: cbuild {})"),
    ("zephyr/module.yml", "add it to a Zephyr build as a module ({})"),
    ("arduino/*.zip", "add {} to the Arduino IDE as a library"),
    ("cmsis-pack/*.pack", "install {} with cpackget"),
    ("sources.txt", "compile what {} lists with the build system of your own"),
)


def _other_tools(folder: Path) -> list[str]:
    """What to do with a project that only tools other than make and CMake can build."""
    matches = ((sorted(folder.glob(pattern)), text) for pattern, text in _TOOLS)
    return [text.replace("{}", one_line(files[0].relative_to(folder).as_posix())) for files, text in matches if files]


def next_step(folder: Path) -> str:
    """What to do with a project that was just written: a command, or what another tool does with it."""
    if (folder / "Makefile").is_file() or (folder / "CMakePresets.json").is_file():
        return f"microgen build {folder}"
    return " or ".join(_other_tools(folder))


def _build_with_cmake(
    folder: Path, variables: Mapping[str, str], target: str, build_dir: Path, jobs: int
) -> BuildResult:
    cmake = find_tool("cmake")
    if not {"CMAKE_C_COMPILER", "CROSS", "ARM_TOOLCHAIN_DIR"} & {*variables, *os.environ}:
        find_tool(GCC)
    _forget_a_moved_build(folder, build_dir)
    configure: list[str | Path] = [cmake, "--preset", _PRESET, "-B", build_dir]
    if not (folder / build_dir / _CACHE).exists() and "CMAKE_GENERATOR" not in os.environ:
        # CMake would choose another one on Windows, which does not know this compiler.
        ninja = shutil.which("ninja")
        if ninja is None:
            find_tool("make")
        configure += ["-G", "Unix Makefiles" if ninja is None else "Ninja"]
    configure += [f"-D{name}={value}" for name, value in variables.items()]
    log = _run(configure, folder, "CMake")
    log += _run([cmake, "--build", build_dir, "--target", target, "-j", str(jobs)], folder, "the build")
    return _result(folder, build_dir, "CMakeFiles/*.dir/**/*", log)


_CACHE = "CMakeCache.txt"


def _forget_a_moved_build(folder: Path, build_dir: Path) -> None:
    """CMake refuses a build folder that came here with the project from another place."""
    cache = folder / build_dir / _CACHE
    if cache.is_file():
        home = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", cache.read_text(errors="replace"), re.MULTILINE)
        if home is None or Path(home[1]) != folder.resolve():
            shutil.rmtree(folder / build_dir, ignore_errors=True)


def _result(folder: Path, build_dir: Path, objects: str, log: str) -> BuildResult:
    elves = sorted((folder / build_dir).glob("*.elf"))
    if len(elves) != 1:
        raise BuildError(f"{build_dir}/ holds {len(elves)} .elf files, one was expected", where=str(folder))
    found = (path for path in (folder / build_dir).glob(objects) if path.suffix in (".o", ".obj"))
    return BuildResult(elves[0], tuple(sorted(found)), log)


def model_objects(build: BuildResult) -> tuple[Path, ...]:
    """The objects of the networks and their kernels: all but those of the programs around them."""
    return tuple(path for path in build.objects if path.parent.name not in ("emulator", "board", "example"))


# What an application links besides the networks that use an NPU: no part of the model.
_NPU_DRIVER = ("ethosu_reserve_driver", "ethosu_invoke_v3", "ethosu_release_driver")


def link_model(board: Board, objects: Sequence[Path], entry_points: Sequence[str], output: Path) -> Elf:
    """Links objects into firmware that holds ``entry_points`` and what they need, nothing else.

    The linker itself then decides which kernels, constants and library functions belong to the model. The
    result has no memory map of a board and does not run.
    """
    roots = [f"-Wl,--undefined={name}" for name in entry_points]
    command: list[str | Path] = [find_tool(GCC), *board.core.gcc_flags, "-nostartfiles", "-Wl,--gc-sections"]
    roots += [f"-Wl,--defsym={name}=0" for name in _NPU_DRIVER]
    command += [*roots, f"-Wl,--entry={entry_points[0]}", "-o", output, *objects, "-lm"]
    _run(command, output.parent, "linking the model alone")
    return Elf(output)


def measure_model(board: Board, objects: Sequence[Path], *names: str) -> FlashReport:
    """Flash and static RAM of the networks of these names: of their init, input, output and invoke functions."""
    entries = [f"{name}_{function}" for name in names for function in ("invoke", "init", "input", "output")]
    with tempfile.TemporaryDirectory(prefix="microgen-") as folder:
        absolute = [path.resolve() for path in objects]
        return flash_report(link_model(board, absolute, entries, Path(folder) / "model.elf"))
