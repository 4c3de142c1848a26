"""How much scratch the functions of CMSIS-NN ask for, version by version, as their ``*_get_buffer_size`` answer.

The arena is planned on the desk, where no function of a firmware can be asked, so their rules are stated here
once more. ``_init`` asks the library itself and refuses an arena that was planned too small: with another
compiler than GCC some of the rules differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microgen.ops.call import Call, Int, Isa, Struct

# Channels that the Helium kernel of depthwise convolutions takes at once.
_DEPTHWISE_BLOCK = 124


@dataclass(frozen=True, slots=True)
class Window:
    """The arguments of a convolution that its scratch depends on; pairs are (height, width)."""

    batch: int
    size: tuple[int, int]
    channels: int
    filter_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    output_width: int
    output_channels: int

    @classmethod
    def of(cls, call: Call) -> Window:
        """From the arguments of a convolution's call."""
        image, filter_, output = (_struct(call, index) for index in (3, 5, 9))
        pairs = _tiles(call.args[1])
        return cls(
            batch=image["n"],
            size=(image["h"], image["w"]),
            channels=image["c"],
            filter_channels=filter_["c"],
            kernel=(filter_["h"], filter_["w"]),
            stride=pairs["stride"],
            padding=pairs["padding"],
            dilation=pairs["dilation"],
            output_width=output["w"],
            output_channels=output["c"],
        )

    @property
    def is_pointwise(self) -> bool:
        """Whether the wrapper takes a kernel for 1×1 filters."""
        return self.kernel == (1, 1) and self.padding == (0, 0) and self.dilation == (1, 1)

    def is_row(self, version: tuple[int, int]) -> bool:
        """Whether the wrapper takes the kernel for filters and images of one row."""
        if self.is_pointwise or self.size[0] != 1 or self.kernel[0] != 1 or self.dilation[1] != 1:
            return False
        if version < (4, 1):
            return self.output_width % 4 == 0
        return self.stride[1] * self.channels % 4 == 0

    @property
    def row_padding(self) -> tuple[int, int]:
        """(columns of padding on both sides in all, those that the left side has not), as C divides."""
        total = (self.output_width - 1) * self.stride[1] + self.kernel[1] - self.size[1]
        odd = abs(total) % 2
        return total, odd if total >= 0 else -odd

    @property
    def row_parts(self) -> tuple[int, int]:
        """Output columns whose window reaches over the (left, right) edge, as the kernel for rows counts them."""
        pad, stride, odd = self.padding[1], self.stride[1], self.row_padding[1]
        left = max(1, -(-pad // stride)) if pad else 0
        right = max(1, _c_divide(pad + odd + stride - 1, stride)) if pad + odd else 0
        return left, right

    @property
    def row_adds_up(self) -> bool:
        """Whether those and the columns between them are all of the output's."""
        left, right = self.row_parts
        return left + right + max(self.output_width - left - right, 0) == self.output_width


def convolve_wrapper(window: Window, version: tuple[int, int], isa: Isa) -> int:
    """``arm_convolve_wrapper_s8_get_buffer_size``."""
    if window.is_pointwise:
        return 0
    if window.is_row(version) and isa is Isa.MVE:
        return _row_mve(window, version)
    return _convolve(window, version, isa)


def depthwise_wrapper(window: Window, version: tuple[int, int], isa: Isa) -> int:
    """``arm_depthwise_conv_wrapper_s8_get_buffer_size``."""
    taps = window.kernel[0] * window.kernel[1]
    if isa is Isa.MVE and version >= (7, 0) and window.channels == 1 and window.output_channels > 1:
        # The filter is transposed into the scratch of an ordinary convolution, behind what that one needs.
        return convolve_wrapper(window, version, isa) + window.filter_channels * taps
    if window.channels != window.output_channels or window.batch != 1 or window.dilation != (1, 1):
        return 0
    if isa is Isa.MVE:
        return 4 * _DEPTHWISE_BLOCK * taps
    if version >= (4, 1) and window.kernel == (3, 3) and max(window.padding) <= 1:
        return 0
    return window.channels * taps * 2 if isa is Isa.DSP else 0


def average_pool(channels: int, isa: Isa) -> int:
    """``arm_avgpool_s8_get_buffer_size``."""
    return 4 * channels if isa is Isa.DSP else 0


def fully_connected(units: int, version: tuple[int, int], isa: Isa) -> int:
    """``arm_fully_connected_s8_get_buffer_size``: the sums of the weights, for Helium."""
    return 4 * units if isa is Isa.MVE and version >= (5, 0) else 0


def _convolve(window: Window, version: tuple[int, int], isa: Isa) -> int:
    column = window.kernel[0] * window.kernel[1] * window.channels
    if isa is Isa.MVE:
        return 4 * _multiple(column, 16 if version >= (6, 0) else 8)
    return 4 * (_multiple(column, 4) if version >= (5, 0) else column)


def _row_mve(window: Window, version: tuple[int, int]) -> int:
    if version < (6, 0):
        return 0
    if not window.row_adds_up:
        return _convolve(window, version, Isa.MVE)
    _, right = window.row_parts
    left_bytes = window.padding[1] * window.channels
    right_bytes = right * window.channels if window.row_padding[1] else left_bytes
    row = window.kernel[1] * window.channels
    return max(row + left_bytes, row - window.channels + right_bytes)


def _multiple(value: int, of: int) -> int:
    return -(-value // of) * of


def _c_divide(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


def _struct(call: Call, index: int) -> Mapping[str, int]:
    """The integer fields of a struct argument."""
    argument = call.args[index]
    assert isinstance(argument, Struct), call.function
    return {name: value.value for name, value in argument.fields if isinstance(value, Int)}


def _tiles(argument: object) -> Mapping[str, tuple[int, int]]:
    """The ``cmsis_nn_tile`` fields of a struct argument as (height, width)."""
    assert isinstance(argument, Struct)
    tiles = ((name, dict(value.fields)) for name, value in argument.fields if isinstance(value, Struct))
    return {name: (_number(f["h"]), _number(f["w"])) for name, f in tiles if f.keys() == {"h", "w"}}


def _number(value: object) -> int:
    assert isinstance(value, Int)
    return value.value
