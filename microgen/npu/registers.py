"""The commands of an Ethos-U55/U65 command stream: numbers and names.

Facts from the register descriptions of the Vela package (``ethosu.vela.ethos_u55_regs``).
"""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """Commands that do something; they have no payload."""

    STOP = 0x000
    IRQ = 0x001
    CONV = 0x002
    DEPTHWISE = 0x003
    POOL = 0x005
    ELEMENTWISE = 0x006
    DMA_START = 0x010
    DMA_WAIT = 0x011
    KERNEL_WAIT = 0x012
    PMU_MASK = 0x013


class Reg16(IntEnum):
    """Registers of 16 bits: the command's parameter is the value."""

    IFM_PAD_TOP = 0x100
    IFM_PAD_LEFT = 0x101
    IFM_PAD_RIGHT = 0x102
    IFM_PAD_BOTTOM = 0x103
    IFM_DEPTH_M1 = 0x104
    IFM_PRECISION = 0x105
    IFM_UPSCALE = 0x107
    IFM_ZERO_POINT = 0x109
    IFM_WIDTH0_M1 = 0x10A
    IFM_HEIGHT0_M1 = 0x10B
    IFM_HEIGHT1_M1 = 0x10C
    IFM_IB_END = 0x10D
    IFM_REGION = 0x10F
    OFM_WIDTH_M1 = 0x111
    OFM_HEIGHT_M1 = 0x112
    OFM_DEPTH_M1 = 0x113
    OFM_PRECISION = 0x114
    OFM_BLK_WIDTH_M1 = 0x115
    OFM_BLK_HEIGHT_M1 = 0x116
    OFM_BLK_DEPTH_M1 = 0x117
    OFM_ZERO_POINT = 0x118
    OFM_WIDTH0_M1 = 0x11A
    OFM_HEIGHT0_M1 = 0x11B
    OFM_HEIGHT1_M1 = 0x11C
    OFM_REGION = 0x11F
    KERNEL_WIDTH_M1 = 0x120
    KERNEL_HEIGHT_M1 = 0x121
    KERNEL_STRIDE = 0x122
    PARALLEL_MODE = 0x123
    ACC_FORMAT = 0x124
    ACTIVATION = 0x125
    ACTIVATION_MIN = 0x126
    ACTIVATION_MAX = 0x127
    WEIGHT_REGION = 0x128
    SCALE_REGION = 0x129
    AB_START = 0x12D
    BLOCKDEP = 0x12F
    DMA0_SRC_REGION = 0x130
    DMA0_DST_REGION = 0x131
    DMA0_SIZE0 = 0x132
    DMA0_SIZE1 = 0x133
    IFM2_BROADCAST = 0x180
    IFM2_SCALAR = 0x181
    IFM2_PRECISION = 0x185
    IFM2_ZERO_POINT = 0x189
    IFM2_WIDTH0_M1 = 0x18A
    IFM2_HEIGHT0_M1 = 0x18B
    IFM2_HEIGHT1_M1 = 0x18C
    IFM2_IB_START = 0x18D
    IFM2_REGION = 0x18F


class Reg48(IntEnum):
    """Registers with a payload word: the word holds the low 32 bits, the parameter what lies above."""

    IFM_BASE0 = 0x000
    IFM_BASE1 = 0x001
    IFM_BASE2 = 0x002
    IFM_BASE3 = 0x003
    IFM_STRIDE_X = 0x004
    IFM_STRIDE_Y = 0x005
    IFM_STRIDE_C = 0x006
    OFM_BASE0 = 0x010
    OFM_BASE1 = 0x011
    OFM_BASE2 = 0x012
    OFM_BASE3 = 0x013
    OFM_STRIDE_X = 0x014
    OFM_STRIDE_Y = 0x015
    OFM_STRIDE_C = 0x016
    WEIGHT_BASE = 0x020
    WEIGHT_LENGTH = 0x021
    SCALE_BASE = 0x022
    SCALE_LENGTH = 0x023
    OFM_SCALE = 0x024
    OPA_SCALE = 0x025
    OPB_SCALE = 0x026
    DMA0_SRC = 0x030
    DMA0_DST = 0x031
    DMA0_LEN = 0x032
    DMA0_SKIP0 = 0x033
    DMA0_SKIP1 = 0x034
    IFM2_BASE0 = 0x080
    IFM2_BASE1 = 0x081
    IFM2_BASE2 = 0x082
    IFM2_BASE3 = 0x083
    IFM2_STRIDE_X = 0x084
    IFM2_STRIDE_Y = 0x085
    IFM2_STRIDE_C = 0x086
    WEIGHT1_BASE = 0x090
    WEIGHT1_LENGTH = 0x091
    SCALE1_BASE = 0x092
    SCALE1_LENGTH = 0x093


class Pooling(IntEnum):
    """Parameter of POOL."""

    MAX = 0
    AVERAGE = 1
    REDUCE_SUM = 2


class Elementwise(IntEnum):
    """Parameter of ELEMENTWISE."""

    MUL = 0
    ADD = 1
    SUB = 2
    MIN = 3
    MAX = 4
    LRELU = 5
    ABS = 6
    CLZ = 7
    SHR = 8
    SHL = 9


class Activation(IntEnum):
    """Functions that ACTIVATION names, other than the tables from 16 to 23."""

    NONE = 0
    TANH = 3
    SIGMOID = 4


class Rounding(IntEnum):
    """Bits 14 and 15 of OFM_PRECISION."""

    TFL = 0
    TRUNCATE = 1
    NATURAL = 2


class Upscale(IntEnum):
    """IFM_UPSCALE: none, every element four times, or zeros between the elements."""

    NONE = 0
    NEAREST = 1
    ZEROS = 2
