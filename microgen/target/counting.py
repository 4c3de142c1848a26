"""Exact instruction counts of emulated firmware: in all and per call.

QEMU counts through a plugin of ours that is compiled on first use; where that cannot be, QEMU's own instruction
counter is read at breakpoints (``icount``). Either way the firmware is the one that ships.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microgen.boards import Board
from microgen.errors import BuildError, DeviceFault, InputError, ToolMissing, UsageError
from microgen.target import icount
from microgen.target.elf import Call, Elf
from microgen.target.emulator import QEMU, RunResult, run_elf
from microgen.target.toolchain import INSTALL_HINTS, find_tool, tool_version

METHODS = {"plugin": "QEMU TCG plugin (exact)", "icount": icount.METHOD}
"""Ways to count instructions, in order of preference, with their names for reports."""

METHOD_VARIABLE = "MICROGEN_COUNTING"
"""Environment variable that names the way to count; without it the first that works is taken."""

_SOURCE = Path(__file__).with_name("count_plugin.c")
_EVENT = struct.Struct("=QQ")


@dataclass(frozen=True)
class Event:
    """The program was about to execute ``address`` after ``instructions`` instructions since reset."""

    address: int
    instructions: int


@cache
def plugin_api(version_line: str) -> int:
    """Generation of the plugin interface (1 up to QEMU 8.2, 2 from 9.0 on) for QEMU's ``--version`` line."""
    match = re.search(r"version (\d+)\.", version_line)
    if match is None:
        raise ToolMissing(f"{QEMU} does not tell its version", hint=INSTALL_HINTS[QEMU])
    return 1 if int(match[1]) < 9 else 2


