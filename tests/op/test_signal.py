"""The audio operators against TensorFlow Lite Micro's signal library, frame after frame, and whole front ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from microgen.data.audio import FrontEnd
from microgen.errors import VerifyError
from microgen.exporters.tflite import write
from microgen.mindir import DType, Graph, Node, State, TensorType, Value
from microgen.ops import sampling, signal_fft
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.signal_energy import SignalEnergy
from microgen.ops.signal_fft_auto_scale import SignalFftAutoScale
from microgen.ops.signal_filter_bank import SignalFilterBank
from microgen.ops.signal_filter_bank_log import SignalFilterBankLog
from microgen.ops.signal_filter_bank_spectral_subtraction import SignalFilterBankSpectralSubtraction
from microgen.ops.signal_filter_bank_square_root import SignalFilterBankSquareRoot, square_roots
from microgen.ops.signal_irfft import SignalIrfft
from microgen.ops.signal_pcan import SignalPCAN
from microgen.ops.signal_rfft import SignalRfft
from microgen.ops.signal_window import SignalWindow
from microgen.runtime import Session
from tests.op.test_operators_numpy import evaluate, inputs_of
from tests.support.oracle import Oracle
from tests.support.sounds import sounds

pytestmark = pytest.mark.oracle


def one_frame(sample: Sample) -> Graph:
    """The sample's operator on one of its frames."""
    (node,) = sample.graph.nodes
    op = op_of(node)

    def inner(value: Value) -> Value | TensorType:
        return value if value.is_const else dataclasses.replace(value.type, shape=value.shape[1:])

    return sampling.single(op, "frame", [inner(v) for v in node.inputs if v is not None], None).graph


MANY = (SignalFftAutoScale, SignalEnergy, SignalFilterBank, SignalFilterBankSquareRoot, SignalFilterBankLog, SignalPCAN)


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(sample, id=f"{operator.name}-{sample.id}")
        for operator in (*MANY, SignalFilterBankSpectralSubtraction)
        for sample in operator.samples()
        if len(sample.graph.inputs[0].shape) == 2
    ],
)
def test_frames_one_after_the_other(sample: Sample) -> None:
    """An operator on several frames does with each what the interpreter does with one."""
    data, (node,) = write(one_frame(sample)), sample.graph.nodes
    inputs = inputs_of(sample.graph)
    found = evaluate(sample.graph, inputs)
    # Bins that are not asked for are nobody's in the interpreter.
    bins = slice(node.op.start, node.op.end) if isinstance(node.op, SignalEnergy) else slice(None)
    for i in range(len(inputs[0])):
        interpreter = Oracle(data)
        for frame in range(sample.graph.inputs[0].shape[0]):
            expected = interpreter.run([a[i, frame] for a in inputs]).outputs
            for ours, theirs in zip(found, expected, strict=True):
                one, other = np.atleast_1d(ours[i, frame])[bins], np.atleast_1d(theirs)[bins]
                np.testing.assert_array_equal(one, other)


LENGTHS = [n for n in range(4, 200, 2) if signal_fft.problem(n) is None] + [256, 400, 480, 512, 640, 1000, 2048, 4096]


@pytest.mark.parametrize("dtype", [DType.INT16, DType.INT32])
def test_transforms_of_all_lengths(dtype: DType) -> None:
    generator = np.random.default_rng(1)
    low, high = dtype.limits
    for length in LENGTHS:
        graph = sampling.single(SignalRfft(length), "any", [TensorType(dtype, (length,))], None).graph
        noise = generator.integers(low, high, (2, length), endpoint=True)
        x = np.stack([noise[0], noise[1] >> 6, np.where(noise[1] < 0, low, high)]).astype(dtype.numpy)
        (ours,) = evaluate(graph, [x])
        (theirs,) = Oracle(write(graph)).run_batch([x]).outputs
        np.testing.assert_array_equal(ours, theirs, err_msg=str(length))
        back = sampling.single(SignalIrfft(length), "any", [TensorType(dtype, (length + 2,))], None).graph
        spectra = np.pad(x, ((0, 0), (0, 2)), "reflect")
        (ours,) = evaluate(back, [spectra])
        (theirs,) = Oracle(write(back)).run_batch([spectra]).outputs
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{length}, back")


@pytest.mark.parametrize("length", [2, 5, 14, 22, 1 << 15])
def test_lengths_without_a_transform(length: int) -> None:
    node = sampling.single(SignalRfft(length), "any", [TensorType(DType.INT16, (2,))], None).graph.nodes[0]
    with pytest.raises(VerifyError, match="the length of the transform"):
        op_of(node).check(node)


