"""Primitives that rearrange elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.mindspore.call import Call, Item, primitive
from microgen.mindir import Value
from microgen.ops.broadcast_to import BroadcastTo
from microgen.ops.concatenation import Concatenation
from microgen.ops.gather import Gather
from microgen.ops.gather_elements import GatherElements
from microgen.ops.mirror_pad import MirrorPad
from microgen.ops.pad import Pad
from microgen.ops.reverse import Reverse
from microgen.ops.slice import Slice
from microgen.ops.split import Split
from microgen.ops.tile import Tile

_MODES = {"reflect": "reflect", "REFLECT": "reflect", "SYMMETRIC": "symmetric", "edge": "edge"}


@primitive("Reshape", "View")
def _reshape(call: Call) -> Item:
    x, shape = call.tensor(0), call.integers("shape", 1)
    return _reshaped(call, x, _complete(shape, x))


def _complete(shape: Sequence[int], x: Value) -> tuple[int, ...]:
    """``shape`` with its −1, if any, filled in."""
    known = math.prod(d for d in shape if d != -1)
    if list(shape).count(-1) != 1:
        return tuple(shape)
    if known <= 0 or x.type.elements % known:
        raise VerifyError(f"{list(x.shape)} cannot become {list(shape)}")
    return tuple(x.type.elements // known if d == -1 else d for d in shape)


def _reshaped(call: Call, x: Value, shape: Sequence[int]) -> Value:
    if math.prod(shape) != x.type.elements or any(d <= 0 for d in shape):
        raise VerifyError(f"{list(x.shape)} cannot become {list(shape)}")
    if x.is_const:
        return call.b.constant(x.const.reshape(tuple(shape)), f"{x.name}/reshaped")
    return nchw.reshape(call.b, x, shape)


@primitive("Flatten", "FlattenExt")
def _flatten(call: Call) -> Item:
    x = call.tensor(0)
    rank = len(x.shape)
    if call.primitive == "Flatten":
        return _reshaped(call, x, (x.shape[0], x.type.elements // x.shape[0]) if rank else (1, 1))
    first, last = (call.axis(call.integer(n, i, d), rank) for n, i, d in (("start_dim", 1, 1), ("end_dim", 2, -1)))
    return _reshaped(call, x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


@primitive("ExpandDims")
def _expand_dims(call: Call) -> Item:
    x = call.tensor(0)
    axis = call.axis(call.integer("axis", 1), len(x.shape) + 1)
    return _reshaped(call, x, (*x.shape[:axis], 1, *x.shape[axis:]))


@primitive("Squeeze")
def _squeeze(call: Call) -> Item:
    x = call.tensor(0)
    given = call.integers("axis", 1, ())
    axes = call.axes(given, len(x.shape)) if given else [i for i, d in enumerate(x.shape) if d == 1]
    if any(x.shape[axis] != 1 for axis in axes):
        raise VerifyError(f"axes {list(axes)} of {list(x.shape)} do not all have size 1")
    return _reshaped(call, x, [d for i, d in enumerate(x.shape) if i not in axes])


@primitive("Transpose")
def _transpose(call: Call) -> Item:
    x = call.tensor(0)
    rank = len(x.shape)
    permutation = tuple(call.axis(axis, rank) for axis in call.integers("perm", 1))
    if sorted(permutation) != list(range(rank)):
        raise VerifyError(f"{list(permutation)} is no order of {rank} dimensions")
    return nchw.transpose(call.b, x, permutation)


@primitive("Concat")
def _concat(call: Call) -> Item:
    parts = call.elements(0)
    axis_at = 1 if isinstance(call.items[0], tuple) else None
    axis = call.axis(call.integer("axis", axis_at, 0), len(parts[0].shape))
    return parts[0] if len(parts) == 1 else call.b.add(Concatenation(axis), *parts)


@primitive("Stack", "StackExt")
def _stack(call: Call) -> Item:
    parts = call.elements(0)
    axis_at = 1 if isinstance(call.items[0], tuple) else None
    axis = call.axis(call.integer("axis", axis_at, call.integer("dim", None, 0)), len(parts[0].shape) + 1)
    if any(v.shape != parts[0].shape for v in parts):
        raise VerifyError("the shapes of its inputs differ")
    wide = [_reshaped(call, v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in parts]
    return wide[0] if len(wide) == 1 else call.b.add(Concatenation(axis), *wide)


@primitive("Split")
def _split(call: Call) -> Item:
    x = call.tensor(0)
    axis, count = call.axis(call.integer("axis", 1, 0), len(x.shape)), call.integer("output_num", 2)
    if not 1 <= count <= x.shape[axis] or x.shape[axis] % count:
        raise VerifyError(f"{x.shape[axis]} elements do not divide into {count} parts")
    return _parts(call, x, axis, (x.shape[axis] // count,) * count)


@primitive("SplitWithSize")
def _split_with_size(call: Call) -> Item:
    x, sizes = call.tensor(0), call.integers("split_size", 1)
    axis = call.axis(call.integer("axis", 2, 0), len(x.shape))
    if any(s < 1 for s in sizes) or sum(sizes) != x.shape[axis]:
        raise VerifyError(f"sizes {list(sizes)} for {x.shape[axis]} elements")
    return _parts(call, x, axis, sizes)


def _parts(call: Call, x: Value, axis: int, sizes: tuple[int, ...]) -> Item:
    return (x,) if len(sizes) == 1 else call.b.add_all(Split(axis, sizes), x)


@primitive("Slice")
def _slice(call: Call) -> Item:
    x, begin, size = call.tensor(0), call.integers("begin", 1), call.integers("size", 2)
    rank = len(x.shape)
    if len(begin) != rank or len(size) != rank:
        raise VerifyError(f"begin {list(begin)} and size {list(size)} for an input {list(x.shape)}")
    complete = tuple(d - b if s == -1 else s for d, b, s in zip(x.shape, begin, size, strict=True))
    return _sliced(call, x, begin, complete, (1,) * rank)


@primitive("SliceExt")
def _slice_ext(call: Call) -> Item:
    x = call.tensor(0)
    axis = call.axis(call.integer("dim", 1), len(x.shape))
    picked = range(x.shape[axis])[call.integer("start", 2) : call.integer("end", 3) : _positive(call, "step", 4)]
    begin = tuple(picked.start if i == axis else 0 for i in range(len(x.shape)))
    size = tuple(len(picked) if i == axis else d for i, d in enumerate(x.shape))
    return _sliced(call, x, begin, size, tuple(picked.step if i == axis else 1 for i in range(len(x.shape))))


def _positive(call: Call, name: str, index: int) -> int:
    value = call.integer(name, index, 1)
    if value < 1:
        raise VerifyError(f"{name} {value} is not positive")
    return value


@primitive("StridedSlice")
def _strided_slice(call: Call) -> Item:
    """NumPy's slices; bits of the masks say which entries count."""
    x = call.tensor(0)
    begin, end, step = (call.integers(n, i) for n, i in (("begin", 1), ("end", 2), ("strides", 3)))
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    begin_mask, end_mask, ellipsis, new_axis, shrink = (call.integer(m, 4 + i, 0) for i, m in enumerate(masks))
    if ellipsis or new_axis:
        raise VerifyError("ellipsis_mask and new_axis_mask are not supported")
    if not len(begin) == len(end) == len(step) <= len(x.shape) or 0 in step:
        raise VerifyError(f"begin {list(begin)}, end {list(end)}, strides {list(step)} for an input {list(x.shape)}")
    starts: list[int] = []
    sizes: list[int] = []
    strides: list[int] = []
    dropped: list[int] = []
    for i, length in enumerate(x.shape):
        if i >= len(begin):
            starts.append(0)
            sizes.append(length)
            strides.append(1)
            continue
        if shrink >> i & 1:
            starts.append(call.axis(begin[i], length))
            sizes.append(1)
            strides.append(1)
            dropped.append(i)
            continue
        first, last = None if begin_mask >> i & 1 else begin[i], None if end_mask >> i & 1 else end[i]
        picked = range(length)[first : last : step[i]]
        starts.append(picked.start)
        sizes.append(len(picked))
        strides.append(step[i])
    y = _sliced(call, x, tuple(starts), tuple(sizes), tuple(strides))
    return _reshaped(call, y, [d for i, d in enumerate(y.shape) if i not in dropped]) if dropped else y


