"""The .mindir file format, MindSpore's own: its protobuf messages, declared here at run time.

The descriptor is built in Python from the format's public field numbers, so that neither a compiler for protobuf nor
generated code is needed. Text is declared as bytes, which is the same on the wire and cannot fail to decode.
"""

from __future__ import annotations

import functools
from typing import Any

_FILE = "microgen/mind_ir.proto"
_PACKAGE = "microgen.mind_ir"

#: message → field → (number, type); a type in capitals is a message, a ``*`` behind it makes the field repeated.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "ir_version": (1, "text"),
        "producer_name": (2, "text"),
        "producer_version": (3, "text"),
        "domain": (4, "text"),
        "model_version": (5, "text"),
        "doc_string": (6, "text"),
        "graph": (7, "Graph"),
        "functions": (8, "Graph*"),
        "little_endian": (10, "bool"),
        "primitives": (12, "Primitive*"),
        "mind_ir_version": (13, "int64"),
    },
    "Graph": {
        "node": (1, "Node*"),
        "name": (2, "text"),
        "parameter": (3, "Tensor*"),
        "doc_string": (4, "text"),
        "input": (5, "ValueInfo*"),
        "output": (6, "ValueInfo*"),
        "attribute": (8, "Attribute*"),
    },
    "Node": {
        "input": (1, "text*"),
        "output": (2, "text*"),
        "name": (3, "text"),
        "op_type": (4, "text"),
        "attribute": (5, "Attribute*"),
        "doc_string": (6, "text"),
        "domain": (7, "text"),
        "node_attr": (8, "Attribute*"),
        "primal_attr": (9, "Attribute*"),
    },
    "ValueInfo": {
        "name": (1, "text"),
        "tensor": (2, "Tensor*"),
        "doc_string": (3, "text"),
        "denotation": (4, "text"),
        "attr_info": (5, "Attribute"),
    },
    "Tensor": {
        "dims": (1, "int64*"),
        "data_type": (2, "int32"),
        "float_data": (3, "float*"),
        "int32_data": (4, "int32*"),
        "string_data": (5, "text*"),
        "int64_data": (6, "int64*"),
        "name": (7, "text"),
        "doc_string": (8, "text"),
        "raw_data": (9, "text"),
        "double_data": (10, "double*"),
        "uint64_data": (11, "uint64*"),
        "external_data": (12, "ExternalData"),
        "ref_key": (13, "text"),
        "min_dims": (14, "int64*"),
        "max_dims": (15, "int64*"),
        "compression_type": (16, "int32"),
    },
    "ExternalData": {
        "location": (1, "text"),
        "offset": (2, "int64"),
        "length": (3, "int64"),
        "checksum": (4, "text"),
    },
    "Attribute": {
        "name": (1, "text"),
        "f": (2, "float"),
        "i": (3, "int64"),
        "d": (4, "double"),
        "s": (5, "text"),
        "t": (6, "Tensor"),
        "g": (7, "Graph"),
        "floats": (8, "float*"),
        "doubles": (9, "double*"),
        "ints": (10, "int64*"),
        "strings": (11, "text*"),
        "tensors": (12, "Tensor*"),
        "graphs": (13, "Graph*"),
        "doc_string": (14, "text"),
        "ref_attr_name": (15, "text"),
        "type": (16, "int32"),
        "values": (17, "Attribute*"),
    },
    "Primitive": {
        "name": (1, "text"),
        "op_type": (2, "text"),
        "attribute": (3, "Attribute*"),
        "instance_name": (4, "text"),
    },
}

#: Element types of tensors, by number; the names are NumPy's.
DATA_TYPES: dict[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    17: "float64",
}
#: MindSpore's numbers of element types where a primitive such as Cast is given one.
TYPE_NUMBERS: dict[int, str] = {
    30: "bool",
    32: "int8",
    33: "int16",
    34: "int32",
    35: "int64",
    37: "uint8",
    38: "uint16",
    39: "uint32",
    40: "uint64",
    42: "float16",
    43: "float32",
    44: "float64",
}
#: Primitives that reduce along axes, and the operators that they are.
REDUCTIONS = {
    "ReduceMean": "Mean",
    "MeanExt": "Mean",
    "ReduceSum": "Sum",
    "SumExt": "Sum",
    "ReduceMax": "ReduceMax",
    "ReduceMin": "ReduceMin",
    "ReduceProd": "ReduceProd",
    "ProdExt": "ReduceProd",
}
#: Kinds of attributes that are no number; numbers have the kind of their element type.
STRING, TENSOR, TENSORS, TUPLE, LIST, UMONAD, IOMONAD, NONE = 8, 17, 19, 20, 21, 23, 24, 25


@functools.cache
def _classes() -> dict[str, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto2")
    field_type = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "text": field_type.TYPE_BYTES,
        "bool": field_type.TYPE_BOOL,
        "int32": field_type.TYPE_INT32,
        "int64": field_type.TYPE_INT64,
        "uint64": field_type.TYPE_UINT64,
        "float": field_type.TYPE_FLOAT,
        "double": field_type.TYPE_DOUBLE,
    }
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, spelled) in fields.items():
            kind = spelled.removesuffix("*")
            label = field_type.LABEL_REPEATED if spelled.endswith("*") else field_type.LABEL_OPTIONAL
            field = declared.field.add(name=name, number=number, label=label)
            if kind in scalars:
                field.type = scalars[kind]
            else:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


def new(message: str, **fields: Any) -> Any:
    """An empty message of the format (``Model``, ``Graph``, ``Node``, …), or one with ``fields``."""
    return _classes()[message](**fields)