def test_the_transform_is_that_of_fourier() -> None:
    """Scaled by 1/n, within a few of the last bits."""
    x = np.random.default_rng(3).integers(-(1 << 30), 1 << 30, (4, 480))
    found = signal_fft.transform(signal_fft.plan(480, 32), x)
    exact = np.fft.rfft(x) / 480
    assert np.abs(found[..., 0] - exact.real).max() < 8
    assert np.abs(found[..., 1] - exact.imag).max() < 8
    back = signal_fft.restore(signal_fft.plan(480, 32, True), found)
    assert np.abs(back * 480 - x).max() < 480 * 24


def test_square_roots_are_rounded() -> None:
    roots = np.concatenate([np.arange(1, 3000), (1 << np.arange(13, 32)), (1 << np.arange(13, 32)) + 1, [0xFFFFFFFE]])
    squares = roots.astype(np.uint64) ** np.uint64(2)
    for offset, more in ((0, 0), (roots, 0), (roots + 1, 1)):
        found = square_roots(squares + np.asarray(offset, np.uint64))
        expected = np.minimum(roots + more, np.where((squares + np.asarray(offset, np.uint64)) >> 32, 1 << 32, 65535))
        np.testing.assert_array_equal(found, expected.astype(np.uint64))


def chain(front_end: FrontEnd) -> Graph:
    """The front end for one frame out of the interpreter's operators."""
    whole = front_end.graph(front_end.window)
    nodes = {node.op.name: node for node in whole.nodes}
    spectrogram = nodes["SignalSpectrogram"]
    window, *tables = (spectrogram.input(i) for i in range(1, 7))
    source = Value("frame", TensorType(DType.INT16, (front_end.window,)))
    made: list[Node] = []
    states: list[State] = []

    def add(op: Op, *inputs: Value) -> Sequence[Value]:
        label = f"{op.name}_{len(made)}"
        kept = [
            (Value(f"{label}_kept", TensorType(DType(str(a.dtype)), a.shape)), a) for a in op.initial_states(inputs)
        ]
        inputs = (*inputs, *(value for value, _ in kept))
        types = op.infer(Node(op, inputs, (), label))
        outputs = tuple(Value(f"{label}_{i}", TensorType(*kind)) for i, kind in enumerate(types))
        made.append(Node(op, inputs, outputs, label))
        found = outputs[len(outputs) - len(kept) :]
        states.extend(State(v.name, v, after, first) for (v, first), after in zip(kept, found, strict=True))
        return outputs[: len(outputs) - len(kept)]

    (windowed,) = add(SignalWindow(12), source, window)
    scaled, bits = add(SignalFftAutoScale(), windowed)
    (spectrum,) = add(SignalRfft(front_end.fft_length), scaled)
    (energies,) = add(SignalEnergy(0, front_end.fft_length // 2 + 1), spectrum)
    (bands,) = add(SignalFilterBank(), energies, *tables)
    (result,) = add(SignalFilterBankSquareRoot(), bands, bits)
    if front_end.noise_reduction:
        result, noise = add(op_of(nodes["SignalFilterBankSpectralSubtraction"]), result)
        if front_end.gain_control:
            gain = nodes["SignalPCAN"]
            (result,) = add(op_of(gain), result, noise, gain.input(2))
    add(op_of(nodes["SignalFilterBankLog"]), result)
    return Graph("chain", [source], made[-1].outputs, made, states)


@pytest.mark.parametrize(
    "front_end",
    [
        FrontEnd(),
        FrontEnd(noise_reduction=False, gain_control=False, window=400, hop=160, bands=32, lower=60, upper=7800),
        FrontEnd(gain_control=False, window=256, hop=256, bands=20),
        FrontEnd(sample_rate=8000, window=200, hop=80, fft=240, upper=3900, bands=23),
    ],
    ids=["micro_speech", "plain", "no_gain", "fft_240"],
)
def test_front_ends_equal_the_signal_library(front_end: FrontEnd) -> None:
    """A front end over whole sounds is the interpreter's operators on one frame after the other."""
    data = write(chain(front_end))
    for name, sound in sounds(front_end.samples_for(12)).items():
        interpreter = Oracle(data)
        frames = [sound[i * front_end.hop :][: front_end.window] for i in range(12)]
        expected = np.stack([interpreter.run([frame]).outputs[0] for frame in frames])
        np.testing.assert_array_equal(front_end.run(sound), expected, err_msg=name)


@pytest.mark.parametrize("noise_reduction", [False, True])
def test_files_with_custom_operators_are_read(noise_reduction: bool) -> None:
    """What the exporter wrote for the interpreter comes back and computes the same, frame after frame."""
    from microgen.frontends.tflite import load

    front_end = FrontEnd(noise_reduction=noise_reduction, gain_control=noise_reduction)
    graph = load(write(chain(front_end)))
    assert len(graph.states) == noise_reduction
    sound = sounds(front_end.samples_for(20))["vowel"]
    frames = np.stack([sound[i * front_end.hop :][: front_end.window] for i in range(20)])
    (found,) = Session(graph).run([frames])
    np.testing.assert_array_equal(found, front_end.run(sound))
