"""A bounds-checked reader of FlatBuffers: nothing outside of the buffer is ever read, whatever the bytes say.

The format (FlatBuffers "Internals" document): the buffer starts with a 32-bit offset to the root table and an
optional 4-byte identifier. A table starts with a signed 32-bit distance back to its vtable; the vtable holds two
16-bit sizes (its own and the table's) and one 16-bit position for each field, 0 for an absent one. Strings,
vectors and child tables are reached by unsigned 32-bit offsets relative to the place where they stand, so that
they lie after it: walking down always ends. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError

_SCALARS = {
    "bool": struct.Struct("<?"),
    "int8": struct.Struct("<b"),
    "uint8": struct.Struct("<B"),
    "int16": struct.Struct("<h"),
    "uint16": struct.Struct("<H"),
    "int32": struct.Struct("<i"),
    "uint32": struct.Struct("<I"),
    "int64": struct.Struct("<q"),
    "uint64": struct.Struct("<Q"),
    "float32": struct.Struct("<f"),
    "float64": struct.Struct("<d"),
}
_HINT = "The file is damaged or incomplete"

Scalar = int | float | bool
Vector = NDArray[Any]


class Buffer:
    """The bytes of one file, with a budget for what is read from them.

    Offsets of several places may lead to the same table, so that a small file can describe a huge tree; the
    budget of four times the file's size, which no writer's output comes near, ends such a walk.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self._budget = 4 * self.size + (1 << 16)

    def spend(self, count: int, path: str) -> None:
        """Account for ``count`` bytes that are turned into objects; InputError when they exceed the budget."""
        self._budget -= count
        if self._budget < 0:
            raise damaged("parts of the file refer to each other without end", path)

    def number(self, kind: str, at: int, path: str) -> Any:
        """The scalar at position ``at``."""
        scalar = _SCALARS[kind]
        if not 0 <= at <= self.size - scalar.size:
            raise damaged(f"position {at} lies outside of the file's {self.size} bytes", path)
        return scalar.unpack_from(self.data, at)[0]

    def target(self, at: int, path: str) -> int:
        """Where the offset at position ``at`` leads."""
        distance: int = self.number("uint32", at, path)
        if distance == 0 or at + distance > self.size - 4:
            raise damaged(f"offset {distance} at position {at} leads outside of the file", path)
        return at + distance

    def extent(self, at: int, width: int, path: str) -> tuple[int, int]:
        """(number of elements, position of the first) of the vector that the offset at ``at`` leads to."""
        start = self.target(at, path)
        count: int = self.number("uint32", start, path)
        if count * width > self.size - start - 4:
            raise damaged(f"{count} elements of {width} bytes do not fit into the file", path)
        return count, start + 4


class Table:
    """One table; fields are named by slot, their order in the schema.

    ``path`` says where the table stands in the file (``Subgraphs[0].Operators[3]``). Every method raises
    InputError when the data does not lie inside of the file; an absent field gives its default.
    """

    __slots__ = ("_size", "_vtable", "_vtable_size", "buffer", "path", "position")

    def __init__(self, buffer: Buffer, position: int, path: str) -> None:
        self.buffer = buffer
        self.position = position
        self.path = path
        self._vtable = position - buffer.number("int32", position, path)
        self._vtable_size: int = buffer.number("uint16", self._vtable, path)
        self._size: int = buffer.number("uint16", self._vtable + 2, path)
        if self._vtable_size < 4 or self._vtable + self._vtable_size > buffer.size:
            raise damaged(f"a field table of {self._vtable_size} bytes at position {self._vtable}", path)
        if self._size < 4 or position + self._size > buffer.size:
            raise damaged(f"a table of {self._size} bytes at position {position}", path)

    def _at(self, slot: int, width: int, name: str) -> int | None:
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_size:
            return None
        offset: int = self.buffer.number("uint16", self._vtable + entry, self.path)
        if offset == 0:
            return None
        if offset < 4 or offset + width > self._size:
            raise damaged(f"the field lies {offset} bytes into a table of {self._size}", self.child_path(name))
        return self.position + offset

    def child_path(self, name: str) -> str:
        """The path of field ``name``."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, slot: int) -> bool:
        """Whether the field is present."""
        return self._at(slot, 1, "") is not None

    def scalar(self, slot: int, kind: str, default: Scalar, name: str) -> Scalar:
        """A number; ``kind`` is NumPy's name of its type."""
        at = self._at(slot, _SCALARS[kind].size, name)
        if at is None:
            return default
        value: Scalar = self.buffer.number(kind, at, self.path)
        return value

    def table(self, slot: int, name: str) -> Table | None:
        """A child table, None when absent."""
        at = self._at(slot, 4, name)
        if at is None:
            return None
        path = self.child_path(name)
        self.buffer.spend(4, path)
        return Table(self.buffer, self.buffer.target(at, path), path)

    def tables(self, slot: int, name: str) -> list[Table]:
        """A vector of child tables."""
        at = self._at(slot, 4, name)
        if at is None:
            return []
        path = self.child_path(name)
        count, start = self.buffer.extent(at, 4, path)
        self.buffer.spend(4 * count, path)
        result = []
        for index in range(count):
            where = f"{path}[{index}]"
            result.append(Table(self.buffer, self.buffer.target(start + 4 * index, where), where))
        return result

    def vector(self, slot: int, kind: str, name: str) -> Vector:
        """A vector of numbers as a read-only view into the file; empty when absent."""
        at = self._at(slot, 4, name)
        dtype = np.dtype(kind).newbyteorder("<")
        if at is None:
            return np.empty(0, dtype)
        path = self.child_path(name)
        count, start = self.buffer.extent(at, dtype.itemsize, path)
        if dtype.itemsize > 1:  # bytes are weights: they stay a view and cost nothing
            self.buffer.spend(count * dtype.itemsize, path)
        return np.frombuffer(self.buffer.data, dtype, count, start)

    def string(self, slot: int, name: str) -> str:
        """A string, empty when absent; bytes that are not UTF-8 are replaced."""
        at = self._at(slot, 4, name)
        if at is None:
            return ""
        path = self.child_path(name)
        count, start = self.buffer.extent(at, 1, path)
        self.buffer.spend(count, path)
        return self.buffer.data[start : start + count].decode("utf-8", errors="replace")


def root(data: bytes, identifier: bytes) -> Table:
    """The root table of ``data``; InputError unless the file carries the 4-byte ``identifier``."""
    buffer = Buffer(data)
    if buffer.size < 8 or data[4:8] != identifier:
        raise InputError(f"the identifier {identifier.decode()} is missing at byte 4", hint=_HINT)
    return Table(buffer, buffer.target(0, ""), "")


def damaged(what: str, path: str) -> InputError:
    """The error for bytes that break the format at ``path``."""
    return InputError(what, where=path, hint=_HINT)
