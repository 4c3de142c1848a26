"""The command stream of the NPU: what is parsed, and what is refused before anything runs."""

from __future__ import annotations

import struct

import pytest

from microgen.errors import UsageError
from microgen.npu import ACCELERATORS
from microgen.npu.accelerators import accelerator
from microgen.npu.registers import Op, Reg16, Reg48
from microgen.npu.stream import StreamError, parse

STOP = 0xFFFF0000


def file_of(*words: int, config: int | None = 0x1807) -> bytes:
    """A stream of these command words, with the driver's actions in front."""
    actions = [] if config is None else [0x0010_0001, config, 0x1006_6001, 5, 5]
    return b"COP1" + struct.pack(f"<{len(actions) + 1 + len(words)}I", *actions, len(words) << 16 | 2, *words)


def test_commands_with_and_without_payload() -> None:
    stream = parse(file_of(0x0003_0104, 0x0001_4000, 0xFFFF_FFF0, 0x0001_0006, STOP))
    assert stream.config == 0x1807
    depth, base, add, stop = stream.commands
    assert (depth.code, depth.param, depth.payload) == (Reg16.IFM_DEPTH_M1, 3, None)
    assert (base.code, base.param, base.payload) == (Reg48.IFM_BASE0, 1, 0xFFFF_FFF0)
    assert (add.code, add.param, stop.code) == (Op.ELEMENTWISE, 1, Op.STOP)
    assert depth.offset == 28 and depth.where == "NPU_SET_IFM_DEPTH_M1 at byte 28"
    assert add.where == "NPU_OP_ELEMENTWISE at byte 40"


def test_a_long_stream_has_its_length_in_two_parts() -> None:
    words = [0x0003_0104] * 0x1_2345
    data = b"COP1" + struct.pack(f"<{len(words) + 2}I", 0x2346_0102, *words, STOP)
    assert len(parse(data).commands) == 0x1_2346


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not start with COP1"),
        (b"COP2" + bytes(8), "does not start with COP1"),
        (b"COP1\0", "not whole words"),
        (b"COP1", "does not end with NPU_OP_STOP"),
        (b"COP1" + struct.pack("<I", 0x0010_0001), "the configuration at byte 4 is cut off"),
        (b"COP1" + struct.pack("<I", 0x7F), "unknown driver action 0x7f at byte 4"),
        (b"COP1" + struct.pack("<2I", 0x0005_0002, STOP), "5 words are announced at byte 4, 1 follow"),
        (file_of(), "does not end"),
        (file_of(0x0003_0104), "does not end"),
        (file_of(0x0000_0004, STOP), "unknown command 0x004 without a payload at byte 28"),
        (file_of(0x0000_0106, STOP), "unknown command 0x106 without a payload at byte 28"),
        (file_of(0x0000_4007, 0, STOP), "unknown command 0x007 with a payload at byte 28"),
        (file_of(0x0000_4000), "the payload of command 0x000 at byte 28 is missing"),
        (file_of(0x0000_8104, STOP), "reserved bits"),
        (file_of(0x0000_0504, STOP), "reserved bits"),
    ],
)
def test_damaged_streams_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        parse(data)


def test_accelerators() -> None:
    assert len(ACCELERATORS) == 6
    # CONFIG as Vela writes it into its streams.
    words = {
        "ethos-u55-32": 0x1005,
        "ethos-u55-128": 0x1807,
        "ethos-u65-256": 0x1000_3008,
        "ethos-u65-512": 0x1000_6009,
    }
    for name, word in words.items():
        assert accelerator(name).config_word == word
    with pytest.raises(UsageError, match="ethos-u85-256") as refusal:
        accelerator("ethos-u85-256")
    assert "ethos-u55-128" in refusal.value.hint
