"""Functions of CMSIS-NN's API that no operator is lowered to and that applications may call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from microgen import arith
from microgen.mindir import Array
from microgen.ops.base import op_of
from microgen.ops.call import Const, Struct, ints, nhwc
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from tests.support.stream import Program
from tests.support.stream_abi import HOST as HOST_ABI
from tests.support.stream_abi import pack_scalar
from tests.support.stream_cases import Buffer, Invocation, Pointer
from tests.support.stream_maker import ARG_ERROR, SUCCESS, Builder
from tests.support.stream_targets import HOST, assert_none, runtime_program

CALLED = (
    "arm_vector_sum_s8",
    "arm_maximum_s8",
    "arm_minimum_s8",
    "arm_svdf_s8",
    "arm_svdf_state_s16_s8",
    "arm_transpose_conv_wrapper_s8",
    *(
        f"{function}_get_buffer_size_{flavour}"
        for function in ("arm_convolve_wrapper_s8", "arm_depthwise_conv_wrapper_s8", "arm_avgpool_s8",
                         "arm_fully_connected_s8", "arm_svdf_s8", "arm_transpose_conv_s8")
        for flavour in ("dsp", "mve")
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def program(host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(HOST, tmp_path_factory)


def started(program: Program) -> Builder:
    return Builder(program.cases.functions, program.cases.structs, HOST_ABI)


def result(builder: Builder, data: Array) -> Pointer:
    content = np.ascontiguousarray(data).tobytes()
    return builder.add(Buffer("output", len(content), expected=content, offset=data.itemsize, dtype=data.dtype))


def int32(value: int) -> bytes:
    return pack_scalar("int32_t", value, HOST_ABI)


@pytest.mark.parametrize(("lhs", "rhs"), [(0, 0), (1, 0), (-7, 3), (2**31 - 1, -128)])
@pytest.mark.parametrize("has_bias", [False, True])
def test_vector_sums(program: Program, lhs: int, rhs: int, has_bias: bool) -> None:
    random = np.random.default_rng(3)
    weights = random.integers(-128, 128, (5, 19)).astype(np.int8)
    bias = random.integers(-(2**31), 2**31, 5).astype(np.int32)
    sums = (weights.astype(np.int64) + rhs).sum(axis=1) * lhs + (bias if has_bias else 0)
    builder = started(program)
    arguments = (
        result(builder, sums.astype(np.uint32).view(np.int32)), int32(19), int32(5), builder.table("data", weights),
        int32(lhs), int32(rhs), builder.table("bias", bias) if has_bias else b"",
    )  # fmt: skip
    assert_none(program.run([builder.case("sums", [Invocation("arm_vector_sum_s8", arguments, SUCCESS)])]))


@pytest.mark.parametrize(("function", "meaning"), [("arm_maximum_s8", np.maximum), ("arm_minimum_s8", np.minimum)])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((2, 2, 3, 5), (1, 1, 1, 1)),
        ((1, 1, 3, 1), (2, 4, 1, 5)),
        ((3, 1, 1, 7), (3, 2, 2, 7)),
    ],
)
def test_extrema(
    program: Program,
    function: str,
    meaning: Callable[[Array, Array], Array],
    first: tuple[int, ...],
    second: tuple[int, ...],
) -> None:
    random = np.random.default_rng(5)
    a, b = (random.integers(-128, 128, shape).astype(np.int8) for shape in (first, second))
    wanted = meaning(a, b)
    builder = started(program)
    arguments = (
        b"", builder.table("first", a), builder.struct(nhwc(first)), builder.table("second", b),
        builder.struct(nhwc(second)), result(builder, wanted), builder.struct(nhwc(wanted.shape)),
    )  # fmt: skip
    assert_none(program.run([builder.case(function, [Invocation(function, arguments, SUCCESS)])]))


def test_extrema_refuse_shapes_that_do_not_fit(program: Program) -> None:
    for function in ("arm_maximum_s8", "arm_minimum_s8"):
        builder = started(program)
        data = builder.table("data", np.zeros(12, np.int8))
        output = builder.add(Buffer("output", 12, unchanged=True))
        arguments = (
            b"", data, builder.struct(nhwc((1, 2, 3, 2))), data, builder.struct(nhwc((1, 2, 2, 2))), output,
            builder.struct(nhwc((1, 2, 3, 2))),
        )  # fmt: skip
        assert_none(program.run([builder.case(function, [Invocation(function, arguments, ARG_ERROR)])]))


def requantized(sums: Array, multiplier: Array, shift: Array, offset: int, low: int, high: int) -> Array:
    wrapped = arith.wrap32(np.asarray(sums, np.int64))
    scaled = arith.multiply_by_quantized_multiplier(wrapped, multiplier, shift)
    return np.clip(arith.wrap32(scaled + offset), low, high)


def activation(low: int, high: int) -> Struct:
    return Struct("cmsis_nn_activation", ints(min=low, max=high))


@pytest.mark.parametrize("state_type", [np.int8, np.int16])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize(
    ("batches", "size", "units", "rank", "steps"), [(1, 3, 4, 1, 2), (2, 9, 3, 2, 5), (3, 1, 1, 3, 1)]
)
def test_svdf(
    program: Program, state_type: type, has_bias: bool, batches: int, size: int, units: int, rank: int, steps: int
) -> None:
    random = np.random.default_rng(11)
    limits = np.iinfo(state_type)
    data = random.integers(-128, 128, (batches, size)).astype(np.int8)
    feature = random.integers(-128, 128, (units * rank, size)).astype(np.int8)
    time = random.integers(limits.min, limits.max + 1, (units * rank, steps)).astype(state_type)
    state = random.integers(limits.min, limits.max + 1, (batches, units * rank, steps)).astype(state_type)
    bias = random.integers(-100000, 100000, units).astype(np.int32)
    zero_point, offset, first, second = 5, -7, (1518500250, -4), (1073741824, -12)

    entered = (data.astype(np.int64) - zero_point) @ feature.astype(np.int64).T
    values = requantized(entered, np.int64(first[0]), np.int64(first[1]), 0, limits.min, limits.max)
    after = np.concatenate([state[:, :, 1:], values[:, :, None].astype(state_type)], axis=2)
    sums = (after.astype(np.int64) * time).sum(axis=2).reshape(batches, units, rank).sum(axis=2)
    sums = sums + (bias if has_bias else 0)
    wanted = requantized(sums, np.int64(second[0]), np.int64(second[1]), offset, -100, 90).astype(np.int8)

    builder = started(program)
    params = Struct(
        "cmsis_nn_svdf_params",
        (
            *ints(rank=rank, input_offset=zero_point, output_offset=offset),
            ("input_activation", activation(limits.min, limits.max)),
            ("output_activation", activation(-100, 90)),
        ),
    )
    quants = [Struct("cmsis_nn_per_tensor_quant_params", ints(multiplier=m, shift=s)) for m, s in (first, second)]
    kept = builder.add(
        Buffer("state", state.nbytes, state.tobytes(), expected=after.tobytes(), offset=4, dtype=state.dtype)
    )
    dims = {
        "input": ints(n=batches, h=size), "feature": ints(n=units * rank), "time": ints(h=steps), "none": (),
    }  # fmt: skip
    made = {name: builder.struct(Struct("cmsis_nn_dims", fields)) for name, fields in dims.items()}
    arguments = (
        *((b"",) if state_type is np.int8 else ()), b"", b"", builder.struct(params),
        *(builder.struct(quant) for quant in quants), made["input"], builder.table("input", data), made["none"], kept,
        made["feature"], builder.table("feature", feature), made["time"], builder.table("time", time), made["none"],
        builder.table("bias", bias) if has_bias else b"", made["none"], result(builder, wanted),
    )  # fmt: skip
    function = "arm_svdf_s8" if state_type is np.int8 else "arm_svdf_state_s16_s8"
    assert_none(once(program, builder, function, arguments))


def once(program: Program, builder: Builder, function: str, arguments: tuple[Pointer | bytes, ...]) -> list[str]:
    """Findings of one call; the test program runs a case twice from the same start."""
    return program.run([builder.case(function, [Invocation(function, arguments, SUCCESS)])])


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize(
    ("size", "channels", "kernel", "stride", "padding", "output"),
    [
        ((3, 4), (5, 3), (3, 3), (1, 1), (1, 1), (3, 4)),
        ((2, 3), (1, 2), (2, 4), (2, 2), (0, 1), (4, 6)),
        ((4, 1), (17, 4), (5, 2), (3, 1), (1, 0), (12, 2)),
        ((1, 1), (2, 1), (1, 1), (2, 2), (0, 0), (2, 2)),
    ],
)
def test_transposed_convolution(
    program: Program,
    has_bias: bool,
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    output: tuple[int, int],
) -> None:
    random = np.random.default_rng(13)
    depth, units = channels
    image = random.integers(-128, 128, (2, *size, depth)).astype(np.int8)
    filter_ = random.integers(-128, 128, (units, *kernel, depth)).astype(np.int8)
    bias = random.integers(-9000, 9000, units).astype(np.int32)
    multiplier = random.integers(1 << 30, 1 << 31, units).astype(np.int32)
    shift = random.integers(-11, -6, units).astype(np.int32)
    input_offset, output_offset = 9, -3

    # Every input spreads its window over a canvas that is then cropped to the output.
    height, width = (
        max((s - 1) * t + k, o + p) for s, t, k, o, p in zip(size, stride, kernel, output, padding, strict=True)
    )
    canvas = np.zeros((2, height, width, units), np.int64)
    for y in range(size[0]):
        for x in range(size[1]):
            pixel = image[:, y, x].astype(np.int64) + input_offset
            spread = np.einsum("bc,uhwc->bhwu", pixel, filter_.astype(np.int64))
            top, left = y * stride[0], x * stride[1]
            canvas[:, top : top + kernel[0], left : left + kernel[1]] += spread
    sums = canvas[:, padding[0] : padding[0] + output[0], padding[1] : padding[1] + output[1]]
    sums = sums + (bias if has_bias else 0)
    wanted = requantized(sums, multiplier.astype(np.int64), shift.astype(np.int64), output_offset, -128, 120).astype(
        np.int8
    )

    def tile(pair: tuple[int, int]) -> Struct:
        return Struct("cmsis_nn_tile", ints(h=pair[0], w=pair[1]))

    builder = started(program)
    params = Struct(
        "cmsis_nn_transpose_conv_params",
        (
            *ints(input_offset=input_offset, output_offset=output_offset),
            ("stride", tile(stride)),
            ("padding", tile(padding)),
            ("activation", activation(-128, 120)),
        ),
    )
    quant = Struct(
        "cmsis_nn_per_channel_quant_params",
        (("multiplier", Const("multiplier", multiplier)), ("shift", Const("shift", shift))),
    )
    arguments = (
        b"", b"", builder.struct(params), builder.struct(quant), builder.struct(nhwc(image.shape)),
        builder.table("input", image), builder.struct(nhwc(filter_.shape)), builder.table("filter", filter_),
        builder.struct(nhwc((units,))), builder.table("bias", bias) if has_bias else b"",
        builder.struct(nhwc(wanted.shape)), result(builder, wanted),
    )  # fmt: skip
    assert_none(once(program, builder, "arm_transpose_conv_wrapper_s8", arguments))


@pytest.mark.parametrize("flavour", ["dsp", "mve"])
@pytest.mark.parametrize("operator", [Conv2D, DepthwiseConv2D])
def test_sizes_by_flavour_are_those_of_the_linked_kernels(
    program: Program, operator: type[Conv2D] | type[DepthwiseConv2D], flavour: str
) -> None:
    sample = next(s for s in operator.samples() if s.id == ("tall_kernel" if operator is DepthwiseConv2D else "3x3"))
    (node,) = sample.graph.nodes
    (call,) = op_of(node).lower(node, program.target)
    assert call.scratch > 0
    builder = started(program)
    structs = [call.args[index] for index in (1, 3, 5, 9)]
    arguments = tuple(builder.struct(struct) for struct in structs if isinstance(struct, Struct))
    function = f"{call.function}_get_buffer_size_{flavour}"
    assert_none(program.run([builder.case(function, [Invocation(function, arguments, call.scratch)])]))


@pytest.mark.parametrize("flavour", ["dsp", "mve"])
@pytest.mark.parametrize("function", ["arm_fully_connected_s8", "arm_svdf_s8", "arm_transpose_conv_s8"])
def test_functions_that_need_no_scratch(program: Program, function: str, flavour: str) -> None:
    name = f"{function}_get_buffer_size_{flavour}"
    builder = started(program)
    count = len(program.cases.functions[name].parameters)
    arguments = tuple(builder.struct(nhwc((1, 9, 20, 3))) for _ in range(count))
    assert_none(program.run([builder.case(name, [Invocation(name, arguments, 0)])]))


@pytest.mark.parametrize("flavour", ["dsp", "mve"])
def test_size_of_average_pooling_by_flavour(program: Program, flavour: str) -> None:
    arguments = (int32(4), int32(13))
    call = Invocation(f"arm_avgpool_s8_get_buffer_size_{flavour}", arguments, 52)
    assert_none(program.run([started(program).case("size", [call])]))
