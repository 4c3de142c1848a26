"""What an operator tells the quantizer: which operands become int8, how, and with which restrictions."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from microgen.mindir import QuantParams


class Int4(enum.Enum):
    """Whether an operator's weights can have four bits, and with which scales."""

    NONE = "none"
    ONE_SCALE = "one scale"
    CHANNELS = "a scale for each channel"


@dataclass(frozen=True, slots=True)
class Weights:
    """A constant operand with symmetric int8 values.

    ``index`` is its place among the inputs, ``channel_axis`` the axis of the output channels, which may have a scale
    each (None: one scale only). ``input_axis`` is the axis of the input channels, None where each output channel reads
    its own input channel (depthwise). ``int4``: they may have four bits (the operator's ``weight_bits``), with a scale
    for each output channel or, as interpreters take those of dense layers, with one.
    """

    index: int
    channel_axis: int | None
    input_axis: int | None = None
    int4: Int4 = Int4.NONE


@dataclass(frozen=True, slots=True)
class QuantRule:
    """How an operator is computed in int8.

    Inputs and outputs that are named nowhere here are activations: int8 with one scale and zero point, from the
    observed range (of a constant: its own). ``weights`` are symmetric; ``bias`` is the index of the int32 bias, which
    need not be there and whose scale is that of input 0 times that of the weights. ``untouched`` are the indices of
    inputs that keep their type (indices, conditions). ``tied``: all quantized inputs and outputs share one scale and
    zero point. ``output`` is the quantization that the results have by definition (softmax: 1/256, -128).
    ``untouched_outputs``: the results keep their type (ArgMax).
    """

    weights: Weights | None = None
    bias: int | None = None
    untouched: frozenset[int] = frozenset()
    tied: bool = False
    output: QuantParams | None = None
    untouched_outputs: bool = False
    symmetric_output: bool = False
