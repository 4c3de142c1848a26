"""From the bytes of a file to a parsed model: recognition by content, bounds, damage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from microgen.errors import InputError, ToolMissing, VerifyError
from microgen.mindir import DType

if TYPE_CHECKING:
    import onnx

#: Protocol buffers hold no more than this.
MAX_FILE_BYTES = (1 << 31) - 1
MIN_OPSET = 6
DEFAULT_DOMAIN = ""
# Field numbers of a model and their wire types: varint or length-delimited.
_VARINT, _BYTES = 0, 2
_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_GRAPH, _OPSETS = 7, 8
#: ONNX's numbers of the element types that MindIR has. The package's own table names float32 and int8 for some others.
ELEMENT_TYPES = {
    1: DType.FLOAT32,
    2: DType.UINT8,
    3: DType.INT8,
    4: DType.UINT16,
    5: DType.INT16,
    6: DType.INT32,
    7: DType.INT64,
    9: DType.BOOL,
    10: DType.FLOAT16,
    11: DType.FLOAT64,
    12: DType.UINT32,
    13: DType.UINT64,
}


def package() -> Any:
    """The package ``onnx``, imported when a model asks for it; ToolMissing without it."""
    try:
        import onnx
    except ImportError:
        raise ToolMissing(
            "the package onnx, which reads ONNX files, is missing", hint="Install it with: pip install onnx"
        ) from None
    return onnx


def recognizes(data: bytes) -> bool:
    """Whether ``data`` has the outer structure of an ONNX model: its fields, a graph and an operator set among them."""
    found = set()
    for number, wire in _fields(data):
        if _FIELDS.get(number) != wire:
            return False
        found.add(number)
    return _GRAPH in found and (_OPSETS in found or 1 in found)


def _fields(data: bytes) -> Iterator[tuple[int, int]]:
    """(number, wire type) of the outermost fields; (0, 0), which is none, at the first damaged one."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if at > len(data) or wire not in (_VARINT, _BYTES):
            yield 0, 0
            return
        length, at = _varint(data, at)
        if wire == _BYTES:
            at += length
        if at > len(data):
            yield 0, 0
            return
        yield number, wire


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, position behind it); a position behind the end of ``data`` for a damaged one."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, len(data) + 1


def parse(data: bytes) -> onnx.ModelProto:
    """The model in ``data``; InputError for a damaged one or one of a version that is not known."""
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"the file has {len(data)} bytes, more than the {MAX_FILE_BYTES} of a protocol buffer",
            hint="Save the weights as external data",
        )
    onnx_ = package()
    from google.protobuf.message import DecodeError

    try:
        model: onnx.ModelProto = onnx_.ModelProto.FromString(data)
    except DecodeError:
        raise InputError("the file is damaged: it cannot be parsed as ONNX", hint="Export the model again") from None
    if not _is_text(model):
        raise InputError("the file is damaged: a name in it is no text", hint="Export the model again")
    if not model.HasField("graph"):
        raise InputError("the file is damaged: the model has no graph", hint="Export the model again")
    if model.ir_version > onnx_.IR_VERSION:
        raise InputError(
            f"the file has IR version {model.ir_version}, the installed package onnx {onnx_.__version__} knows "
            f"{onnx_.IR_VERSION}",
            hint="Update it: pip install --upgrade onnx",
        )
    return model


def _is_text(message: Any) -> bool:
    """Whether every text in ``message`` is UTF-8; the parser gives bytes where it is not."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for item in (value,) if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value:
            if not (isinstance(item, str) if field.type == field.TYPE_STRING else _is_text(item)):
                return False
    return True


def opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Versions of the operator sets by domain; InputError where the default domain's is missing or not supported."""
    versions = {domain(entry.domain): int(entry.version) for entry in model.opset_import}
    onnx_ = package()
    newest = onnx_.defs.onnx_opset_version()
    version = versions.get(DEFAULT_DOMAIN)
    if version is None:
        if any(domain(node.domain) == DEFAULT_DOMAIN for node in model.graph.node):
            raise InputError("the file does not say which version of ONNX's operators it uses (opset_import)")
        return versions | {DEFAULT_DOMAIN: newest}
    if version < MIN_OPSET:
        raise InputError(
            f"the file uses opset {version}, opsets {MIN_OPSET} to {newest} are supported",
            hint="Convert it with onnx.version_converter.convert_version or export it again with a newer opset",
        )
    if version > newest:
        raise InputError(
            f"the file uses opset {version}, the installed package onnx {onnx_.__version__} knows {newest}",
            hint="Update it (pip install --upgrade onnx) or export the model with an older opset",
        )
    return versions


def element_type(number: int) -> DType:
    """The element type of ONNX's number; VerifyError, with its name, for one that MindIR does not have."""
    if number in ELEMENT_TYPES:
        return ELEMENT_TYPES[number]
    names = {value: name for name, value in package().TensorProto.DataType.items()}
    raise VerifyError(f"element type {names.get(number, f'number {number}').lower()} is not supported")


def domain(name: str) -> str:
    """A domain's name; the default domain has two."""
    return DEFAULT_DOMAIN if name == "ai.onnx" else name
