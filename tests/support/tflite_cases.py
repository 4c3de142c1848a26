"""Models of one TensorFlow Lite operator each, of any element type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from tests.support.tflite_file import ints, operator, write

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Quant = tuple[float, int]

#: NumPy's name and quantization of each element type; narrow integers are quantized unless their name says "plain".
TYPES: dict[str, tuple[str, Quant | None]] = {
    "float32": ("float32", None),
    "int8": ("int8", (0.05, 3)),
    "int16": ("int16", (0.001, 0)),
    "uint8": ("uint8", (0.05, 120)),
    "int32": ("int32", None),
    "int64": ("int64", None),
    "uint32": ("uint32", None),
    "bool": ("bool", None),
    "plain int8": ("int8", None),
    "plain int16": ("int16", None),
    "plain uint8": ("uint8", None),
    "quantized int32": ("int32", (0.02, 0)),
}
#: The only quantization that some operators' results have.
FIXED: dict[str, dict[str, Quant]] = {
    "TANH": {"int8": (1 / 128, 0), "int16": (1 / 32768, 0)},
    "LOGISTIC": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)},
    "SOFTMAX": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)},
    "LOG_SOFTMAX": {"int8": (16 / 256, 127)},
    "L2_NORMALIZATION": {"int8": (1 / 128, 0)},
}
IMAGE: Shape = (1, 4, 4, 2)
UNARY = (
    *("ABS", "COS", "SIN", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "NEG", "CEIL", "FLOOR", "ROUND", "RELU", "RELU6"),
    *("ELU", "HARD_SWISH", "LOGICAL_NOT", "ZEROS_LIKE", "TANH", "LOGISTIC", "L2_NORMALIZATION"),
)


@dataclass(frozen=True)
class Case:
    """``inputs`` are shapes of the case's own type, (shape, type) or arrays, which are constants; ``outputs`` alike."""

    name: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    options: tuple[str, dict[str, Any]] | None = None
    form: str = ""


def _c(*values: Any) -> Array:
    return np.array(values, np.int32)


def cases() -> Iterator[Case]:
    """Every builtin that takes tensors of several types; what several forms have in common comes once."""
    scalar, flat = np.array(1, np.int32), (2, 4)
    for name in UNARY:
        yield Case(name, (IMAGE,), (IMAGE,))
    yield Case("LEAKY_RELU", (IMAGE,), (IMAGE,), ("LeakyReluOptions", {"Alpha": 0.2}))
    for name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE"):
        yield Case(name, (IMAGE, (2,)), (IMAGE,))
    for name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "LOGICAL_AND", "LOGICAL_OR"):
        yield Case(name, (IMAGE, (2,)), ((IMAGE, "bool"),))
    yield Case("PRELU", (IMAGE, (1, 1, 2)), (IMAGE,))
    yield Case("ADD_N", (IMAGE, IMAGE, IMAGE), (IMAGE,))
    for name, table in (("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")):
        yield Case(
            name, (IMAGE, np.int32(3)), (((1, 4, 4), "int32"),), (table, {"OutputType": tflite.TensorType.INT32})
        )
    pool = {"Padding": 1, "StrideW": 2, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 2}
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
        yield Case(name, (IMAGE,), ((1, 2, 2, 2),), ("Pool2DOptions", pool))
    yield Case("BATCH_MATMUL", ((2, 3, 4), (2, 4, 5)), ((2, 3, 5),))
    blocks, none = _c(2, 2), np.zeros((2, 2), np.int32)
    yield Case("BATCH_TO_SPACE_ND", ((4, 2, 2, 2), blocks, none), (IMAGE,))
    yield Case("SPACE_TO_BATCH_ND", (IMAGE, blocks, none), ((4, 2, 2, 2),))
    yield Case("BROADCAST_TO", ((4, 2), _c(*IMAGE)), (IMAGE,))
    yield Case("CONCATENATION", (IMAGE, IMAGE), ((1, 4, 4, 4),), ("ConcatenationOptions", {"Axis": -1}))
    yield Case("CUMSUM", (IMAGE, np.int32(2)), (IMAGE,))
    yield Case("DEPTH_TO_SPACE", ((1, 2, 2, 8),), (IMAGE,), ("DepthToSpaceOptions", {"BlockSize": 2}))
    yield Case("SPACE_TO_DEPTH", (IMAGE,), ((1, 2, 2, 8),), ("SpaceToDepthOptions", {"BlockSize": 2}))
    for kind in ("int32", "int64"):
        yield Case("DYNAMIC_UPDATE_SLICE", ((4, 4), flat, ((2,), kind)), ((4, 4),), form=kind)
        yield Case("GATHER", ((5, 4), ((3,), kind)), ((3, 4),), form=kind)
        yield Case("GATHER_ND", ((5, 4), ((3, 1), kind)), ((3, 4),), form=kind)
        yield Case("FILL", (np.array((2, 3), kind), ()), ((2, 3),), form=kind)
        yield Case("SLICE", (IMAGE, np.array((0, 1, 1, 0), kind), np.array((1, 2, 2, -1), kind)), ((1, 2, 2, 2),),
                   form=kind)  # fmt: skip
    yield Case("GATHER", ((2, 5, 4), ((2, 3), "int32")), ((2, 3, 4),), ("GatherOptions", {"Axis": -2, "BatchDims": -1}),
               "batches")  # fmt: skip
    yield Case("EXPAND_DIMS", ((4, 2), np.int32(0)), ((1, 4, 2),))
    yield Case("LOG_SOFTMAX", (flat,), (flat,))
    yield Case("SOFTMAX", (flat,), (flat,), ("SoftmaxOptions", {"Beta": 1.0}))
    for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL"):
        yield Case(name, (IMAGE, _c(1, 2)), ((1, 2),))
    yield Case("MIRROR_PAD", ((4, 2), _c((1, 1), (0, 1))), ((6, 3),), ("MirrorPadOptions", {"Mode": 0}))
    yield Case("PACK", ((4, 2), (4, 2)), ((2, 4, 2),), ("PackOptions", {"ValuesCount": 2}))
    yield Case("UNPACK", (flat,), ((4,), (4,)), ("UnpackOptions", {"Num": 2}))
    pads = _c((0, 0), (1, 1), (1, 0), (0, 1))
    yield Case("PAD", (IMAGE, pads), ((1, 6, 5, 3),))
    yield Case("PADV2", (IMAGE, pads, ()), ((1, 6, 5, 3),))
    yield Case("RESHAPE", (IMAGE, _c(2, 16)), ((2, 16),))
    for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        yield Case(name, (IMAGE, _c(7, 5)), ((1, 7, 5, 2),))
    yield Case("REVERSE_V2", (IMAGE, _c(1)), (IMAGE,))
    yield Case("SELECT_V2", (((4, 1), "bool"), (1,), IMAGE), (IMAGE,))
    yield Case("SHAPE", (IMAGE,), (((4,), "int32"),), ("ShapeOptions", {"OutType": tflite.TensorType.INT32}))
    yield Case("STRIDED_SLICE", (IMAGE, _c(0, 1, 0, 0), _c(1, 4, 4, 1), _c(1, 2, 1, 1)), ((2, 4),),
               ("StridedSliceOptions", {"ShrinkAxisMask": 9, "EndMask": 2}))  # fmt: skip
    yield Case("SPLIT", (scalar, IMAGE), ((1, 2, 4, 2),) * 2, ("SplitOptions", {"NumSplits": 2}))
    yield Case("SPLIT_V", (IMAGE, _c(1, 3), scalar), ((1, 1, 4, 2), (1, 3, 4, 2)), ("SplitVOptions", {"NumSplits": 2}))
    yield Case("SQUEEZE", (IMAGE,), ((4, 4, 2),), ("SqueezeOptions", {"SqueezeDims": ints(0)}))
    yield Case("TRANSPOSE", (IMAGE, _c(0, 2, 3, 1)), ((1, 4, 2, 4),))
    for kind in TYPES:
        yield Case("CAST", (IMAGE,), ((IMAGE, kind),), form=f"to {kind}")
        yield Case("QUANTIZE", (IMAGE,), ((IMAGE, kind),), form=f"to {kind}")
        yield Case("DEQUANTIZE", (IMAGE,), ((IMAGE, kind),), form=f"to {kind}")


