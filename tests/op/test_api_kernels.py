"""Kernels of CMSIS-NN's API that applications may call although no operator is lowered to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from microgen import resources
from microgen.codegen import kernels
from microgen.mindir import DType, Node
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.call import Call, Const, Int, Null, Struct, Target
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution, row_pointers
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from tests.op import test_api_functions
from tests.support.stream import Program
from tests.support.stream_abi import HOST as HOST_ABI
from tests.support.stream_abi import pack_scalar
from tests.support.stream_cases import Buffer, Invocation
from tests.support.stream_inputs import inputs_for
from tests.support.stream_maker import Builder
from tests.support.stream_targets import COMPUTING, HOSTS, assert_none, compiled_samples, runtime_program

FUNCTIONS = dict(kernels.functions(resources.runtime_c_dir()))


@dataclass(frozen=True)
class Special:
    """A kernel that computes what ``operator`` does for the nodes that ``takes`` accepts and refuses others.

    ``scratch`` is what it needs where that is more than the operator's own kernel; one that ``spares_scratch``
    works without any.
    """

    function: str
    operator: type[Conv2D] | type[DepthwiseConv2D]
    takes: Callable[[Convolution, Node], bool]
    scratch: Callable[[Node], int] = lambda node: 0
    spares_scratch: bool = False


def kernel_of(node: Node) -> tuple[int, ...]:
    return node.input(1).shape[1:3]


def same_channels(node: Node) -> bool:
    return node.input(0).shape[3] == node.output.shape[3]


def is_pointwise(op: Convolution, node: Node) -> bool:
    unpadded = op.padding.top == op.padding.left == 0
    return kernel_of(node) == (1, 1) and unpadded and node.input(1).shape[3] == node.input(0).shape[3]


def patches(node: Node) -> int:
    """Row pointers and two patches in int16, of plain C."""
    height, width, depth = node.input(1).shape[1:]
    return row_pointers(height) + 4 * height * width * depth


SPECIAL = [
    Special("arm_convolve_s8", Conv2D, lambda op, node: True, patches),
    Special("arm_convolve_1x1_s8", Conv2D, is_pointwise, spares_scratch=True),
    Special(
        "arm_convolve_1x1_s8_fast",
        Conv2D,
        lambda op, node: is_pointwise(op, node) and op.stride == (1, 1),
        spares_scratch=True,
    ),
    Special(
        "arm_convolve_1_x_n_s8",
        Conv2D,
        lambda op, node: node.input(0).shape[1] == 1 and kernel_of(node)[0] == 1 and op.dilation[1] == 1,
        patches,
    ),
    Special("arm_depthwise_conv_s8", DepthwiseConv2D, lambda op, node: True),
    Special(
        "arm_depthwise_conv_3x3_s8",
        DepthwiseConv2D,
        lambda op, node: (
            kernel_of(node) == (3, 3) and same_channels(node) and max(op.padding.top, op.padding.left) <= 1
        ),
    ),
    Special(
        "arm_depthwise_conv_s8_opt",
        DepthwiseConv2D,
        lambda op, node: same_channels(node) and node.input(0).shape[0] == 1 and op.dilation == (1, 1),
    ),
]


@pytest.fixture(scope="module", params=HOSTS)
def program(request: pytest.FixtureRequest, host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(request.param, tmp_path_factory)


def quantized_samples(operator: type[Op]) -> list[Sample]:
    """The samples that CMSIS-NN's int8 functions compute: of weights in int8, not in four bits."""
    samples = [s for s in compiled_samples(operator) if s.graph.outputs[0].type.dtype is DType.INT8]
    return [s for s in samples if getattr(s.graph.nodes[0].op, "weight_bits", 8) == 8]


def lowered(sample: Sample, target: Target) -> Call:
    (node,) = sample.graph.nodes
    (call,) = op_of(node).lower(node, target)
    return call


def renamed(call: Call, function: str) -> Call:
    """The call of another function with the same arguments by name; others are null pointers."""
    names = [p.name for p in FUNCTIONS[call.function].parameters]
    known = dict(zip(names, call.args, strict=True))
    return replace(
        call, function=function, args=tuple(known.get(p.name, Null()) for p in FUNCTIONS[function].parameters)
    )


