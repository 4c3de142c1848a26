"""Streamed cases: what a kernel gets, what it must leave behind, and their form for the test firmware.

``tests/firmware/stream.h`` describes the stream.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

_BYTE = np.dtype(np.uint8)
_HAS_INITIAL, _HAS_EXPECTED, _UNCHANGED, _IS_FLOAT = 1, 2, 4, 8


@dataclass(frozen=True)
class Pointer:
    """An address: of a byte of a buffer."""

    buffer: int
    offset: int = 0


@dataclass(frozen=True)
class Buffer:
    """Memory of a case. Without ``initial`` it starts with a pattern. Afterwards it must hold ``expected`` in its
    first bytes or, without that, be as it was if ``unchanged``. ``offset``: where it starts in the second pass,
    from a multiple of 16. ``dtype`` is for messages. With a ``tolerance`` the content are floats, which may differ by
    so much.
    """

    label: str
    size: int
    initial: bytes | None = None
    expected: bytes | None = None
    unchanged: bool = False
    offset: int = 0
    dtype: np.dtype[np.generic] = _BYTE
    tolerance: float | None = None

    def __post_init__(self) -> None:
        assert self.initial is None or len(self.initial) == self.size, self.label
        assert self.expected is None or len(self.expected) <= self.size, self.label
        assert self.tolerance is None or (self.dtype == np.float32 and self.expected is not None), self.label

    def encoded(self) -> bytes:
        flags = _UNCHANGED if self.unchanged else 0
        checked = self.size if self.expected is None else len(self.expected)
        flags |= _IS_FLOAT if self.tolerance is not None else 0
        contents = b""
        for flag, content in ((_HAS_INITIAL, self.initial), (_HAS_EXPECTED, self.expected)):
            if content is not None:
                flags |= flag
                contents += content + bytes(-len(content) % 4)
        return struct.pack("<4If", flags, self.size, checked, self.offset, self.tolerance or 0.0) + contents


@dataclass(frozen=True)
class Invocation:
    """One call: arguments are pointers or the bytes of numbers; ``expected`` is the return value, None for any."""

    function: str
    arguments: tuple[Pointer | bytes, ...]
    expected: int | None

    def encoded(self, numbers: dict[str, int]) -> bytes:
        head = (numbers[self.function], self.expected is not None, (self.expected or 0) & 0xFFFFFFFF)
        parts = [struct.pack("<4I", *head, len(self.arguments))]
        for argument in self.arguments:
            if isinstance(argument, Pointer):
                parts.append(struct.pack("<2I", argument.buffer + 1, argument.offset))
            else:
                assert len(argument) <= 4
                parts.append(bytes(4) + argument.ljust(4, b"\0"))
        return b"".join(parts)


@dataclass(frozen=True)
class Case:
    """Buffers, pointers in them (buffer, offset, target) and calls."""

    label: str
    buffers: tuple[Buffer, ...]
    relocations: tuple[tuple[int, int, Pointer], ...]
    calls: tuple[Invocation, ...]

    def encoded(self, numbers: dict[str, int]) -> bytes:
        parts = [struct.pack("<3I", len(self.buffers), len(self.relocations), len(self.calls))]
        parts += [buffer.encoded() for buffer in self.buffers]
        parts += [struct.pack("<4I", b, o, target.buffer, target.offset) for b, o, target in self.relocations]
        parts += [call.encoded(numbers) for call in self.calls]
        body = b"".join(parts)
        return struct.pack("<I", len(body)) + body
