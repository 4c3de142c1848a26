"""The FlatBuffers reader against buffers that the ``flatbuffers`` package wrote, and against damaged ones."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest

from microgen.errors import InputError
from microgen.frontends import flatbuffer
from microgen.frontends.flatbuffer import Table
from microgen.frontends.tflite_schema import Field, layout, names

_IDENTIFIER = b"TEST"
_NUMBERS = {
    "bool": ("Bool", True),
    "int8": ("Int8", -100),
    "uint8": ("Uint8", 200),
    "int16": ("Int16", -30000),
    "uint16": ("Uint16", 60000),
    "int32": ("Int32", -(2**31)),
    "uint32": ("Uint32", 2**32 - 1),
    "int64": ("Int64", -(2**63)),
    "uint64": ("Uint64", 2**64 - 1),
    "float32": ("Float32", 0.15625),
    "float64": ("Float64", 1e300),
}
_TEXT, _VECTOR, _BYTES, _CHILD, _CHILDREN, _ABSENT = range(11, 17)


def _sample() -> bytes:
    """One table with a number of every type, a string, vectors and children."""
    builder = flatbuffers.Builder(0)
    children = []
    for number in (5, 6):
        builder.StartObject(1)
        builder.PrependInt32Slot(0, number, 0)
        children.append(builder.EndObject())
    builder.StartVector(4, 2, 4)
    for child in reversed(children):
        builder.PrependUOffsetTRelative(child)
    child_vector = builder.EndVector()
    text = builder.CreateString("größer */")
    vector = builder.CreateNumpyVector(np.array([1.5, -2.0, 3.25], np.float32))
    data = builder.CreateByteVector(bytes(range(9)))
    builder.StartObject(17)
    for slot, (kind, value) in enumerate(_NUMBERS.values()):
        getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    for slot, offset in ((_TEXT, text), (_VECTOR, vector), (_BYTES, data), (_CHILDREN, child_vector)):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.PrependUOffsetTRelativeSlot(_CHILD, children[0], 0)
    builder.Finish(builder.EndObject(), _IDENTIFIER)
    return bytes(builder.Output())


def _read_everything(data: bytes) -> None:
    table = flatbuffer.root(data, _IDENTIFIER)
    for slot, kind in enumerate(_NUMBERS):
        table.scalar(slot, kind, 0, kind)
    table.string(_TEXT, "text")
    table.vector(_VECTOR, "float32", "vector").sum()
    table.vector(_BYTES, "uint8", "bytes").sum()
    for child in [table.table(_CHILD, "child"), *table.tables(_CHILDREN, "children")]:
        if child is not None:
            child.scalar(0, "int32", 0, "number")


def test_reads_what_the_package_writes() -> None:
    table = flatbuffer.root(_sample(), _IDENTIFIER)
    for slot, (kind, (_, value)) in enumerate(_NUMBERS.items()):
        assert table.has(slot)
        assert table.scalar(slot, kind, 0, kind) == value
    assert table.string(_TEXT, "text") == "größer */"
    assert table.vector(_VECTOR, "float32", "vector").tolist() == [1.5, -2.0, 3.25]
    assert table.vector(_BYTES, "uint8", "bytes").tolist() == list(range(9))
    assert [t.scalar(0, "int32", 0, "number") for t in table.tables(_CHILDREN, "children")] == [5, 6]
    child = table.table(_CHILD, "child")
    assert child is not None
    assert child.scalar(0, "int32", 0, "number") == 5
    assert child.path == "child"


def test_absent_fields_give_defaults() -> None:
    table = flatbuffer.root(_sample(), _IDENTIFIER)
    for slot in (_ABSENT, 200):
        assert not table.has(slot)
        assert table.scalar(slot, "int32", 7, "x") == 7
        assert table.table(slot, "x") is None
        assert table.tables(slot, "x") == []
        assert table.string(slot, "x") == ""
        assert table.vector(slot, "int64", "x").size == 0


def test_vectors_are_read_only_views() -> None:
    data = _sample()
    vector = flatbuffer.root(data, _IDENTIFIER).vector(_BYTES, "uint8", "bytes")
    assert np.shares_memory(vector, np.frombuffer(data, np.uint8))
    assert not vector.flags.writeable


def test_errors_say_where() -> None:
    data = bytearray(_sample())
    table = flatbuffer.root(bytes(data), _IDENTIFIER)
    children = table.tables(_CHILDREN, "children")
    struct.pack_into("<i", data, children[1].position, 2**30)
    with pytest.raises(InputError) as error:
        flatbuffer.root(bytes(data), _IDENTIFIER).tables(_CHILDREN, "children")
    assert error.value.where == "children[1]"
    assert "outside of the file" in error.value.what


@pytest.mark.parametrize("length", range(len(_sample())))
def test_every_truncation_is_an_input_error(length: int) -> None:
    with pytest.raises(InputError):
        _read_everything(_sample()[:length])


def test_every_damaged_word_is_read_or_refused() -> None:
    data = _sample()
    refused = 0
    for at in range(len(data) - 3):
        for word in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(data) - at, len(data) - at - 4):
            damaged = bytearray(data)
            struct.pack_into("<I", damaged, at, word)
            try:
                _read_everything(bytes(damaged))
            except InputError:
                refused += 1
    assert refused > 200


def test_wrong_identifier() -> None:
    with pytest.raises(InputError, match="TFL3"):
        flatbuffer.root(_sample(), b"TFL3")


def test_text_that_is_not_utf8_is_replaced() -> None:
    data = _sample().replace("größer".encode(), b"gr\xff\xfe\xffser!")
    assert flatbuffer.root(data, _IDENTIFIER).string(_TEXT, "text").startswith("gr\ufffd")


def test_shared_tables_cannot_multiply_without_end() -> None:
    builder = flatbuffers.Builder(0)
    builder.StartObject(1)
    table = builder.EndObject()
    for _ in range(4):  # 2000^4 paths in 32 KB
        builder.StartVector(4, 2000, 4)
        for _ in range(2000):
            builder.PrependUOffsetTRelative(table)
        vector = builder.EndVector()
        builder.StartObject(1)
        builder.PrependUOffsetTRelativeSlot(0, vector, 0)
        table = builder.EndObject()
    builder.Finish(table, _IDENTIFIER)

    def walk(table: Table) -> int:
        return 1 + sum(walk(child) for child in table.tables(0, "children"))

    with pytest.raises(InputError, match="without end"):
        walk(flatbuffer.root(bytes(builder.Output()), _IDENTIFIER))


def test_layout_is_that_of_the_schema() -> None:
    assert layout("Conv2DOptions")["StrideH"] == Field(slot=2, kind="int32", default=0)
    assert layout("Conv2DOptions")["DilationWFactor"] == Field(slot=4, kind="int32", default=1)
    assert layout("LeakyReluOptions") == {"Alpha": Field(slot=0, kind="float32", default=0.0)}
    assert layout("QuantizationParameters")["ZeroPoint"] == Field(slot=3, kind=None, items="int64")
    assert layout("Buffer")["Data"] == Field(slot=0, kind=None, items="uint8")
    assert layout("Tensor")["IsVariable"] == Field(slot=5, kind="bool", default=False)
    assert layout("PadOptions") == {}
    assert names("BuiltinOperator")[3] == "CONV_2D"
    assert names("TensorType")[9] == "INT8"
