"""What a user may ask of the quantizer."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from microgen.data.config import Preprocess
from microgen.errors import InputError
from microgen.mindir import DType

__all__ = ["Granularity", "Method", "Ports", "Preprocess", "QuantConfig", "Scheme"]


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


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """How to quantize. Raises InputError for values that make no sense.

    ``skip_layers`` are shell patterns of layers' names, ``skip_operators`` operators' names: both stay in float.
    ``percentile`` is the share of values, in per cent, that the percentile method keeps; ``momentum`` is what a sample
    leaves of the moving average. ``weight_bits`` 4: weights of convolutions, depthwise and dense layers are from -7 to
    7, stored two in a byte, under the scheme ``INT8``. ``samples`` limits how many samples are used, evenly spaced
    (None: all).
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
    weight_bits: int = 8
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
        if self.weight_bits not in (4, 8):
            raise InputError(f"must be 4 or 8, not {self.weight_bits}", where="weight_bits")
        if self.weight_bits == 4 and self.scheme is not Scheme.INT8:
            raise InputError(
                f"weights of 4 bits have activations in int8, not {self.scheme.value}", where="weight_bits"
            )
        if self.samples is not None and self.samples < 1:
            raise InputError(f"must be positive, not {self.samples}", where="samples")
