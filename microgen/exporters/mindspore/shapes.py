"""Operators that rearrange elements."""

from __future__ import annotations

from microgen.exporters.mindspore.forms import finish, form
from microgen.exporters.mindspore.writer import NCHW, NHWC, Writer, image_of, kind_of, unsupported
from microgen.mindir import Node


@form("Reshape", "Squeeze", "ExpandDims")
def _reshape(w: Writer, node: Node) -> None:
    shape = w.literal(node.output.shape)
    finish(w, node, w.add("Reshape", [w.plain(node.input(0)), shape], kind_of(node.output)))


@form("Transpose")
def _transpose(w: Writer, node: Node) -> None:
    """To [N, C, H, W] and back is the same values under another name."""
    x, permutation = node.input(0), tuple(int(p) for p in vars(node.op)["permutation"])
    if permutation == NCHW:
        w.set_plain(node.output, w.nchw(x))
    elif permutation == NHWC:
        w.set_nchw(node.output, w.plain(x))
    else:
        name = w.add("Transpose", [w.plain(x), w.literal(permutation)], kind_of(node.output))
        finish(w, node, name)


@form("Concatenation")
def _concatenation(w: Writer, node: Node) -> None:
    parts = [v for v in node.inputs if v is not None]
    axis = int(vars(node.op)["axis"]) % len(node.output.shape)
    image = len(node.output.shape) == 4 and any(w.is_image(v) for v in parts)
    names = [w.nchw(v) if image else w.plain(v) for v in parts]
    kinds = [image_of(v) if image else kind_of(v) for v in parts]
    parts_name = w.add_tuple("MakeTuple", names, kinds)
    where = w.literal(NCHW.index(axis) if image else axis)
    kind = image_of(node.output) if image else kind_of(node.output)
    finish(w, node, w.add("Concat", [parts_name, where], kind), image=image)


@form("Slice")
def _slice(w: Writer, node: Node) -> None:
    x, op = node.input(0), vars(node.op)
    begin, size = tuple(op["begin"]), tuple(op["size"])
    stride = tuple(op["stride"]) or (1,) * len(begin)
    if any(s < 1 for s in stride):
        raise unsupported(node, f"a slice of stride {list(stride)}")
    end = tuple(b + (n - 1) * s + 1 for b, n, s in zip(begin, size, stride, strict=True))
    zero = w.literal(0)
    inputs = [w.plain(x), w.literal(begin), w.literal(end), w.literal(stride), zero, zero, zero, zero, zero]
    name = w.add("StridedSlice", inputs, (x.type.dtype, size))
    if node.output.shape != size:
        name = w.add("Reshape", [name, w.literal(node.output.shape)], kind_of(node.output))
    finish(w, node, name)


@form("Split")
def _split(w: Writer, node: Node) -> None:
    x, op = node.input(0), vars(node.op)
    axis, sizes = int(op["axis"]) % len(x.shape), tuple(op["sizes"])
    if len(set(sizes)) != 1:
        raise unsupported(node, f"a split into {list(sizes)}")
    kinds = [kind_of(v) for v in node.outputs]
    parts = w.add_tuple("Split", [w.plain(x), w.literal(axis), w.literal(len(sizes))], kinds)
    for i, value in enumerate(node.outputs):
        w.set_plain(value, w.element(parts, i, kinds[i]))


@form("Tile")
def _tile(w: Writer, node: Node) -> None:
    multiples = w.literal(tuple(vars(node.op)["multiples"]))
    finish(w, node, w.add("Tile", [w.plain(node.input(0)), multiples], kind_of(node.output)))


@form("BroadcastTo")
def _broadcast_to(w: Writer, node: Node) -> None:
    shape = w.literal(node.output.shape)
    finish(w, node, w.add("BroadcastTo", [w.plain(node.input(0)), shape], kind_of(node.output)))


@form("Gather")
def _gather(w: Writer, node: Node) -> None:
    axis = w.literal(int(vars(node.op)["axis"]) % len(node.input(0).shape))
    inputs = [w.plain(node.input(0)), w.plain(node.input(1)), axis, w.literal(int(vars(node.op)["batch_dims"]))]
    finish(w, node, w.add("Gather", inputs, kind_of(node.output)))


@form("GatherElements")
def _gather_elements(w: Writer, node: Node) -> None:
    axis = w.literal(int(vars(node.op)["axis"]) % len(node.input(0).shape))
    inputs = [w.plain(node.input(0)), axis, w.plain(node.input(1))]
    finish(w, node, w.add("GatherD", inputs, kind_of(node.output)))


@form("Reverse")
def _reverse(w: Writer, node: Node) -> None:
    axes = w.literal(tuple(int(a) % len(node.output.shape) for a in vars(node.op)["axes"]))
    finish(w, node, w.add("ReverseV2", [w.plain(node.input(0)), axes], kind_of(node.output)))
