"""The simulator of the NPU on streams written by hand, against arithmetic written the long way. Needs no Vela."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from microgen.errors import ToolMissing
from microgen.npu import compile_for_npu
from microgen.npu.accelerators import accelerator
from microgen.npu.curves import s_curve, sigmoid_table
from microgen.npu.decoder import Decoder
from microgen.npu.memory import FeatureMap, Memory
from microgen.npu.registers import Elementwise, Op, Pooling, Reg16, Reg48, Rounding
from microgen.npu.scaling import rescale
from microgen.npu.simulator import execute
from microgen.npu.stream import Command, Stream, StreamError

SIZE = 16384
RNG = np.random.default_rng(3)
U8, S8, S16, S32 = 0, 1, 5, 9
OFM_TYPES = {U8: 0, S8: 1, S16: 3, S32: 5}
DTYPES = {U8: "u1", S8: "i1", S16: "<i2", S32: "<i4"}
BRICKS, GLOBAL_SCALE, NATURAL, TRUNCATE = 1 << 6, 1 << 8, 2 << 14, 1 << 14


def command(name: str, value: int | tuple[int, int]) -> Command:
    """A register command; a pair is (payload, parameter)."""
    if name in Reg16.__members__:
        assert isinstance(value, int)
        return Command(0, Reg16[name], value & 0xFFFF)
    payload, param = value if isinstance(value, tuple) else (value & 0xFFFF_FFFF, value >> 32 & 0xFF)
    return Command(0, Reg48[name], param, payload)


def run(memory: Memory, *steps: dict[str, Any] | tuple[Op, int], name: str = "ethos-u55-128") -> None:
    """Carries out register settings and operations, one after another."""
    commands = []
    for step in steps:
        if isinstance(step, dict):
            commands += [command(key, value) for key, value in step.items()]
        else:
            commands.append(Command(0, *step))
    with Decoder() as decoder:
        execute(Stream(None, (*commands, Command(0, Op.STOP, 0xFFFF))), memory, decoder, accelerator(name))


def fresh(samples: int = 2) -> Memory:
    """Region 0 constant, region 1 to work in, both random; the SHRAM of ethos-u55-128."""
    constant, work = (RNG.integers(0, 256, (n, SIZE)).astype(np.uint8) for n in (1, samples))
    return Memory({0: constant, 1: work}, np.zeros((samples, 24 << 10), np.uint8), frozenset({0}))


def feature_map(
    name: str, at: int, shape: tuple[int, int, int], kind: int, *, region: int = 1, extra: int = 0
) -> dict[str, Any]:
    """The registers of a map in NHWC without gaps."""
    height, width, depth = shape
    size = np.dtype(DTYPES[kind]).itemsize
    precision = kind if name != "OFM" else OFM_TYPES[kind]
    found = {
        "REGION": region,
        "BASE0": at,
        "BASE1": 0,
        "BASE2": 0,
        "BASE3": 0,
        "HEIGHT0_M1": height - 1,
        "HEIGHT1_M1": height - 1,
        "WIDTH0_M1": width - 1,
        "STRIDE_Y": width * depth * size,
        "STRIDE_X": depth * size,
        "STRIDE_C": 1,
        "ZERO_POINT": 0,
        "PRECISION": precision | extra,
    }
    if name == "OFM":
        found |= {"HEIGHT_M1": height - 1, "WIDTH_M1": width - 1}
    if name != "IFM2":
        found["DEPTH_M1"] = depth - 1
    return {f"{name}_{key}": value for key, value in found.items()}


def common(kind: int) -> dict[str, Any]:
    """Registers that every operation needs, at rest."""
    info = np.iinfo(DTYPES[kind] if kind != S32 else "<i2")
    pads = {f"IFM_PAD_{side}": 0 for side in ("TOP", "LEFT", "BOTTOM", "RIGHT")}
    limits = {"ACTIVATION": 0, "ACTIVATION_MIN": int(info.min), "ACTIVATION_MAX": int(info.max)}
    kernel = {"KERNEL_HEIGHT_M1": 0, "KERNEL_WIDTH_M1": 0, "KERNEL_STRIDE": 0}
    return pads | limits | kernel | {"IFM_UPSCALE": 0, "IFM2_BROADCAST": 0, "OFM_SCALE": (1, 0)}


def view(memory: Memory, at: int, shape: tuple[int, ...], kind: int, region: int = 1) -> np.ndarray:
    """A copy of the tensor that lies there, [samples, *shape], as int64."""
    count = math.prod(shape) * np.dtype(DTYPES[kind]).itemsize
    data = memory.bytes_at(region, at, count).copy()
    return data.view(DTYPES[kind]).reshape(len(data), *shape).astype(np.int64)


# Rounding -----------------------------------------------------------------------------------------------


def half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return int(math.copysign(math.floor(abs(x) + Fraction(1, 2)), x)) if x else 0


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("bits", [8, 31, 39])
def test_rescale_rounds_as_fractions_do(rounding: Rounding, bits: int) -> None:
    values = [0, 1, -1, 2**bits - 1, -(2**bits), *RNG.integers(-(2**bits), 2**bits, 40).tolist()]
    for scale, shift in ((1, 0), (1, 1), (3, 2), (1 << 30, 31), (0x50006500, 30), (0x7FFFFFFF, 38), (0x4ABCDEF1, 45)):
        if bits > 31 and shift < 31:
            continue
        got = rescale(np.array(values), scale, shift, rounding).tolist()
        for x, y in zip(values, got, strict=True):
            exact = Fraction(x * scale, 1 << shift)
            if rounding is Rounding.TRUNCATE:
                expected = math.trunc(exact)
            elif rounding is Rounding.NATURAL or shift <= 31:
                expected = half_up(exact)
            else:
                expected = half_away(Fraction(half_up(Fraction(x * scale, 1 << 31)), 1 << (shift - 31)))
            assert y == expected, (x, scale, shift)


def test_the_built_in_curves_follow_their_functions() -> None:
    x = np.arange(-140_000, 140_000, 7)
    logistic, tanh = 1 / (1 + np.exp(-x / 12288)), np.tanh(x / 12288)
    assert np.abs(s_curve(x, tanh=False) / 32768 - logistic).max() < 5e-5
    assert np.abs(s_curve(x, tanh=True) / 32768 - tanh).max() < 1e-4
    assert (np.diff(sigmoid_table()) >= 0).all() and sigmoid_table()[[0, -1]].tolist() == [32768, 65535]


# Memory -------------------------------------------------------------------------------------------------


def slow_address(fm: FeatureMap, y: int, x: int, c: int) -> int:
    """Where an element lies, said one case after another."""
    column = int(x >= fm.width0)
    row = int(y >= (fm.height1 if column else fm.height0))
    y -= row * (fm.height1 if column else fm.height0)
    x -= column * fm.width0
    base = fm.bases[2 * row + column] + y * fm.strides[0] + x * fm.strides[1]
    size = fm.dtype.itemsize
    return base + (c // 16 * fm.strides[2] + c % 16 * size if fm.bricks else c * size)


@pytest.mark.parametrize("bricks", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", "<i4"])
@pytest.mark.parametrize(("height0", "height1", "width0"), [(9, 9, 9), (2, 1, 3), (1, 2, 1)])
def test_feature_maps_lie_where_they_should(bricks: bool, dtype: str, height0: int, height1: int, width0: int) -> None:
    memory, size = fresh(), np.dtype(dtype).itemsize
    if bricks:
        strides = (2 * 4 * 16 * size, 16 * size, 4 * 16 * size)
    else:
        strides = (4 * (18 * size + 2) + 6, 18 * size + 2, 1)
    fm = FeatureMap(1, (7, 4001, 8003, 12007), height0, height1, width0, strides, np.dtype(dtype), bricks, 3, 4, 18)
    got, raw = memory.read(fm), memory.bytes_at(1, 0, SIZE).copy()
    for y in range(fm.height):
        for x in range(fm.width):
            for c in range(fm.depth):
                at = slow_address(fm, y, x, c)
                expected = raw[:, at : at + size].copy().view(dtype)[:, 0]
                assert (got[:, y, x, c] == expected).all()
    new = RNG.integers(0, 100, got.shape).astype(dtype)
    memory.write(fm, new)
    assert (memory.read(fm) == new).all()
    written = (memory.bytes_at(1, 0, SIZE) != raw).any(axis=0).sum()
    assert 0 < written <= new[0].nbytes


def test_accesses_outside_of_a_region_are_refused() -> None:
    registers = common(S8) | feature_map("IFM", SIZE - 63, (4, 4, 4), S8) | feature_map("OFM", 0, (4, 4, 4), S8)
    operation = (Op.POOL, Pooling.MAX)
    with pytest.raises(StreamError, match="bytes 16321 to 16385 of region 1 are accessed, it has 16384"):
        run(fresh(), registers, operation)
    run(fresh(), registers | {"IFM_BASE0": SIZE - 64}, operation)
    for change, message in (
        ({"IFM_BASE0": 64, "IFM_STRIDE_Y": -32}, "bytes -32 to 80 of region 1"),
        ({"IFM_BASE0": 0, "IFM_REGION": 3}, r"region 3 is used, there are \[0, 1\]"),
        ({"IFM_BASE0": 0, "OFM_REGION": 0}, "region 0 holds constants"),
        ({"IFM_BASE0": 0, "OFM_STRIDE_Y": 1 << 33}, "of region 1 are accessed"),
        ({"IFM_PRECISION": 2}, "unknown type in NPU_SET_IFM_PRECISION"),
        ({"OFM_HEIGHT_M1": 65535, "OFM_WIDTH_M1": 65535}, "too large to simulate"),
        ({"IFM_PAD_TOP": 9}, "IFM would have the shape -5x4x4"),
        ({"IFM_UPSCALE": 3}, "unknown upscaling"),
        ({"ACTIVATION": 9}, "unknown activation 9"),
        ({"ACTIVATION": 3}, "tanh or sigmoid of int8"),
        ({"OFM_PRECISION": 1 | 3 << 14}, "unknown rounding"),
    ):
        with pytest.raises(StreamError, match=message) as refusal:
            run(fresh(), registers | change, operation)
        assert refusal.value.where == "NPU_OP_POOL at byte 0"


def test_a_register_that_was_never_set_is_not_zero() -> None:
    registers = common(S8) | feature_map("IFM", 0, (4, 4, 4), S8) | feature_map("OFM", 0, (4, 4, 4), S8)
    del registers["IFM_STRIDE_X"]
    with pytest.raises(StreamError, match="NPU_SET_IFM_STRIDE_X is needed but was never given"):
        run(fresh(), registers, (Op.POOL, Pooling.MAX))


# DMA ----------------------------------------------------------------------------------------------------


def test_dma_copies_into_memory_and_shram() -> None:
    memory = fresh()
    source = memory.bytes_at(0, 100, 48).copy()
    registers = {"DMA0_SRC_REGION": 0, "DMA0_SRC": 100, "DMA0_DST_REGION": 1, "DMA0_DST": 16, "DMA0_LEN": 48}
    run(memory, registers, (Op.DMA_START, 0), {"DMA0_DST_REGION": 1 << 8, "DMA0_DST": 32}, (Op.DMA_START, 0))
    assert (memory.bytes_at(1, 16, 48) == source).all() and (memory.internal(32, 48) == source).all()
    for change in ({"DMA0_SRC": SIZE - 47}, {"DMA0_DST": SIZE - 47}, {"DMA0_LEN": 0}, {"DMA0_DST_REGION": 0}):
        with pytest.raises(StreamError):
            run(fresh(), registers | change, (Op.DMA_START, 0))


def test_dma_in_three_dimensions_leaves_gaps() -> None:
    memory = fresh()
    source, before = memory.bytes_at(0, 0, 24).copy(), memory.bytes_at(1, 0, SIZE).copy()
    registers = {"DMA0_SRC_REGION": 0, "DMA0_SRC": 0, "DMA0_DST_REGION": 1 | 2 << 9, "DMA0_DST": 0, "DMA0_LEN": 4}
    registers |= {"DMA0_SIZE0": 3, "DMA0_SIZE1": 2, "DMA0_SKIP0": 6, "DMA0_SKIP1": 88}
    with pytest.raises(StreamError, match="a DMA of mode 2 on ethos-u55-128"):
        run(memory, registers, (Op.DMA_START, 0))
    run(memory, registers, (Op.DMA_START, 0), name="ethos-u65-256")
    for plane in range(2):
        for row in range(3):
            at, number = plane * 100 + row * 10, (plane * 3 + row) * 4
            before[:, at : at + 4] = source[:, number : number + 4]
    assert (memory.bytes_at(1, 0, SIZE) == before).all()


# Operations ---------------------------------------------------------------------------------------------

SHAPE = (3, 4, 5)


def elementwise(mode: Elementwise, kind: int, registers: dict[str, Any], result: int | None = None) -> Any:
    """(first operand, second operand, result) of an operation on maps of ``kind``."""
    memory, result = fresh(), kind if result is None else result
    a, b = (view(memory, at, SHAPE, kind) for at in (0, 400))
    maps = feature_map("IFM", 0, SHAPE, kind) | feature_map("IFM2", 400, SHAPE, kind)
    run(memory, common(result) | maps | feature_map("OFM", 800, SHAPE, result) | registers, (Op.ELEMENTWISE, mode))
    return a, b, view(memory, 800, SHAPE, result)


def test_minimum_maximum_shifts_and_leading_zeros() -> None:
    a, b, got = elementwise(Elementwise.MIN, S8, {"IFM_ZERO_POINT": -3, "IFM2_ZERO_POINT": -3, "OFM_ZERO_POINT": -3})
    assert (got == np.minimum(a, b)).all()
    a, b, got = elementwise(Elementwise.MAX, U8, {})
    assert (got == np.maximum(a, b)).all()
    a, b, got = elementwise(Elementwise.SHL, S32, {})
    assert all(y == (x << min(max(s, 0), 31)) % 2**32 - 2**32 * ((x << min(max(s, 0), 31)) >> 31 & 1) for x, s, y in
               zip(a.ravel().tolist(), b.ravel().tolist(), got.ravel().tolist(), strict=True))  # fmt: skip
    scalar = {"IFM2_BROADCAST": 1 << 7, "IFM2_SCALAR": 5, "IFM2_PRECISION": S32}
    a, _, got = elementwise(Elementwise.SHR, S32, scalar | {"OFM_PRECISION": OFM_TYPES[S32] | NATURAL})
    assert (got == (a + 16) >> 5).all()
    a, _, got = elementwise(Elementwise.CLZ, S32, {})
    assert got.ravel().tolist() == [0 if x < 0 else 32 - x.bit_length() for x in a.ravel().tolist()]


def test_arithmetic_with_a_scale() -> None:
    scale = {"OFM_PRECISION": OFM_TYPES[S8] | GLOBAL_SCALE | NATURAL, "OFM_SCALE": (3, 7), "OFM_ZERO_POINT": 5}
    zero = {"IFM_ZERO_POINT": 2, "IFM2_ZERO_POINT": -9}
    a, b, got = elementwise(Elementwise.MUL, S8, scale | zero)
    assert (got == np.clip(((a - 2) * (b + 9) * 3 + 64 >> 7) + 5, -128, 127)).all()
    operands = {"OPA_SCALE": (11, 0), "OPB_SCALE": (7, 0), "ACTIVATION_MIN": -20, "ACTIVATION_MAX": 40}
    a, b, got = elementwise(Elementwise.SUB, S8, scale | zero | operands)
    assert (got == np.clip((((a - 2) * 11 - (b + 9) * 7) * 3 + 64 >> 7) + 5, -20, 40)).all()
    # In reversed order the second map is the first operand, with its scale.
    a, b, got = elementwise(Elementwise.SUB, S8, scale | zero | operands | {"IFM2_BROADCAST": 1 << 6})
    assert (got == np.clip((((b + 9) * 11 - (a - 2) * 7) * 3 + 64 >> 7) + 5, -20, 40)).all()
    a, _, got = elementwise(Elementwise.LRELU, S8, {"OFM_PRECISION": 1 | GLOBAL_SCALE | NATURAL, "OFM_SCALE": (1, 2)})
    assert (got == np.where(a < 0, (a + 2) >> 2, a)).all()
    a, _, got = elementwise(Elementwise.ABS, S8, {"OFM_PRECISION": 1 | GLOBAL_SCALE | TRUNCATE, "OFM_SCALE": (1, 1)})
    assert (got == np.abs(a) // 2).all()
    # Products of 32 bits take the shift alone, and know neither zero point nor limits.
    wide = {"OFM_PRECISION": OFM_TYPES[S32] | GLOBAL_SCALE, "OFM_SCALE": (1 << 30, 31), "OFM_ZERO_POINT": 9}
    a, b, got = elementwise(Elementwise.MUL, S32, wide)
    assert (got == a * b + (1 << 30) >> 31).all()


def test_the_second_operand_is_broadcast() -> None:
    for bit, shape in ((1, (1, 4, 5)), (2, (3, 1, 5)), (4, (3, 4, 1)), (7, (1, 1, 1))):
        memory = fresh()
        a, b = view(memory, 0, SHAPE, S8), view(memory, 64, shape, S8, region=0)
        maps = feature_map("IFM", 0, SHAPE, S8) | feature_map("IFM2", 64, shape, S8, region=0)
        maps |= feature_map("OFM", 256, SHAPE, S8) | {"IFM2_BROADCAST": bit}
        run(memory, common(S8) | maps, (Op.ELEMENTWISE, Elementwise.MAX))
        assert (view(memory, 256, SHAPE, S8) == np.maximum(a, b)).all()


def test_tables_of_8_16_and_32_bits() -> None:
    for kind, result, size in ((S8, S8, 1), (S8, S32, 4), (S16, S16, 4)):
        memory = fresh()
        table = RNG.integers(0, 256, (1, 2048)).astype(np.uint8)
        memory.internal((24 << 10) - 2048, 2048)[...] = table
        a = view(memory, 0, SHAPE, kind)
        registers = common(result) | feature_map("IFM", 0, SHAPE, kind) | feature_map("OFM", 800, SHAPE, result)
        registers |= {"ACTIVATION": 16 | (3 << 12 if result == S32 else 0)}
        if result == S32:
            registers |= {"ACTIVATION_MIN": -128, "ACTIVATION_MAX": 127}
        run(memory, registers, (Op.POOL, Pooling.MAX))
        if kind == S16:
            pairs = table.view("<i2").reshape(512, 2).astype(np.int64)
            expected = pairs[(a >> 7) + 256, 0] + (pairs[(a >> 7) + 256, 1] * (a & 127) + 64 >> 7)
            expected = expected.astype(np.int16).astype(np.int64)
        else:
            expected = table.view(DTYPES[result])[0].astype(np.int64)[a + 128]
        assert (view(memory, 800, SHAPE, result) == expected).all(), size


@pytest.mark.parametrize("mode", list(Pooling))
def test_pooling_by_hand(mode: Pooling) -> None:
    memory, height, width, depth = fresh(), 6, 7, 3
    a = view(memory, 0, (height, width, depth), S8)
    registers = common(S8) | feature_map("IFM", 0, (height, width, depth), S8)
    if mode is Pooling.REDUCE_SUM:
        scale = {"OFM_PRECISION": 1 | GLOBAL_SCALE | NATURAL, "OFM_SCALE": (1, 2)}
        run(memory, registers | feature_map("OFM", 800, (height, width, 1), S8) | scale, (Op.POOL, mode))
        assert (view(memory, 800, (height, width, 1), S8)[..., 0] == a.sum(axis=3) + 2 >> 2).all()
        return
    # Kernel 3x2, strides 2 and 3, padded above by 1 and on the right by 1.
    registers |= {"KERNEL_HEIGHT_M1": 2, "KERNEL_WIDTH_M1": 1, "KERNEL_STRIDE": 1 << 1 | 1 << 6}
    registers |= {"IFM_PAD_TOP": 1, "IFM_PAD_RIGHT": 1} | feature_map("OFM", 800, (3, 3, depth), S8)
    run(memory, registers, (Op.POOL, mode))
    got = view(memory, 800, (3, 3, depth), S8)
    for y in range(3):
        for x in range(3):
            window = a[:, max(2 * y - 1, 0) : 2 * y + 2, 3 * x : 3 * x + 2].reshape(2, -1, depth)
            if mode is Pooling.MAX:
                assert (got[:, y, x] == window.max(axis=1)).all()
            else:
                count = window.shape[1]
                for s, total in enumerate(window.sum(axis=1).tolist()):
                    assert got[s, y, x].tolist() == [half_away(Fraction(t, count)) for t in total]


def test_an_input_can_be_enlarged() -> None:
    memory = fresh()
    a = view(memory, 0, (2, 3, 4), S8)
    registers = common(S8) | feature_map("IFM", 0, (2, 3, 4), S8) | feature_map("OFM", 800, (4, 6, 4), S8)
    run(memory, registers | {"IFM_UPSCALE": 1}, (Op.POOL, Pooling.MAX))
    assert (view(memory, 800, (4, 6, 4), S8) == a.repeat(2, axis=1).repeat(2, axis=2)).all()


def test_any_register_value_runs_or_is_refused() -> None:
    registers = common(S8) | feature_map("IFM", 0, SHAPE, S8) | feature_map("IFM2", 100, SHAPE, S8)
    registers |= feature_map("OFM", 800, SHAPE, S8) | {"OPA_SCALE": (1, 0), "OPB_SCALE": (1, 0)}
    operations = [(Op.POOL, mode) for mode in Pooling] + [(Op.ELEMENTWISE, mode) for mode in Elementwise]
    refused = 0
    for trial in range(400):
        name = list(registers)[trial % len(registers)]
        bits = int(RNG.integers(1, 17 if name in Reg16.__members__ else 41))
        value: Any = int(RNG.integers(0, 1 << bits))
        try:
            run(fresh(), registers | {name: value}, operations[trial % len(operations)])
        except StreamError:
            refused += 1
    assert 40 < refused < 360


def test_without_vela_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgen.npu.decoder.find_spec", lambda _: None)
    with pytest.raises(ToolMissing, match="ethos-u-vela") as missing:
        compile_for_npu(b"", "ethos-u55-128")
    assert missing.value.exit_code == 3 and 'pip install "microgen[npu]"' in missing.value.hint
    with Decoder() as decoder, pytest.raises(ToolMissing):
        decoder.decode(bytes(16))


def test_unknown_modes_are_refused() -> None:
    registers = common(S8) | feature_map("IFM", 0, SHAPE, S8) | feature_map("OFM", 800, SHAPE, S8)
    for operation, message in (((Op.POOL, 5), "unknown pooling 5"), ((Op.ELEMENTWISE, 17), "unknown element-wise")):
        with pytest.raises(StreamError, match=message):
            run(fresh(), registers, operation)
