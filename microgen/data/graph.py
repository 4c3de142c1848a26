"""Steps as operators: what generated code does with raw pixels, with the bytes that the host computes.

Cropping, padding, picking the nearest pixel and the order of channels move bytes. Everything behind them (``Scale``,
``Normalize``, and the quantization by the model's input) is a function of one byte and its channel: a table of 256
entries, filled on the host by the very steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.arrays import fit_array
from microgen.data import steps
from microgen.data.pipeline import Pipeline
from microgen.data.steps import MAX_SIDE, Step
from microgen.errors import InputError, UnsupportedError, one_line
from microgen.mindir import Array, DType, Graph, Node, TensorType, Value, verify
from microgen.ops.base import Op
from microgen.ops.channel_table import ChannelTable
from microgen.ops.gather import Gather
from microgen.ops.pad import Pad
from microgen.ops.reverse import Reverse
from microgen.ops.slice import Slice
from microgen.ops.transpose import Transpose

_BYTES = (steps.Scale, steps.Normalize)

Indices = NDArray[np.int32]


def to_graph(pipeline: Pipeline, height: int, width: int, target: TensorType) -> Graph:
    """The graph uint8 [1, height, width, channels] → ``target``, the type of a model's input (NHWC, or NCHW where its
    channels come first).

    Its bytes are those of the pipeline on the same pixels, quantized by ``target`` as ``arrays.fit_array`` does it.
    Raises UnsupportedError for steps that only the host computes: other filters than ``nearest``, gray of three
    channels, turns, padding with several values or behind ``Scale`` and ``Normalize``; InputError where the result has
    not the target's shape.
    """
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise InputError(f"must be 1 to {MAX_SIDE} a side, not {height} × {width}", where="pixels")
    dims = target.shape[1:] if len(target.shape) == 4 and target.shape[0] == 1 else target.shape
    if len(dims) != 3:
        raise InputError(f"the model's input {list(target.shape)} is no image", where="pixels")
    first = dims[0] in (1, 3) and dims[2] not in (1, 3)
    channels = dims[0] if first else dims[2]
    builder = _Builder(TensorType(DType.UINT8, (1, height, width, channels)))
    moved = [step for step in pipeline.steps if not isinstance(step, _BYTES)]
    if list(pipeline.steps[: len(moved)]) != moved:
        raise UnsupportedError(["steps that move pixels stand before scale and normalize on a device"])
    for step in moved:
        builder.move(step)
    builder.look_up(pipeline.steps[len(moved) :], target)
    if first:
        builder.add(Transpose((0, 3, 1, 2)), builder.value)
    found = builder.value.shape[1:]
    if found != dims:
        raise InputError(f"the steps give {list(found)}, the model's input is {list(target.shape)}", where="pixels")
    return builder.graph(target)


def prepend_pixels(pipeline: Pipeline, model: Graph, height: int, width: int) -> Graph:
    """``model`` behind ``to_graph``: its only input is then raw pixels, uint8 [1, height, width, channels].

    Errors as ``to_graph``; UnsupportedError for a model of several inputs.
    """
    if len(model.inputs) != 1:
        raise UnsupportedError([f"pixels feed one input, the model has {len(model.inputs)}"])
    (target,) = model.inputs
    front = to_graph(pipeline, height, width, target.type)
    last = front.nodes[-1]
    nodes = [*front.nodes[:-1], Node(last.op, last.inputs, (target,), last.name), *model.nodes]
    joined = Graph(model.name, front.inputs, model.outputs, nodes, model.states)
    verify(joined)
    return joined


@dataclass(frozen=True, slots=True)
class RawPixels:
    """What a device's camera gives, height × width, and what the device does with it."""

    height: int
    width: int
    pipeline: Pipeline

    def before(self, model: Graph) -> Graph:
        """``prepend_pixels``."""
        return prepend_pixels(self.pipeline, model, self.height, self.width)

    def facts(self) -> dict[str, Any]:
        """For a file of facts."""
        return {"height": self.height, "width": self.width, "steps": [repr(step) for step in self.pipeline.steps]}


