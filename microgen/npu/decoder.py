"""Weight streams to weights, by Vela's own decoder in a child process."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from microgen.errors import ToolMissing
from microgen.mindir import Array
from microgen.npu.stream import StreamError

_PROGRAM = Path(__file__).parent / "child" / "decode.py"
# A child that is stuck is ended after this; the largest layers take well under a second.
_SECONDS = 60.0


def check_installed() -> None:
    """Raises ToolMissing unless the package ``ethos-u-vela`` is installed."""
    if find_spec("ethosu") is None:
        raise ToolMissing("the package ethos-u-vela is not installed", hint='pip install "microgen[npu]"')


class Decoder:
    """Decodes, and remembers what it has decoded. A context manager: leaving it ends the child."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._known: dict[bytes, Array] = {}

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def decode(self, encoded: bytes) -> Array:
        """The weights (int16, in the order of the stream).

        Raises StreamError for a stream that is damaged, ToolMissing without the package ethos-u-vela.
        """
        if encoded not in self._known:
            self._known[encoded] = self._ask(encoded)
        return self._known[encoded]

    def _ask(self, encoded: bytes) -> Array:
        if self._child is None:
            check_installed()
            self._child = subprocess.Popen(
                [sys.executable, str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        child = self._child
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        timer = threading.Timer(_SECONDS, child.kill)
        timer.start()
        try:
            child.stdin.write(struct.pack("<I", len(encoded)) + encoded)
            child.stdin.flush()
            header = child.stdout.read(4)
            count = struct.unpack("<I", header)[0] if len(header) == 4 else -1
            data = child.stdout.read(2 * count) if count >= 0 else b""
        except BrokenPipeError:
            count, data = -1, b""
        finally:
            timer.cancel()
        if count < 0 or len(data) != 2 * count:
            said = child.stderr.read(500).decode(errors="replace").strip().splitlines() or ["no answer"]
            self._end()
            raise StreamError(f"{len(encoded)} bytes of weights cannot be decoded ({said[-1]})")
        return np.frombuffer(data, "<i2")

    def _end(self) -> None:
        if self._child is not None:
            with self._child as child:  # closes the pipes and waits
                child.kill()
            self._child = None
