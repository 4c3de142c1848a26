"""FLOOR_MOD and Mod: the remainder of a division."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.binary import Binary
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm


@dataclass(frozen=True)
class Mod(Binary):
    """The remainder of a division that rounds down, which has the divisor's sign; with ``fmod`` of one that rounds
    towards zero, which has the dividend's sign (C's ``fmod``).
    """

    fmod: bool = False

    name: ClassVar[str] = "Mod"
    tflite: ClassVar[tuple[str, ...]] = ("FLOOR_MOD",)
    onnx: ClassVar[tuple[str, ...]] = ("Mod",)
    mindspore: ClassVar[tuple[str, ...]] = ("FloorMod",)
    quantizes: ClassVar[bool] = False

    @property
    def stem(self) -> str:  # type: ignore[override]
        """The kernel's name without ``mg_`` and ``_f32``."""
        return "fmod" if self.fmod else "floor_mod"

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.fmod:
            raise VerifyError("TensorFlow Lite has no remainder with the dividend's sign", where=node.label)
        if not node.input(0).type.dtype.is_float:
            raise VerifyError("TensorFlow Lite Micro has no FLOOR_MOD of integers", where=node.label)
        return super().to_tflite(node)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        _, inputs = super().from_onnx(source)
        return cls(source.integer("fmod", 0) != 0), inputs

    def to_onnx(self, node: Node) -> OnnxForm:
        if not self.fmod and node.input(0).type.dtype.is_float:
            raise VerifyError("ONNX has no floating-point remainder with the divisor's sign", where=node.label)
        return OnnxForm("Mod", node.inputs, {"fmod": int(self.fmod)})

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.fmod(first, second) if self.fmod else np.mod(first, second)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        image = (1, 3, 4, 5)
        for op, suffix in ((cls(), ""), (cls(True), "_fmod")):
            for id, shape in (("image", image), ("channels", (5,)), ("inner", (1, 3, 4, 1))):
                divisor = sampling.float_weights(id, shape, name="divisor")
                yield sampling.single(op, f"f32_{id}{suffix}", [sampling.float32(image), divisor], None)
            divisor = sampling.constant("divisor", np.array([-3, 1, 7], np.int32))
            yield sampling.single(op, f"i32{suffix}", [TensorType(DType.INT32, (2, 3)), divisor], None)
