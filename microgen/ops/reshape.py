"""RESHAPE: the same elements in the same order under another shape; what all such operators share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.call import Call, Target
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


class View(Op):
    """A change of shape: the output is the input's memory."""

    is_view: ClassVar[bool] = True

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        return [source.reshape(source.shape[0], *node.output.shape)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return ()


@dataclass(frozen=True)
class Reshape(View):
    """``shape`` may hold one -1, which stands for what is left of the elements."""

    shape: tuple[int, ...] = ()

    name: ClassVar[str] = "Reshape"
    tflite: ClassVar[tuple[str, ...]] = ("RESHAPE",)
    tflite_options: ClassVar[str | None] = "ReshapeOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Reshape", "Flatten")

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        # The shape is the second input or, without one, an option. One that is computed at run time must come
        # out as the output's declared shape, for all shapes here are static; so must one that is nowhere.
        given = source.inputs[1] if len(source.inputs) > 1 else None
        option = source.option("NewShape")
        if given is not None and given.is_const:
            shape = source.integers(1)
        elif given is None and isinstance(option, tuple) and option:
            # Old converters wrote [0] for a scalar.
            shape = () if option == (0,) else option
        elif len(source.outputs) == 1:
            shape = source.outputs[0].shape
        else:
            raise VerifyError(f"has {len(source.outputs)} outputs, not 1")
        return cls(shape), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        inputs = [node.input(0)]
        if self.shape:  # a scalar's would have no elements: its output's declared shape says enough
            inputs.append(sampling.constant("shape", np.array(self.shape, dtype=np.int32)))
        return TFLiteForm(self.tflite[0], tuple(inputs), self.tflite_options, {"NewShape": self.shape})

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        x = source.input(0)
        rank = len(x.shape)
        if source.operator == "Flatten":
            axis = source.integer("axis", 1)
            if not -rank <= axis <= rank:
                raise VerifyError(f"axis {axis} is outside of {rank} dimensions")
            axis += rank if axis < 0 else 0
            return cls((math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))), (x,)
        shape = source.integer_list("shape") if source.opset < 5 else source.integers(1)
        if not source.integer("allowzero", 0):
            if any(d == 0 and i >= rank for i, d in enumerate(shape)):
                raise VerifyError(f"shape {list(shape)} keeps dimensions that {list(x.shape)} does not have")
            shape = tuple(x.shape[i] if d == 0 else d for i, d in enumerate(shape))
        return cls(shape), (x,)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Reshape", (node.input(0), constant_input("shape", np.array(self.shape, np.int64))))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        elements = source.type.elements
        known = math.prod(d for d in self.shape if d != -1)
        free = self.shape.count(-1)
        impossible = VerifyError(f"{list(source.shape)} cannot be reshaped to {list(self.shape)}")
        if free > 1 or any(d < 1 for d in self.shape if d != -1):
            raise impossible
        if elements % known or (not free and elements != known):
            raise impossible
        return ((source.type.dtype, tuple(elements // known if d == -1 else d for d in self.shape)),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, before: tuple[int, ...], after: tuple[int, ...]) -> Sample:
            source = sampling.int8(before)
            return sampling.single(cls(after), id, [source], source.quant)

        yield make("flatten", (1, 3, 4, 5), (1, 60))
        yield make("free_dimension", (2, 3, 4), (-1, 6))
        yield make("free_dimension_of_one", (2, 3), (2, -1, 3))
        yield make("same", (2, 3), (2, 3))
        yield make("to_scalar", (1, 1), ())
        yield make("from_scalar", (), (1, 1, 1))
        yield make("rank6", (2, 12), (1, 2, 1, 3, 2, 2))
        yield sampling.single(cls((1, 60)), "f32_flatten", [sampling.float32((1, 3, 4, 5))], None)
        yield sampling.single(cls((-1,)), "i64_flatten", [TensorType(DType.INT64, (3, 4))], None)
