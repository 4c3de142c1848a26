"""What a user may ask of the quantizer."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from microgen.errors import InputError
from microgen.mindir import DType


class Method(enum.Enum):
    """How an activation's range follows from what was observed; ``microgen.quantize.ranges`` has the algorithms."""

    MIN_MAX = "min_max"
    MOVING_AVERAGE = "moving_average"
    PERCENTILE = "percentile"
    KL = "kl"
    MSE = "mse"


class Granularity(enum.Enum):
    """Whether each output channel of a layer's weights has a scale of its own."""

    PER_CHANNEL = "per_channel"
    PER_TENSOR = "per_tensor"


class Scheme(enum.Enum):
    """What becomes int8; ``microgen.quantize.pipeline`` has what each does.

    ``INT16X8``: weights int8, activations int16.
    """

    INT8 = "int8"
    INT16X8 = "int16x8"
    WEIGHTS_ONLY = "weights_only"


class Ports(enum.Enum):
    """The element type of the quantized model's inputs and outputs: that of its activations, or float."""

    INT8 = "int8"
    FLOAT = "float"


def _choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        names = ", ".join(str(a) for a in allowed if a is not None)
        raise InputError(f"must be one of {names}, not {value!r}", where=f"preprocess.{name}")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How files become samples.

    Images: the short side is scaled and the middle cut out (``crop``: ``center``), or the whole is scaled (``none``),
    to ``resize`` (height, width; None: the input's own). ``channels`` is ``rgb``, ``bgr`` or ``gray`` (None: by the
    input's number of channels). WAV files: mono, cut into pieces of ``window`` values (None: the input's number of
    elements), ``hop`` apart (None: the window's length); ``sample_rate`` in Hz is checked where given; values are in
    [-1, 1].
    Then both: ``(value · scale - mean) / std``; pixels are 0 to 255, ``mean`` and ``std`` hold one number or one per
    channel. ``layout`` is ``nhwc`` or ``nchw`` (None: by the input's shape).
    """

    resize: tuple[int, int] | None = None
    crop: str = "center"
    channels: str | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str | None = None
    sample_rate: int | None = None
    window: int | None = None
    hop: int | None = None

    def __post_init__(self) -> None:
        _choice("crop", self.crop, ("center", "none"))
        _choice("channels", self.channels, (None, "rgb", "bgr", "gray"))
        _choice("layout", self.layout, (None, "nhwc", "nchw"))
        if any(s == 0.0 for s in self.std) or not self.std or not self.mean:
            raise InputError("std must not be 0, mean and std must not be empty", where="preprocess")
        for name, number in (("sample_rate", self.sample_rate), ("window", self.window), ("hop", self.hop)):
            if number is not None and number < 1:
                raise InputError(f"must be positive, not {number}", where=f"preprocess.{name}")
        if self.resize is not None and (len(self.resize) != 2 or min(self.resize) < 1 or max(self.resize) > 8192):
            raise InputError("must be [height, width], each 1 to 8192", where="preprocess.resize")


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """How to quantize. Raises InputError for values that make no sense.

    ``skip_layers`` are shell patterns of layers' names, ``skip_operators`` operators' names: both stay in float.
    ``percentile`` is the share of values, in per cent, that the percentile method keeps; ``momentum`` is what a sample
    leaves of the moving average. ``samples`` limits how many samples are used, evenly spaced (None: all).
    """

    method: Method = Method.MSE
    weights: Granularity = Granularity.PER_CHANNEL
    scheme: Scheme = Scheme.INT8
    io: Ports = Ports.INT8
    skip_layers: tuple[str, ...] = ()
    skip_operators: tuple[str, ...] = ()
    equalize: bool = False
    bias_correction: bool = True
    percentile: float = 99.99
    momentum: float = 0.9
    samples: int | None = None
    preprocess: Preprocess = Preprocess()

    @property
    def activations(self) -> DType:
        """The element type of activations that are quantized."""
        return DType.INT16 if self.scheme is Scheme.INT16X8 else DType.INT8

    def __post_init__(self) -> None:
        if not 50.0 < self.percentile <= 100.0:
            raise InputError(f"must be above 50 and at most 100, not {self.percentile}", where="percentile")
        if not 0.0 <= self.momentum < 1.0:
            raise InputError(f"must be at least 0 and below 1, not {self.momentum}", where="momentum")
        if self.samples is not None and self.samples < 1:
            raise InputError(f"must be positive, not {self.samples}", where="samples")
