"""Attribute types that several operators share."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import DType, TensorType, Value
from microgen.mindir.types import MAX_TENSOR_BYTES


class Activation(enum.Enum):
    """A clamp fused into an operator; values are TensorFlow Lite's names."""

    NONE = "NONE"
    RELU = "RELU"
    RELU_N1_TO_1 = "RELU_N1_TO_1"
    RELU6 = "RELU6"

    @property
    def interval(self) -> tuple[float, float]:
        """The real interval that results are clamped to."""
        return {
            Activation.NONE: (-math.inf, math.inf),
            Activation.RELU: (0.0, math.inf),
            Activation.RELU_N1_TO_1: (-1.0, 1.0),
            Activation.RELU6: (0.0, 6.0),
        }[self]

    def then(self, other: Activation) -> Activation | None:
        """The activation equal to this one followed by ``other``, or None when there is none."""
        (a, b), (c, d) = self.interval, other.interval
        wanted = (min(max(a, c), d), min(max(b, c), d))
        return next((x for x in Activation if x.interval == wanted), None)

    def bounds(self, output: TensorType) -> tuple[int, int]:
        """The clamp on the quantized output, as TensorFlow Lite computes it (division in single precision)."""
        low, high = output.dtype.limits
        if output.dtype is DType.INT32 or output.quant is None:
            return low, high
        scale, zero = np.float32(output.quant.scale), output.quant.zero_point

        def quantize(real: float) -> int:
            with np.errstate(over="ignore"):
                ratio = float(np.float32(real) / scale)
            return zero + arith.round_half_away(min(max(ratio, -1e9), 1e9))

        real_low, real_high = self.interval
        if math.isfinite(real_low):
            low = max(low, quantize(real_low))
        if math.isfinite(real_high):
            high = min(high, quantize(real_high))
        return low, high


@dataclass(frozen=True, slots=True)
class Padding:
    """Rows and columns of padding around an image."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __add__(self, other: Padding) -> Padding:
        return Padding(
            self.top + other.top, self.left + other.left, self.bottom + other.bottom, self.right + other.right
        )

    def __str__(self) -> str:
        return f"({self.top}, {self.left}, {self.bottom}, {self.right})"


NO_PADDING = Padding()


def image_size(value: Value) -> tuple[int, int]:
    """(height, width) of an NHWC value, or of a filter with its height and width in the middle."""
    return value.shape[1], value.shape[2]


def same_or_valid(
    kind: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Padding:
    """TensorFlow's ``SAME`` or ``VALID`` as explicit padding; an odd remainder goes to the bottom and right.

    ``size``, ``kernel``, ``stride`` and ``dilation`` are (height, width).
    """
    if kind == "VALID":
        return Padding()
    before, after = [], []
    for i, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        out = -(-i // s)
        total = max((out - 1) * s + (k - 1) * d + 1 - i, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return Padding(before[0], before[1], after[0], after[1])


def padding_kind(
    padding: Padding,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> str | None:
    """``SAME`` or ``VALID`` when ``padding`` is what that would give, else None."""
    for kind in ("VALID", "SAME"):
        if same_or_valid(kind, size, kernel, stride, dilation) == padding:
            return kind
    return None


def check_padded(image: Value, padding: Padding) -> None:
    """VerifyError when an image with its padding around it, which the host makes, is larger than any tensor may be."""
    height, width = image_size(image)
    rows, columns = height + padding.top + padding.bottom, width + padding.left + padding.right
    if image.shape[0] * rows * columns * image.shape[3] * 4 > MAX_TENSOR_BYTES:
        raise VerifyError(f"{rows}×{columns} with its padding is larger than {MAX_TENSOR_BYTES >> 20} MiB")


def window_output(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> tuple[int, int]:
    """(height, width) of a sliding window's output; 0 or less where the window does not fit.

    SAME padding's output is ``ceil(size / stride)``, which the explicit padding reproduces.
    """
    height = (size[0] + padding.top + padding.bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    width = (size[1] + padding.left + padding.right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    return height, width
