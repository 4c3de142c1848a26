"""Exact instruction counts without a plugin: QEMU's own instruction counter, read at breakpoints.

QEMU counts instructions where it records an execution (``-icount …,rr=record``) and tells the count in its monitor
(``info replay``). Its debugger interface, the GDB remote serial protocol, sets the breakpoints and passes commands
to the monitor. The firmware is not changed and needs no timer; each stop costs a few exchanges over a socket.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from microgen.boards import Board
from microgen.errors import ToolMissing
from microgen.target.emulator import QEMU, RunResult, run_elf
from microgen.target.toolchain import INSTALL_HINTS

METHOD = "QEMU instruction counter at breakpoints (-icount, exact)"
"""How instructions are counted here, for reports."""

_COUNT = re.compile(r"instruction count = (\d+)")
_CONNECT_SECONDS = 20.0


def trace_icount(
    board: Board,
    elf: Path,
    markers: Collection[int],
    *,
    files: Path,
    timeout: float = 600.0,
    args: Sequence[str] = (),
) -> tuple[RunResult, list[tuple[int, int]]]:
    """Run firmware and return (address, instructions so far) for each execution of a marker, before it runs.

    Raises what ``run_elf`` raises, and ``ToolMissing`` when this QEMU does not tell the count.
    """
    with contextlib.ExitStack() as stack:
        record = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="microgen-"))) / "record"
        link = _Link(stack)
        driver = _Driver(link, sorted({address & ~1 for address in markers}))
        options = ["-S", "-icount", f"shift=0,sleep=off,rr=record,rrfile={str(record).replace(',', ',,')}"]
        thread = threading.Thread(target=driver.run, name="debugger", daemon=True)
        thread.start()
        try:
            result = run_elf(
                board,
                elf,
                files=files,
                timeout=timeout,
                args=args,
                options=[*options, *link.options],
                inherited=link.inherited,
            )
        finally:
            link.hang_up()
            thread.join(_CONNECT_SECONDS)
    if driver.problem:
        raise ToolMissing(f"this {QEMU} cannot count instructions: {driver.problem}", hint=INSTALL_HINTS[QEMU])
    return result, driver.events


class _Link:
    """A connection to QEMU's debugger interface: an inherited socket, or a local port where there are none."""

    def __init__(self, stack: contextlib.ExitStack, *, inherit: bool = os.name == "posix") -> None:
        self.inherited: tuple[int, ...] = ()
        self._theirs: socket.socket | None = None
        self._ended = False
        self._port = 0
        if inherit:
            self.socket, self._theirs = (stack.enter_context(end) for end in socket.socketpair())
            self.inherited = (self._theirs.fileno(),)
            self.options = ["-chardev", f"socket,id=debugger,fd={self.inherited[0]}", "-gdb", "chardev:debugger"]
        else:
            self.socket = stack.enter_context(socket.socket())
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # every packet is waited for
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._port = int(probe.getsockname()[1])
            self.options = ["-gdb", f"tcp:127.0.0.1:{self._port}"]

    def connect(self) -> None:
        """Wait until QEMU listens. Raises OSError when it does not, or has ended."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while self._port:
            try:
                self.socket.connect(("127.0.0.1", self._port))
                return
            except OSError:
                if self._ended or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def hang_up(self) -> None:
        """Called when QEMU has ended: the other end reads the rest and then the end of the connection."""
        self._ended = True
        if self._theirs is not None:
            self._theirs.close()


class _Driver:
    """Speaks the remote serial protocol: sets the breakpoints, and notes where the firmware stops."""

    def __init__(self, link: _Link, addresses: Sequence[int]) -> None:
        self.events: list[tuple[int, int]] = []
        self.problem = ""
        self._link = link
        self._addresses = addresses

    def run(self) -> None:
        """Until the firmware ends. A connection that ends early is for ``run_elf`` to explain: QEMU has ended."""
        with contextlib.suppress(OSError, EOFError):
            self._link.connect()
            with self._link.socket.makefile("rwb", buffering=0) as stream:
                self._stream: BinaryIO = stream  # type: ignore[assignment]
                self._drive()

    def _drive(self) -> None:
        self._ask("?")
        for address in self._addresses:
            if self._ask(f"Z0,{address:x},2") != "OK":
                self.problem = "it sets no breakpoints"
        known = frozenset(self._addresses)
        while self._ask("c").startswith("T"):
            while (address := self._program_counter()) in known:
                count = _COUNT.search(self._monitor("info replay"))
                if count is None:
                    self.problem = self.problem or "it does not record executions"
                    break
                self.events.append((address, int(count[1])))
                # A breakpoint would hold the firmware where it is: take it off for one step.
                self._ask(f"z0,{address:x},2")
                stopped = self._ask("s")
                self._ask(f"Z0,{address:x},2")
                if not stopped.startswith("T"):
                    return
            if self.problem:
                for address in self._addresses:
                    self._ask(f"z0,{address:x},2")
                self._ask("c")
                return

    def _program_counter(self) -> int:
        # The general registers come first, 8 hexadecimal digits each, least significant byte first.
        return int.from_bytes(bytes.fromhex(self._ask("g")[15 * 8 : 16 * 8]), "little")

    def _ask(self, command: str) -> str:
        self._send(command)
        return self._receive()

    def _monitor(self, command: str) -> str:
        """What the monitor prints: packets ``O`` with its text in hexadecimal, then ``OK``."""
        self._send(f"qRcmd,{command.encode().hex()}")
        text = ""
        while (packet := self._receive()).startswith("O") and packet != "OK":
            text += bytes.fromhex(packet[1:]).decode("utf-8", "replace")
        return text

    def _send(self, command: str) -> None:
        payload = command.encode()
        self._stream.write(b"$%s#%02x" % (payload, sum(payload) & 0xFF))

    def _byte(self) -> bytes:
        byte = self._stream.read(1)
        if not byte:
            raise EOFError
        return byte

    def _receive(self) -> str:
        while self._byte() != b"$":
            pass
        packet = bytearray()
        while (byte := self._byte()) != b"#":
            packet += byte
        self._byte()
        self._byte()
        self._stream.write(b"+")
        return packet.decode()
