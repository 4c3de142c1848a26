"""The fixed-point arithmetic of TensorFlow Lite's int8 scheme, once, for the whole package.

Everything here reproduces TensorFlow Lite Micro's reference interpreter bit for bit: gemmlowp's double
rounding (a saturating rounding doubling high multiply, then a rounding divide by a power of two). 32-bit
values wrap modulo 2^32 where the device's registers do. Arrays are int64 with values in the int32 range,
so that NumPy never overflows; ``wrap32`` brings sums back.

The arithmetic of requantization (down to ``one_over_one_plus_x``) and ``quantize_float`` also take int64 and float32
tensors of a library with NumPy's operators and names, PyTorch's: it is written with those alone, so that no device
needs a copy of it.

Sources: "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"
(Jacob et al., 2018), the TensorFlow Lite 8-bit quantization specification, gemmlowp's fixedpoint document.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
#: Numbers of any type that NumPy computes with.
Numbers = NDArray[Any]

_NUMPY = (np.ndarray, np.generic, int, list, tuple)

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def wrap32(x: Any) -> Ints:
    """``x`` reduced modulo 2^32 into the int32 range, as 32-bit registers do."""
    wrapped: Ints = ((_ints(x) & 0xFFFFFFFF) ^ (1 << 31)) - (1 << 31)
    return wrapped


def _ints(x: Any) -> Any:
    """``x`` as int64; tensors of another library, which have to be int64, as they are."""
    return np.asarray(x, dtype=np.int64) if isinstance(x, _NUMPY) else x


def _factors(x: Any) -> Any:
    """Like ``_ints`` for what is only combined with such arrays or tensors: a number suits both."""
    return x if isinstance(x, int) else _ints(x)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """``real`` as ``(multiplier, shift)`` with ``real ≈ multiplier / 2^31 · 2^shift``.

    ``multiplier`` is 0 or in [2^30, 2^31). A value under about 2^-32 becomes ``(0, 0)``.
    Raises ValueError for negative and non-finite values and for those whose shift exceeds 30.
    """
    if not math.isfinite(real) or real < 0.0:
        raise ValueError(f"a requantization factor must be finite and not negative, not {real!r}")
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        raise ValueError(f"a requantization factor of {real!r} is too large for 32-bit arithmetic")
    return multiplier, shift


def round_half_away(x: float) -> int:
    """``x`` rounded to the nearest integer, halves away from zero (C's ``round``)."""
    whole = math.floor(abs(x))
    whole += abs(x) - whole >= 0.5
    return int(math.copysign(whole, x))


def saturating_rounding_doubling_high_mul(a: Ints, b: Ints | int) -> Ints:
    """The high 32 bits of ``2·a·b``, rounded, saturated for a = b = -2^31."""
    # Rounding to the nearest, halves towards infinity: what gemmlowp's nudge by the product's sign and its division
    # that truncates come to.
    result: Ints = ((_ints(a) * _factors(b) + (1 << 30)) >> 31).clip(max=INT32_MAX)
    return result


def rounding_divide_by_pot(x: Ints, exponent: Ints | int) -> Ints:
    """``x / 2^exponent`` rounded to nearest, halves away from zero; ``exponent`` in 0..31."""
    x64, e = _ints(x), _factors(exponent)
    mask = (1 << e) - 1
    remainder = x64 & mask
    threshold = (mask >> 1) + (x64 < 0)
    rounded: Ints = (x64 >> e) + (remainder > threshold)
    return rounded


def multiply_by_quantized_multiplier(x: Ints, multiplier: Ints | int, shift: Ints | int) -> Ints:
    """``x · multiplier / 2^31 · 2^shift`` with gemmlowp's double rounding.

    ``x`` is int32-ranged; ``multiplier`` and ``shift`` broadcast against it. A left shift happens first and
    wraps modulo 2^32.
    """
    s = _factors(shift)
    left, right = s * (s > 0), -s * (s < 0)
    shifted = wrap32(_ints(x) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


#: Shifts that ``multiply_by_reduced_multiplier`` takes, and the largest magnitude of its values.
REDUCED_SHIFTS = range(-31, 8)
REDUCED_LIMIT = 1 << 47


def multiply_by_reduced_multiplier(x: Ints, multiplier: Ints | int, shift: Ints | int) -> Ints:
    """``x · multiplier / 2^31 · 2^shift`` of the 48-bit accumulators of int16 activations: the multiplier is cut to
    16 bits, and the product is rounded once, halves towards infinity. The result wraps modulo 2^32.
    """
    whole = _factors(multiplier)
    reduced = (
        (whole + (1 << 15) >> 16).clip(max=0x7FFF)
        if not isinstance(whole, int)
        else min(whole + (1 << 15) >> 16, 0x7FFF)
    )
    drop = 15 - _factors(shift)
    return wrap32((_ints(x) * reduced + (1 << drop - 1)) >> drop)


def saturating_left_shift(x: Ints, exponent: Ints | int) -> Ints:
    """``x · 2^exponent`` saturated to int32; ``exponent`` in 0..31."""
    limited: Ints = (_ints(x) << _factors(exponent)).clip(INT32_MIN, INT32_MAX)
    return limited


def rounding_half_sum(a: Ints, b: Ints | int) -> Ints:
    """``(a + b) / 2`` rounded, halves away from zero."""
    return rounding_divide_by_pot(_ints(a) + _factors(b), 1)


# gemmlowp's constants: fixed-point values of exp(-1/8), 1/3 and exp(-2^k) in Q0.31.
_EXP_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883
_EXP_BARREL = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


def _exp_on_minus_quarter_to_zero(a: Ints) -> Ints:
    """exp(a) for a in [-1/4, 0), Q0.31 in and out: a Taylor polynomial around -1/8."""
    srdhm = saturating_rounding_doubling_high_mul
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3 = srdhm(x2, x)
    x4 = srdhm(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    x_terms = rounding_divide_by_pot(srdhm(x4_over_4 + x3, _ONE_THIRD) + x2, 1)
    return _EXP_MINUS_EIGHTH + srdhm(x + x_terms, _EXP_MINUS_EIGHTH)


def exp_on_negative_values(a: Ints, integer_bits: int) -> Ints:
    """exp(a) in Q0.31 for a ≤ 0 in Q(integer_bits).(31 - integer_bits); gemmlowp's algorithm."""
    x = np.asarray(a, dtype=np.int64)
    fractional_bits = 31 - integer_bits
    one_quarter = 1 << (fractional_bits - 2)
    a_mod_quarter_minus_quarter = (x & (one_quarter - 1)) - one_quarter
    result = _exp_on_minus_quarter_to_zero(saturating_left_shift(a_mod_quarter_minus_quarter, integer_bits))
    remainder = a_mod_quarter_minus_quarter - x
    for exponent, multiplier in _EXP_BARREL:
        if integer_bits > exponent:
            bit = 1 << (fractional_bits + exponent)
            taken = saturating_rounding_doubling_high_mul(result, multiplier)
            result = np.where(remainder & bit, taken, result)
    if integer_bits > 5:
        clamp = -(1 << (fractional_bits + 5))
        result = np.where(x < clamp, 0, result)
    return np.where(x == 0, INT32_MAX, result).astype(np.int64)


def _newton_reciprocal(half_denominator: Ints) -> Ints:
    """1 / half_denominator in Q2.29 for a Q0.31 value in [1/2, 1]: three Newton-Raphson steps."""
    srdhm = saturating_rounding_doubling_high_mul
    x = 1515870810 + srdhm(half_denominator, -1010580540)  # 48/17 - 32/17 · d, Q2.29
    for _ in range(3):
        error = (1 << 29) - srdhm(half_denominator, x)
        x = x + saturating_left_shift(srdhm(x, error), 2)
    return x


def one_over_one_plus_x(a: Ints) -> Ints:
    """1 / (1 + a) in Q0.31 for a in [0, 1] in Q0.31."""
    half_denominator = rounding_half_sum(a, INT32_MAX)
    return saturating_left_shift(_newton_reciprocal(half_denominator), 1)


def _bits(x: Ints) -> Ints:
    """Leading zeros of 32-bit values above 0."""
    return 32 - np.frexp(np.asarray(x, dtype=np.float64))[1].astype(np.int64)


def log_from_one(a: Ints, integer_bits: int) -> Ints:
    """log(a) in Q5.26 for a ≥ 1 in Q(integer_bits).(31 - integer_bits): TensorFlow Lite's algorithm.

    ``a`` is taken apart into r · 2^n in two ways, of which the one counts that has r closer to 2^(-1/4), around which
    the logarithm is a quotient of polynomials.
    """
    srdhm = saturating_rounding_doubling_high_mul
    fourth_root_of_half, root_of_half, quarter = 1805811301, 1518500250, 1 << 23  # Q0.31, Q0.31, Q6.25
    x = np.asarray(a, dtype=np.int64)
    zeros = _bits(x)
    r_a = saturating_left_shift(srdhm(saturating_left_shift(x, zeros - 1), root_of_half), 1)
    power_a = ((integer_bits - zeros) << 25) + quarter
    headroom = _bits(srdhm(x, root_of_half)) - 1
    r_b = saturating_left_shift(x, headroom)
    power_b = ((integer_bits - headroom) << 25) - quarter
    r, power = np.minimum(r_a, r_b), np.maximum(power_a, power_b)
    p = rounding_half_sum(r, fourth_root_of_half)
    q = 2 * (r - fourth_root_of_half)
    square = srdhm(q, q)
    numerator = srdhm(q, r) + srdhm(srdhm(q, square), 117049297)  # 11/240 · 2^(1/4)
    inner = 1057819769 + q + srdhm(square, 127690142)  # 2/2^(1/4) - 2^(1/4), 1/20 · 2^(1/4)
    reciprocal = one_over_one_plus_x(srdhm(p, inner) + srdhm(q, 638450708))  # 1/4 · 2^(1/4)
    logarithm = srdhm(power, 1488522236) + srdhm(rounding_divide_by_pot(numerator, 6), reciprocal)  # log(2)
    return saturating_left_shift(logarithm, 1)


def logistic(a: Ints, integer_bits: int) -> Ints:
    """1 / (1 + exp(-a)) in Q0.31 for a in Q(integer_bits).(31 - integer_bits)."""
    x = np.asarray(a, dtype=np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits))
    result = np.where(x > 0, positive, INT32_MAX - positive)
    return np.where(x == 0, 1 << 30, result).astype(np.int64)


def tanh(a: Ints, integer_bits: int) -> Ints:
    """tanh(a) in Q0.31 for a in Q(integer_bits).(31 - integer_bits)."""
    x = np.asarray(a, dtype=np.int64)
    # (1 - e) / (1 + e) with e = exp(-2·|a|): the doubling moves the point by one bit.
    exponential = exp_on_negative_values(-np.abs(x), integer_bits + 1)
    half_denominator = rounding_half_sum(exponential, INT32_MAX)
    positive = saturating_left_shift(_newton_reciprocal(half_denominator) - (1 << 29), 2)
    return np.where(x == 0, 0, np.where(x < 0, -positive, positive)).astype(np.int64)


# Where the reference's table is one above the nearest integer, as its results show.
_RAISED = [
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45,
    46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
]  # fmt: skip


def _sigmoid_table() -> NDArray[np.uint16]:
    exact = np.minimum(np.floor(65536.0 / (1.0 + np.exp(-np.arange(256) / 24.0)) + 0.5), 65535.0)
    exact[_RAISED] += 1.0
    return exact.astype(np.uint16)


#: sigmoid(i / 24) in Q0.16 as TensorFlow Lite's int16 curves have it.
SIGMOID_TABLE = _sigmoid_table()


def logistic_s16(x: Ints, multiplier: int, shift: int) -> Ints:
    """1 / (1 + exp(-x)) in Q0.15 of an int16 whose unit is ``multiplier / 2^shift / (3 · 2^12)``, by interpolation in
    ``SIGMOID_TABLE``.
    """
    scaled = (_ints(x) * multiplier + (1 << shift >> 1)) >> shift
    magnitude = np.abs(scaled)
    place = np.minimum(magnitude >> 9, 254)
    table = SIGMOID_TABLE.astype(np.int64)
    between = (table[place] << 9) + (magnitude & 0x1FF) * (table[place + 1] - table[place])
    positive = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, between)
    result: Ints = np.where(scaled >= 0, positive + (1 << 9), (1 << 25) - positive + (1 << 9) - 1) >> 10
    return result


def tanh_s16(x: Ints, multiplier: int, shift: int) -> Ints:
    """tanh(x) in Q0.15 of an int16 as ``logistic_s16`` takes it: 2 · sigmoid(2 · x) - 1."""
    scaled = (_ints(x) * multiplier + (1 << shift >> 1)) >> shift
    magnitude = np.abs(scaled)
    place = np.minimum(magnitude >> 8, 254)
    table = SIGMOID_TABLE.astype(np.int64)
    between = (table[place] << 8) + (magnitude & 0xFF) * (table[place + 1] - table[place])
    positive = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, between)
    half, one = 1 << 23, 1 << 7
    result: Ints = np.where(scaled >= 0, positive - half + one, half - positive + one - 1) >> 8
    return result


