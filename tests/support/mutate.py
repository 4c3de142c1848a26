"""Damaged .tflite files, the same ones for the same seed: bytes overwritten, or the structure changed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from microgen.frontends import flatbuffer, tflite_schema
from microgen.frontends.tflite_schema import Record
from tests.support.tflite_file import write

Fields = dict[str, Any]

_WORDS = (0, 1, 2, 3, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 65536, 10**8, 0x7FC00000, 0x7F800000)
_SIZES = (-(2**31), -2, -1, 0, 1, 2, 3, 5, 8, 16, 64, 100, 1000, 4096, 65535, 65536, 10**6, 10**8, 2**31 - 1)
_FLOATS = (0.0, -1.0, 1e-45, 1e-30, 1e-9, 0.003, 0.5, 1.0, 3.0, 1e9, 1e30, 1e38, float("nan"), float("inf"))
_ZEROS = (-(2**63), -(2**31), -129, -128, -1, 0, 1, 3, 127, 128, 255, 32768, 2**31, 2**63 - 1)
_NAMES = ("", "*/ /*", '"; int x;', "a" * 5000, "\n#error\n", "%s%n", "../../x", "x\\", "é\u202e", "??/", "int")
_TABLES = {"Subgraphs": "SubGraph", "OperatorCodes": "OperatorCode", "Buffers": "Buffer", "Tensors": "Tensor",
           "Operators": "Operator", "Quantization": "QuantizationParameters"}  # fmt: skip
_IGNORED = ("Metadata", "MetadataBuffer", "SignatureDefs", "Sparsity", "Details", "VariantTensors", "Intermediates",
            "MutatingVariableInputs", "BuiltinOptions2", "DebugMetadataIndex", "ExternalBuffer")  # fmt: skip


def bytewise(data: bytes, chance: random.Random) -> bytes:
    """``data`` with a few bits, bytes, words or runs changed, or cut short."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        kind, at = chance.randrange(8), chance.randrange(len(changed))
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.randrange(256)
        elif kind <= 5:
            at -= at % 4
            changed[at : at + 4] = struct.pack("<I", chance.choice(_WORDS))
        elif kind == 6:
            other = chance.randrange(len(changed))
            changed[at : at + 4], changed[other : other + 4] = changed[other : other + 4], changed[at : at + 4]
        elif chance.random() < 0.3:
            changed = changed[: max(16, at)]
        else:
            changed[at : at + chance.randrange(32)] = chance.randbytes(16)
    return bytes(changed)


def decoded(data: bytes) -> Fields:
    """A .tflite file as ``tests.support.tflite_file.write`` takes it, without what the frontend never looks at."""
    return _fields(Record(flatbuffer.root(data, b"TFL3"), "Model"), "Model")


def _fields(record: Record, schema: str) -> Fields:
    found: Fields = {}
    for name, field in tflite_schema.layout(schema).items():
        if not record.has(name) or name in _IGNORED:
            continue
        if field.kind is not None:
            found[name] = record.number(name)
        elif field.items is not None:
            found[name] = np.array(record.vector(name))
        elif name == "Quantization":
            child = record.child(name, _TABLES[name])
            assert child is not None
            found[name] = _fields(child, _TABLES[name])
        elif name in _TABLES:
            found[name] = [_fields(child, _TABLES[name]) for child in record.children(name, _TABLES[name])]
        elif name == "BuiltinOptions":
            options = tflite_schema.names("BuiltinOptions")[record.integer("BuiltinOptionsType")]
            child = record.child(name, options)
            assert child is not None
            found[name] = (options, _fields(child, options))
        else:
            found[name] = record.text(name)
    return found


