"""Runs firmware in QEMU, in a folder of its own, and names the fault or the hang when it does not end well."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from microgen.boards import Board
from microgen.errors import DeviceFault, InputError, ToolMissing, UsageError, one_line
from microgen.target.elf import Elf
from microgen.target.fault import describe_address, fault_in
from microgen.target.toolchain import INSTALL_HINTS, find_tool

QEMU = "qemu-system-arm"
_CONSOLE_LIMIT = 1 << 20
_REGISTER = re.compile(r"\bR(1[45])=([0-9a-f]{8})")
_WARNING = re.compile(rf"^(?:{QEMU}: warning: .*|Timer with period zero, disabling)\n", re.MULTILINE)
_HANG_SAMPLES = 32


@dataclass(frozen=True)
class RunResult:
    """How a run ended: the exit code of the firmware, what it printed, the time it took on the host."""

    exit_code: int
    console: str
    seconds: float


def run_elf(
    board: Board,
    elf: Path,
    *,
    files: Path,
    timeout: float = 60.0,
    args: Sequence[str] = (),
    plugin: str = "",
    options: Sequence[str] = (),
    inherited: Sequence[int] = (),
) -> RunResult:
    """Runs firmware to its end; its files of the host are those in ``files``, the folder QEMU runs in.

    Semihosting lets firmware read and write there, so that ``files`` must be a folder made for this run.
    ``args`` become the firmware's command line; ``plugin`` is a value for QEMU's ``-plugin``; ``options`` are more
    options of QEMU, which inherits the file descriptors ``inherited``. Raises
    ``DeviceFault`` for a fault, a lock-up or when ``timeout`` (seconds) is over, with the function in which it
    happened; ``InputError`` for a file that is no Arm firmware; ``ToolMissing`` where QEMU or its model of the
    board is not there; ``UsageError`` for a board without an emulator or an unfit folder.
    """
    if board.emulator is None:
        raise UsageError(f"board {board.name} has no emulator", hint="Choose a board with an [emulator] section")
    folder = files.resolve()
    if not folder.is_dir() or folder in (Path.cwd(), Path.home(), Path(folder.anchor)):
        raise UsageError("firmware must run in an existing folder of its own", where=str(files))
    _require_arm_elf(elf)
    command = [str(find_tool(QEMU)), "-machine", board.emulator.machine]
    if board.emulator.cpu:
        command += ["-cpu", board.emulator.cpu]
    semihosting = ["enable=on", "target=native", *(f"arg={arg.replace(',', ',,')}" for arg in args)]
    command += ["-display", "none", "-nodefaults", "-serial", "none", "-monitor", "none"]
    command += ["-semihosting-config", ",".join(semihosting), "-kernel", str(elf.resolve())]
    if plugin:
        command += ["-plugin", plugin]
    command += options
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(tempfile.TemporaryFile())
        monitor = _Monitor(stack)
        begin = time.monotonic()
        process = subprocess.Popen(
            command + monitor.arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            pass_fds=(*monitor.inherited, *inherited),
        )
        try:
            monitor.close_inherited()
            exit_code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            hang = _where_it_hangs(monitor, Elf(elf))
            said = _text(console)
            what = f"the firmware did not end within {timeout:g} s{hang}{_tail(said)}"
            raise DeviceFault(what, where=str(elf), console=said) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        seconds = time.monotonic() - begin
        text = _text(console)
    _check(board, elf, exit_code, text)
    return RunResult(exit_code, text, seconds)


def _require_arm_elf(path: Path) -> None:
    """QEMU takes any other file for raw memory and runs what happens to be in it."""
    try:
        with path.open("rb") as stream:
            header = stream.read(20)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error
    if header[:4] != b"\x7fELF" or header[18:] != b"\x28\x00":
        raise InputError("is no firmware for an Arm core (ELF)", where=str(path))


def _check(board: Board, elf: Path, exit_code: int, console: str) -> None:
    if "MICROGEN-FAULT" in console:
        fault = fault_in(console, Elf(elf))
        if fault is not None:
            raise fault
    if "unsupported machine type" in console:
        raise ToolMissing(f"this {QEMU} cannot play board {board.name}", hint=INSTALL_HINTS[QEMU])
    if exit_code < 0:
        place = ""
        registers = {int(n): int(value, 16) for n, value in _REGISTER.findall(console)}
        if 15 in registers:
            place = f" in {describe_address(Elf(elf), registers[15])}"
        reason = "the core locked up" if "Lockup" in console else f"the emulator was ended by signal {-exit_code}"
        raise DeviceFault(reason + place + ("" if place else _tail(console)), where=str(elf), console=console)
    own = [line for line in console.splitlines() if line.startswith(QEMU + ": ")]
    if exit_code and own:
        raise DeviceFault(f"the emulator refused the firmware: {one_line(own[0])}", where=str(elf))


def _text(console: IO[bytes]) -> str:
    # The emulator warns there of devices that firmware has no use for, such as a network card without a network.
    console.seek(0)
    text = console.read(_CONSOLE_LIMIT).decode("utf-8", "replace")
    return _WARNING.sub("", text)


def _tail(console: str) -> str:
    lines = [line for line in console.splitlines() if line.strip()]
    return f"; the last it printed: {one_line(lines[-1])}" if lines else ""


class _Monitor:
    """QEMU's machine protocol over an inherited socket (no path, no port); absent where the host has none."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.arguments: list[str] = []
        self.inherited: tuple[int, ...] = ()
        self._socket: socket.socket | None = None
        if os.name == "posix":
            ours, theirs = socket.socketpair()
            self._socket, self._theirs = stack.enter_context(ours), stack.enter_context(theirs)
            self.inherited = (theirs.fileno(),)
            self.arguments = ["-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]

    def close_inherited(self) -> None:
        if self.inherited:
            self._theirs.close()

    def commands(self, *commands: dict[str, Any]) -> list[Any]:
        """Answers to the commands; fewer when QEMU does not answer in time."""
        answers: list[Any] = []
        if self._socket is None:
            return answers
        self._socket.settimeout(2.0)
        with contextlib.suppress(OSError, ValueError), self._socket.makefile("rw", encoding="utf-8") as stream:
            for command in ({"execute": "qmp_capabilities"}, *commands):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                for line in stream:
                    reply = json.loads(line)
                    if "return" in reply or "error" in reply:
                        answers.append(reply.get("return"))
                        break
        return answers[1:]


def _where_it_hangs(monitor: _Monitor, elf: Elf) -> str:
    """The function in which most samples of the program counter lie, with its caller as far as LR tells it."""
    sample: list[dict[str, Any]] = [
        {"execute": "stop"},
        {"execute": "human-monitor-command", "arguments": {"command-line": "info registers"}},
        {"execute": "cont"},
    ]
    places: list[tuple[str, str]] = []
    for answer in monitor.commands(*sample * _HANG_SAMPLES):
        registers = dict(_REGISTER.findall(answer)) if isinstance(answer, str) else {}
        if "15" in registers:
            pc, lr = int(registers["15"], 16), int(registers.get("14", "0"), 16)
            caller = elf.symbolize(lr - 4)
            function = elf.symbolize(pc).split("+")[0] or describe_address(elf, pc)
            places.append((function, caller if caller.split("+")[0] != function else ""))
    if not places:
        return ""
    function, caller = max(places, key=places.count)
    return f": it hangs in {function}" + (f", last call from {caller}" if caller else "")
