"""Literals of a .mindir file: tensors and attribute values as NumPy arrays and Python values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from microgen.errors import InputError, VerifyError, one_line
from microgen.frontends.mindspore import schema
from microgen.mindir import Array
from microgen.mindir.types import MAX_RANK, MAX_TENSOR_BYTES

#: What a constant or an attribute holds: monads, None and what nobody computes with are None.
Literal: TypeAlias = "bool | int | float | str | Array | tuple[Literal, ...] | None"

_INTEGERS = frozenset((2, 3, 4, 5, 6, 7, 12, 13))
_FLOATS = frozenset((1, 10, 16))
_BOOL, _DOUBLE = 9, 11
# Typed lists hold what is narrower than their elements as well.
_LISTS = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    "uint64": "uint64_data",
    "uint32": "uint64_data",
}


def text(data: bytes) -> str:
    """A name of the file; what is not UTF-8 is escaped, so that different names stay different."""
    return data.decode("utf-8", "backslashreplace")


def element_type(message: Any, where: str) -> np.dtype[Any]:
    """A tensor's NumPy element type; VerifyError for one that microgen does not have."""
    name = schema.DATA_TYPES.get(message.data_type)
    if name is None:
        raise VerifyError(f"element type number {message.data_type} is not supported", where=one_line(where))
    return np.dtype(name)


def tensor(message: Any, where: str, folder: Path | None) -> Array:
    """A tensor's elements.

    ``folder`` is where external data may lie. Raises InputError when shape and data do not go together, VerifyError
    for element types, shapes and compressions that are not supported.
    """
    dtype, shape = element_type(message, where), tuple(int(d) for d in message.dims)
    if len(shape) > MAX_RANK or any(d < 0 for d in shape):
        raise VerifyError(f"shape {list(shape)} is not supported", where=one_line(where))
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes > MAX_TENSOR_BYTES:
        raise VerifyError(f"shape {list(shape)} is larger than {MAX_TENSOR_BYTES >> 20} MiB", where=one_line(where))
    if message.compression_type:
        raise VerifyError("compressed weights are not supported", where=one_line(where))
    if message.HasField("external_data"):
        raw = _external(message.external_data, nbytes, where, folder)
    elif message.raw_data or not math.prod(shape):
        raw = message.raw_data
    else:
        return _listed(message, dtype, shape, where)
    if len(raw) != nbytes:
        what = f"holds {len(raw)} bytes of data, {nbytes} are needed for {dtype} {list(shape)}"
        raise InputError(what, where=one_line(where))
    if dtype == np.bool_:
        return np.frombuffer(raw, np.uint8).astype(bool).reshape(shape)
    elements: Array = np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    return elements


def _listed(message: Any, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> Array:
    values = getattr(message, _LISTS.get(dtype.name, "int32_data"))
    if len(values) != math.prod(shape):
        what = f"holds {len(values)} values, {math.prod(shape)} are needed for {dtype} {list(shape)}"
        raise InputError(what, where=one_line(where))
    if dtype == np.float16:
        return np.array(values, np.int64).astype(np.uint16).view(np.float16).reshape(shape)
    if dtype.kind == "f":
        return np.array(values, dtype).reshape(shape)
    wide = np.uint64 if dtype.kind == "u" and dtype.itemsize >= 4 else np.int64
    return np.array(values, wide).astype(dtype).reshape(shape)


def _external(message: Any, nbytes: int, where: str, folder: Path | None) -> bytes:
    """Data in a file beside the model; InputError for a path that leaves the model's folder or a damaged file."""
    location, where = text(message.location), one_line(where)
    if folder is None:
        raise InputError(f"its data lies in {one_line(location)!r}, but the model has no folder", where=where)
    if message.HasField("length") and message.length != nbytes:
        raise InputError(f"{message.length} bytes are in {one_line(location)!r}, {nbytes} are needed", where=where)
    root = folder.resolve()
    try:
        path = (root / location).resolve()
        if not path.is_relative_to(root):
            raise InputError(f"its data lies in {one_line(location)!r}, outside of the model's folder", where=where)
        if not path.is_file():
            hint = "Keep the files of a model together"
            raise InputError(f"its data lies in {one_line(location)!r}, which is no file", where=where, hint=hint)
        if message.offset < 0 or message.offset + nbytes > path.stat().st_size:
            raise InputError(f"its data lies outside of the file {one_line(location)!r}", where=where)
        with path.open("rb") as stream:
            stream.seek(message.offset)
            return stream.read(nbytes)
    except (OSError, ValueError) as error:
        raise InputError(f"{one_line(location)!r} cannot be read ({one_line(str(error))})", where=where) from None


def literal(message: Any, where: str, folder: Path | None) -> Any:
    """The value of an attribute, a Literal; VerifyError for kinds that no supported primitive has."""
    kind = message.type
    if kind in (schema.TUPLE, schema.LIST):
        return tuple(literal(value, where, folder) for value in message.values)
    if kind in (schema.NONE, schema.UMONAD, schema.IOMONAD):
        return None
    if kind in _INTEGERS:
        return _one(message, "i", message.ints)
    if kind == _BOOL:
        value = _one(message, "i", message.ints)
        return tuple(bool(v) for v in value) if isinstance(value, tuple) else bool(value)
    if kind in _FLOATS:
        return _one(message, "f", message.floats)
    if kind == schema.STRING:
        value = _one(message, "s", message.strings)
        return tuple(text(v) for v in value) if isinstance(value, tuple) else text(value)
    if kind in (schema.TENSOR, schema.TENSORS):
        parts = [message.t] if message.HasField("t") else list(message.tensors)
        found = tuple(tensor(part, where, folder) for part in parts)
        return found[0] if len(found) == 1 else found
    if kind == _DOUBLE:
        return _one(message, "d", message.doubles)
    raise VerifyError(f"a value of kind {kind} is not supported", where=one_line(where))


def _one(message: Any, single: str, several: Any) -> Any:
    """A number in its own field or, inside of a tuple, in a list; several are a tuple (older files)."""
    if message.HasField(single) or not several:
        return getattr(message, single)
    return several[0] if len(several) == 1 else tuple(several)
