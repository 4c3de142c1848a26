"""An audio front end: samples to features, as a graph of integer operators.

The host computes it with the session that computes every graph, the device in the generated C: their bytes are equal.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.data import audio_tables
from microgen.data.steps import Form
from microgen.errors import InputError, UnsupportedError, one_line
from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value, verify
from microgen.ops import signal_fft
from microgen.ops.base import Op
from microgen.ops.dequantize import Dequantize
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import Reshape
from microgen.ops.signal_filter_bank_log import SignalFilterBankLog
from microgen.ops.signal_filter_bank_spectral_subtraction import SignalFilterBankSpectralSubtraction
from microgen.ops.signal_linear import SignalLinear
from microgen.ops.signal_pcan import SignalPCAN
from microgen.ops.signal_rescale import SignalRescale
from microgen.ops.signal_spectrogram import SignalSpectrogram
from microgen.runtime import Session

KINDS = ("micro", "log-mel", "mfcc")
MAX_SAMPLES = 1 << 22
_MAX_BANDS = 128

# micro: the parameters of TensorFlow Lite Micro's micro_speech example.
_WEIGHT_BITS, _LOG_SCALE = 12, 64
_NOISE_BITS, _SMOOTHING, _ODD_SMOOTHING, _REMAINING, _SMOOTHING_BITS = 14, 0.025, 0.06, 0.05, 10
_STRENGTH, _OFFSET, _GAIN_BITS, _SNR_BITS = 0.95, 80.0, 21, 12
# Its features are int8 = round(256 · q / 666) - 128, for a model whose input has the scale 25.9375 / 255.
_MICRO_STEP = 256 / 666 * 25.9375 / 255

# log-mel and mfcc: bits of the window and of the bank's weights, steps of a logarithm, bits of the cosines.
_WINDOW_BITS, _FINE_BITS, _FINE_SCALE, _COSINE_BITS = 15, 14, 1024, 14


@dataclass(frozen=True)
class FrontEnd:
    """How samples become features, int16 [frames, features].

    ``kind``: ``micro``, the features of TensorFlow Lite Micro's micro_speech example (bands of a 16-bit spectrum, less
    their noise with ``noise_reduction``, evened out with ``gain_control``, in logarithms); ``log-mel``, the natural
    logarithms of the energies of mel bands, in 32 bits; ``mfcc``, the first ``coefficients`` of their orthonormal
    cosine transform.

    ``sample_rate`` in Hz; frames of ``window`` samples weighted with ``shape``, one every ``hop`` samples, in a
    transform of ``fft`` samples (0: the next power of two); ``bands`` triangles from ``lower`` to ``upper`` Hz. Where
    a model follows, its input takes ``samples`` (0: as few as it needs). Raises InputError, naming the field.
    """

    kind: str = "micro"
    sample_rate: int = 16000
    window: int = 480
    hop: int = 320
    fft: int = 0
    shape: str = "hann"
    bands: int = 40
    lower: float = 125.0
    upper: float = 7500.0
    coefficients: int = 13
    noise_reduction: bool = True
    gain_control: bool = True
    samples: int = 0

    takes: ClassVar[Form | None] = Form.SOUND
    gives: ClassVar[Form | None] = Form.VALUES

    def __post_init__(self) -> None:
        limits = {"sample_rate": (1000, 1 << 20), "window": (4, signal_fft.MAX_LENGTH), "hop": (1, 1 << 20),
                  "bands": (1, _MAX_BANDS), "coefficients": (1, _MAX_BANDS), "samples": (0, MAX_SAMPLES)}  # fmt: skip
        for name, (low, high) in limits.items():
            _check(name, low <= getattr(self, name) <= high, f"must be {low} to {high}, not {getattr(self, name)}")
        for name, choices in (("kind", KINDS), ("shape", audio_tables.SHAPES)):
            _check(name, getattr(self, name) in choices, f"must be one of {', '.join(choices)}")
        _check("fft", self.fft == 0 or self.fft >= self.window, f"must be at least the window's {self.window}")
        problem = signal_fft.problem(self.fft_length)
        _check("fft", problem is None, f"cannot be used: {problem}")
        _check("lower", math.isfinite(self.lower) and self.lower >= 0, "must be a frequency in Hz")
        good = math.isfinite(self.upper) and self.lower < self.upper < self.sample_rate / 2
        _check("upper", good, f"must be between lower and {self.sample_rate / 2:g} Hz, half of the sample rate")
        few = self.kind != "mfcc" or self.coefficients <= self.bands
        _check("coefficients", few, f"must be at most the {self.bands} bands")
        _check("gain_control", not self.gain_control or self.noise_reduction or self.kind != "micro",
               "needs noise_reduction, which estimates the noise")  # fmt: skip
        correction = self._correction_bits
        _check("fft", self.kind != "micro" or 0 <= correction < _GAIN_BITS - _SNR_BITS,
               f"must be {1 << _WEIGHT_BITS // 2} to 16384 for micro, not {self.fft_length}")  # fmt: skip
        _check("samples", self.samples == 0 or self.samples >= self.window, "must be at least one window")
        self._bank  # noqa: B018 - checked at once, not where it is used

    @property
    def fft_length(self) -> int:
        """The length of the transform."""
        return self.fft or 1 << (self.window - 1).bit_length()

    @property
    def features(self) -> int:
        """Features of a frame."""
        return self.coefficients if self.kind == "mfcc" else self.bands

    @property
    def quant(self) -> QuantParams:
        """Scale and zero point of the features; the unit is one of the natural logarithm (``micro``: arbitrary)."""
        if self.kind == "micro":
            return QuantParams.per_tensor(_MICRO_STEP, 0)
        if self.kind == "log-mel":
            return QuantParams.per_tensor(2 / _FINE_SCALE, self._log_zero_point)
        return QuantParams.per_tensor(2 / _FINE_SCALE * (1 << self._cosine_shift), 0)

    @property
    def _correction_bits(self) -> int:
        return self.fft_length.bit_length() - 1 - _WEIGHT_BITS // 2

    @property
    def _log_zero_point(self) -> int:
        """The logarithm of a band whose energy is 1: there the magnitude is 2^31 over the transform's length."""
        return round(_FINE_SCALE * math.log((1 << 31) / self.fft_length))

    @property
    def _cosine_shift(self) -> int:
        """By how many bits the cosine transform of the largest logarithms exceeds 16 bits."""
        largest = math.sqrt(self.bands) * self._log_zero_point
        return max(0, math.ceil(math.log2(largest / 32767)))

    @functools.cached_property
    def _bank(self) -> audio_tables.Bank:
        bits = _WEIGHT_BITS if self.kind == "micro" else _FINE_BITS
        bins = self.fft_length // 2 + 1
        htk = self.kind == "micro"
        return audio_tables.mel_bank(bins, self.sample_rate, self.bands, self.lower, self.upper, bits, skip_first=htk)

    @property
    def description(self) -> str:
        """What a person who writes the samples has to know of them."""
        step = f"a frame every {self.hop} samples"
        return f"Samples of sound at {self.sample_rate} Hz, mono; the front end ({self.kind}) takes {step}"

    def facts(self) -> dict[str, Any]:
        """The fields, for a file of facts."""
        return dataclasses.asdict(self) | {"fft": self.fft_length}

    def frames(self, samples: int) -> int:
        """Whole frames in so many samples."""
        return 0 if samples < self.window else (samples - self.window) // self.hop + 1

    def samples_for(self, frames: int) -> int:
        """The least samples that hold so many frames."""
        return self.window + (frames - 1) * self.hop

    def graph(self, samples: int) -> Graph:
        """The graph int16 [samples] → int16 [frames, features]. Raises InputError for fewer samples than a window."""
        good = self.window <= samples <= MAX_SAMPLES
        _check("samples", good, f"must be {self.window} to {MAX_SAMPLES}, not {samples}")
        builder = _Builder(self)
        source = Value("samples", TensorType(DType.INT16, (samples,)))
        features = builder.features(source)
        graph = Graph("frontend", [source], [features], builder.nodes)
        verify(graph)
        return graph

    def run(self, samples: Array) -> NDArray[np.int16]:
        """The features [..., frames, features] of int16 samples [..., n], with the device's bytes.

        Raises InputError for samples that are not int16, or fewer than a window.
        """
        _check("samples", samples.dtype == np.int16 and samples.ndim > 0, f"must be int16, not {samples.dtype}")
        rows = samples.reshape(-1, samples.shape[-1])
        (found,) = Session(_graph(self, samples.shape[-1])).run([rows])
        return found.astype(np.int16).reshape(*samples.shape[:-1], *found.shape[1:])

    def real(self, features: Array) -> NDArray[np.float32]:
        """Features as the numbers that they stand for, see ``quant``."""
        centred = features.astype(np.int64) - self.quant.zero_point
        return (centred * self.quant.scale).astype(np.float32)

    def __call__(self, array: Array) -> Array:
        """The numbers [frames, features] that the features of int16 samples [n] stand for."""
        return self.real(self.run(array))


