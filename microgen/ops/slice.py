"""SLICE and STRIDED_SLICE: a part of a tensor, every so many elements, perhaps backwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import Movement, axis_in, shape_permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.reshape import Reshape
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Slice(Movement):
    """Element i of an axis is the input's element ``begin + i · stride``, for i below ``size``.

    Each attribute has one entry for every dimension of the input; strides may be negative. Without ``stride`` all
    are 1. The axes in ``dropped``, ascending, have size 1 and vanish from the result.
    """

    begin: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()

    name: ClassVar[str] = "Slice"
    tflite: ClassVar[tuple[str, ...]] = ("SLICE", "STRIDED_SLICE")
    onnx: ClassVar[tuple[str, ...]] = ("Slice",)

    def __post_init__(self) -> None:
        if not self.stride:
            object.__setattr__(self, "stride", (1,) * len(self.begin))

    @property
    def is_plain(self) -> bool:
        """Whether begin and size say everything."""
        return not self.dropped and all(s == 1 for s in self.stride)

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        return "SliceOptions" if operator == "SLICE" else "StridedSliceOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        shape = source.input(0).shape
        if source.operator == "STRIDED_SLICE":
            return _from_strided(source, shape), (source.input(0),)
        begin, size = source.integers(1), source.integers(2)
        if not len(begin) == len(size) == len(shape):
            raise VerifyError(f"begin {list(begin)} and size {list(size)} do not go with shape {list(shape)}")
        whole = tuple(n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True))
        return cls(begin, whole), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        def vector(name: str, values: Sequence[int]) -> Value:
            return sampling.constant(name, np.array(values, np.int32))

        begin = vector("begin", self.begin)
        if self.is_plain:
            return TFLiteForm("SLICE", (node.input(0), begin, vector("size", self.size)), "SliceOptions", version=2)
        ends = [b + n * s for b, n, s in zip(self.begin, self.size, self.stride, strict=True)]
        options = {
            # An end before the first element cannot be written: the mask says "up to there".
            "EndMask": sum(1 << i for i, end in enumerate(ends) if end < 0),
            "ShrinkAxisMask": sum(1 << i for i in self.dropped),
        }
        end = vector("end", [max(end, 0) for end in ends])
        stride = vector("stride", self.stride)
        inputs = (node.input(0), begin, end, stride)
        return TFLiteForm("STRIDED_SLICE", inputs, "StridedSliceOptions", options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        shape = source.input(0).shape
        if source.opset < 10:
            starts, ends = source.integer_list("starts"), source.integer_list("ends")
            axes = source.integer_list("axes", tuple(range(len(starts))))
            steps: tuple[int, ...] = (1,) * len(starts)
        else:
            starts, ends = source.integers(1), source.integers(2)
            axes = tuple(range(len(starts))) if source.optional(3) is None else source.integers(3)
            steps = (1,) * len(starts) if source.optional(4) is None else source.integers(4)
        if not len(starts) == len(ends) == len(axes) == len(steps):
            raise VerifyError("starts, ends, axes and steps differ in length")
        begin, size, stride = [0] * len(shape), list(shape), [1] * len(shape)
        for first, last, axis, step in zip(starts, ends, axes, steps, strict=True):
            i = axis_in(axis, len(shape))
            begin[i], size[i], stride[i] = bounded(shape[i], first, last, step)
        return cls(tuple(begin), tuple(size), tuple(stride)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.dropped:
            raise VerifyError("ONNX has no slice that drops dimensions", where=node.label)
        ends = [b + n * s for b, n, s in zip(self.begin, self.size, self.stride, strict=True)]
        # Negative numbers count from the end; one far below is before the first element.
        ends = [end if end >= 0 else -(2**31) for end in ends]
        columns = {"starts": self.begin, "ends": ends, "axes": range(len(self.begin)), "steps": self.stride}
        extra = tuple(constant_input(name, np.array(list(values), np.int64)) for name, values in columns.items())
        return OnnxForm("Slice", (node.input(0), *extra))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        shape = source.shape
        if not len(self.begin) == len(self.size) == len(self.stride) == len(shape):
            raise VerifyError(
                f"begin {list(self.begin)}, size {list(self.size)} and stride {list(self.stride)} do not go with "
                f"shape {list(shape)}"
            )
        for axis, (length, first, count, step) in enumerate(
            zip(shape, self.begin, self.size, self.stride, strict=True)
        ):
            if count < 1 or step == 0:
                raise VerifyError(f"size {count} and stride {step} of axis {axis} give no elements")
            last = first + (count - 1) * step
            if not (0 <= first < length and 0 <= last < length):
                raise VerifyError(f"elements {first} to {last} of axis {axis} are not all in shape {list(shape)}")
        if any(not 0 <= axis < len(shape) or self.size[axis] != 1 for axis in self.dropped):
            raise VerifyError(f"axes {list(self.dropped)} of size {list(self.size)} are not all of length 1")
        kept = tuple(n for i, n in enumerate(self.size) if i not in self.dropped)
        return ((source.type.dtype, kept),)

    def views(self, node: Node, x: Array) -> list[Array]:
        index = [slice(None)]
        for first, count, step in zip(self.begin, self.size, self.stride, strict=True):
            end = first + count * step
            index.append(slice(first, None if end < 0 else end, step))
        return [x[tuple(index)]]

    def is_identity(self, node: Node) -> bool:
        forward = all(s == 1 or n == 1 for s, n in zip(self.stride, self.size, strict=True))
        return forward and node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        dropped = tuple(i for i, old in enumerate(permutation) if old in self.dropped)
        op = Slice(
            shape_permuted(self.begin, permutation),
            shape_permuted(self.size, permutation),
            shape_permuted(self.stride, permutation),
            dropped,
        )
        kept = [i for i in range(len(permutation)) if i not in self.dropped]
        output = tuple(kept.index(i) for i in permutation if i not in self.dropped)
        return Permuted(op, (permutation,), (output,))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            begin: tuple[int, ...],
            size: tuple[int, ...],
            stride: tuple[int, ...] = (),
            dropped: tuple[int, ...] = (),
            dtype: DType = DType.INT8,
        ) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            return sampling.single(cls(begin, size, stride, dropped), id, [source], source.quant)

        image = (1, 5, 6, 3)
        yield make("rows", image, (0, 1, 0, 0), (1, 3, 6, 3))
        yield make("columns", image, (0, 0, 2, 0), (1, 5, 3, 3))
        yield make("channels", image, (0, 0, 0, 1), (1, 5, 6, 2))
        yield make("inside", (2, 5, 6, 4), (1, 1, 2, 1), (1, 3, 3, 2))
        yield make("everything", image, (0, 0, 0, 0), image)
        yield make("vector", (9,), (2,), (5,))
        yield make("rank5", (2, 3, 2, 3, 4), (0, 1, 1, 0, 1), (2, 2, 1, 3, 2))
        yield make("every_second", image, (0, 0, 1, 0), (1, 3, 3, 3), (1, 2, 2, 1))
        yield make("every_third_channel", (1, 4, 5, 8), (0, 0, 0, 1), (1, 4, 5, 3), (1, 1, 1, 3))
        yield make("backwards", (4, 7), (3, 6), (4, 7), (-1, -1))
        yield make("backwards_by_two", (4, 7), (0, 5), (4, 3), (1, -2))
        yield make("backwards_inside", (9,), (6,), (3,), (-2,))
        yield make("one_row", image, (0, 2, 0, 0), (1, 1, 6, 3), dropped=(1,))
        yield make("one_element", (3, 5), (1, 2), (1, 1), dropped=(0, 1))
        yield make("last_channel", image, (0, 0, 0, 2), (1, 5, 6, 1), dropped=(3,))
        yield make("f32_inside", (2, 5, 6, 4), (1, 1, 2, 1), (1, 3, 3, 2), dtype=DType.FLOAT32)
        yield make("f32_every_second", image, (0, 0, 1, 0), (1, 3, 3, 3), (1, 2, 2, 1), dtype=DType.FLOAT32)
        yield make("f32_backwards", (4, 7), (3, 6), (4, 7), (-1, -1), dtype=DType.FLOAT32)
        yield make("i32_vector", (9,), (2,), (5,), dtype=DType.INT32)
        yield make("bool_vector", (40,), (2,), (30,), dtype=DType.BOOL)


def bounded(length: int, first: int, last: int, step: int) -> tuple[int, int, int]:
    """(begin, size, stride) of an axis from bounds that may count from the end and lie outside, as in Python."""
    if step == 0:
        raise VerifyError("the stride is 0")
    chosen = range(length)[first:last:step] if step > 0 else range(length)[slice(first, last, step)]
    if not chosen:
        raise VerifyError(f"elements {first} up to {last} of a dimension of {length} are none")
    return chosen.start, len(chosen), chosen.step


def _from_strided(source: TFLiteSource, shape: tuple[int, ...]) -> Op:
    """A strided slice; with new axes around the whole tensor a change of its shape."""
    begin, end, stride = source.integers(1), source.integers(2), source.integers(3)
    parts = [(0, n, 1) for n in shape]
    dropped: list[int] = []
    result: list[int] = []
    axis = 0
    for place, skipped in _places(source, len(begin), len(shape)):
        if place is None:
            result += shape[axis : axis + skipped]
            axis += skipped
        elif _has(source, "NewAxisMask", place):
            result.append(1)
        else:
            parts[axis], drops = _strided_part(source, place, shape[axis], (begin, end, stride))
            if drops:
                dropped.append(axis)
            else:
                result.append(parts[axis][1])
            axis += 1
    starts, counts, steps = zip(*parts, strict=True) if parts else ((), (), ())
    if source.int_option("NewAxisMask") and len(result) > len(shape) - len(dropped):
        if starts != (0,) * len(shape) or counts != shape or dropped:
            raise VerifyError("new axes of a strided slice that also leaves something out are not supported")
        return Reshape(tuple(result))
    return Slice(starts, counts, steps, tuple(dropped))


def _has(source: TFLiteSource, mask: str, place: int) -> bool:
    return bool(source.int_option(mask) >> place & 1)


def _places(source: TFLiteSource, entries: int, rank: int) -> list[tuple[int | None, int]]:
    """(entry, 0) for each entry of begin, end and strides, (None, dimensions) for the ellipsis and for what they do not
    mention at the end.
    """
    if not entries == len(source.integers(2)) == len(source.integers(3)):
        raise VerifyError("begin, end and strides have not as many entries as each other")
    ellipses = [i for i in range(entries) if _has(source, "EllipsisMask", i)]
    added = [i for i in range(entries) if _has(source, "NewAxisMask", i) and i not in ellipses]
    left = rank - (entries - len(ellipses) - len(added))
    if left < 0 or len(ellipses) > 1:
        raise VerifyError(f"{entries} entries with {len(ellipses)} ellipses do not go with {rank} dimensions")
    places: list[tuple[int | None, int]] = [(None, left) if i in ellipses else (i, 0) for i in range(entries)]
    return places if ellipses else [*places, (None, left)]


def _strided_part(
    source: TFLiteSource, place: int, length: int, bounds: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, int, int], bool]:
    """((begin, size, stride), whether the dimension vanishes) of a dimension of ``length``."""
    first, last, step = (numbers[place] for numbers in bounds)
    begins, ends = _has(source, "BeginMask", place), _has(source, "EndMask", place)
    if _has(source, "ShrinkAxisMask", place):
        return (axis_in(0 if begins else first, length), 1, 1), True
    if step == 0:
        raise VerifyError("a stride is 0")
    if source.option("Offset"):
        last = first + last
    chosen = range(length)[slice(None if begins else first, None if ends else last, step)]
    if not chosen:
        raise VerifyError(f"elements {first} up to {last} of a dimension of {length} are none")
    return (chosen.start, len(chosen), chosen.step), False