def structural(data: bytes, chance: random.Random) -> bytes:
    """The file with one to three changes of its structure."""
    model = decoded(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(_CHANGES)(model, chance)
    return write(model)


def _subgraph(model: Fields, chance: random.Random) -> Fields:
    found: Fields = chance.choice(model["Subgraphs"])
    return found


def _tensor(model: Fields, chance: random.Random) -> Fields:
    found: Fields = chance.choice(_subgraph(model, chance).get("Tensors") or [{}])
    return found


def _operator(model: Fields, chance: random.Random) -> Fields:
    found: Fields = chance.choice(_subgraph(model, chance).get("Operators") or [{}])
    return found


def _shape(model: Fields, chance: random.Random) -> None:
    """Another length of a dimension, or another rank, of a tensor or of all that have its shape."""
    tensor = _tensor(model, chance)
    before = tensor.get("Shape", np.empty(0, np.int32)).tolist()
    shape = list(before)
    kind = chance.randrange(4)
    if shape and kind < 2:
        shape[chance.randrange(len(shape))] = chance.choice(_SIZES)
    elif kind == 2:
        shape.insert(chance.randint(0, len(shape)), chance.choice((1, 1, 2, 0, 10**6)))
    elif shape:
        del shape[chance.randrange(len(shape))]
    alike = [t for graph in model["Subgraphs"] for t in graph.get("Tensors", ()) if "Shape" in t]
    for other in alike if chance.random() < 0.3 else [tensor]:
        if other is tensor or other["Shape"].tolist() == before:
            other["Shape"] = np.array(shape, np.int32)


def _type(model: Fields, chance: random.Random) -> None:
    tensor = _tensor(model, chance)
    before, after = tensor.get("Type", 0), chance.choice((*range(20), 100))
    tensor["Type"] = after
    if chance.random() < 0.3:
        for other in (t for graph in model["Subgraphs"] for t in graph.get("Tensors", ())):
            if other.get("Type", 0) == before:
                other["Type"] = after


def _buffer_index(model: Fields, chance: random.Random) -> None:
    count = len(model.get("Buffers", ()))
    _tensor(model, chance)["Buffer"] = chance.choice(
        (0, 1, max(0, count - 1), count, 2**32 - 1, chance.randrange(count or 1))
    )


def _buffer(model: Fields, chance: random.Random) -> None:
    """A buffer that is missing, elsewhere, shorter, or holds other numbers."""
    buffer = chance.choice(model.get("Buffers") or [{}])
    kind = chance.randrange(6)
    data = buffer.get("Data", np.empty(0, np.uint8))
    if kind == 0:
        buffer.pop("Data", None)
    elif kind == 1:
        buffer["Offset"], buffer["Size"] = chance.choice((0, 1, 2, 100, 2**63)), chance.choice((0, 4, 100, 2**63))
    elif kind == 2:
        buffer["Data"] = data[: chance.randrange(len(data) + 1)]
    elif data.size >= 4 and data.size % 4 == 0:
        words = data.copy().view(np.int32)
        small = [i for i, b in enumerate(model["Buffers"]) if 4 <= b.get("Data", data[:0]).size <= 64]
        if small and kind > 3:
            return _small_constant(model["Buffers"][chance.choice(small)], chance)
        words[chance.randrange(len(words))] = chance.choice(_SIZES)
        buffer["Data"] = words.view(np.uint8)
    return None


def _small_constant(buffer: Fields, chance: random.Random) -> None:
    """Another integer in what may be a shape, an axis, a padding or an index."""
    data = buffer["Data"]
    words = data[: data.size // 4 * 4].copy().view(np.int32)
    words[chance.randrange(len(words))] = chance.choice(_SIZES)
    buffer["Data"] = np.concatenate([words.view(np.uint8), data[words.nbytes :]])


def _indices(model: Fields, chance: random.Random) -> None:
    """Operators or the interface on other tensors: out of range, absent, twice, exchanged, missing."""
    graph = _subgraph(model, chance)
    of = graph if chance.random() < 0.15 else chance.choice(graph.get("Operators") or [graph])
    name = chance.choice(("Inputs", "Inputs", "Outputs"))
    indices = of.get(name, np.empty(0, np.int32)).tolist()
    count = len(graph.get("Tensors", ()))
    kind = chance.randrange(5)
    if kind == 0:
        indices.append(chance.choice((-1, 0, count, chance.randrange(count or 1))))
    elif indices and kind == 1:
        del indices[chance.randrange(len(indices))]
    elif indices and kind == 2:
        indices[chance.randrange(len(indices))] = chance.choice((-(2**31), -2, -1, count, 2**31 - 1))
    elif indices and kind == 3:
        chance.shuffle(indices)
    elif indices:
        indices[chance.randrange(len(indices))] = chance.randrange(count or 1)
    of[name] = np.array(indices, np.int32)


def _opcode(model: Fields, chance: random.Random) -> None:
    """Another operator, with the options of the one before."""
    codes = model.get("OperatorCodes") or [{}]
    if chance.random() < 0.3:
        _operator(model, chance)["OpcodeIndex"] = chance.choice(
            (0, len(codes), 2**32 - 1, chance.randrange(len(codes)))
        )
        return
    code = chance.choice(codes)
    code["BuiltinCode"] = chance.choice((*range(163), -1, 2**31 - 1))
    code["DeprecatedBuiltinCode"] = min(127, max(0, code["BuiltinCode"]))
    if chance.random() < 0.5:  # options of another operator would be an error at once
        for graph in model["Subgraphs"]:
            for operator in graph.get("Operators", ()):
                operator.pop("BuiltinOptions", None)
                operator.pop("BuiltinOptionsType", None)


def _quantization(model: Fields, chance: random.Random) -> None:
    with_one = [t for graph in model["Subgraphs"] for t in graph.get("Tensors", ()) if "Quantization" in t]
    tensor = chance.choice(with_one) if with_one and chance.random() < 0.8 else _tensor(model, chance)
    found = tensor.setdefault("Quantization", {})
    scales = found.get("Scale", np.array([1.0], np.float32)).copy()
    zeros = found.get("ZeroPoint", np.array([0], np.int64)).copy()
    kind = chance.randrange(6)
    if kind <= 1 and scales.size:
        scales[chance.randrange(scales.size) if chance.random() < 0.5 else slice(None)] = chance.choice(_FLOATS)
    elif kind == 2 and zeros.size:
        zeros[chance.randrange(zeros.size)] = chance.choice(_ZEROS)
    elif kind == 3:
        scales = np.resize(scales, chance.choice((0, 1, 2, scales.size + 1)))
    elif kind == 4:
        zeros = np.resize(zeros, chance.choice((0, 1, 2, zeros.size + 1)))
    else:
        found["QuantizedDimension"] = chance.choice(_SIZES)
    if chance.random() < 0.1:
        del tensor["Quantization"]
    else:
        found["Scale"], found["ZeroPoint"] = scales, zeros


def _options(model: Fields, chance: random.Random) -> None:
    """Another number in an operator's options, or none or others of them."""
    operators = [o for graph in model["Subgraphs"] for o in graph.get("Operators", ())]
    having = [o for o in operators if "BuiltinOptions" in o or "CustomOptions" in o]
    if not having:
        return
    operator = chance.choice(having)
    if "CustomOptions" in operator:
        operator["CustomOptions"] = np.frombuffer(bytewise(operator["CustomOptions"].tobytes() or b"0", chance), "u1")
        return
    if chance.random() < 0.1:
        del operator["BuiltinOptions"], operator["BuiltinOptionsType"]
        return
    schema, fields = operator["BuiltinOptions"]
    layout = tflite_schema.layout(schema)
    if not layout:
        return
    name = chance.choice(sorted(layout))
    kind = layout[name].kind
    if kind is None:
        if layout[name].items is not None:
            fields[name] = np.array([chance.choice(_SIZES) for _ in range(chance.randrange(9))], np.int32)
    elif kind.startswith("float"):
        fields[name] = chance.choice(_FLOATS)
    elif kind == "bool":
        fields[name] = not fields.get(name, layout[name].default)
    else:
        limits = np.iinfo(kind)
        fields[name] = min(max(chance.choice(_SIZES), int(limits.min)), int(limits.max))


def _called(model: Fields, chance: random.Random) -> None:
    """Loops, branches and initializations with other subgraphs, perhaps their own."""
    places = []
    for graph in model["Subgraphs"]:
        for operator in graph.get("Operators", ()):
            schema, fields = operator.get("BuiltinOptions", ("", {}))
            names = (n for n in tflite_schema.layout(schema) if n.endswith("SubgraphIndex")) if schema else ()
            places += [(fields, name) for name in names]
    if not places:
        return _options(model, chance)
    fields, name = chance.choice(places)
    fields[name] = chance.choice((-1, 0, 1, 2, 3, len(model["Subgraphs"]), 2**31 - 1))
    return None


def _name(model: Fields, chance: random.Random) -> None:
    of = chance.choice((_tensor, _tensor, _subgraph))(model, chance)
    of["Name"] = chance.choice(_NAMES)


def _flags(model: Fields, chance: random.Random) -> None:
    """Variables, open dimensions, and what is there twice or not at all."""
    kind, tensor = chance.randrange(5), _tensor(model, chance)
    if kind == 0:
        tensor["IsVariable"] = not tensor.get("IsVariable", False)
    elif kind == 1:
        rank = max(0, len(tensor.get("Shape", ())) + chance.choice((-1, 0, 0, 1)))
        tensor["ShapeSignature"] = np.array([chance.choice((-1, -1, 1, 5, 2**31 - 1)) for _ in range(rank)], np.int32)
    else:
        lists = [(model, "Subgraphs"), (model, "Buffers"), (model, "OperatorCodes")]
        lists += [(graph, name) for graph in model["Subgraphs"] for name in ("Tensors", "Operators")]
        of, name = chance.choice(lists)
        items = list(of.get(name, ()))
        if len(items) > (name == "Subgraphs") and kind == 2:
            del items[chance.randrange(len(items))]
        elif items and kind == 3:
            items.insert(chance.randrange(len(items)), chance.choice(items))
        elif len(items) > 1:
            one, two = chance.sample(range(len(items)), 2)
            items[one], items[two] = items[two], items[one]
        of[name] = items


_CHANGES: tuple[Callable[[Fields, random.Random], None], ...] = (
    *(_shape, _shape, _type, _buffer_index, _buffer, _buffer, _indices, _indices, _opcode, _quantization),
    *(_quantization, _options, _options, _options, _called, _name, _flags),
)


def mutated(data: bytes, seed: str) -> bytes:
    """A damaged file; ``seed`` says how."""
    chance = random.Random(seed)
    return structural(data, chance) if chance.random() < 0.7 else bytewise(data, chance)
