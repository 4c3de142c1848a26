"""Operators that pick, join and rearrange elements. Positions must be known at import."""

from __future__ import annotations

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.mindir import DType, Value
from microgen.ops.cast import Cast
from microgen.ops.concatenation import Concatenation
from microgen.ops.cumulative_sum import CumulativeSum
from microgen.ops.depth_to_space import DepthToSpace
from microgen.ops.gather import Gather
from microgen.ops.gather_elements import GatherElements
from microgen.ops.gather_nd import GatherND
from microgen.ops.mirror_pad import MirrorPad
from microgen.ops.one_hot import OneHot
from microgen.ops.pad import Pad
from microgen.ops.scatter_elements import ScatterElements
from microgen.ops.scatter_nd import ScatterND
from microgen.ops.slice import Slice
from microgen.ops.space_to_depth import SpaceToDepth
from microgen.ops.split import Split
from microgen.ops.tile import Tile
from microgen.ops.top_k import TopK
from microgen.ops.transpose import Transpose
from microgen.ops.trilu import Trilu


@translates("Concat")
def _concat(n: Context) -> Results:
    axis = n.axis(n.attrs.integer("axis"), len(n.shape()))
    arrays = [n.data(i) for i in range(len(n.items))]
    known = [a for a in arrays if a is not None]
    if len(known) == len(arrays):
        try:
            return n.keep(np.concatenate(known, axis))
        except (ValueError, TypeError):
            raise VerifyError(f"shapes {[list(a.shape) for a in known]} do not join along axis {axis}") from None
    operands = [n.x(i) for i in range(len(n.items)) if 0 not in n.shape(i)]
    return operands[0] if len(operands) == 1 else n.b.add(Concatenation(axis), *operands)


