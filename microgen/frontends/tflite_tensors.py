"""The tensors of a .tflite subgraph as MindIR values, decoded when an operator or the graph's interface asks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgen.errors import InputError, VerifyError
from microgen.frontends import tflite_schema
from microgen.frontends.tflite_schema import Record
from microgen.mindir import Array, DType, QuantParams, TensorType, Value
from microgen.mindir.types import MAX_RANK
from microgen.ops.packed import unpack

# Integer types whose scale nothing computes with: shapes, axes, biases (whose scale follows from the operands').
_SCALE_UNUSED = (DType.INT32, DType.INT64)
_DTYPES = {dtype.name: dtype for dtype in DType}
_INT4 = "INT4"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A decoded tensor: ``value``, or None with the ``problem`` that microgen has with it. The value of a ``packed``
    one, int4 in the file, is int8.
    """

    name: str
    value: Value | None
    problem: str = ""
    packed: bool = False


class Tensors:
    """The tensors of one subgraph by index."""

    def __init__(self, data: bytes, model: Record, subgraph: Record) -> None:
        self._replaced: dict[int, Tensor] = {}
        self._data = data
        self._buffers = model.children("Buffers", "Buffer")
        self._records = subgraph.children("Tensors", "Tensor")
        self._decoded: dict[int, Tensor] = {}

    def __getitem__(self, index: int) -> Tensor:
        """The tensor at ``index``, one of the file's; InputError when its data makes no sense."""
        if index in self._replaced:
            return self._replaced[index]
        if index not in self._decoded:
            self._decoded[index] = self._decode(index)
        return self._decoded[index]

    def check_index(self, index: int, where: str) -> int:
        """``index`` when there is such a tensor, InputError otherwise."""
        if not 0 <= index < len(self._records):
            raise InputError(f"refers to tensor {index}, the file has {len(self._records)}", where=where)
        return index

    def name(self, index: int) -> str:
        """The tensor's name, made up from its index where the file has none."""
        return self._records[index].text("Name") or f"tensor_{index}"

    def is_dynamic(self, index: int) -> bool:
        """Whether the file leaves a dimension open: the static shape then says what it was for a batch of one."""
        return bool((self._records[index].vector("ShapeSignature") < 0).any())

    def is_variable(self, index: int) -> bool:
        """Whether the tensor is kept from one invocation to the next."""
        return bool(self._records[index].number("IsVariable"))

    def replace(self, index: int, value: Value) -> Value:
        """From now on the tensor is ``value``."""
        self._replaced[index] = Tensor(value.name, value)
        return value

    def restore(self) -> None:
        """All tensors are again what the file says."""
        self._replaced.clear()

    def is_empty_list(self, index: int) -> bool:
        """Whether the tensor is a list of no integers: how files spell the shape of a scalar."""
        record = self._records[index]
        integers = tflite_schema.names("TensorType").get(record.integer("Type")) in ("INT32", "INT64")
        return integers and record.vector("Shape").tolist() == [0]

    def _decode(self, index: int) -> Tensor:
        record, name = self._records[index], self.name(index)
        number = record.integer("Type")
        type_name = tflite_schema.names("TensorType").get(number, f"of the unknown type {number}")
        shape = tuple(record.vector("Shape").tolist())
        packed = type_name == _INT4
        if packed:
            type_name = DType.INT8.name
        if type_name not in _DTYPES:
            return Tensor(name, None, f"tensor {name!r} is {type_name}")
        if record.has("Sparsity"):
            return Tensor(name, None, f"tensor {name!r} is sparse")
        if len(shape) > MAX_RANK:
            return Tensor(name, None, f"tensor {name!r} has {len(shape)} dimensions, more than {MAX_RANK}")
        dtype = _DTYPES[type_name]
        quantization = record.child("Quantization", "QuantizationParameters")
        if quantization is not None and quantization.integer("DetailsType") != 0:
            details = tflite_schema.names("QuantizationDetails").get(quantization.integer("DetailsType"), "unknown")
            return Tensor(name, None, f"tensor {name!r} has {details} in place of scales and zero points")
        try:
            quant = None if quantization is None else _quant_params(quantization, dtype, shape)
            type_ = TensorType(dtype, shape, quant)
        except VerifyError as error:
            hint = "Re-export the model with a static shape" if min(shape, default=1) < 0 else error.hint
            raise InputError(error.what, where=f"tensor {name!r}", hint=hint) from None
        data = self._constant(record, name, type_, packed)
        if packed and data is None:
            return Tensor(name, None, f"tensor {name!r} is {_INT4} and computed: only constants can be")
        return Tensor(name, Value(name, type_, data), packed=packed)

    def _constant(self, record: Record, name: str, type_: TensorType, packed: bool) -> Array | None:
        """The tensor's data, a view into the file where its alignment allows; None for a computed tensor."""
        index = record.integer("Buffer")
        where = f"tensor {name!r}"
        if index == 0 and not self._buffers:
            return None
        if index >= len(self._buffers):
            raise InputError(f"refers to buffer {index}, the file has {len(self._buffers)}", where=where)
        raw = self._raw(self._buffers[index], where)
        if raw.size == 0:
            return None
        if index == 0:
            raise InputError("buffer 0, which stands for no data, holds data", where=where)
        size = -(-type_.nbytes // 2) if packed else type_.nbytes
        if raw.size != size:
            raise InputError(f"{raw.size} bytes of data for {type_}, which has {size}", where=where)
        if packed:
            return unpack(raw, type_.elements).reshape(type_.shape)
        if type_.dtype is DType.BOOL:
            flags: Array = (raw != 0).reshape(type_.shape)
            return flags
        stored = raw.view(type_.dtype.numpy.newbyteorder("<"))
        values: Array = stored.astype(type_.dtype.numpy, copy=not stored.flags.aligned).reshape(type_.shape)
        return values

    def _raw(self, buffer: Record, where: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """A buffer's bytes. In files over 2 GiB they lie behind the FlatBuffer, at an offset from its start."""
        offset, size = buffer.integer("Offset"), buffer.integer("Size")
        if offset <= 1:
            return buffer.vector("Data")
        if offset + size > len(self._data):
            raise InputError(f"{size} bytes of data at {offset} lie outside of the file", where=where)
        return np.frombuffer(self._data, np.uint8, size, offset)


def _quant_params(record: Record, dtype: DType, shape: tuple[int, ...]) -> QuantParams | None:
    """A tensor's quantization, None when it has none or none that means anything; VerifyError for nonsense."""
    scales = record.vector("Scale")
    if scales.size == 0 or dtype.is_float or dtype is DType.BOOL:
        return None
    if dtype in _SCALE_UNUSED and not (np.isfinite(scales).all() and (scales > 0).all()):
        return None
    axis = record.integer("QuantizedDimension") if scales.size > 1 else None
    if axis is not None and (not 0 <= axis < len(shape) or scales.size != shape[axis]):
        if dtype in _SCALE_UNUSED:
            return None
        raise VerifyError(f"{scales.size} scales along axis {axis} do not match shape {list(shape)}")
    zero_points = record.vector("ZeroPoint")
    if zero_points.size == 0:
        zero_points = np.zeros(scales.size, np.int64)
    elif zero_points.size == 1:
        zero_points = np.broadcast_to(zero_points, scales.shape)
    bad = next((s for s in scales.tolist() if not (math.isfinite(s) and s > 0.0)), None)
    if bad is not None:
        raise VerifyError(f"quantization scale {bad!r} is not positive and finite")
    return QuantParams(tuple(scales.tolist()), tuple(zero_points.tolist()), axis)