@functools.lru_cache(maxsize=8)
def _graph(front_end: FrontEnd, samples: int) -> Graph:
    return front_end.graph(samples)


def _check(field: str, holds: bool, what: str) -> None:
    if not holds:
        raise InputError(what, where=field)


class _Builder:
    """The nodes of a front end, in order."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._of = front_end
        self.nodes: list[Node] = []

    def features(self, source: Value) -> Value:
        """The features of ``source``, int16 [samples]."""
        of = self._of
        return self._micro(source) if of.kind == "micro" else self._fine(source)

    def _micro(self, source: Value) -> Value:
        of = self._of
        (bands,) = self._add(SignalSpectrogram(of.hop, _WEIGHT_BITS, of.fft_length), "bands", *self._inputs(source, 12))
        if of.noise_reduction:
            even, odd, rest = (int(part * (1 << _NOISE_BITS)) for part in (_SMOOTHING, _ODD_SMOOTHING, _REMAINING))
            op = SignalFilterBankSpectralSubtraction(even, odd, _SMOOTHING_BITS, rest, bits=_NOISE_BITS)
            bands, noise = self._add(op, "noise", bands)
            if of.gain_control:
                correction = of._correction_bits
                table = audio_tables.gains(_STRENGTH, _OFFSET, _SMOOTHING_BITS - correction, _GAIN_BITS)
                op_ = SignalPCAN(_GAIN_BITS - correction - _SNR_BITS)
                (bands,) = self._add(op_, "gain", bands, noise, _constant("gains", table))
        log = SignalFilterBankLog(_LOG_SCALE, of._correction_bits)
        return self._add(log, "features", bands, quant=of.quant)[0]

    def _fine(self, source: Value) -> Value:
        of = self._of
        op = SignalSpectrogram(of.hop, _WINDOW_BITS, of.fft_length, wide=True)
        (bands,) = self._add(op, "bands", *self._inputs(source, _WINDOW_BITS))
        log = QuantParams.per_tensor(2 / _FINE_SCALE, of._log_zero_point)
        name = "features" if of.kind == "log-mel" else "log"
        (logs,) = self._add(SignalFilterBankLog(_FINE_SCALE), name, bands, quant=log)
        if of.kind == "log-mel":
            return logs
        matrix = _constant("cosines", audio_tables.cosines(of.coefficients, of.bands, _COSINE_BITS))
        linear = SignalLinear(of._log_zero_point, _COSINE_BITS + of._cosine_shift)
        return self._add(linear, "features", logs, matrix, quant=of.quant)[0]

    def _inputs(self, source: Value, window_bits: int) -> list[Value]:
        names = ("weights", "unweights", "first_bins", "first_weights", "widths")
        window = _constant("window", audio_tables.window(self._of.shape, self._of.window, window_bits))
        return [source, window, *map(_constant, names, self._of._bank)]

    def _add(self, op: Op, name: str, *inputs: Value, quant: QuantParams | None = None) -> tuple[Value, ...]:
        label = f"frontend/{name}"
        types = op.infer(Node(op, inputs, (), label))
        names = [label] + [f"{label}_{i}" for i in range(1, len(types))]
        outputs = tuple(Value(n, TensorType(d, s, quant)) for n, (d, s) in zip(names, types, strict=True))
        self.nodes.append(Node(op, inputs, outputs, label))
        return outputs


def _constant(name: str, data: Array) -> Value:
    kind = TensorType(DType(str(data.dtype)), data.shape)
    return Value(f"frontend/{name}", kind, np.ascontiguousarray(data))


def prepend(front_end: FrontEnd, model: Graph) -> Graph:
    """``model`` with a front end before its only input: the input is then int16 [samples] at the front end's rate.

    Features become the input's shape, whose elements are frames · features, and its type: requantized to int8, uint8 or
    int16, or as floats. Raises UnsupportedError for a model with several inputs or another type, InputError for an
    input that holds no whole number of frames or another number than ``front_end.samples`` has.
    """
    if len(model.inputs) != 1:
        raise UnsupportedError([f"a front end feeds one input, the model has {len(model.inputs)}"])
    (target,) = model.inputs
    label = f"{one_line(target.name, 60)!r} {list(target.shape)}"
    frames, rest = divmod(target.type.elements, front_end.features)
    if rest:
        what = f"the input {label} holds no whole number of frames of {front_end.features} features"
        raise InputError(what, where="frontend")
    samples = front_end.samples or front_end.samples_for(frames)
    if front_end.frames(samples) != frames:
        what = f"{samples} samples have {front_end.frames(samples)} frames, the input {label} takes {frames}"
        hint = f"{front_end.samples_for(frames)} samples have as many"
        raise InputError(what, where="frontend: samples", hint=hint)
    front = front_end.graph(samples)
    nodes = list(front.nodes)
    shaped = Value("frontend/shaped", TensorType(DType.INT16, target.shape, front_end.quant))
    nodes.append(Node(Reshape(target.shape), (front.outputs[0],), (shaped,), shaped.name))
    nodes += _converted(shaped, target)
    joined = Graph(model.name, front.inputs, model.outputs, [*nodes, *model.nodes], model.states)
    verify(joined)
    return joined


def _converted(source: Value, target: Value) -> list[Node]:
    """The nodes that give ``source`` the type of ``target``, the input of a model."""
    kind = target.type
    name = f"frontend/{one_line(target.name, 60)}"
    if kind.dtype is DType.FLOAT32:
        return [Node(Dequantize(), (source,), (target,), name)]
    if kind.quant is None or kind.dtype not in (DType.INT8, DType.UINT8, DType.INT16):
        raise UnsupportedError([f"a front end feeds quantized int8, uint8 or int16, or float32, not {kind}"])
    if kind.dtype is not DType.UINT8:
        return [Node(SignalRescale(kind.dtype), (source,), (target,), name)]
    signed = QuantParams.per_tensor(kind.quant.scale, kind.quant.zero_point - 128)
    middle = Value("frontend/signed", TensorType(DType.INT8, kind.shape, signed))
    first = Node(SignalRescale(DType.INT8), (source,), (middle,), middle.name)
    return [first, Node(Quantize(DType.UINT8), (middle,), (target,), name)]
