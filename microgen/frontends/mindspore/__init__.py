"""MindSpore: a .mindir file to MindIR, the graph in memory. docs/mindspore.md says what is read.

Files are protobuf, as ONNX files are; ``recognizes`` tells them apart by the kind of the first fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microgen.errors import InputError
from microgen.frontends.mindspore import schema
from microgen.frontends.mindspore.importer import Importer
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph

SUFFIXES = (".mindir",)
CHANNELS_FIRST = True

_PRODUCER = b"MindSpore"
_VARINT, _BYTES = 0, 2
_HINT = "Give a .mindir file as mindspore.export(…, file_format='MINDIR') writes it, not an encrypted one"
#: Field numbers of a model and their kinds on the wire. ONNX has a number where MindSpore has the text of field 1.
_FIELDS = {**dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12), _BYTES), 10: _VARINT, 13: _VARINT}
_IR_VERSION, _PRODUCER_NAME, _GRAPH = 1, 2, 7


def recognizes(data: bytes) -> bool:
    """Whether ``data`` starts as a .mindir file does: MindSpore wrote it, or it has a version as text and a graph."""
    seen = set()
    for field, kind, payload in _fields(data):
        if _FIELDS.get(field) != kind:
            return False
        if field == _PRODUCER_NAME and payload == _PRODUCER:
            return True
        seen.add(field)
    return {_IR_VERSION, _GRAPH} <= seen


def load(source: bytes | str | Path, name: str | None = None, options: ImportOptions = ImportOptions()) -> Graph:
    """A .mindir file, given by its bytes or path, as a verified graph with images in [N, C, H, W].

    ``name`` names the graph (default: the file's stem). Raises InputError for data that is damaged or contradicts
    itself, and UnsupportedError with one line for every layer that microgen does not have.
    """
    folder = options.folder
    if not isinstance(source, bytes):
        path = Path(source)
        name, folder = name or path.stem, folder or path.parent
        try:
            source = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    return Importer(_parsed(source), options, folder).graph(name or "model")


def _parsed(data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    model = schema.new("Model")
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError("is no MindSpore model, or a damaged one", hint=_HINT) from None
    if not model.HasField("graph"):
        raise InputError("holds no graph", hint=_HINT)
    if model.HasField("little_endian") and not model.little_endian:
        raise InputError("was written on a big-endian machine", hint="Export it on a little-endian one")
    return model


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(number, kind, start of the payload) of the message's fields, up to the end or to what is no protobuf."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
            yield field, kind, b""
        elif kind == _BYTES:
            length, at = _varint(data, at)
            yield field, kind, data[at : at + min(length, len(_PRODUCER) + 1)]
            at += length
        else:
            yield field, kind, b""
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends); 0 at the end of the data."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return 0, len(data)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, at