@translates("Transpose")
def _transpose(n: Context) -> Results:
    rank = len(n.shape())
    order = n.attrs.integer_list("perm", tuple(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise VerifyError(f"{list(order)} is no permutation of {rank} dimensions")
    data = n.data(0)
    if data is not None:
        return n.keep(np.ascontiguousarray(np.transpose(data, order)))
    x = n.x()
    return n.b.add(Transpose(order), x, quant=x.type.quant)


@translates("Slice")
def _slice(n: Context) -> Results:
    shape = n.shape()
    if n.opset < 10:
        starts, ends = n.attrs.integer_list("starts"), n.attrs.integer_list("ends")
        axes = n.attrs.integer_list("axes", tuple(range(len(starts))))
        steps = (1,) * len(starts)
    else:
        starts, ends = n.ints(1), n.ints(2)
        axes = n.ints(3) if n.has(3) else tuple(range(len(starts)))
        steps = n.ints(4) if n.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise VerifyError("starts, ends, axes and steps do not go together")
    begin, size, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        i = n.axis(axis, len(shape))
        positions = range(shape[i])[slice(start, end, step)]
        begin[i], size[i], stride[i] = (positions.start if len(positions) else 0), len(positions), step
    data = n.data(0)
    if data is not None:
        picks = np.ix_(*(b + np.arange(s) * t for b, s, t in zip(begin, size, stride, strict=True)))
        return n.keep(np.ascontiguousarray(data[picks]) if shape else data)
    if 0 in size:
        raise VerifyError(f"the result {size} is empty")
    x = n.x()
    return n.b.add(Slice(tuple(begin), tuple(size), tuple(stride)), x, quant=x.type.quant)


@translates("Split")
def _split(n: Context) -> Results:
    shape = n.shape()
    axis = n.axis(n.attrs.integer("axis", 0), len(shape))
    length, count = shape[axis] if shape else 0, len(n.names)
    given = n.ints_or_attribute(1, "split", 13)
    if given is None:
        count = n.attrs.integer("num_outputs", count)
        if count < 1 or (length % count and n.opset < 18):
            raise VerifyError(f"axis {axis} of {list(shape)} does not split into {count} equal parts")
        size = -(-length // count)
        given = tuple(min(size, max(length - i * size, 0)) for i in range(count))
    if sum(given) != length or any(size < 0 for size in given) or len(given) < len(n.names):
        raise VerifyError(f"parts of {list(given)} do not make up axis {axis} of {list(shape)}")
    data = n.data(0)
    if data is not None:
        return [n.keep(part) for part in np.split(data, np.cumsum(given)[:-1], axis)]
    x = n.x()
    sizes = tuple(size for size in given if size)
    quants = [x.type.quant] * len(sizes)
    parts = iter([x] if len(sizes) == 1 else n.b.add_all(Split(axis, sizes), x, quants=quants))
    empty = np.empty((*shape[:axis], 0, *shape[axis + 1 :]), n.dtype())
    return [next(parts) if size else n.keep(empty) for size in given]


@translates("Gather")
def _gather(n: Context) -> Results:
    rank = len(n.shape())
    axis = n.axis(n.attrs.integer("axis", 0), rank)
    if not rank:
        raise VerifyError("a scalar has no axis to gather along")
    data, indices = n.data(0), n.data(1)
    length = n.shape()[axis]
    if indices is not None:
        if indices.dtype.kind not in "iu":
            raise VerifyError(f"indices are {indices.dtype}, not integers")
        if indices.size and not (-length <= int(indices.min()) and int(indices.max()) < length):
            raise VerifyError(f"an index is outside of axis {axis} of {list(n.shape())}")
        if data is not None:
            return n.keep(np.take(data, indices.astype(np.int64), axis))
        positive = indices.astype(np.int64) % length
        return n.b.add(Gather(axis), n.x(), n.constant(positive.astype(indices.dtype)))
    return n.b.add(Gather(axis), n.x(), n.x(1))


@translates("GatherElements")
def _gather_elements(n: Context) -> Results:
    return n.b.add(GatherElements(n.axis(n.attrs.integer("axis", 0), len(n.shape()))), n.x(), n.x(1))


@translates("GatherND")
def _gather_nd(n: Context) -> Results:
    return n.b.add(GatherND(n.attrs.integer("batch_dims", 0)), n.x(), n.x(1))


@translates("Scatter", "ScatterElements")
def _scatter_elements(n: Context) -> Results:
    axis = n.axis(n.attrs.integer("axis", 0), len(n.shape()))
    return n.b.add(ScatterElements(axis, n.attrs.text("reduction", "none")), n.x(), n.x(1), n.x(2))


@translates("ScatterND")
def _scatter_nd(n: Context) -> Results:
    return n.b.add(ScatterND(n.attrs.text("reduction", "none")), n.x(), n.x(1), n.x(2))


@translates("Tile")
def _tile(n: Context) -> Results:
    repeats, x = n.ints(1), n.x()
    if len(repeats) != len(x.shape) or any(r < 1 for r in repeats):
        raise VerifyError(f"repeats {list(repeats)} do not go with {list(x.shape)}")
    return n.b.add(Tile(repeats), x)


@translates("CumSum")
def _cumsum(n: Context) -> Results:
    x = n.x()
    axes = n.ints(1)
    if len(axes) != 1:
        raise VerifyError(f"has {len(axes)} axes, not 1")
    exclusive, reverse = bool(n.attrs.integer("exclusive", 0)), bool(n.attrs.integer("reverse", 0))
    return n.b.add(CumulativeSum(n.axis(axes[0], len(x.shape)), exclusive, reverse), x)


@translates("Trilu")
def _trilu(n: Context) -> Results:
    k = int(n.number(1)) if n.has(1) else 0
    return n.b.add(Trilu(bool(n.attrs.integer("upper", 1)), k), n.x())


@translates("TopK")
def _topk(n: Context) -> Results:
    x = n.x()
    axis = n.axis(n.attrs.integer("axis", -1), len(x.shape))
    count = n.attrs.integer("k") if n.opset < 10 else int(n.number(1))
    if not 0 < count <= x.shape[axis]:
        raise VerifyError(f"there are no {count} largest of {x.shape[axis]} elements")
    largest, ordered = bool(n.attrs.integer("largest", 1)), bool(n.attrs.integer("sorted", 1))
    return n.b.add_all(TopK(axis=axis, k=count, largest=largest, sorted=ordered), x)


@translates("ReverseSequence")
def _reverse_sequence(n: Context) -> Results:
    x, lengths = n.x(), n.ints(1)
    time, batch = n.attrs.integer("time_axis", 0), n.attrs.integer("batch_axis", 1)
    if {time, batch} != {0, 1} or len(x.shape) < 2 or len(lengths) != x.shape[batch]:
        raise VerifyError(f"time_axis {time} and batch_axis {batch} with {len(lengths)} lengths")
    if any(not 1 <= length <= x.shape[time] for length in lengths):
        raise VerifyError(f"lengths {list(lengths)} are outside of axis {time} of {list(x.shape)}")
    steps = np.arange(x.shape[time])
    table = np.stack([np.where(steps < length, length - 1 - steps, steps) for length in lengths], axis=batch)
    table = table.reshape(table.shape + (1,) * (len(x.shape) - 2))
    return n.b.add(GatherElements(time), x, n.constant(np.broadcast_to(table, x.shape).astype(np.int64)))


@translates("OneHot")
def _one_hot(n: Context) -> Results:
    indices, depth, values = n.x(0), int(n.number(1)), n.x(2)
    if values.shape != (2,) or not 0 < depth <= 1 << 20:
        raise VerifyError(f"depth {depth} with values {list(values.shape)}")
    axis = n.axis(n.attrs.integer("axis", -1), len(indices.shape) + 1)
    if indices.type.dtype not in (DType.INT32, DType.INT64):
        indices = n.b.add(Cast(DType.INT64), indices)
    return n.b.add(OneHot(depth, axis), indices, values)


@translates("Pad")
def _pad(n: Context) -> Results:
    x = n.x()
    rank = len(x.shape)
    if n.opset < 11:
        amounts, value = n.attrs.integer_list("pads"), n.attrs.number("value", 0.0)
    else:
        amounts, value = n.ints(1), (n.known(2).reshape(-1)[0].item() if n.has(2) else 0)
    axes = [n.axis(a, rank) for a in n.ints(3)] if n.has(3) else list(range(rank))
    if len(amounts) != 2 * len(axes):
        raise VerifyError(f"{len(amounts)} pads for {len(axes)} dimensions")
    pairs = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pairs[axis] = (amounts[i], amounts[i + len(axes)])
    if any(b < 0 for pair in pairs for b in pair):
        begin = tuple(max(-before, 0) for before, _ in pairs)
        size = tuple(d - b - max(-after, 0) for d, b, (_, after) in zip(x.shape, begin, pairs, strict=True))
        if any(s < 1 for s in size):
            raise VerifyError(f"pads {list(amounts)} leave nothing of {list(x.shape)}")
        x = n.b.add(Slice(begin, size, (1,) * rank), x, quant=x.type.quant)
        pairs = [(max(before, 0), max(after, 0)) for before, after in pairs]
    mode = n.attrs.text("mode", "constant")
    if all(pair == (0, 0) for pair in pairs):
        return x
    if mode == "constant":
        return n.b.add(Pad(tuple(pairs), value), x)
    if mode in ("reflect", "edge"):
        return n.b.add(MirrorPad(tuple(pairs), mode), x)
    if mode == "wrap":
        return _wrapped(n, x, pairs)
    raise VerifyError(f"mode {mode} is not supported")


def _wrapped(n: Context, result: Value, pairs: list[tuple[int, int]]) -> Results:
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            length = result.shape[axis]
            places = np.arange(-before, length + after) % length
            result = n.b.add(Gather(axis), result, n.constant(places.astype(np.int64)))
    return result


@translates("DepthToSpace", "SpaceToDepth")
def _blocks(n: Context) -> Results:
    from microgen.frontends import nchw

    x, block = n.x(), n.attrs.integer("blocksize")
    if len(x.shape) != 4:
        raise VerifyError(f"the input must have 4 dimensions, not {len(x.shape)}")
    image = nchw.to_nhwc(n.b, x)
    if n.operator == "SpaceToDepth":
        if n.attrs.text("mode", "DCR") != "DCR":
            raise VerifyError(f"mode {n.attrs.text('mode')} is not supported")
        return nchw.to_nchw(n.b, n.b.add(SpaceToDepth(block), image))
    return nchw.to_nchw(n.b, n.b.add(DepthToSpace(block, n.attrs.text("mode", "DCR")), image))
