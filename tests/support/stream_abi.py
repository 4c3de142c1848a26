"""How parameter structs lie in memory, on the host and on Arm, from the fields that the kernels' headers declare."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from microgen.codegen.kernels import Field

_SCALARS = {
    "int8_t": "b",
    "uint8_t": "B",
    "bool": "B",
    "int16_t": "h",
    "uint16_t": "H",
    "int32_t": "i",
    "uint32_t": "I",
    "int": "i",
    "float": "f",
}


@dataclass(frozen=True)
class Abi:
    """Sizes that differ between machines; all are little endian, with natural alignment. Enumerations are as
    small as they can be on bare-metal Arm and ints elsewhere.
    """

    pointer: int
    enum: str

    def __post_init__(self) -> None:
        assert self.pointer in (4, 8)


HOST = Abi(struct.calcsize("P"), "i")
ARM = Abi(4, "B")

Structs = Mapping[str, tuple[Field, ...]]


def scalar_format(ctype: str, abi: Abi) -> str:
    """The ``struct`` format of a number of that type; ``P`` for a pointer."""
    return "P" if ctype.endswith("*") else _SCALARS.get(ctype, abi.enum)


def pack_scalar(ctype: str, value: float, abi: Abi) -> bytes:
    """A number of a C type in memory; an assertion fails where the type cannot hold it."""
    kind = scalar_format(ctype, abi)
    assert kind != "P", f"{ctype} cannot hold {value}"
    try:
        return struct.pack("<" + kind, value)
    except struct.error as error:
        raise AssertionError(f"{ctype} cannot hold {value}") from error


def size_and_alignment(ctype: str, structs: Structs, abi: Abi) -> tuple[int, int]:
    """sizeof and alignof of a type."""
    if ctype in structs:
        fields = list(layout(ctype, structs, abi))
        alignment = max(a for _, _, _, a in fields)
        _, offset, size, _ = fields[-1]
        return -(-(offset + size) // alignment) * alignment, alignment
    kind = scalar_format(ctype, abi)
    size = abi.pointer if kind == "P" else struct.calcsize("<" + kind)
    return size, size


def layout(ctype: str, structs: Structs, abi: Abi) -> Iterator[tuple[Field, int, int, int]]:
    """Each field of a struct with its offset, its size (of the whole array) and its alignment."""
    offset = 0
    for field in structs[ctype]:
        size, alignment = size_and_alignment(field.ctype, structs, abi)
        offset = -(-offset // alignment) * alignment
        yield field, offset, size * (field.count or 1), alignment
        offset += size * (field.count or 1)
