"""The register file, and what an operation reads out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgen.npu.memory import FeatureMap
from microgen.npu.registers import Activation, Op, Reg16, Reg48, Rounding, Upscale
from microgen.npu.stream import Command, StreamError

_IFM_TYPES = {0: "u1", 1: "i1", 4: "<u2", 5: "<i2", 9: "<i4"}
_OFM_TYPES = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 5: "<i4"}
_FORMAT_BIT = 1 << 6
_GLOBAL_SCALE_BIT = 1 << 8
# Bits 12 to 15 of ACTIVATION: the type whose range the result is clamped to, 0 for that of the output.
_CLIP_TYPES = {2: "u1", 3: "i1", 5: "<i2"}
_TABLES = range(16, 24)
# Bounds what a damaged stream can make us allocate; the largest maps of real networks are a hundredth of it.
_MOST_ELEMENTS = 1 << 27


@dataclass(frozen=True, slots=True)
class Kernel:
    """Size (of the undilated kernel), strides, dilations and padding; y before x."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    part_kernel: bool

    def reach(self, output: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the unpadded (upscaled) input that an output of this size is computed from."""
        return tuple(  # type: ignore[return-value]
            (output[i] - 1) * self.stride[i]
            + (self.size[i] - 1) * self.dilation[i]
            + 1
            - self.before[i]
            - self.after[i]
            for i in (0, 1)
        )


@dataclass(frozen=True, slots=True)
class Output:
    """What happens to results: rounding, scale, zero point, limits, function or table, and where they go.

    ``limited`` tells whether zero point and limits apply; ``clamp_dtype`` is the type whose range limits as well.
    """

    fm: FeatureMap
    zero_point: int
    rounding: Rounding
    global_scale: tuple[int, int] | None
    low: int
    high: int
    clamp_dtype: np.dtype
    limited: bool
    function: Activation
    table: int | None


class Registers:
    """The registers by name; reading one that was never set is a StreamError."""

    def __init__(self) -> None:
        self._params: dict[Reg16 | Reg48, int] = {}
        self._payloads: dict[Reg48, int] = {}

    def set(self, command: Command) -> None:
        """Carries out a register command."""
        code = command.code
        assert not isinstance(code, Op)
        self._params[code] = command.param
        if isinstance(code, Reg48):
            assert command.payload is not None
            self._payloads[code] = command.payload

    def param(self, register: Reg16 | Reg48) -> int:
        """The 16-bit parameter, unsigned."""
        try:
            return self._params[register]
        except KeyError:
            raise StreamError(f"NPU_SET_{register.name} is needed but was never given") from None

    def has(self, register: Reg16 | Reg48) -> bool:
        """Whether the register was set."""
        return register in self._params

    def signed(self, register: Reg16) -> int:
        """The 16-bit parameter, signed."""
        value = self.param(register)
        return value - (1 << 16) if value >> 15 else value

    def word(self, register: Reg48) -> int:
        """The payload alone, unsigned."""
        self.param(register)
        return self._payloads[register]

    def address(self, register: Reg48) -> int:
        """Parameter and payload as one signed number of 40 bits: an address, a length, a stride."""
        value = (self.param(register) << 32 | self._payloads[register]) & ((1 << 40) - 1)
        return value - (1 << 40) if value >> 39 else value

    # What operations are made of ------------------------------------------------------------------------

    def kernel(self) -> Kernel:
        """The kernel of a convolution or pooling."""
        bits = self.param(Reg16.KERNEL_STRIDE)
        stride_x = 1 + (bits & 1) + (bits >> 6 & 7) * 2
        stride_y = 1 + (bits >> 1 & 1) + (bits >> 9 & 7) * 2
        dilation = (1 + (bits >> 4 & 1), 1 + (bits >> 3 & 1))
        extent = (self.param(Reg16.KERNEL_HEIGHT_M1), self.param(Reg16.KERNEL_WIDTH_M1))
        if extent[0] % dilation[0] or extent[1] % dilation[1]:
            raise StreamError(f"a kernel of extent {extent[0] + 1}x{extent[1] + 1} cannot have dilation {dilation}")
        return Kernel(
            size=(extent[0] // dilation[0] + 1, extent[1] // dilation[1] + 1),
            stride=(stride_y, stride_x),
            dilation=dilation,
            before=(self.param(Reg16.IFM_PAD_TOP), self.param(Reg16.IFM_PAD_LEFT)),
            after=(self.param(Reg16.IFM_PAD_BOTTOM), self.param(Reg16.IFM_PAD_RIGHT)),
            part_kernel=bool(bits & 4),
        )

    def upscale(self) -> Upscale:
        """The upscaling of the input."""
        try:
            return Upscale(self.param(Reg16.IFM_UPSCALE))
        except ValueError as error:
            raise StreamError(f"unknown upscaling: {error}") from None

    def input(self, height: int, width: int, depth: int | None = None) -> FeatureMap:
        """The first operand, of this height and width (no register holds them)."""
        depth = self.param(Reg16.IFM_DEPTH_M1) + 1 if depth is None else depth
        precision = self.param(Reg16.IFM_PRECISION)
        return self._map("IFM", _IFM_TYPES.get(precision & 15), precision, height, width, depth)

    def input2(self, height: int, width: int, depth: int) -> FeatureMap:
        """The second operand of an element-wise operation."""
        return self._map("IFM2", self.input2_dtype(), self.param(Reg16.IFM2_PRECISION), height, width, depth)

    def input2_dtype(self) -> str | None:
        """NumPy's name of the second operand's type."""
        return _IFM_TYPES.get(self.param(Reg16.IFM2_PRECISION) & 15)

    def zero_point(self, operand: str) -> int:
        """The zero point of ``IFM``, ``IFM2`` or ``OFM``; signed where its type is."""
        register = Reg16[f"{operand}_ZERO_POINT"]
        signed = self.param(Reg16[f"{operand}_PRECISION"]) & 1
        return self.signed(register) if signed else self.param(register)

    def output(self) -> Output:
        """The result's place and form."""
        precision = self.param(Reg16.OFM_PRECISION)
        height, width, depth = (self.param(Reg16[f"OFM_{side}_M1"]) + 1 for side in ("HEIGHT", "WIDTH", "DEPTH"))
        fm = self._map("OFM", _OFM_TYPES.get(precision & 7), precision, height, width, depth)
        activation = self.param(Reg16.ACTIVATION)
        kind, clip = activation & 0xFFF, activation >> 12
        if clip and clip not in _CLIP_TYPES:
            raise StreamError(f"unknown range {clip} in NPU_SET_ACTIVATION")
        if kind not in list(Activation) and kind not in _TABLES:
            raise StreamError(f"unknown activation {kind}")
        if kind in (Activation.TANH, Activation.SIGMOID) and fm.dtype != np.int16:
            raise StreamError(f"tanh or sigmoid of {fm.dtype}, the NPU's own have 16 bits")
        signed = precision & 1
        low, high = (self.signed(r) if signed else self.param(r) for r in (Reg16.ACTIVATION_MIN, Reg16.ACTIVATION_MAX))
        scale = None
        if precision & _GLOBAL_SCALE_BIT:
            scale = (self.word(Reg48.OFM_SCALE), self.param(Reg48.OFM_SCALE) & 63)
        try:
            rounding = Rounding(precision >> 14)
        except ValueError as error:
            raise StreamError(f"unknown rounding: {error}") from None
        return Output(
            fm=fm,
            zero_point=self.zero_point("OFM"),
            rounding=rounding,
            global_scale=scale,
            low=low,
            high=high,
            clamp_dtype=np.dtype(_CLIP_TYPES[clip]) if clip else fm.dtype,
            # Results of 32 bits know neither zero point nor limits (both registers have 16 bits).
            limited=bool(clip) or fm.dtype.itemsize < 4,
            function=Activation.NONE if kind in _TABLES else Activation(kind),
            table=kind - _TABLES.start if kind in _TABLES else None,
        )

    def _map(self, name: str, dtype: str | None, precision: int, height: int, width: int, depth: int) -> FeatureMap:
        if dtype is None:
            raise StreamError(f"unknown type in NPU_SET_{name}_PRECISION {precision:#06x}")
        if min(height, width, depth) < 1:
            raise StreamError(f"{name} would have the shape {height}x{width}x{depth}")
        if height * width * depth > _MOST_ELEMENTS:
            raise StreamError(f"{name} would have the shape {height}x{width}x{depth}, too large to simulate")
        bases = tuple(self.address(Reg48[f"{name}_BASE{i}"]) for i in range(4))
        strides = tuple(self.address(Reg48[f"{name}_STRIDE_{axis}"]) for axis in "YXC")
        return FeatureMap(
            region=self.param(Reg16[f"{name}_REGION"]),
            bases=bases,  # type: ignore[arg-type]
            height0=self.param(Reg16[f"{name}_HEIGHT0_M1"]) + 1,
            height1=self.param(Reg16[f"{name}_HEIGHT1_M1"]) + 1,
            width0=self.param(Reg16[f"{name}_WIDTH0_M1"]) + 1,
            strides=strides,  # type: ignore[arg-type]
            dtype=np.dtype(dtype),
            bricks=bool(precision & _FORMAT_BIT),
            height=height,
            width=width,
            depth=depth,
        )
