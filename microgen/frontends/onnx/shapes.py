"""Operators on shapes, constants, and changes of shape. What is known at import is computed in NumPy right away."""

from __future__ import annotations

import math

import numpy as np

from microgen.errors import InputError, VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.reading import element_type
from microgen.mindir import Array
from microgen.mindir.types import MAX_TENSOR_BYTES
from microgen.ops.broadcast_to import BroadcastTo
from microgen.ops.gather import Gather
from microgen.ops.reshape import Reshape


@translates("Shape")
def _shape(n: Context) -> Results:
    shape = n.shape()
    start, end = n.attrs.integer("start", 0), n.attrs.integer("end", len(shape))
    return n.keep(np.array(shape[slice(*(_bounded(v, len(shape)) for v in (start, end)))], np.int64))


def _bounded(value: int, rank: int) -> int:
    return min(max(value + rank if value < 0 else value, 0), rank)


@translates("Size")
def _size(n: Context) -> Results:
    return n.keep(np.array(math.prod(n.shape()), np.int64))


@translates("Constant")
def _constant(n: Context) -> Results:
    for name, value in n.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return n.keep(value)
        if name in ("value_float", "value_floats"):
            return n.keep(np.array(value, np.float32))
        if name in ("value_int", "value_ints"):
            return n.keep(np.array(value, np.int64))
        raise VerifyError(f"attribute {name} is not supported")
    raise InputError("the constant has no value")


def _checked_size(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> tuple[int, ...]:
    if any(d < 0 for d in shape):
        raise VerifyError(f"shape {list(shape)} has a negative dimension")
    if math.prod(shape) * dtype.itemsize > MAX_TENSOR_BYTES:
        raise VerifyError(f"shape {list(shape)} is larger than {MAX_TENSOR_BYTES >> 20} MiB")
    return shape


@translates("ConstantOfShape")
def _constant_of_shape(n: Context) -> Results:
    value = n.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise VerifyError("attribute value must be a tensor of one element")
    return n.keep(np.full(_checked_size(n.ints(0), value.dtype), value.reshape(-1)[0], value.dtype))


@translates("Range")
def _range(n: Context) -> Results:
    start, limit, delta = (n.known(i) for i in range(3))
    if any(v.size != 1 for v in (start, limit, delta)):
        raise VerifyError("start, limit and delta must be scalars")
    first, last, step = (v.reshape(-1)[0].item() for v in (start, limit, delta))
    if step == 0 or not all(math.isfinite(v) for v in (first, last, step)):
        raise VerifyError(f"there is no range from {first} to {last} by {step}")
    count = max(math.ceil((last - first) / step), 0)
    _checked_size((count,), np.dtype(np.float64))
    return n.keep((first + np.arange(count) * step).astype(start.dtype))


@translates("EyeLike")
def _eye_like(n: Context) -> Results:
    shape = n.shape()
    if len(shape) != 2:
        raise VerifyError(f"the input must have 2 dimensions, not {len(shape)}")
    _checked_size(shape, n.dtype())
    dtype = element_type(n.attrs.integer("dtype")).numpy if n.attrs.has("dtype") else n.dtype()
    return n.keep(np.eye(shape[0], shape[1], k=n.attrs.integer("k", 0), dtype=dtype))


def reshaped(n: Context, shape: tuple[int, ...], index: int = 0) -> Results:
    """The input under another shape."""
    data = n.data(index)
    if data is not None:
        if math.prod(shape) != data.size:
            raise VerifyError(f"{data.size} elements do not fit shape {list(shape)}")
        return n.keep(data.reshape(shape))
    x = n.x(index)
    # A node even for the same shape: it is the model's own, and a pass drops it.
    return n.b.add(Reshape(shape), x, quant=x.type.quant)


@translates("Reshape")
def _reshape(n: Context) -> Results:
    wanted, given = list(n.ints(1)), n.shape()
    if not n.attrs.integer("allowzero", 0):
        if any(d == 0 and i >= len(given) for i, d in enumerate(wanted)):
            raise VerifyError(f"shape {wanted} copies a dimension that {list(given)} does not have")
        wanted = [given[i] if d == 0 else d for i, d in enumerate(wanted)]
    if wanted.count(-1) > 1 or any(d < -1 for d in wanted):
        raise VerifyError(f"{wanted} is no shape")
    if -1 in wanted:
        rest = math.prod(d for d in wanted if d != -1)
        if rest == 0 or math.prod(given) % rest:
            raise VerifyError(f"{list(given)} does not reshape to {wanted}")
        wanted[wanted.index(-1)] = math.prod(given) // rest
    return reshaped(n, tuple(wanted))


@translates("Flatten")
def _flatten(n: Context) -> Results:
    shape, axis = n.shape(), n.attrs.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise VerifyError(f"axis {axis} is outside of {len(shape)} dimensions")
    axis = axis + len(shape) if axis < 0 else axis
    return reshaped(n, (math.prod(shape[:axis]), math.prod(shape[axis:])))


@translates("Squeeze")
def _squeeze(n: Context) -> Results:
    shape, axes = n.shape(), n.ints_or_attribute(1, "axes", 13)
    if axes is None:
        return reshaped(n, tuple(d for d in shape if d != 1))
    gone = {n.axis(axis, len(shape)) for axis in axes}
    bad = next((axis for axis in gone if shape[axis] != 1), None)
    if bad is not None:
        raise VerifyError(f"axis {bad} of {list(shape)} is not 1")
    return reshaped(n, tuple(d for i, d in enumerate(shape) if i not in gone))


@translates("Unsqueeze")
def _unsqueeze(n: Context) -> Results:
    axes = n.ints_or_attribute(1, "axes", 13)
    if axes is None:
        raise VerifyError("there are no axes")
    rank = len(n.shape()) + len(axes)
    new = {n.axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise VerifyError(f"axes {list(axes)} repeat each other")
    rest = iter(n.shape())
    return reshaped(n, tuple(1 if i in new else next(rest) for i in range(rank)))


@translates("Expand")
def _expand(n: Context) -> Results:
    try:
        shape = np.broadcast_shapes(n.shape(), _checked_size(n.ints(1), n.dtype()))
    except ValueError:
        raise VerifyError(f"{list(n.shape())} and {list(n.ints(1))} do not broadcast") from None
    data = n.data(0)
    if data is not None:
        return n.keep(np.array(np.broadcast_to(data, _checked_size(shape, data.dtype))))
    x = n.x()
    return x if shape == x.shape else n.b.add(BroadcastTo(shape), x, quant=x.type.quant)


@translates("NonZero")
def _nonzero(n: Context) -> Results:
    # The size of the result depends on the data.
    return n.keep(np.array(np.nonzero(np.atleast_1d(n.known(0))), np.int64))


@translates("Compress")
def _compress(n: Context) -> Results:
    condition = n.known(1).astype(bool).reshape(-1)
    x = n.x()
    if n.attrs.has("axis"):
        axis = n.axis(n.attrs.integer("axis"), len(x.shape))
    else:
        axis, x = 0, n.b.add(Reshape((x.type.elements,)), x)
    places: Array = np.nonzero(condition)[0].astype(np.int64)
    if places.size and places[-1] >= x.shape[axis]:
        raise VerifyError(f"the condition is longer than axis {axis} of {list(x.shape)}")
    return n.b.add(Gather(axis), x, n.constant(places))
