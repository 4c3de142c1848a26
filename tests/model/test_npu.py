"""Models compiled for the Ethos-U and simulated: the bytes of the reference interpreter."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microgen.compiler import load_graph
from microgen.errors import InputError
from microgen.exporters import tflite as exporter
from microgen.mindir import Array
from microgen.npu import Compiled, NotWhollyError, StreamError, compile_for_npu, simulate, unwritten_outputs
from microgen.npu.registers import Op, Reg16, Reg48
from microgen.npu.stream import parse
from microgen.ops.registry import operators
from microgen.runtime import Session
from tests.op.test_operators_numpy import inputs_of
from tests.support import tflite_file
from tests.support.models import INT8_MODELS, test_batch
from tests.support.oracle import Oracle

ModelPath = Callable[[str], Path]

#: Samples of operators that Vela takes whole and computes as TensorFlow Lite does: every command of the NPU.
SAMPLES = (
    *("Conv2D-3x3_stride2_odd", "Conv2D-dilated", "Conv2D-huge_bias", "Conv2D-kernel_above_input"),
    *("DepthwiseConv2D-dilated_multiplier", "DepthwiseConv2D-kernel_10x4_stride2"),
    *("TransposeConv2D-double_4x4", "TransposeConv2D-stride_1_valid"),
    *("FullyConnected-many_rows_per_channel", "FullyConnected-product_of_scales"),
    *("FullyConnected-weight_zero_point", "BatchMatMul-broadcast_left_ab", "AveragePool2D-3x3_same_stride2_odd"),
    *("AveragePool2D-global", "MaxPool2D-4x3_same_stride_2x3", "Mean-count_63", "ArgMax-channels"),
    *("Add-odd", "Add-rank5", "Sub-constant_first", "Sub-relu_n1_to_1", "Mul-alternate"),
    *("SquaredDifference-rank6_plain", "Maximum-inner", "Abs-ties", "LeakyRelu-alpha_0.2"),
    *("PRelu-channels", "Relu6-image", "HardSwish-image", "Logistic-image", "Tanh-image", "Softmax-image"),
    *("Quantize-int8_to_int16_ties", "Quantize-uint8_to_int8_ties", "ResizeBilinear-half_pixel_double"),
    *("ResizeNearest-asymmetric_double", "Concatenation-axis_2", "Split-channels", "Pad-everywhere"),
    *("MirrorPad-reflect_image", "Transpose-reversed", "Slice-every_second"),
)


@pytest.fixture(autouse=True)
def _vela() -> None:
    if importlib.util.find_spec("ethosu") is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("the package ethos-u-vela is not installed (CI is set: nothing may be missing)", pytrace=False)
        pytest.skip('the package ethos-u-vela is not installed; pip install "microgen[npu]"')


@functools.cache
def expected(path: Path) -> tuple[list[Array], list[Array]]:
    """Inputs, and what the reference interpreter makes of them."""
    inputs = test_batch(load_graph(path), random=2)
    return inputs, Oracle(path.read_bytes()).run_batch(inputs).outputs


def compiled(path: Path, accelerator: str, *options: str) -> Compiled:
    """The model of a file, with figures that make sense."""
    result = compile_for_npu(path.read_bytes(), accelerator, options)
    assert result.accelerator == accelerator and result.cycles > 0 and result.estimate["nn_macs"] > 0
    for tensor in (*result.inputs, *result.outputs):
        assert 0 <= tensor.offset <= result.regions[tensor.region] - tensor.size
    assert result.regions[result.weight_region] == len(result.weights)
    return result


def assert_same(got: list[Array], wanted: list[Array]) -> None:
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert (ours == theirs).all(), f"{np.count_nonzero(ours != theirs)} of {ours.size} elements differ"


@pytest.mark.oracle
@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u65-256"])
@pytest.mark.parametrize("name", INT8_MODELS)
def test_shared_models_give_the_oracles_bytes(test_model: ModelPath, name: str, accelerator: str) -> None:
    path = test_model(f"{name}.tflite")
    inputs, outputs = expected(path)
    assert_same(simulate(compiled(path, accelerator), inputs), outputs)


@pytest.mark.oracle
@pytest.mark.parametrize("accelerator", ["ethos-u55-32", "ethos-u55-64", "ethos-u55-256", "ethos-u65-512"])
def test_the_other_configurations_do_too(test_model: ModelPath, accelerator: str) -> None:
    path = test_model("kws_dscnn_int8.tflite")
    inputs, outputs = expected(path)
    assert_same(simulate(compiled(path, accelerator), inputs), outputs)


@pytest.mark.oracle
def test_two_cores_share_a_residual_network(test_model: ModelPath) -> None:
    path = test_model("ic_resnet8_int8.tflite")
    inputs, outputs = expected(path)
    both = compiled(path, "ethos-u65-512")
    assert any(c.code is Reg16.PARALLEL_MODE and c.param == 1 for c in parse(both.command_stream).commands)
    assert_same(simulate(both, inputs), outputs)


@pytest.mark.oracle
def test_small_memory_makes_rolling_buffers_of_two_tiles(test_model: ModelPath) -> None:
    path = test_model("ic_resnet8_int8.tflite")
    inputs, outputs = expected(path)
    small = compiled(path, "ethos-u55-128", "--optimise", "Size")
    commands = parse(small.command_stream).commands
    assert any(c.code is Reg48.IFM_BASE2 and c.payload for c in commands)
    assert small.scratch_size < compiled(path, "ethos-u55-128").scratch_size
    assert_same(simulate(small, inputs), outputs)


@pytest.mark.oracle
def test_fully_connected_layers_have_the_oracles_multipliers(test_model: ModelPath) -> None:
    # Of 66,560 bytes one differs where Vela is left to multiply the scales in single precision.
    path = test_model("ad_autoencoder_int8.tflite")
    inputs = test_batch(load_graph(path), random=100)
    outputs = Oracle(path.read_bytes()).run_batch(inputs).outputs
    assert_same(simulate(compiled(path, "ethos-u55-128"), inputs), outputs)


@pytest.mark.parametrize("name", SAMPLES)
def test_operators_give_the_same_bytes(name: str) -> None:
    operator, _, label = name.partition("-")
    (sample,) = (s for o in operators() if o.name == operator for s in o.samples() if s.id == label)
    inputs = inputs_of(sample.graph)
    on_npu = compile_for_npu(exporter.save(sample.graph), "ethos-u55-128")
    assert_same(simulate(on_npu, inputs), Session(sample.graph).run(inputs))


@pytest.mark.oracle
@pytest.mark.parametrize("operator", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [8.0 / 32768, 2.3 / 32768])
def test_curves_of_16_bits_over_every_input(operator: str, scale: float) -> None:
    import tflite

    shape = (1, 16, 64, 64)
    scales = [scale, 1 / 32768]
    tensors = [
        tflite_file.tensor(
            name,
            shape,
            Type=tflite.TensorType.INT16,
            Quantization={"Scale": np.array([s], np.float32), "ZeroPoint": np.array([0], np.int64)},
        )
        for name, s in zip("xy", scales, strict=True)
    ]
    code = getattr(tflite.BuiltinOperator, operator)
    model = tflite_file.write(
        {
            "Version": 3,
            "OperatorCodes": [{"DeprecatedBuiltinCode": code, "BuiltinCode": code, "Version": 3}],
            "Subgraphs": [
                {
                    "Tensors": tensors,
                    "Inputs": tflite_file.ints(0),
                    "Outputs": tflite_file.ints(1),
                    "Operators": [tflite_file.operator(0, (0,), (1,))],
                }
            ],
            "Buffers": [{}],
        }
    )
    x = np.arange(-32768, 32768).astype(np.int16).reshape(1, *shape)
    assert_same(simulate(compile_for_npu(model, "ethos-u55-128"), [x]), Oracle(model).run_batch([x]).outputs)


# What must not pass unnoticed ---------------------------------------------------------------------------


def changed(original: Compiled, code: Reg16 | Reg48, change: Callable[[int], int], number: int = 0) -> Compiled:
    """The same with another value in the ``number``-th command that sets a register."""
    command = [c for c in parse(original.command_stream).commands if c.code is code][number]
    stream = bytearray(original.command_stream)
    if command.payload is None:
        struct.pack_into("<H", stream, command.offset + 2, change(command.param))
    else:
        struct.pack_into("<I", stream, command.offset + 4, change(command.payload))
    return dataclasses.replace(original, command_stream=bytes(stream))


@pytest.mark.oracle
def test_planted_faults_change_the_result(test_model: ModelPath) -> None:
    path = test_model("ic_resnet8_int8.tflite")
    inputs, outputs = expected(path)
    good = compiled(path, "ethos-u55-128")
    assert_same(simulate(good, inputs), outputs)
    for code, change in (
        (Reg48.IFM_STRIDE_Y, lambda v: v - 3),
        (Reg48.OPA_SCALE, lambda v: v // 2),
        (Reg16.IFM_ZERO_POINT, lambda v: v + 1 & 0xFFFF),
        (Reg16.KERNEL_STRIDE, lambda v: v ^ 1 << 4),
        (Reg16.OFM_ZERO_POINT, lambda v: v + 1 & 0xFFFF),
    ):
        try:
            got = simulate(changed(good, code, change), inputs)
        except StreamError:
            assert code is Reg16.KERNEL_STRIDE
            continue
        assert any((a != b).any() for a, b in zip(got, outputs, strict=True)), code


def test_weights_that_cannot_be_decoded_are_an_error_and_not_the_end(test_model: ModelPath) -> None:
    path = test_model("kws_dscnn_int8.tflite")
    good = compiled(path, "ethos-u55-128")
    x = [np.zeros((1, *good.inputs[0].shape), np.int8)]
    noise = np.random.default_rng(0).integers(0, 256, len(good.weights)).astype(np.uint8).tobytes()
    with pytest.raises(StreamError, match=r"weights") as refusal:
        simulate(dataclasses.replace(good, weights=noise), x)
    assert refusal.value.where.startswith("NPU_OP_")
    with pytest.raises(StreamError, match="weights"):
        simulate(changed(good, Reg48.WEIGHT_LENGTH, lambda v: v // 2), x)
    with pytest.raises(StreamError, match="region 0 are accessed"):
        simulate(changed(good, Reg48.DMA0_SRC, lambda v: 1 << 30), x)
    with pytest.raises(StreamError, match="not ethos-u55-64"):
        simulate(dataclasses.replace(good, accelerator="ethos-u55-64"), x)
    assert simulate(good, x)[0].shape == (1, *good.outputs[0].shape)


def test_inputs_are_checked_and_samples_do_not_mix(test_model: ModelPath) -> None:
    model = compiled(test_model("hello_world_int8.tflite"), "ethos-u55-128")
    shape = model.inputs[0].shape
    x = np.array([-128, 3, 127], np.int8).reshape(-1, *shape)
    together = simulate(model, [x])[0]
    assert (together == np.concatenate([simulate(model, [x[i : i + 1]])[0] for i in range(len(x))])).all()
    assert simulate(model, [x[:0]])[0].shape == (0, *model.outputs[0].shape)
    for wrong in ([], [x, x], [x.astype(np.int16)], [x[..., None]], [np.int8(0)]):
        with pytest.raises(InputError):
            simulate(model, wrong)  # type: ignore[arg-type]


def test_models_that_the_npu_does_not_take_whole(test_model: ModelPath) -> None:
    with pytest.raises(NotWhollyError, match="Float32") as refusal:
        compile_for_npu(test_model("hello_world_float.tflite").read_bytes(), "ethos-u55-128")
    assert refusal.value.operators == ("FULLY_CONNECTED",) and refusal.value.exit_code == 2
    assert len(refusal.value.problems) == 3
    for data, message in ((b"", "TFL3"), (bytes(100), "TFL3"), (b"\x1c\0\0\0TFL3" + bytes(40), "field table")):
        with pytest.raises(InputError, match=message):
            compile_for_npu(data, "ethos-u55-128")


def test_results_that_vela_leaves_undefined_are_found() -> None:
    for name, found in (("MirrorPad-channels", ("output_0",)), ("MirrorPad-reflect_image", ())):
        operator, _, label = name.partition("-")
        (sample,) = (x for o in operators() if o.name == operator for x in o.samples() if x.id == label)
        assert unwritten_outputs(compile_for_npu(exporter.save(sample.graph), "ethos-u55-128")) == found


def test_the_stream_holds_nothing_that_is_not_executed(test_model: ModelPath) -> None:
    stream = parse(compiled(test_model("vww_mobilenet_int8.tflite"), "ethos-u55-256").command_stream)
    operations = [c.code for c in stream.commands if isinstance(c.code, Op)]
    assert {Op.CONV, Op.DEPTHWISE, Op.POOL, Op.ELEMENTWISE, Op.DMA_START} <= set(operations)
    assert operations[-1] is Op.STOP
