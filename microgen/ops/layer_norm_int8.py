"""The integer arithmetic of LayerNorm, which its docstring describes step by step."""

from __future__ import annotations

import math

import numpy as np

from microgen import arith

#: Fractional bits of normalized values; with MOST elements or fewer their magnitude is below 2^10.
BITS = 20
MOST = 1 << 20


def spread_bits(size: int) -> int:
    """f: D's fractional bits. Its first term stays below 2^60, for variances of int8 are below 2^14."""
    return 46 - 2 * size.bit_length()


def epsilon_in_units(epsilon: float, size: int, scale: float) -> tuple[int, int]:
    """e as (mantissa, shift): a mantissa below 2^31 and a left shift."""
    value = math.ldexp(epsilon * size**2 / scale**2, spread_bits(size))
    shift = max(math.frexp(value)[1] - 31, 0)
    mantissa = arith.round_half_away(math.ldexp(value, -shift))
    return (mantissa, shift) if mantissa < 1 << 31 else (mantissa >> 1, shift + 1)


def in_steps(numbers: arith.Numbers, scale: float) -> tuple[arith.Ints, int]:
    """gamma or beta over the output's ``scale`` as int32, with that many fractional bits."""
    steps = np.asarray(numbers, np.float64) / scale
    exponent = math.frexp(float(np.abs(steps).max()))[1]
    bits = min(BITS, 30 - exponent)
    return np.floor(np.ldexp(steps, bits) + 0.5).astype(np.int64), bits


def normalized(rows: arith.Ints, epsilon: tuple[int, int]) -> arith.Ints:
    """y, with ``BITS`` fractional bits, of int8 values [rows, elements]."""
    size = rows.shape[1]
    mantissa, shift = epsilon
    sums = rows.sum(axis=1)
    bits = spread_bits(size)
    spread = ((size * (rows * rows).sum(axis=1) - sums * sums) << bits) + (mantissa << shift)
    inverse, half = inverse_root(np.maximum(spread, 1 << bits))
    down = (61 - BITS - bits // 2 - half)[:, None]
    y: arith.Ints = ((size * rows - sums[:, None]) * inverse[:, None] + (np.int64(1) << (down - 1))) >> down
    return y


def inverse_root(spread: arith.Ints) -> tuple[arith.Ints, arith.Ints]:
    """(inverse, half) with ``1/√spread ≈ inverse · 2^(half - 61)``, of positive numbers below 2^62."""
    half = np.zeros_like(spread)
    scaled = spread.copy()
    for bits in (32, 16, 8, 4, 2):
        small = scaled < np.int64(1) << (62 - bits)
        scaled = np.where(small, scaled << bits, scaled)
        half += np.where(small, bits // 2, 0)
    # The double's square root may be off by one; the integer part is settled by integers.
    root = np.sqrt(scaled.astype(np.float64)).astype(np.int64)
    root -= root * root > scaled
    root += (root + 1) * (root + 1) <= scaled
    inverse: arith.Ints = ((1 << 61) - 1) // root
    return inverse, half
