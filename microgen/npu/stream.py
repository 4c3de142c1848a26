"""A command stream as typed commands.

The file starts with ``COP1`` and the driver's actions (configuration, padding, "a stream of n words follows"); then
come the NPU's own commands: a word with the number in its low 10 bits and a parameter in the high 16, followed by a
payload word where bits 14 and 15 say so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar

from microgen.errors import InputError
from microgen.npu.registers import Op, Reg16, Reg48

_MAGIC = b"COP1"
_CONFIG, _STREAM, _NOP = 0x01, 0x02, 0x05
_CODE = 0x03FF
_PAYLOAD = 0x4000
_FLAGS = 0xFC00
_HINT = "Compile the model again"
_Code = TypeVar("_Code", Op, Reg16, Reg48)


class StreamError(InputError):
    """A command stream breaks its format, or asks for what the NPU cannot do (exit code 2)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command at byte ``offset`` of the file; ``payload`` is None where it has none."""

    offset: int
    code: Op | Reg16 | Reg48
    param: int
    payload: int | None = None

    @property
    def where(self) -> str:
        """For messages: what and where in the stream."""
        kind = "OP" if isinstance(self.code, Op) else "SET"
        return f"NPU_{kind}_{self.code.name} at byte {self.offset}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A parsed stream; ``config`` is the CONFIG word that it was compiled for (None where it does not say)."""

    config: int | None
    commands: tuple[Command, ...]


def parse(data: bytes) -> Stream:
    """The commands of ``data``. Raises StreamError for whatever is cut off, unknown or not ended by STOP."""
    if data[:4] != _MAGIC:
        raise StreamError("the command stream does not start with COP1", hint=_HINT)
    if len(data) % 4:
        raise StreamError(f"the command stream has {len(data)} bytes, not whole words", hint=_HINT)
    words = struct.unpack(f"<{len(data) // 4}I", data)
    config: int | None = None
    commands: list[Command] = []
    at = 1
    while at < len(words):
        action = words[at] & 0xFF
        if action == _NOP:
            at += 1
        elif action == _CONFIG:
            if at + 3 > len(words):
                raise StreamError(f"the configuration at byte {4 * at} is cut off", hint=_HINT)
            config = words[at + 1]
            at += 3
        elif action == _STREAM:
            count = words[at] >> 16 | (words[at] >> 8 & 0xFF) << 16
            if at + 1 + count > len(words):
                raise StreamError(f"{count} words are announced at byte {4 * at}, {len(words) - at - 1} follow")
            commands += _commands(words[at + 1 : at + 1 + count], 4 * (at + 1))
            at += 1 + count
        else:
            raise StreamError(f"unknown driver action {action:#04x} at byte {4 * at}", hint=_HINT)
    if not commands or commands[-1].code is not Op.STOP:
        raise StreamError("the command stream does not end with NPU_OP_STOP", hint=_HINT)
    return Stream(config, tuple(commands))


def _commands(words: tuple[int, ...], start: int) -> list[Command]:
    found: list[Command] = []
    at = 0
    while at < len(words):
        word, offset = words[at], start + 4 * at
        number, param, flags = word & _CODE, word >> 16, word & _FLAGS
        if flags == _PAYLOAD:
            if at + 1 >= len(words):
                raise StreamError(f"the payload of command {number:#05x} at byte {offset} is missing", hint=_HINT)
            found.append(Command(offset, _known(Reg48, number, offset), param, words[at + 1]))
            at += 2
        elif flags == 0:
            code = _known(Op, number, offset) if number < Reg16.IFM_PAD_TOP else _known(Reg16, number, offset)
            found.append(Command(offset, code, param))
            at += 1
        else:
            raise StreamError(f"command word {word:#010x} at byte {offset} has reserved bits set", hint=_HINT)
    return found


def _known(kind: type[_Code], number: int, offset: int) -> _Code:
    try:
        return kind(number)
    except ValueError:
        payload = "with" if kind is Reg48 else "without"
        raise StreamError(f"unknown command {number:#05x} {payload} a payload at byte {offset}", hint=_HINT) from None
