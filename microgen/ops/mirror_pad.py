"""MIRROR_PAD: a border of the tensor's own elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Struct, Target
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import present, unequal_quantization
from microgen.ops.onnx_form import OnnxForm, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

#: "reflect" leaves the elements at the edge out, "symmetric" repeats them, "edge" repeats nothing else; "wrap" goes on
#: at the other end.
MODES = ("reflect", "symmetric", "edge", "wrap")
# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class MirrorPad(Op):
    """``amounts`` holds (before, after) of each dimension, ``mode`` is one of ``MODES``.

    A border is at most as long as the dimension, one less to reflect; only "edge" has no limit.
    """

    amounts: tuple[tuple[int, int], ...]
    mode: str = "reflect"

    name: ClassVar[str] = "MirrorPad"
    tflite: ClassVar[tuple[str, ...]] = ("MIRROR_PAD",)
    tflite_options: ClassVar[str | None] = "MirrorPadOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        flat = source.integers(1)
        if source.input(1).shape != (len(source.input(0).shape), 2):
            raise VerifyError(
                f"paddings of shape {list(source.input(1).shape)} do not go with an input of "
                f"{len(source.input(0).shape)} dimensions"
            )
        mode = source.enum("Mode", MODES[:2])
        return cls(tuple(zip(flat[0::2], flat[1::2], strict=True)), mode), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.mode not in MODES[:2]:
            raise VerifyError(f"TensorFlow Lite has no padding of mode {self.mode}", where=node.label)
        paddings = sampling.constant("paddings", np.array(self.amounts, np.int32))
        options = {"Mode": MODES.index(self.mode)}
        return TFLiteForm(self.tflite[0], (node.input(0), paddings), self.tflite_options, options)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.mode == "symmetric":
            raise VerifyError("ONNX has no symmetric padding", where=node.label)
        flat = [*(before for before, _ in self.amounts), *(after for _, after in self.amounts)]
        return OnnxForm("Pad", (node.input(0), constant_input("pads", np.array(flat, np.int64))), {"mode": self.mode})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if self.mode not in MODES:
            raise VerifyError(f"mode {self.mode} is none of {', '.join(MODES)}")
        if len(self.amounts) != len(source.shape):
            raise VerifyError(f"{len(self.amounts)} paddings for an input of {len(source.shape)} dimensions")
        for size, pair in zip(source.shape, self.amounts, strict=True):
            longest = {"reflect": size - 1, "symmetric": size, "wrap": size}.get(self.mode)
            if min(pair) < 0 or (longest is not None and max(pair) > longest):
                raise VerifyError(f"padding {pair} of a dimension of {size} cannot {self.mode}")
        shape = tuple(before + size + after for size, (before, after) in zip(source.shape, self.amounts, strict=True))
        return ((source.type.dtype, shape),)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.output)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        amounts = ((0, 0), *self.amounts)
        match self.mode:
            case "reflect":
                return [np.pad(x, amounts, mode="reflect")]
            case "symmetric":
                return [np.pad(x, amounts, mode="symmetric")]
            case "edge":
                return [np.pad(x, amounts, mode="edge")]
            case _:
                return [np.pad(x, amounts, mode="wrap")]

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        op = MirrorPad(tuple(self.amounts[i] for i in permutation), self.mode)
        return Permuted(op, (permutation,), (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        shape, amounts = node.input(0).shape, self.amounts
        # What lies behind the last dimension that is padded moves in one piece.
        inner = next((i for i in range(len(shape), 0, -1) if amounts[i - 1] != (0, 0)), 0)
        lead = _RANK - inner
        params = Struct(
            "mg_mirror_pad_params",
            (
                ("dims", tuple(map(Int, (1,) * lead + shape[:inner]))),
                ("before", tuple(map(Int, (0,) * lead + tuple(first for first, _ in amounts[:inner])))),
                ("after", tuple(map(Int, (0,) * lead + tuple(last for _, last in amounts[:inner])))),
                ("mode", Int(MODES.index(self.mode))),
                ("bytes", Int(math.prod(shape[inner:]) * node.input(0).type.dtype.size)),
            ),
        )
        return (Call("mg_mirror_pad", (params, Input(0), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str, shape: tuple[int, ...], mode: str, *amounts: tuple[int, int], dtype: DType = DType.INT8
        ) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            return sampling.single(cls(amounts, mode), id, [source], source.quant)

        none = (0, 0)
        for mode in MODES:
            yield make(f"{mode}_image", (1, 4, 5, 3), mode, none, (1, 2), (2, 1), none)
            yield make(f"{mode}_vector", (7,), mode, (3, 2))
            yield make(f"f32_{mode}_image", (1, 4, 5, 3), mode, none, (1, 2), (2, 1), none, dtype=DType.FLOAT32)
        yield make("everywhere", (2, 3, 2, 3), "symmetric", (1, 2), (3, 1), (2, 0), (1, 3))
        yield make("channels", (2, 3, 4), "reflect", none, none, (2, 3))
        yield make("nothing", (2, 3), "reflect", none, none)
        yield make("edge_far", (3, 2), "edge", (5, 4), (3, 0))
        yield make("i64_edge", (3, 2), "edge", (5, 4), (3, 0), dtype=DType.INT64)