def _sliced(call: Call, x: Value, begin: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...]) -> Value:
    for b, s, step, length in zip(begin, size, stride, x.shape, strict=True):
        if s < 1 or not (0 <= b < length and 0 <= b + (s - 1) * step < length):
            raise VerifyError(f"begin {list(begin)}, size {list(size)}, stride {list(stride)} leave {list(x.shape)}")
    if size == x.shape and not any(begin) and all(s == 1 for s in stride):
        return x
    return call.b.add(Slice(begin, size, stride), x)


@primitive("Gather")
def _gather(call: Call) -> Item:
    x, indices = call.tensor(0), call.tensor(1)
    batch_dims = call.integer("batch_dims", 3, 0)
    batch_dims += len(indices.shape) if batch_dims < 0 else 0
    return call.b.add(Gather(call.axis(call.integer("axis", 2, 0), len(x.shape)), batch_dims), x, indices)


@primitive("GatherD")
def _gather_elements(call: Call) -> Item:
    x = call.tensor(0)
    return call.b.add(GatherElements(call.axis(call.integer("dim", 1), len(x.shape))), x, call.tensor(2))


@primitive("ReverseV2")
def _reverse(call: Call) -> Item:
    x, given = call.tensor(0), call.integers("axis", 1)
    return call.b.add(Reverse(call.axes(given, len(x.shape))), x) if given else x


