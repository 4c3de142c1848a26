"""The NPU of an emulated board: firmware hands over command streams and memory, the simulator carries them out.

The other side, with the format of both pipes, is ``templates/npu/ethosu_driver.c``.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from microgen.errors import DeviceFault, MicrogenError
from microgen.mindir import Array
from microgen.npu.accelerators import ACCELERATORS, Accelerator, accelerator
from microgen.npu.decoder import Decoder
from microgen.npu.memory import Memory
from microgen.npu.simulator import execute
from microgen.npu.stream import StreamError, parse

REQUEST, REPLY = "npu_request", "npu_reply"
_MAGIC = b"MGNP"
_MOST_REGIONS = 3
# What firmware may hand over; far above any memory of a microcontroller.
_MOST_BYTES = 1 << 28
_POISON = 0xA5
_FAILED = struct.pack("<I", 1)


@contextlib.contextmanager
def simulated_npu(folder: Path) -> Iterator[None]:
    """Serves firmware that runs in ``folder`` (its files of the host) until the end of the block.

    Raises DeviceFault behind the block when a command stream could not be executed, ToolMissing without the package
    ethos-u-vela when there was one to execute. On hosts without named pipes there is no NPU.
    """
    if not hasattr(os, "mkfifo"):
        yield
        return
    for name in (REQUEST, REPLY):
        os.mkfifo(folder / name)
    with contextlib.ExitStack() as stack:
        server = _Server(folder, stack)
        try:
            yield
        except MicrogenError as failure:
            server.stop()
            if server.error is not None:
                raise server.failure() from failure
            raise
        finally:
            server.stop()
            for name in (REQUEST, REPLY):
                (folder / name).unlink(missing_ok=True)
        if server.error is not None:
            raise server.failure()


class _Stopped(Exception):
    """The firmware has ended."""


class _Server:
    """A thread between both pipes; ``error`` is what made it fail a request."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.error: MicrogenError | None = None
        # Opened for both directions: neither waits for the firmware then, nor ends when it does.
        flags = os.O_RDWR | os.O_NONBLOCK
        self._request, self._reply = (os.open(folder / name, flags) for name in (REQUEST, REPLY))
        self._wake, self._waker = os.pipe()
        for descriptor in (self._request, self._reply, self._wake, self._waker):
            stack.callback(os.close, descriptor)
        self._decoder = stack.enter_context(Decoder())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; nothing is served from here on."""
        if self._thread.is_alive():
            os.write(self._waker, b"x")
            self._thread.join()

    def failure(self) -> MicrogenError:
        """What to tell of ``error``."""
        assert self.error is not None
        if isinstance(self.error, StreamError):
            return DeviceFault(f"the simulated NPU stopped: {self.error}")
        return self.error

    def _serve(self) -> None:
        stopped = False
        try:
            while True:
                self._write(self._answer())
        except _Stopped:
            stopped = True
        finally:
            if not stopped:  # a bug of ours: the firmware must not wait for ever
                self._write(_FAILED)

    def _answer(self) -> bytes:
        try:
            magic, length, count = struct.unpack("<4sII", self._read(12))
            if magic != _MAGIC or count > _MOST_REGIONS:
                raise StreamError("the firmware's request has another format")
            sizes = struct.unpack(f"<{count}I", self._read(4 * count))
            if length + sum(sizes) > _MOST_BYTES:
                raise StreamError(f"the firmware hands over {length + sum(sizes):,} bytes")
            payload = self._read(length)
            before = [np.frombuffer(self._read(size), np.uint8) for size in sizes]
            return b"".join([struct.pack("<I", 0), *_changes(before, run(payload, before, self._decoder))])
        except MicrogenError as error:
            self.error = self.error or error
            return _FAILED

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait([self._request], [])
            with contextlib.suppress(BlockingIOError):
                parts += os.read(self._request, size - len(parts))
        return bytes(parts)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait([], [self._reply])
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._reply, view) :]

    def _wait(self, readable: list[int], writable: list[int]) -> None:
        if self._wake in select.select([*readable, self._wake], writable, [])[0]:
            raise _Stopped


def run(payload: bytes, regions: Sequence[Array], decoder: Decoder) -> list[Array]:
    """The content of ``regions`` (bytes) after the NPU has carried out ``payload``, which names its configuration.

    Raises StreamError as ``simulate`` does.
    """
    stream = parse(payload)
    target = _target(stream.config)
    memory = {index: region[None].copy() for index, region in enumerate(regions)}
    shram = np.full((1, target.shram_bytes), _POISON, np.uint8)
    execute(stream, Memory(memory, shram, frozenset()), decoder, target)
    return [memory[index][0] for index in range(len(regions))]


def _target(config: int | None) -> Accelerator:
    for name in ACCELERATORS:
        if accelerator(name).config_word == config:
            return accelerator(name)
    raise StreamError("the command stream is for no accelerator that can be simulated")


def _changes(before: Sequence[Array], after: Sequence[Array]) -> Iterator[bytes]:
    for old, new in zip(before, after, strict=True):
        where = np.flatnonzero(old != new)
        start, stop = (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)
        yield struct.pack("<II", start, stop - start) + new[start:stop].tobytes()
