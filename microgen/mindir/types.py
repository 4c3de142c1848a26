"""The typed values of MindIR: element types, quantization parameters, tensor types. All frozen, valid once built."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from microgen.errors import VerifyError

# A bound on every tensor, so that a hostile shape cannot make the host allocate without limit. It is far
# above what the largest microcontroller can address.
MAX_TENSOR_BYTES = 1 << 28
MAX_RANK = 6


class DType(enum.Enum):
    """An element type; the value is NumPy's name for it."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    BOOL = "bool"
    # Known to the host runtime only.
    FLOAT16 = "float16"
    FLOAT64 = "float64"
    UINT16 = "uint16"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy dtype."""
        return np.dtype(self.value)

    @property
    def size(self) -> int:
        """Bytes per element."""
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        """Whether elements are floating point."""
        return self in (DType.FLOAT32, DType.FLOAT16, DType.FLOAT64)

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and largest value of an integer type."""
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class QuantParams:
    """Affine quantization: ``real = scale · (q - zero_point)``, per tensor or per slice along ``axis``.

    ``scales`` hold float32 values; per tensor there is one and ``axis`` is None. Raises VerifyError for a
    scale that is not positive and finite, for lengths that differ and for a negative axis.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None

    def __post_init__(self) -> None:
        if not self.scales or len(self.scales) != len(self.zero_points):
            raise VerifyError(f"{len(self.scales)} scales and {len(self.zero_points)} zero points do not go together")
        bad = next((s for s in self.scales if not (math.isfinite(s) and s > 0.0)), None)
        if bad is not None:
            raise VerifyError(f"a quantization scale must be positive and finite, not {bad!r}")
        if self.axis is None and len(self.scales) != 1:
            raise VerifyError("several scales need an axis")
        if self.axis is not None and self.axis < 0:
            raise VerifyError(f"quantization axis {self.axis} is negative")

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int) -> QuantParams:
        """One scale and zero point; ``scale`` is rounded to float32."""
        return cls((float(np.float32(scale)),), (int(zero_point),))

    @property
    def is_per_tensor(self) -> bool:
        """Whether one scale serves the whole tensor."""
        return len(self.scales) == 1

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantization."""
        assert self.is_per_tensor
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        assert self.is_per_tensor
        return self.zero_points[0]

    def __str__(self) -> str:
        if self.is_per_tensor:
            return f"q({self.scale:.9g}, {self.zero_point})"
        return f"q({len(self.scales)} scales {min(self.scales):.3g}..{max(self.scales):.3g}, axis {self.axis})"


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type, static shape and, for quantized tensors, quantization parameters.

    Raises VerifyError when a dimension is not positive, the rank exceeds MAX_RANK, the size exceeds
    MAX_TENSOR_BYTES, a zero point lies outside of the element type or per-axis parameters do not match.
    """

    dtype: DType
    shape: tuple[int, ...]
    quant: QuantParams | None = None

    def __post_init__(self) -> None:
        if len(self.shape) > MAX_RANK:
            raise VerifyError(f"rank {len(self.shape)} is more than the {MAX_RANK} dimensions that are supported")
        if any(d <= 0 for d in self.shape):
            raise VerifyError(f"shape {list(self.shape)} has a dimension that is not positive")
        if math.prod(self.shape) * self.dtype.size > MAX_TENSOR_BYTES:
            raise VerifyError(f"shape {list(self.shape)} is larger than {MAX_TENSOR_BYTES >> 20} MiB")
        if self.quant is not None:
            self._check_quant(self.quant)

    def _check_quant(self, quant: QuantParams) -> None:
        if self.dtype.is_float or self.dtype is DType.BOOL:
            raise VerifyError(f"a {self.dtype} tensor has quantization parameters")
        low, high = self.dtype.limits
        bad = next((z for z in quant.zero_points if not low <= z <= high), None)
        if bad is not None:
            raise VerifyError(f"zero point {bad} is outside of {self.dtype}")
        if quant.axis is not None:
            if quant.axis >= len(self.shape):
                raise VerifyError(f"quantization axis {quant.axis} is outside of shape {list(self.shape)}")
            if len(quant.scales) not in (1, self.shape[quant.axis]):
                raise VerifyError(
                    f"{len(quant.scales)} scales for axis {quant.axis} of length {self.shape[quant.axis]}"
                )

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * self.dtype.size

    def __str__(self) -> str:
        text = f"{self.dtype}[{'×'.join(map(str, self.shape))}]"
        return f"{text} {self.quant}" if self.quant is not None else text