def numbers(kind: str, shape: Shape, seed: int) -> Array:
    """Numbers of a type: all of the range of quantized ones, 1 to 3 of plain ones, which may be indices or divisors."""
    dtype, quant = TYPES[kind]
    random = np.random.default_rng(seed)
    if dtype == "float32":
        return np.asarray(random.uniform(0.5, 3.0, shape), dtype)
    if quant is None or dtype == "int32":
        return np.asarray(random.integers(0 if dtype == "bool" else 1, 2 if dtype == "bool" else 4, shape), dtype)
    return np.asarray(random.integers(quant[1] + 1, np.iinfo(dtype).max, shape, endpoint=True), dtype)


def build(case: Case, kind: str, result: Quant | None = None) -> tuple[bytes, list[Array]]:
    """The file of a case with tensors of ``kind``, and inputs for it; ``result``: other parameters for its results."""
    tensors: list[dict[str, Any]] = []
    buffers: list[dict[str, Any]] = [{}]
    inputs: list[Array] = []
    fed: list[int] = []

    def tensor(shape: Shape, kind: str, quant: Quant | None, **fields: Any) -> None:
        described = {} if quant is None else {
            "Quantization": {"Scale": np.array([quant[0]], np.float32), "ZeroPoint": np.array([quant[1]], np.int64)}
        }  # fmt: skip
        found = {"Name": f"t{len(tensors)}", "Shape": ints(*shape), "Type": getattr(tflite.TensorType, kind.upper())}
        tensors.append(found | described | fields)

    for place, item in enumerate(case.inputs):
        if isinstance(item, np.ndarray | np.generic):
            tensor(item.shape, str(item.dtype), None, Buffer=len(buffers))
            buffers.append({"Data": np.frombuffer(np.asarray(item).tobytes(), np.uint8)})
            continue
        shape, own = item if len(item) == 2 and isinstance(item[1], str) else (item, kind)
        fed.append(len(tensors))
        inputs.append(numbers(own, shape, place))
        tensor(shape, *TYPES[own])
    first = len(tensors)
    for item in case.outputs:
        shape, own = item if len(item) == 2 and isinstance(item[1], str) else (item, kind)
        dtype, quant = TYPES[own]
        tensor(shape, dtype, result or FIXED.get(case.name, {}).get(own, quant))
    options = {} if case.options is None else {
        "BuiltinOptionsType": getattr(tflite.BuiltinOptions, case.options[0]), "BuiltinOptions": case.options
    }  # fmt: skip
    code = getattr(tflite.BuiltinOperator, case.name)
    results = tuple(range(first, len(tensors)))
    subgraph = {
        "Tensors": tensors,
        "Inputs": ints(*fed),
        "Outputs": ints(*results),
        "Operators": [operator(0, tuple(range(first)), results, **options)],
    }
    codes = [{"DeprecatedBuiltinCode": min(code, 127), "BuiltinCode": code, "Version": 1}]
    return write({"Version": 3, "OperatorCodes": codes, "Buffers": buffers, "Subgraphs": [subgraph]}), inputs
