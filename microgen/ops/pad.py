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
from microgen.ops.call import Call, Input, Int, Output, Struct, Target, nhwc
from microgen.ops.constraints import quantized_int8
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the parameter block of the kernel for any rank, and of CMSIS-NN's.
_RANK = 6
_CMSIS_RANK = 4


@dataclass(frozen=True)
class Pad(Op):
    """``amounts`` holds (before, after) of each dimension. ``fill`` is the quantized value of the border; None is
    the output's zero point.
    """

    amounts: tuple[tuple[int, int], ...]
    fill: int | None = None

    name: ClassVar[str] = "Pad"
    tflite: ClassVar[tuple[str, ...]] = ("PAD", "PADV2")

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
        if value.type.dtype.is_float:
            # Refused for its type further on, with everything else that is wrong with the model.
            return cls(amounts), (source.input(0),)
        if value.type.quant != source.outputs[0].type.quant:
            raise VerifyError("the value to pad with has another scale or zero point than the output")
        return cls(amounts, source.integers(2)[0]), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        paddings = sampling.constant("paddings", np.array(self.amounts, np.int32))
        if self.fill is None:
            return TFLiteForm("PAD", (node.input(0), paddings), "PadOptions", version=2)
        kind = TensorType(node.output.type.dtype, (), node.output.type.quant)
        value = Value("value", kind, np.array(self.fill, kind.dtype.numpy))
        return TFLiteForm("PADV2", (node.input(0), paddings, value), "PadV2Options", version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(self.amounts) != len(source.shape):
            raise VerifyError(f"{len(self.amounts)} paddings for an input of {len(source.shape)} dimensions")
        if any(amount < 0 for pair in self.amounts for amount in pair):
            raise VerifyError(f"paddings {list(self.amounts)} must not be negative")
        shape = tuple(before + size + after for size, (before, after) in zip(source.shape, self.amounts, strict=True))
        return ((source.type.dtype, shape),)

    @constraint
    def int8_tensors(self, node: Node) -> str | None:
        """input and output are int8 with per-tensor quantization parameters"""
        return quantized_int8(node, (node.input(0), node.output))

    def as_padding(self, node: Node) -> Padding | None:
        source, quant = node.input(0), node.output.type.quant
        if len(self.amounts) != 4 or quant is None or source.type.quant != quant:
            return None
        (batch, (top, bottom), (left, right), channels) = self.amounts
        if batch != (0, 0) or channels != (0, 0) or self.value(node) != quant.zero_point:
            return None
        return Padding(top, left, bottom, right)

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def value(self, node: Node) -> int:
        """The border's quantized value."""
        quant = node.output.type.quant
        assert quant is not None
        return quant.zero_point if self.fill is None else self.fill

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        # The values go over as they are, whatever the scales of input and output.
        return [np.pad(source, ((0, 0), *self.amounts), constant_values=self.value(node))]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes, before, after = self._merged(node)
        value = Int(self.value(node))
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
