"""The schema of .tflite files, learned from the ``tflite`` package: no field number is written down here.

The package's builder functions are called with a stand-in that records which slot, type and default they use;
its accessors tell the element types of vectors.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from microgen.frontends.flatbuffer import Scalar, Table, Vector
from microgen.ops.tflite_form import Option

_PREPEND, _SLOT = "Prepend", "Slot"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table: its slot, and for a number its type (NumPy's name) and default.

    For a vector of numbers ``items`` is the element type; ``kind`` is None for everything reached by an offset.
    """

    slot: int
    kind: str | None
    default: Scalar = 0
    items: str | None = None


class _BuilderProbe:
    """Stands in for flatbuffers' Builder: remembers the one ``Prepend…Slot`` call."""

    field: Field | None = None

    def __getattr__(self, name: str) -> Any:
        def record(slot: int, _value: object, default: Scalar) -> None:
            kind = name.removeprefix(_PREPEND).removesuffix(_SLOT).lower()
            if kind == "uoffsettrelative":
                self.field = Field(slot, None)
            else:
                self.field = Field(slot, kind, bool(default) if kind == "bool" else default)

        if not (name.startswith(_PREPEND) and name.endswith(_SLOT)):
            raise AttributeError(name)
        return record


class _TableProbe:
    """Stands in for flatbuffers' Table: every field is present; remembers the element type that is asked for."""

    items: str | None = None

    def Offset(self, _entry: int) -> int:  # noqa: N802 - the name in flatbuffers
        return 4

    def GetVectorAsNumpy(self, flags: Any, _offset: int) -> None:  # noqa: N802 - the name in flatbuffers
        self.items = flags.name


@functools.cache
def layout(table: str) -> dict[str, Field]:
    """The fields of ``table`` (``"Conv2DOptions"``) by the name in the package's accessors (``"StrideW"``)."""
    module = importlib.import_module(f"tflite.{table}")
    prefix = f"{table}Add"
    fields = {}
    for name, function in vars(module).items():
        if not name.startswith(prefix):
            continue
        probe = _BuilderProbe()
        function(probe, 0)
        assert probe.field is not None, name
        fields[name.removeprefix(prefix)] = _with_items(module, table, name.removeprefix(prefix), probe.field)
    return fields


def _with_items(module: ModuleType, table: str, name: str, field: Field) -> Field:
    accessor = getattr(getattr(module, table), f"{name}AsNumpy", None)
    if accessor is None:
        return field
    probe = _TableProbe()
    reader = getattr(module, table)()
    reader._tab = probe
    accessor(reader)
    return Field(field.slot, None, 0, probe.items)


@functools.cache
def names(enumeration: str) -> dict[int, str]:
    """The names of an enumeration (``"BuiltinOperator"``) by number."""
    import tflite

    members = vars(getattr(tflite, enumeration)).items()
    return {number: name for name, number in members if isinstance(number, int)}


class Record:
    """A table with its schema: fields by name. Errors as ``flatbuffer.Table`` raises them."""

    __slots__ = ("_layout", "_table")

    def __init__(self, table: Table, schema: str) -> None:
        self._table = table
        self._layout = layout(schema)

    @property
    def path(self) -> str:
        """Where the table stands in the file."""
        return self._table.path

    def has(self, name: str) -> bool:
        """Whether the field is present."""
        return self._table.has(self._layout[name].slot)

    def number(self, name: str) -> Scalar:
        """A number, its default when absent."""
        field = self._layout[name]
        assert field.kind is not None, name
        return self._table.scalar(field.slot, field.kind, field.default, name)

    def integer(self, name: str) -> int:
        """An integer, its default when absent."""
        return int(self.number(name))

    def vector(self, name: str) -> Vector:
        """A vector of numbers, empty when absent."""
        field = self._layout[name]
        assert field.items is not None, name
        return self._table.vector(field.slot, field.items, name)

    def text(self, name: str) -> str:
        """A string, empty when absent."""
        return self._table.string(self._layout[name].slot, name)

    def child(self, name: str, schema: str) -> Record | None:
        """A child table, None when absent."""
        table = self._table.table(self._layout[name].slot, name)
        return None if table is None else Record(table, schema)

    def children(self, name: str, schema: str) -> list[Record]:
        """A vector of child tables, empty when absent."""
        return [Record(table, schema) for table in self._table.tables(self._layout[name].slot, name)]


class Options:
    """An operator's options table, present or not: what ``TFLiteSource.option`` asks."""

    def __init__(self, schema: str | None, record: Record | None) -> None:
        self._layout = layout(schema) if schema is not None else {}
        self._record = record

    def __call__(self, name: str) -> Option:
        """The field ``name``: a number, or a tuple for a vector. Raises InputError for damaged data."""
        field = self._layout[name]
        if field.kind is not None:
            return field.default if self._record is None else self._record.number(name)
        return () if self._record is None else tuple(self._record.vector(name).tolist())