class _Builder:
    """A chain of nodes from the raw pixels on."""

    def __init__(self, pixels: TensorType) -> None:
        self.source = self.value = Value("pixels", pixels)
        self.nodes: list[Node] = []

    def add(self, op: Op, *inputs: Value, kind: TensorType | None = None) -> None:
        """Append ``op``, whose result is of ``kind`` (None: as it infers)."""
        name = f"pixels/{len(self.nodes)}_{op.name}"
        ((dtype, shape),) = op.infer(Node(op, inputs, (), name))
        self.value = Value(name, kind or TensorType(dtype, shape, self.value.type.quant))
        self.nodes.append(Node(op, inputs, (self.value,), name))

    def move(self, step: Step) -> None:
        """Append what moves pixels as ``step`` does."""
        _, height, width, channels = self.value.shape
        if isinstance(step, steps.Color) and (step.order == "rgb" or channels == 1):
            if channels == 1 and step.order != "gray":
                raise UnsupportedError(["gray pixels become three channels on the host only"])
        elif isinstance(step, steps.Color) and step.order == "bgr":
            self.add(Reverse((3,)), self.value)
        elif isinstance(step, steps.Pad) and step.mode == "constant":
            self._pad(step)
        elif isinstance(step, steps.PadTo):
            more, wider = step.height - height, step.width - width
            if more < 0 or wider < 0:
                raise InputError(f"{width}×{height} pixels are more than {step.width}×{step.height}", where="pad_to")
            self._pad(steps.Pad(more // 2, more - more // 2, wider // 2, wider - wider // 2, step.value))
        elif isinstance(step, (steps.Crop, steps.Pad)) or (isinstance(step, steps.Resize) and step.method == "nearest"):
            # These only choose: what they make of the pixels' own numbers says which.
            self._take(1, _rows(step, height, width))
            self._take(2, _columns(step, height, width))
        else:
            raise UnsupportedError([f"{one_line(repr(step), 120)} is computed on the host only"])

    def _pad(self, step: steps.Pad) -> None:
        if len(set(step.value)) != 1 or not float(step.value[0]).is_integer() or not 0 <= step.value[0] <= 255:
            raise UnsupportedError([f"padding with {list(step.value)}: a device pads with one value from 0 to 255"])
        around = ((0, 0), (step.top, step.bottom), (step.left, step.right), (0, 0))
        self.add(Pad(around, int(step.value[0])), self.value)

    def _take(self, axis: int, indices: Indices) -> None:
        shape = self.value.shape
        count, start = len(indices), int(indices[0])
        if (indices == np.arange(shape[axis])[:count] + start).all() if start + count <= shape[axis] else False:
            begin, size = [0] * 4, list(shape)
            begin[axis], size[axis] = start, count
            if tuple(size) != shape:
                self.add(Slice(tuple(begin), tuple(size)), self.value)
            return
        constant = Value(f"pixels/{len(self.nodes)}_indices", TensorType(DType.INT32, (count,)), indices)
        self.add(Gather(axis), self.value, constant)

    def look_up(self, tail: Sequence[Step], target: TensorType) -> None:
        """Append the table of what ``tail`` and the quantization by ``target`` make of each byte."""
        channels = self.value.shape[3]
        values: Array = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], channels, axis=2)
        values = Pipeline(tuple(tail))(values).astype(np.float32)
        fitted = fit_array(values[None], "pixels", TensorType(target.dtype, values.shape, target.quant), "preprocess")
        tables = np.ascontiguousarray(fitted.reshape(256, channels).T)
        if (tables == tables[0]).all():
            tables = np.ascontiguousarray(tables[:1])
        constant = Value("pixels/tables", TensorType(target.dtype, tables.shape), tables)
        kind = TensorType(target.dtype, self.value.shape, target.quant)
        self.add(ChannelTable(), self.value, constant, kind=kind)

    def graph(self, target: TensorType) -> Graph:
        """The chain, whose last value gets the target's own shape."""
        last = self.nodes.pop()
        if last.outputs[0].shape != target.shape:
            raise InputError(f"the model's input {list(target.shape)} must have 4 dimensions", where="pixels")
        output = Value(last.outputs[0].name, target)
        self.nodes.append(Node(last.op, last.inputs, (output,), last.name))
        graph = Graph("pixels", [self.source], [output], self.nodes)
        verify(graph)
        return graph


def _numbers(step: Step, height: int, width: int, axis: int) -> Array:
    """What ``step`` makes of an image whose pixels hold their own place along ``axis``."""
    places = np.arange((height, width)[axis], dtype=np.int32)
    image = np.broadcast_to(places[:, None] if axis == 0 else places[None], (height, width))
    return np.asarray(step(image[..., None]))[..., 0]


def _rows(step: Step, height: int, width: int) -> Indices:
    return np.ascontiguousarray(_numbers(step, height, width, 0)[:, 0], np.int32)


def _columns(step: Step, height: int, width: int) -> Indices:
    # Rows have been chosen already, and columns do not depend on them.
    return np.ascontiguousarray(_numbers(step, height, width, 1)[0], np.int32)
