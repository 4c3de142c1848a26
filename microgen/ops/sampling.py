"""Builders for the samples that operators offer to the differential tests: seeded, small, in range."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from microgen.mindir import Array, DType, Graph, Node, QuantParams, State, TensorType, Value
from microgen.ops.base import Op, Sample


def rng(*key: object) -> np.random.Generator:
    """A generator that depends on ``key`` alone."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def int8(shape: Sequence[int], scale: float = 0.05, zero_point: int = 3) -> TensorType:
    """A per-tensor quantized int8 type."""
    return TensorType(DType.INT8, tuple(shape), QuantParams.per_tensor(scale, zero_point))


def int16(shape: Sequence[int], scale: float = 0.0002) -> TensorType:
    """A per-tensor quantized int16 type of zero point 0."""
    return TensorType(DType.INT16, tuple(shape), QuantParams.per_tensor(scale, 0))


def float32(shape: Sequence[int]) -> TensorType:
    """A float32 type."""
    return TensorType(DType.FLOAT32, tuple(shape))


def float_weights(key: object, shape: Sequence[int], scale: float = 1.0, name: str = "weights") -> Value:
    """A constant of normally distributed float32 numbers."""
    data = rng(name, key, tuple(shape)).normal(0.0, scale, tuple(shape)).astype(np.float32)
    return Value(name, TensorType(DType.FLOAT32, data.shape), data)


def weights(key: object, shape: Sequence[int], axis: int | None = 0, scale: float = 0.02, bits: int = 8) -> Value:
    """A constant int8 filter in [-127, 127], with one scale for each slice along ``axis`` (None: one scale); of
    fewer ``bits``, in their range.
    """
    generator = rng("weights", key, tuple(shape))
    data = generator.integers(-127, 128, shape, dtype=np.int8) >> np.int8(8 - bits)
    if axis is None:
        quant = QuantParams.per_tensor(scale, 0)
    else:
        factors = generator.uniform(0.3, 1.7, shape[axis])
        scales = tuple(float(np.float32(scale * f)) for f in factors)
        quant = QuantParams(scales, (0,) * len(scales), axis)
    return Value("weights", TensorType(DType.INT8, tuple(shape), quant), data)


def bias(key: object, input_type: TensorType, filter_value: Value, size: int, peak: int = 0) -> Value:
    """A constant int32 bias with the scales ``input · filter``: small values around ``peak`` and ``-peak`` in turn."""
    assert input_type.quant is not None and filter_value.type.quant is not None
    data = rng("bias", key, size).integers(-3000, 3000, size, dtype=np.int32)
    data[0::2] += np.int32(peak)
    data[1::2] -= np.int32(peak)
    scales = tuple(float(np.float32(input_type.quant.scale * s)) for s in filter_value.type.quant.scales)
    quant = QuantParams(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)
    if input_type.dtype is DType.INT16:
        return Value("bias", TensorType(DType.INT64, (size,), quant), data.astype(np.int64) << 8)
    return Value("bias", TensorType(DType.INT32, (size,), quant), data)


def constant(name: str, data: Array, quant: QuantParams | None = None) -> Value:
    """A constant value of ``data``'s own type."""
    return Value(name, TensorType(DType(str(data.dtype)), data.shape, quant), data)


def single(
    op: Op,
    id: str,
    inputs: Sequence[TensorType | Value | None],
    output: QuantParams | Sequence[TensorType] | None,
) -> Sample:
    """A one-node graph: a TensorType becomes a graph input, None an absent one; a Value stands for itself, a
    constant or a graph input that is read more than once.

    ``output`` is the quantization of the only output (its element type and shape are inferred), or the full
    types of all outputs. What the operator keeps are states, which begin with zeros; those that it keeps in itself are
    added, and begin as it says.
    """
    operands = tuple(
        Value(f"input_{i}", item) if isinstance(item, TensorType) else item for i, item in enumerate(inputs)
    )
    own = op.initial_states(operands)
    kept_inside = tuple(constant(f"kept_{i}", array) for i, array in enumerate(own))
    operands += tuple(Value(value.name, value.type) for value in kept_inside)
    if output is None or isinstance(output, QuantParams):
        draft = Node(op, operands, (), op.name)
        types = [TensorType(dtype, shape, output) for dtype, shape in op.infer(draft)]
    else:
        types = list(output)
    outputs = tuple(Value(f"output_{i}", t) for i, t in enumerate(types))
    node = Node(op, operands, outputs, f"{op.name}_{id}")
    states = [_state(node.input(index), outputs[output]) for output, index in op.state_pairs(node)]
    for i, array in enumerate(own):
        states[i - len(own)] = State(f"kept_{i}", states[i - len(own)].before, states[i - len(own)].after, array)
    kept = {value for state in states for value in (state.before, state.after)}
    graph_inputs = dict.fromkeys(v for v in operands if v is not None and not v.is_const and v not in kept)
    results = [value for value in outputs if value not in kept]
    return Sample(id, Graph(f"{op.name}_{id}", graph_inputs, results, [node], states))


def _state(before: Value, after: Value) -> State:
    """A state that begins with zeros."""
    quant = before.type.quant
    zero = quant.zero_point if quant is not None else 0
    return State(before.name, before, after, np.full(before.shape, zero, before.type.dtype.numpy))