def cache_dir() -> Path:
    """Folder for what is compiled once: ``MICROGEN_CACHE``, else ``microgen`` in the user's cache folder."""
    if own := os.environ.get("MICROGEN_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "microgen"


def _host_compiler() -> str:
    for name in (os.environ.get("HOSTCC", ""), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return path
    raise ToolMissing("counting instructions needs a C compiler for this computer", hint=INSTALL_HINTS["cc"])


def plugin_path() -> Path:
    """The compiled plugin for the QEMU that is installed; compiled on the first call, then kept.

    Raises ``ToolMissing`` without QEMU, without a host compiler, and on Windows, where QEMU's plugins need an
    import library that its packages lack; ``BuildError`` when the compiler fails.
    """
    if sys.platform == "win32":
        raise ToolMissing("counting instructions is not possible on Windows", hint=INSTALL_HINTS["cc"])
    api = plugin_api(tool_version(QEMU))
    source = _SOURCE.read_bytes()
    name = f"count-{hashlib.sha256(source).hexdigest()[:16]}-api{api}-{sys.platform}-{os.uname().machine}.so"
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = Path(tempfile.gettempdir()) / f"microgen-cache-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / name
    if not library.is_file():
        _compile(source, api, library)
    return library


def _compile(source: bytes, api: int, library: Path) -> None:
    flags = ["-std=gnu11", "-O2", "-fPIC", "-shared", f"-DMICROGEN_PLUGIN_API={api}"]
    if sys.platform == "darwin":
        flags += ["-undefined", "dynamic_lookup"]
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        built = Path(folder) / "plugin.so"
        command = [_host_compiler(), *flags, "-x", "c", "-", "-o", str(built)]
        done = subprocess.run(command, input=source, capture_output=True, timeout=120, check=False)
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").splitlines()
            errors = [line for line in lines if "error" in line] or lines or ["no message"]
            raise BuildError(f"the counting plugin does not compile: {errors[0]}", where=command[0])
        built.replace(library)  # atomic: several processes may build it at once


def counting_method() -> str:
    """The way in which instructions are counted here: a key of ``METHODS``.

    Raises ``ToolMissing`` without QEMU, ``UsageError`` if the environment asks for a way that there is not.
    """
    find_tool(QEMU)
    if asked := os.environ.get(METHOD_VARIABLE):
        if asked not in METHODS:
            hint = f"Use one of {', '.join(METHODS)}"
            raise UsageError(f"unknown way to count {asked!r}", where=METHOD_VARIABLE, hint=hint)
        return asked
    try:
        plugin = plugin_path()
    except (ToolMissing, BuildError):
        return "icount"
    return "plugin" if _loads(find_tool(QEMU), plugin) else "icount"


@cache
def _loads(qemu: Path, plugin: Path) -> bool:
    """Whether this QEMU, built with or without plugins, can load ``plugin``."""
    with tempfile.TemporaryDirectory(prefix="microgen-") as folder:
        log = Path(folder) / "events"
        option = ",".join(text.replace(",", ",,") for text in (str(plugin), f"out={log}"))
        machine = ["-machine", "none", "-display", "none", "-nodefaults", "-monitor", "stdio"]
        done = subprocess.run(
            [qemu, *machine, "-plugin", option], input=b"quit\n", capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0 and log.is_file()


def trace(
    board: Board,
    elf: Path,
    markers: Sequence[int],
    *,
    files: Path,
    timeout: float = 600.0,
    args: Sequence[str] = (),
    method: str = "",
) -> tuple[RunResult, list[Event]]:
    """Runs firmware and returns an event for each execution of a marker (the address of an instruction).

    Two markers that follow one another give the exact number of instructions executed from the first, included,
    to the second, excluded. ``method`` is a key of ``METHODS``, by default ``counting_method()``. Raises what
    ``run_elf`` and ``counting_method`` raise.
    """
    if (method or counting_method()) == "icount":
        result, stops = icount.trace_icount(board, elf, markers, files=files, timeout=timeout, args=args)
        return result, [Event(address, instructions) for address, instructions in stops]
    plugin = plugin_path()
    with tempfile.TemporaryDirectory(prefix="microgen-") as folder:
        log = Path(folder) / "events"
        settings = [str(plugin), f"out={log}", *(f"at={first:x}-{last:x}" for first, last in _ranges(markers))]
        option = ",".join(text.replace(",", ",,") for text in settings)
        result = run_elf(board, elf, files=files, timeout=timeout, args=args, plugin=option)
        if not log.is_file():
            raise ToolMissing(f"this {QEMU} does not load plugins", hint=INSTALL_HINTS[QEMU])
        content = log.read_bytes()
    return result, [Event(*pair) for pair in _EVENT.iter_unpack(content[: len(content) // 16 * 16])]


def _ranges(markers: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted (first, last) of runs of halfwords: a function's body is one, not a thousand options."""
    ranges: list[tuple[int, int]] = []
    for address in sorted({marker & ~1 for marker in markers}):
        if ranges and address == ranges[-1][1] + 2:
            ranges[-1] = (ranges[-1][0], address)
        else:
            ranges.append((address, address))
    return ranges


def split_calls(events: Sequence[Event], entry: int, returns: frozenset[int]) -> list[list[Event]]:
    """The events of each call: from the one at ``entry`` to the first at one of the addresses in ``returns``.

    Raises ``InputError`` if the function is entered again before that: it was called in a way that does not show
    where it returns to (a tail call, a pointer, recursion).
    """
    calls: list[list[Event]] = []
    current: list[Event] | None = None
    for event in events:
        if current is None:
            if event.address == entry:
                current = [event]
        elif event.address == entry:
            raise InputError(
                f"the function at {entry:#x} was entered again before it returned to a direct call",
                hint="Call it directly, not through a pointer and not as the last thing a function does",
            )
        else:
            current.append(event)
            if event.address in returns:
                calls.append(current)
                current = None
    return calls


def count_invocations(
    board: Board,
    elf: Path,
    files: Path,
    function: str,
    *,
    timeout: float = 600.0,
    args: Sequence[str] = (),
    method: str = "",
) -> list[int]:
    """Instructions executed from entry to return of ``function``, for each call of it, in order.

    The function must be called directly, not through a pointer; what it calls is counted with it. Raises
    ``InputError`` if the firmware has no such function, ``DeviceFault`` if it never returned from one.
    """
    _, invocations = count_calls_in(board, elf, files, function, timeout=timeout, args=args, method=method)
    return [sum(figures) for figures in invocations]


def count_calls_in(
    board: Board,
    elf: Path,
    files: Path,
    function: str,
    *,
    timeout: float = 600.0,
    args: Sequence[str] = (),
    method: str = "",
) -> tuple[list[Call], list[list[int]]]:
    """Instructions of each call of ``function``, split at the direct calls in its body.

    Returns those calls, by address, and for each invocation one figure more than there are calls: what ran
    before the first of them, then what ran from each call on until another one ran (figures of a call that ran
    several times are added up). The figures of an invocation add up to its instructions.
    """
    image = Elf(elf)
    entry = image.function(function).address
    returns = frozenset(call.return_address for call in image.calls_to(function) if not call.is_tail)
    inner = list(image.calls_in(function))
    index = {call.address: number for number, call in enumerate(inner, start=1)}
    markers = sorted({entry, *returns, *index})
    _, events = trace(board, elf, markers, files=files, timeout=timeout, args=args, method=method)
    invocations: list[list[int]] = []
    for call in split_calls(events, entry, returns):
        figures = [0] * (len(inner) + 1)
        for begin, end in itertools.pairwise(call):
            figures[index.get(begin.address, 0)] += end.instructions - begin.instructions
        invocations.append(figures)
    if not invocations:
        raise DeviceFault(f"{function} was never called directly and left again", where=str(elf))
    return inner, invocations