@pytest.mark.parametrize("special", SPECIAL, ids=lambda special: special.function)
def test_special_kernels(program: Program, special: Special) -> None:
    cases, taken = [], 0
    for sample in quantized_samples(special.operator):
        (node,) = sample.graph.nodes
        call = renamed(lowered(sample, program.target), special.function)
        assert isinstance(node.op, Convolution)
        if special.takes(node.op, node):
            taken += 1
            call = replace(call, scratch=max(call.scratch, special.scratch(node)))
            made = list(program.cases.of_calls(sample, inputs_for(sample.graph), [call]))
            if special.spares_scratch:
                made = [case for case in made if not case.label.endswith(("without scratch", "with too little"))]
                if f"{special.function}_get_buffer_size" not in FUNCTIONS:
                    made += program.cases.of_calls(sample, inputs_for(sample.graph), [replace(call, scratch=0)])
            cases += made
        else:
            cases.append(program.cases.of_refusal(sample, call))
    assert taken > 0
    assert_none(program.run(cases))


def wrapped(call: Call) -> Call:
    """A dense layer by the wrapper, whose multipliers are tables for either kind of quantization."""
    quant = call.args[2]
    assert isinstance(quant, Struct)
    fields = dict(quant.fields)
    tables = {}
    for name, value in fields.items():
        assert isinstance(value, Int | Const)
        tables[name] = value if isinstance(value, Const) else Const(name, np.array([value.value], np.int32))
    is_per_channel = Int(call.function == "arm_fully_connected_per_channel_s8")
    made = Struct("cmsis_nn_quant_params", (*tables.items(), ("is_per_channel", is_per_channel)))
    return replace(call, function="arm_fully_connected_wrapper_s8", args=(*call.args[:2], made, *call.args[3:]))


def test_dense_layer_by_the_wrapper(program: Program) -> None:
    cases = [
        c
        for s in quantized_samples(FullyConnected)
        for c in program.cases.of_calls(s, inputs_for(s.graph), [wrapped(lowered(s, program.target))])
    ]
    assert_none(program.run(cases))


@pytest.mark.parametrize("in_place", [False, True])
def test_reshape_copies_and_may_stay_in_place(program: Program, in_place: bool) -> None:
    data = (np.arange(77) - 40).astype(np.int8)
    builder = Builder(program.cases.functions, program.cases.structs, HOST_ABI)
    source = builder.table("input", data)
    result = source if in_place else builder.add(Buffer("output", data.size, expected=data.tobytes()))
    call = Invocation("arm_reshape_s8", (source, result, pack_scalar("uint32_t", data.size, HOST_ABI)), None)
    assert_none(program.run([builder.case("reshape", [call])]))


@pytest.mark.parametrize(
    ("function", "fields", "expected"),
    [
        ("arm_avgpool_s8_get_buffer_size", (9, 13), 4 * 13),
        ("arm_avgpool_s8_get_buffer_size", (1, 1), 4),
    ],
)
def test_buffer_sizes_of_numbers(program: Program, function: str, fields: tuple[int, ...], expected: int) -> None:
    builder = Builder(program.cases.functions, program.cases.structs, HOST_ABI)
    arguments = tuple(
        pack_scalar(p.ctype, v, HOST_ABI) for p, v in zip(FUNCTIONS[function].parameters, fields, strict=True)
    )
    assert_none(program.run([builder.case(function, [Invocation(function, arguments, expected)])]))


def called_by_tests() -> Iterator[str]:
    """Functions that the differential tests call, here and for every operator."""
    for operator in COMPUTING:
        for sample in compiled_samples(operator):
            (node,) = sample.graph.nodes
            yield from (call.function for call in op_of(node).lower(node, Target()))
    yield from (special.function for special in SPECIAL)
    yield from ("arm_fully_connected_wrapper_s8", "arm_reshape_s8", "arm_avgpool_s8_get_buffer_size")
    yield from test_api_functions.CALLED
    # Around an NPU: tests/model/test_npu_device.py runs them on the emulated board, tests/unit/test_npu_driver.py here.
    yield from ("mg_copy", "mg_ethos_u_invoke")


def test_every_kernel_is_tested() -> None:
    """Each public function is called by a test, or by a function that is."""
    tested = set(called_by_tests())
    sizes = {f"{name}_get_buffer_size" for name in tested}
    files = set(kernels.needed_files(resources.runtime_c_dir(), sorted(tested | (sizes & FUNCTIONS.keys()))))
    untested = sorted(name for name, function in FUNCTIONS.items() if function.file not in files)
    assert not untested