@primitive("Tile")
def _tile(call: Call) -> Item:
    x, multiples = call.tensor(0), call.integers("dims", 1)
    if len(multiples) < len(x.shape) or any(m < 1 for m in multiples):
        raise VerifyError(f"multiples {list(multiples)} for an input {list(x.shape)}")
    x = _reshaped(call, x, (*(1,) * (len(multiples) - len(x.shape)), *x.shape))
    return call.b.add(Tile(multiples), x)


@primitive("BroadcastTo")
def _broadcast_to(call: Call) -> Item:
    x, shape = call.tensor(0), call.integers("shape", 1)
    offset = len(shape) - len(x.shape)
    full = tuple(x.shape[i - offset] if d == -1 and i >= offset >= 0 else d for i, d in enumerate(shape))
    return call.b.add(BroadcastTo(full), x)


@primitive("Shape", "TensorShape")
def _shape(call: Call) -> Item:
    shape = call.tensor(0).shape
    return shape if call.primitive == "Shape" else np.array(shape, np.int64)


@primitive("Pad", "PadV3", "MirrorPad")
def _pad(call: Call) -> Item:
    x = call.tensor(0)
    amounts = _amounts(call, len(x.shape))
    if any(not 0 <= n <= 1 << 20 for pair in amounts for n in pair):
        raise VerifyError(f"padding {[list(p) for p in amounts]} is out of range")
    mode = "constant" if call.primitive == "Pad" else call.get("mode", None, "constant")
    if mode != "constant":
        if mode not in _MODES:
            raise VerifyError(f"mode {mode!r} is not supported")
        return call.b.add(MirrorPad(amounts, _MODES[mode]), x)
    value = call.number("value", 2, 0) if call.primitive == "PadV3" else 0
    return call.b.add(Pad(amounts, value if x.type.dtype.is_float else int(value)), x)


def _amounts(call: Call, rank: int) -> tuple[tuple[int, int], ...]:
    """(before, after) of every dimension."""
    given = call.get("paddings", 1)
    if isinstance(given, (tuple, list)) and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in given):
        flat = [n for p in given for n in p]
    else:
        # PadV3 begins with the last dimension and may leave the first ones out.
        numbers = call.integers("paddings", 1)
        if not call.get("paddings_contiguous", None, True):
            half = len(numbers) // 2
            numbers = tuple(n for p in zip(numbers[:half], numbers[half:], strict=False) for n in p)
        if len(numbers) % 2 or len(numbers) > 2 * rank:
            raise VerifyError(f"padding {list(numbers)} for {rank} dimensions")
        pairs = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
        flat = [n for p in reversed([*pairs, *[(0, 0)] * (rank - len(pairs))]) for n in p]
    if len(flat) != 2 * rank or not all(isinstance(n, int) for n in flat):
        raise VerifyError(f"padding {list(flat)} for {rank} dimensions")
    return tuple((flat[i], flat[i + 1]) for i in range(0, len(flat), 2))