def input_radius(integer_bits: int, left_shift: int) -> int:
    """The largest |x| that still means something to a function of a Q(integer_bits) input."""
    largest = math.ldexp(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)), -left_shift)
    return math.floor(largest)


def quantize_float(x: NDArray[np.float32], scale: float, zero_point: int, low: int, high: int) -> Ints:
    """``round(x / scale) + zero_point`` in single precision, halves away from zero, clamped to [low, high].

    NaN becomes ``zero_point``: C leaves that conversion undefined, a device must not.
    """
    xp: Any = np if isinstance(x, _NUMPY) else sys.modules[type(x).__module__]
    real = xp.asarray(x, dtype=xp.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        # Element by element: by a number, accelerators multiply with its reciprocal instead.
        ratio = real / xp.full_like(real, scale)
        magnitude = xp.abs(ratio)
        whole = xp.floor(magnitude)
        rounded = xp.copysign(whole + (magnitude - whole >= 0.5), ratio)
    # The clamp comes first so that infinities never reach the conversion.
    limited = xp.clip(xp.nan_to_num(rounded, nan=0.0, posinf=1e9, neginf=-1e9), -1e9, 1e9)
    quantized: Ints = xp.clip(xp.asarray(limited, dtype=xp.int64) + zero_point, low, high)
    return quantized
