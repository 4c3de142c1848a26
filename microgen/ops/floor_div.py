"""FLOOR_DIV: quotients rounded down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.binary import Binary
from microgen.ops.tflite_form import TFLiteForm


@dataclass(frozen=True)
class FloorDiv(Binary):
    """``⌊a / b⌋``; of integers 0 where the divisor is 0."""

    name: ClassVar[str] = "FloorDiv"
    stem: ClassVar[str] = "floor_div"
    tflite: ClassVar[tuple[str, ...]] = ("FLOOR_DIV",)
    tflite_options: ClassVar[str | None] = "FloorDivOptions"
    quantizes: ClassVar[bool] = False

    def to_tflite(self, node: Node) -> TFLiteForm:
        if not node.input(0).type.dtype.is_float:
            raise VerifyError("TensorFlow Lite Micro has no FLOOR_DIV of integers", where=node.label)
        return super().to_tflite(node)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.floor(first / second) if first.dtype.kind == "f" else first // second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        image = (1, 3, 4, 5)
        for id, shape in (("image", image), ("channels", (5,)), ("inner", (1, 3, 4, 1))):
            divisor = sampling.float_weights(id, shape, name="divisor")
            yield sampling.single(cls(), f"f32_{id}", [sampling.float32(image), divisor], None)
        divisor = sampling.constant("divisor", np.array([-3, 1, 7], np.int32))
        yield sampling.single(cls(), "i32", [TensorType(DType.INT32, (2, 3)), divisor], None)
