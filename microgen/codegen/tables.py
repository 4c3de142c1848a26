"""Constant tables and parameter structs of a project: one copy of each content, one name for each copy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microgen.codegen.kernels import Field
from microgen.codegen.literals import C_TYPES, array_literals, float_literal, int_literal, wrapped
from microgen.mindir import Array, DType
from microgen.ops.call import Const, FieldValue, Float, Int, Null, Struct

TABLE_ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Table:
    """A ``const`` array of the weights file: ``origin`` is the text, from the model, that says what it is."""

    symbol: str
    ctype: str
    elements: int
    nbytes: int
    origin: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameters:
    """A ``static const`` struct: type, name and the text between the outer braces, field by field."""

    ctype: str
    symbol: str
    fields: tuple[str, ...]


class TablePool:
    """Collects tables; equal content under the same element type is stored once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._tables: dict[tuple[str, bytes], Table] = {}

    def add(self, role: str, origin: str, data: Array) -> Table:
        """The table that holds ``data``; the first ``role`` (part of an identifier) of equal tables names it."""
        key = (str(data.dtype), np.ascontiguousarray(data).tobytes())
        if key not in self._tables:
            symbol = self._unique(f"{self._prefix}_{role}")
            ctype = C_TYPES[DType(str(data.dtype))]
            lines = tuple(wrapped(array_literals(data)))
            self._tables[key] = Table(symbol, ctype, data.size, data.nbytes, origin, lines)
        return self._tables[key]

    def _unique(self, name: str) -> str:
        taken = {table.symbol for table in self._tables.values()}
        return next(n for n in itertools.chain([name], (f"{name}_{i}" for i in itertools.count(2))) if n not in taken)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables in the order of their first use."""
        return tuple(self._tables.values())


class ParameterPool:
    """Collects parameter structs; ``structs`` gives the fields of every struct type that the kernels declare."""

    def __init__(self, structs: Mapping[str, tuple[Field, ...]], tables: TablePool) -> None:
        self._structs = structs
        self._tables = tables
        self._found: dict[tuple[str, tuple[str, ...]], Parameters] = {}
        self._counts: dict[str, int] = {}

    def add(self, owner: str, origin: str, struct: Struct) -> str:
        """The name of a ``static const`` object with these fields.

        ``owner`` starts the names of the tables that it points to, ``origin`` is their description.
        """
        fields = self._initializers(owner, origin, struct)
        key = (struct.ctype, fields)
        if key not in self._found:
            stem = struct.ctype.removeprefix("cmsis_nn_").removeprefix("mg_").removesuffix("_t")
            number = self._counts.get(stem, 0)
            self._counts[stem] = number + 1
            self._found[key] = Parameters(struct.ctype, f"{stem}_{number}", fields)
        return self._found[key].symbol

    @property
    def parameters(self) -> tuple[Parameters, ...]:
        """All structs in the order of their first use."""
        return tuple(self._found.values())

    def _initializers(self, owner: str, origin: str, struct: Struct) -> tuple[str, ...]:
        declared = {field.name: field for field in self._structs[struct.ctype]}
        unknown = [name for name, _ in struct.fields if name not in declared]
        assert not unknown, f"{struct.ctype} has no field {unknown[0]}"
        return tuple(f".{name} = {self._value(owner, origin, declared[name], value)}" for name, value in struct.fields)

    def _value(self, owner: str, origin: str, field: Field, value: FieldValue) -> str:
        match value:
            case Int():
                return int_literal(value.value)
            case Float():
                return float_literal(value.value)
            case Null():
                return "NULL"
            case Const():
                table = self._tables.add(f"{owner}_{value.label}", f"{value.label} of {origin}", value.data)
                return pointer(table, field.ctype)
            case Struct():
                assert value.ctype == field.ctype, f"field {field.name} is a {field.ctype}, not a {value.ctype}"
                return "{" + ", ".join(self._initializers(owner, origin, value)) + "}"
            case tuple():
                assert field.count is not None and len(value) <= field.count, field.name
                return "{" + ", ".join(int_literal(item.value) for item in value) + "}"


def pointer(table: Table, ctype: str) -> str:
    """``table`` as a value of pointer type ``ctype``: with a cast where C demands one.

    CMSIS-NN has pointers to tables that it only reads declared without ``const``.
    """
    if ctype in (f"const {table.ctype} *", "const void *"):
        return table.symbol
    return f"({ctype}){table.symbol}"
