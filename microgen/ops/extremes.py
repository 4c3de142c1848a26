"""What MAXIMUM and MINIMUM share: quantized operands of one scale, CMSIS-NN's kernels for up to four dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.binary import Binary, Shape, float_samples, loop_fields, merged_loops
from microgen.ops.call import Call, Context, Input, Int, Output, Struct, nhwc
from microgen.ops.constraints import is_int16, suffix
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm

_CMSIS_RANK = 4


@dataclass(frozen=True)
class Extreme(Binary):
    """One of two elements."""

    #: ONNX's operator, which takes any number of operands.
    onnx_name: ClassVar[str]

    tflite_options: ClassVar[str | None] = "MaximumMinimumOptions"
    takes_int16: ClassVar[bool] = True
    #: Whether the larger one.
    largest: ClassVar[bool]
    device_integers: ClassVar[frozenset[DType]] = frozenset((DType.INT32, DType.INT64))

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, version=2)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm(self.onnx_name, node.inputs)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """inputs and output have the same scale and zero point"""
        wanted = node.output.type.quant
        other = next((v for v in node.inputs if v is not None and v.type.quant != wanted), None)
        return None if other is None else f"{other.name!r} has {other.type.quant}, the output {wanted}"

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def lower_integers(self, node: Node) -> tuple[Call, ...]:
        kernel = "mg_extreme_s64" if node.input(0).type.dtype is DType.INT64 else "mg_extreme_s32"
        return (Call(kernel, (self.float_params(node), Input(0), Input(1), Output(), Int(int(self.largest)))),)

    def lower_quantized(self, node: Node) -> tuple[Call, ...]:
        dims, first, second = merged_loops(node.input(0).shape, node.input(1).shape, node.output.shape)
        spare = len(dims) - _CMSIS_RANK
        # CMSIS-NN has none for int16.
        if is_int16(node) or any(length > 1 for length in dims[:spare]):
            loops = Struct("mg_broadcast", loop_fields(node))
            return (Call(f"mg_{self.stem}_{suffix(node)}", (loops, Input(0), Input(1), Output())),)

        def operand(strides: Shape) -> Struct:
            return nhwc(tuple(length if stride else 1 for length, stride in zip(dims, strides, strict=True))[spare:])

        args = (Context(), Input(0), operand(first), Input(1), operand(second), Output(), nhwc(dims[spare:]))
        return (Call(f"arm_{self.stem}_s8", args),)


def extreme_samples(op: Op) -> Iterator[Sample]:
    """Samples of int8 and float."""
    quant = QuantParams.per_tensor(0.05, 3)
    image = (1, 3, 4, 5)
    for id, first, second in (
        ("image", image, image),
        ("one", (1,), (1,)),
        ("scalar_second", image, ()),
        ("scalar_first", (), image),
        ("channels_second", image, (5,)),
        ("channels_first", (1, 1, 1, 5), image),
        ("rows", image, (1, 3, 1, 1)),
        ("inner", image, (1, 3, 4, 1)),
        ("crossed", (4, 1), (1, 5)),
        ("alternate", (2, 1, 4, 1), (1, 3, 1, 5)),
        ("rank5", (2, 1, 3, 1, 4), (1, 2, 3, 5, 1)),
        ("rank6", (2, 1, 2, 1, 3, 1), (1, 2, 1, 3, 1, 2)),
    ):
        yield sampling.single(op, id, [TensorType(DType.INT8, shape, quant) for shape in (first, second)], quant)
    data = sampling.rng("constant").integers(-128, 128, (5,), dtype="int8")
    constant = Value("constant", TensorType(DType.INT8, (5,), quant), data)
    yield sampling.single(op, "constant_second", [TensorType(DType.INT8, image, quant), constant], quant)
    for id, first, second in (("image", image, image), ("alternate", (2, 1, 4, 1), (1, 3, 1, 5))):
        kinds = [sampling.int16(shape) for shape in (first, second)]
        yield sampling.single(op, f"i16_{id}", kinds, kinds[0].quant)
    yield from float_samples(op)
    for id, dtype in (("i32", DType.INT32), ("i64", DType.INT64)):
        yield sampling.single(op, id, [TensorType(dtype, (2, 3)), TensorType(dtype, (3,))], None)
