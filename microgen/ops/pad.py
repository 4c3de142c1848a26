"""PAD and PADV2: a border of one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Padding
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Const, Input, Int, Output, Struct, Target, nhwc
from microgen.ops.constraints import short
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.mirror_pad import MirrorPad
from microgen.ops.movement import address, axis_in, copy_loops, strided_copy
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the parameter block of the kernel for any rank, and of CMSIS-NN's.
_RANK = 6
_CMSIS_RANK = 4


@dataclass(frozen=True)
class Pad(Op):
    """``amounts`` holds (before, after) of each dimension. ``fill`` is the value of the border, a quantized one where
    the output is quantized; None is zero: the output's zero point.
    """

    amounts: tuple[tuple[int, int], ...]
    fill: float | None = None

    name: ClassVar[str] = "Pad"
    tflite: ClassVar[tuple[str, ...]] = ("PAD", "PADV2")
    onnx: ClassVar[tuple[str, ...]] = ("Pad",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        flat = source.integers(1)
        amounts = tuple(zip(flat[0::2], flat[1::2], strict=False))
        if source.input(1).shape != (len(source.input(0).shape), 2):
            raise VerifyError(
                f"paddings of shape {list(source.input(1).shape)} do not go with an input of "
                f"{len(source.input(0).shape)} dimensions"
            )
        if len(source.inputs) < 3 or source.inputs[2] is None:
            return cls(amounts), (source.input(0),)
        value = source.input(2)
        if value.type.dtype is not source.input(0).type.dtype or value.type.elements != 1:
            raise VerifyError(f"the value to pad with is {value.type}, not one {source.input(0).type.dtype}")
        if value.type.quant != source.outputs[0].type.quant:
            raise VerifyError("the value to pad with has another scale or zero point than the output")
        return cls(amounts, source.const(2).reshape(-1)[0].item()), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        paddings = sampling.constant("paddings", np.array(self.amounts, np.int32))
        if self.fill is None:
            return TFLiteForm("PAD", (node.input(0), paddings), "PadOptions", version=2)
        kind = TensorType(node.output.type.dtype, (), node.output.type.quant)
        value = Value("value", kind, np.array(self.fill, kind.dtype.numpy))
        return TFLiteForm("PADV2", (node.input(0), paddings, value), "PadV2Options", version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        x = source.input(0)
        rank = len(x.shape)
        pads = source.integer_list("pads") if source.opset < 11 else source.integers(1)
        axes = axes_of(source, rank)
        if len(pads) != 2 * len(axes):
            raise VerifyError(f"{len(pads)} pads for {len(axes)} dimensions")
        amounts = [(0, 0)] * rank
        for i, axis in enumerate(axes):
            amounts[axis] = (pads[i], pads[i + len(axes)])
        mode = source.text("mode", "constant")
        if mode in ("reflect", "edge", "wrap"):
            return MirrorPad(tuple(amounts), mode), (x,)
        if mode != "constant":
            raise VerifyError(f"mode {mode} is not supported, only constant, reflect, edge and wrap")
        if source.opset < 11:
            fill: float | None = source.number("value", 0.0)
        else:
            given = None if source.optional(2) is None else source.const(2).reshape(-1)
            if given is not None and len(given) > 1:
                raise VerifyError(f"has {len(given)} values to pad with, not 1")
            fill = None if given is None or not len(given) else given[0].item()
        if x.type.quant is None and fill == 0:
            fill = None
        return cls(tuple(amounts), fill), (x,)

    def to_onnx(self, node: Node) -> OnnxForm:
        flat = [*(before for before, _ in self.amounts), *(after for _, after in self.amounts)]
        pads = constant_input("pads", np.array(flat, np.int64))
        value = constant_input("value", np.array(self.value(node)).astype(node.output.type.dtype.numpy))
        return OnnxForm("Pad", (node.input(0), pads, value))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(self.amounts) != len(source.shape):
            raise VerifyError(f"{len(self.amounts)} paddings for an input of {len(source.shape)} dimensions")
        if any(amount < 0 for pair in self.amounts for amount in pair):
            raise VerifyError(f"paddings {list(self.amounts)} must not be negative")
        shape = tuple(before + size + after for size, (before, after) in zip(source.shape, self.amounts, strict=True))
        return ((source.type.dtype, shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """input and output are quantized with one scale each, or both are not"""
        values = (node.input(0), node.output)
        for value in values:
            if value.type.quant is not None and not value.type.quant.is_per_tensor:
                return f"{short(value)} has {len(value.type.quant.scales)} scales"
        plain = [value for value in values if value.type.quant is None]
        return f"{short(plain[0])} has no quantization parameters" if len(plain) == 1 else None

    @constraint
    def fill_in_range(self, node: Node) -> str | None:
        """the value of the border is one of the element type"""
        dtype = node.output.type.dtype
        if self.fill is None or dtype.is_float or dtype is DType.BOOL:
            return None
        low, high = dtype.limits
        return None if low <= self.fill <= high and self.fill == int(self.fill) else f"it is {self.fill}"

    def quant_rule(self, node: Node) -> QuantRule | None:
        # A border of zeros is one of zero points; any other value depends on a scale that is not known yet.
        return QuantRule(tied=True) if self.fill is None else None

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        op = Pad(tuple(self.amounts[i] for i in permutation), self.fill)
        return Permuted(op, (permutation,), (permutation,))

    def as_padding(self, node: Node) -> Padding | None:
        source, quant = node.input(0), node.output.type.quant
        if len(self.amounts) != 4 or source.type.quant != quant:
            return None
        (batch, (top, bottom), (left, right), channels) = self.amounts
        if batch != (0, 0) or channels != (0, 0) or self.value(node) != (0 if quant is None else quant.zero_point):
            return None
        return Padding(top, left, bottom, right)

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def value(self, node: Node) -> float:
        """The border's value, a quantized one where the output is quantized."""
        quant = node.output.type.quant
        if self.fill is not None:
            return self.fill
        return 0 if quant is None else quant.zero_point

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        # The values go over as they are, whatever the scales of input and output.
        value = np.array(self.value(node)).astype(source.dtype)
        return [np.pad(source, ((0, 0), *self.amounts), constant_values=value)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if node.output.type.dtype is not DType.INT8:
            return self._lower_any(node)
        sizes, before, after = self._merged(node)
        value = Int(int(self.value(node)))
        if len(sizes) <= _CMSIS_RANK:
            zeros = (0,) * (_CMSIS_RANK - len(sizes))
            args = (
                Input(0),
                Output(),
                value,
                nhwc(sizes),
                nhwc(zeros + before),
                nhwc(zeros + after),
            )
            return (Call("arm_pad_s8", args),)
        lead = _RANK - len(sizes)
        params = Struct(
            "mg_pad_s8_params",
            (
                ("input_dims", tuple(map(Int, (1,) * lead + sizes))),
                ("before", tuple(map(Int, (0,) * lead + before))),
                ("after", tuple(map(Int, (0,) * lead + after))),
                ("value", value),
            ),
        )
        return (Call("mg_pad_s8", (params, Input(0), Output())),)

    def _lower_any(self, node: Node) -> tuple[Call, ...]:
        """The calls for any element type: the output is filled, then the input copied into it."""
        dtype, shape = node.output.type.dtype, node.output.shape
        value = np.array([self.value(node)]).astype(dtype.numpy)
        memory = np.empty(shape, dtype.numpy)
        inside = memory[...]
        for axis, (size, (before, _)) in enumerate(zip(node.input(0).shape, self.amounts, strict=True)):
            inside = np.moveaxis(np.moveaxis(inside, axis, 0)[before : before + size], 0, axis)
        run, loops = copy_loops(np.empty(node.input(0).shape, dtype.numpy), dtype.size, inside)
        offset = address(inside) - address(memory)
        fill = (Const("value", value), Output(), Int(node.output.type.elements), Int(dtype.size))
        return (
            Call("mg_fill", fill),
            strided_copy(0, 0, dtype.size, run, loops, output_offset=offset),
        )

    def _merged(self, node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """(sizes, before, after) with every dimension that is not padded merged into the one before it."""
        merged: list[tuple[int, int, int]] = []
        for size, (before, after) in zip(node.input(0).shape, self.amounts, strict=True):
            if merged and before == after == 0:
                merged[-1] = (merged[-1][0] * size, merged[-1][1] * size, merged[-1][2] * size)
            else:
                merged.append((size, before, after))
        sizes, befores, afters = zip(*merged or [(1, 0, 0)], strict=True)
        return sizes, befores, afters

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            *amounts: tuple[int, int],
            fill: int | None = None,
            zero_point: int = 3,
            output: QuantParams | None = None,
        ) -> Sample:
            source = sampling.int8(shape, 0.05, zero_point)
            return sampling.single(cls(amounts, fill), id, (source,), output or source.quant)

        none = (0, 0)
        yield make("image", (1, 4, 5, 3), none, (1, 2), (2, 1), none)
        yield make("top", (1, 4, 5, 3), none, (1, 0), none, none)
        yield make("bottom", (1, 4, 5, 3), none, (0, 2), none, none)
        yield make("left", (1, 4, 5, 3), none, none, (3, 0), none)
        yield make("right", (1, 4, 5, 3), none, none, (0, 1), none)
        yield make("channels", (1, 3, 4, 3), none, none, none, (1, 4))
        yield make("batch", (2, 3, 4, 3), (1, 2), none, none, none)
        yield make("everywhere", (2, 3, 2, 3), (1, 2), (3, 1), (2, 0), (1, 4))
        yield make("nowhere", (2, 3, 2, 3), none, none, none, none)
        yield make("rank_1", (7,), (2, 3))
        yield make("rank_2", (3, 5), (1, 0), (2, 3))
        yield make("rank_3", (2, 3, 4), (1, 0), (0, 2), (3, 1))
        yield make("rank_5", (2, 3, 1, 2, 3), (1, 0), (0, 2), (1, 1), (2, 1), (0, 3))
        yield make("rank_5_two_padded", (2, 3, 1, 2, 3), none, (0, 2), none, (2, 1), none)
        yield make("size_1", (1, 1, 1, 1), none, (2, 1), (1, 2), none)
        yield make("zero_point_low", (1, 3, 3, 2), none, (1, 1), (1, 1), none, zero_point=-128)
        yield make("zero_point_high", (1, 3, 3, 2), none, (1, 1), (1, 1), none, zero_point=127)
        yield make(
            "other_quantization", (1, 3, 3, 2), none, (1, 1), (1, 1), none, output=QuantParams.per_tensor(0.2, 9)
        )
        for fill in (-128, -1, 0, 3, 127):
            yield make(f"value_{fill}", (1, 3, 4, 2), none, (1, 2), (2, 1), none, fill=fill)
        yield make("value_everywhere", (2, 3, 2, 3), (1, 2), (3, 1), (2, 0), (1, 4), fill=-77)
        yield make("value_rank_5", (2, 3, 1, 2, 3), (1, 0), (0, 2), (1, 1), (2, 1), (0, 3), fill=100)
        for id, dtype, value in (
            ("f32", DType.FLOAT32, None),
            ("f32_value", DType.FLOAT32, -2.5),
            ("i16_value", DType.INT16, 300),
            ("i32_value", DType.INT32, -70000),
            ("i64_value", DType.INT64, 1 << 40),
            ("bool_value", DType.BOOL, True),
        ):
            image = TensorType(dtype, (1, 4, 5, 3))
            op = cls((none, (1, 2), (2, 1), none), value)
            yield sampling.single(op, f"{id}_image", [image], None)
        everywhere = cls(((1, 2), (3, 1), (2, 0), (1, 4)))
        yield sampling.single(everywhere, "f32_everywhere", [sampling.float32((2, 3, 2, 3))], None)
        yield sampling.single(cls(((2, 3),)), "f32_vector", [sampling.float32((7,))], None)


def axes_of(source: OnnxSource, rank: int) -> tuple[int, ...]:
    """The dimensions that pads of ONNX are given for."""
    if source.optional(3) is None:
        return tuple(range(rank))
    axes = tuple(axis_in(axis, rank) for axis in source.integers(3))
    if len(set(axes)) != len(axes):
        raise VerifyError(f"axes {list(axes)} are not distinct")
    return axes
