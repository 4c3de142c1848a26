"""Operations on one or two feature maps, element by element."""

from __future__ import annotations

import numpy as np

from microgen.arith import INT32_MAX, Ints, wrap32
from microgen.npu.memory import FeatureMap, Memory
from microgen.npu.registers import Elementwise, Reg16, Reg48, Rounding
from microgen.npu.scaling import rescale, store
from microgen.npu.state import Output, Registers
from microgen.npu.stream import StreamError

_UNARY = (Elementwise.LRELU, Elementwise.ABS, Elementwise.CLZ)
_SCALED = (Elementwise.ADD, Elementwise.SUB)
# IFM2_BROADCAST: one row, column or channel for all; the second operand first; a constant in a register.
_BROADCAST_Y, _BROADCAST_X, _BROADCAST_C, _REVERSED, _SCALAR = 1, 2, 4, 1 << 6, 1 << 7
# Bits 8 and 9 of IFM_PRECISION: both operands by 16 bits, or one of them by 32.
_SCALE_16BIT, _SCALE_A_32BIT, _SCALE_B_32BIT = 0, 1, 2
# How far TensorFlow Lite shifts both operands before it scales them, by their bytes. The larger one's scale is 1/2.
_LEFT_SHIFT = {1: 20, 2: 15}


def combine(registers: Registers, memory: Memory, mode: int) -> None:
    """NPU_OP_ELEMENTWISE; ``mode`` is its parameter."""
    try:
        kind = Elementwise(mode)
    except ValueError:
        raise StreamError(f"unknown element-wise operation {mode}") from None
    output = registers.output()
    fm = registers.input(output.fm.height, output.fm.width)
    if fm.depth != output.fm.depth:
        raise StreamError(f"an element-wise operation of {fm.depth} channels to {output.fm.depth}")
    first = memory.read(fm).astype(np.int64) - registers.zero_point("IFM")
    if kind in _UNARY:
        values = _unary(kind, first, output)
    else:
        second = _second(registers, memory, output.fm)
        a, b = (second, first) if registers.param(Reg16.IFM2_BROADCAST) & _REVERSED else (first, second)
        values = _binary(kind, a, b, registers, output, fm.dtype.itemsize)
    store(memory, output, values)


def _second(registers: Registers, memory: Memory, shape: FeatureMap) -> Ints:
    broadcast = registers.param(Reg16.IFM2_BROADCAST)
    zero_point = registers.zero_point("IFM2")
    if broadcast & _SCALAR:
        signed = registers.param(Reg16.IFM2_PRECISION) & 1
        scalar = registers.signed(Reg16.IFM2_SCALAR) if signed else registers.param(Reg16.IFM2_SCALAR)
        return np.full((1, 1, 1, 1), scalar - zero_point, np.int64)
    fm = registers.input2(
        1 if broadcast & _BROADCAST_Y else shape.height,
        1 if broadcast & _BROADCAST_X else shape.width,
        1 if broadcast & _BROADCAST_C else shape.depth,
    )
    return memory.read(fm).astype(np.int64) - zero_point


def _unary(kind: Elementwise, x: Ints, output: Output) -> Ints:
    if kind is Elementwise.CLZ:
        return _leading_zeros(x)
    if kind is Elementwise.ABS:
        return _scaled(np.abs(x), output)
    return np.where(x < 0, _scaled(x, output), x)


def _binary(kind: Elementwise, a: Ints, b: Ints, registers: Registers, output: Output, size: int) -> Ints:
    if kind in _SCALED:
        a, b = _operands(a, b, registers, size)
        return _scaled(a + b if kind is Elementwise.ADD else a - b, output)
    if kind is Elementwise.MUL:
        if size == 4 and output.global_scale is not None:
            # Of the scale of products of 32 bits only the shift counts.
            return rescale(a * b, 1, output.global_scale[1], output.rounding)
        return _scaled(a * b, output)
    if kind is Elementwise.SHR:
        return rescale(a, 1, np.clip(b, 0, 63), output.rounding)
    if kind is Elementwise.SHL:
        return wrap32(a << np.clip(b, 0, 31))
    return _scaled(np.minimum(a, b) if kind is Elementwise.MIN else np.maximum(a, b), output)


def _operands(a: Ints, b: Ints, registers: Registers, size: int) -> tuple[Ints, Ints]:
    """The operands of ADD and SUB on a common scale."""
    if size == 4:
        return a, b
    mode = registers.param(Reg16.IFM_PRECISION) >> 8 & 3
    if mode == _SCALE_16BIT:
        return a * (registers.word(Reg48.OPA_SCALE) & 0xFFFF), b * (registers.word(Reg48.OPB_SCALE) & 0xFFFF)
    left = _LEFT_SHIFT[size]
    # The register's shift leaves out the shift to the left, which the two roundings have to see.
    scale, shift = registers.word(Reg48.OPA_SCALE), (registers.param(Reg48.OPA_SCALE) & 63) + left
    if mode == _SCALE_A_32BIT:
        return rescale(a << left, scale, shift, Rounding.TFL), b << (left - 1)
    if mode == _SCALE_B_32BIT:
        return a << (left - 1), rescale(b << left, scale, shift, Rounding.TFL)
    raise StreamError(f"unknown scaling of operands {mode}")


def _scaled(x: Ints, output: Output) -> Ints:
    return x if output.global_scale is None else rescale(x, *output.global_scale, output.rounding)


def _leading_zeros(x: Ints) -> Ints:
    """Of 32 bits; the sign bit of a negative number is a leading one."""
    bits = np.frexp(np.clip(x, 0, INT32_MAX).astype(np.float64))[1]
    return np.where(x < 0, 0, 32 - bits).astype(np.int64)
