"""Checks that many operators' constraints are made of: each says what is wrong, or None."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, Value
from microgen.ops.attributes import Activation
from microgen.ops.tflite_form import ACTIVATION, TFLiteSource


def short(value: Value) -> str:
    """A value's name for a message, quoted; converters join the names of all that they fused."""
    name = value.name
    return repr(name if len(name) <= 40 else name[:39] + "…")


def quantized_int8(node: Node, per_tensor: tuple[Value, ...], others: tuple[Value, ...] = ()) -> str | None:
    """What is wrong with tensors that must be quantized int8, ``per_tensor`` ones with a single scale."""
    for value in (*per_tensor, *others):
        if value.type.dtype is not DType.INT8:
            advice = ", quantize the model to int8" if value.type.dtype.is_float else ""
            return f"{short(value)} is {value.type.dtype}{advice}"
        if value.type.quant is None:
            return f"{short(value)} has no quantization parameters"
    for value in per_tensor:
        if value.type.quant is not None and not value.type.quant.is_per_tensor:
            return f"{short(value)} has {len(value.type.quant.scales)} scales"
    return None


def quantized_int16(node: Node, per_tensor: tuple[Value, ...], others: tuple[Value, ...] = ()) -> str | None:
    """What is wrong with tensors of 16x8: ``per_tensor`` ones must be int16 with a single scale and zero point 0,
    ``others`` quantized int8.
    """
    for value in per_tensor:
        quant = value.type.quant
        if value.type.dtype is not DType.INT16:
            return f"{short(node.input(0))} is int16 and {short(value)} is {value.type.dtype}"
        if quant is None or not quant.is_per_tensor:
            return f"{short(value)} has {len(quant.scales)} scales" if quant else f"{short(value)} has no scale"
        if quant.zero_point != 0:
            return f"{short(value)} is int16 with zero point {quant.zero_point}"
    return quantized_int8(node, (), others)


def quantized_or_plain(
    node: Node, per_tensor: tuple[Value, ...], others: tuple[Value, ...] = (), *, int16: bool = False
) -> str | None:
    """What is wrong with tensors that must be quantized int8, ``per_tensor`` ones with a single scale, or else all
    of one element type without quantization parameters: the limit of the host runtime. ``int16`` tells that the
    operator takes ``per_tensor`` ones of int16 as well.
    """
    values = (*per_tensor, *others)
    if any(value.type.quant is not None for value in values):
        if int16 and per_tensor[0].type.dtype is DType.INT16:
            return quantized_int16(node, per_tensor, others)
        return quantized_int8(node, per_tensor, others)
    first = values[0]
    for value in values[1:]:
        if value.type.dtype is not first.type.dtype:
            return f"{short(first)} is {first.type.dtype} and {short(value)} is {value.type.dtype}"
    return None


def quantized_or_float(
    node: Node, per_tensor: tuple[Value, ...], others: tuple[Value, ...] = (), *, int16: bool = False
) -> str | None:
    """Like ``quantized_or_plain`` for operators that make no sense of plain integers."""
    found = quantized_or_plain(node, per_tensor, others, int16=int16)
    if found is None and per_tensor[0].type.quant is None and not per_tensor[0].type.dtype.is_float:
        return f"{short(per_tensor[0])} is {per_tensor[0].type.dtype} without quantization parameters"
    return found


def device_arithmetic(*values: Value | None) -> str | None:
    """What is wrong with operands of a computation in C, which must all be quantized int8 or all float32; None
    stands for an absent one. That quantized and plain ones are not mixed, ``quantized_or_plain`` says already.
    """
    for value in values:
        if value is None or value.type.quant is not None or value.type.dtype is DType.FLOAT32:
            continue
        return f"{short(value)} is {value.type.dtype}"
    return None


def is_quantized(node: Node) -> bool:
    """Whether a node computes in quantized integers, that is, whether its first input is quantized."""
    return node.input(0).type.quant is not None


def is_int16(node: Node) -> bool:
    """Whether a node computes in quantized int16: 16x8 where it has weights."""
    return is_quantized(node) and node.input(0).type.dtype is DType.INT16


def suffix(node: Node) -> str:
    """The end of the names of kernels for a quantized node: ``s8`` or ``s16``."""
    return "s16" if is_int16(node) else "s8"


def not_constant(*values: Value | None) -> str | None:
    """The first of ``values`` that is computed at run time."""
    found = next((v for v in values if v is not None and not v.is_const), None)
    return None if found is None else f"{short(found)} is computed at run time"


def wrong_bias(bias: Value | None, wanted: DType = DType.INT32) -> str | None:
    """What is wrong with a bias that must be of a type: int32 in quantized arithmetic, else that of the input."""
    return None if bias is None or bias.type.dtype is wanted else f"{short(bias)} is {bias.type.dtype}"


def fused_activation(source: TFLiteSource) -> Activation:
    """The fused activation; VerifyError for those that are not clamps."""
    name = source.enum("FusedActivationFunction", ACTIVATION)
    try:
        return Activation(name)
    except ValueError:
        raise VerifyError(
            f"fused activation {name} is not supported, only NONE, RELU, RELU_N1_TO_1 and RELU6"
        ) from None
