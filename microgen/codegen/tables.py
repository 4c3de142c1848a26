"""Constant tables and parameter structs of a project: one copy of each content, one name for each copy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from microgen.codegen.kernels import Field
from microgen.codegen.literals import C_TYPES, array_literals, float_literal, int_literal, wrapped
from microgen.mindir import Array, DType
from microgen.ops.call import Const, FieldValue, Float, Int, Null, Struct
from microgen.placement import Placement

TABLE_ALIGNMENT = 16

TABLE_SECTION = ".rodata.mg_weights_"
"""With the region's name behind it, the section of tables that lie apart from the other weights."""


@dataclass(frozen=True, slots=True)
class Table:
    """A ``const`` array of the weights file: ``origin`` is the text, from the model, that says what it is; ``layers``
    names the layers that read it.
    """

    symbol: str
    ctype: str
    data: Array = field(repr=False, compare=False)
    origin: str
    layers: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        """Its length."""
        return self.data.size

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.data.nbytes

    @property
    def lines(self) -> tuple[str, ...]:
        """The text between the braces of its definition."""
        return tuple(wrapped(array_literals(self.data)))

    @property
    def names(self) -> tuple[str, ...]:
        """What a user can call it: its layers, the text that says what it is, the symbol."""
        return (*self.layers, self.origin, self.symbol)


@dataclass(frozen=True, slots=True)
class SectionMacro:
    """A macro of the weights file that puts a table into ``section``, which the linker places into ``region``."""

    name: str
    section: str
    region: str


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
        self._layer: tuple[str, ...] = ()

    def begin(self, layer: str | None) -> None:
        """What is added from here on belongs to the layer of that name; to none of them with None."""
        self._layer = () if layer is None else (layer,)

    def add(self, role: str, origin: str, data: Array) -> Table:
        """The table that holds ``data``; the first ``role`` (part of an identifier) of equal tables names it."""
        key = (str(data.dtype), np.ascontiguousarray(data).tobytes())
        if key not in self._tables:
            symbol = self._unique(f"{self._prefix}_{role}")
            ctype = C_TYPES[DType(str(data.dtype))]
            self._tables[key] = Table(symbol, ctype, data, origin)
        table = self._tables[key]
        layers = dict.fromkeys((*table.layers, *self._layer))
        self._tables[key] = replace(table, layers=tuple(layers))
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


def section_macros(
    prefix: str, tables: Iterable[Table], placement: Placement
) -> tuple[tuple[SectionMacro, ...], dict[str, SectionMacro]]:
    """The macros for tables that do not lie with the other weights, and each such table's macro by its symbol."""
    macros: dict[str, SectionMacro] = {}
    of_table: dict[str, SectionMacro] = {}
    for table in tables:
        region = placement.region_of(*table.names).name
        if region != placement["weights"].name:
            macro = SectionMacro(f"{prefix.upper()}_IN_{region.upper()}", f"{TABLE_SECTION}{region}", region)
            of_table[table.symbol] = macros.setdefault(region, macro)
    return tuple(macros.values()), of_table


def pointer(table: Table, ctype: str) -> str:
    """``table`` as a value of pointer type ``ctype``: with a cast where C demands one.

    CMSIS-NN has pointers to tables that it only reads declared without ``const``.
    """
    if ctype in (f"const {table.ctype} *", "const void *"):
        return table.symbol
    return f"({ctype}){table.symbol}"
