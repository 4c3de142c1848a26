"""The fixed-point Fourier transform of real frames that TensorFlow Lite Micro's signal library computes (kissfft 130).

A frame of n real samples counts as n/2 complex ones, whose transform is split into that of the even and of the odd
samples. Complex transforms are mixed-radix: n/2 is divided by 4 as often as possible, then by 2, 3 and 5; the stage of
the first factor comes last. Before each butterfly of radix p all of its operands are divided by p (times the type's
largest value over p, as if that were 1), so that a transform is 1/n of the mathematical one. Products have all bits,
are added in pairs and rounded half up; sums wrap.

Arrays here are int64 that hold numbers of 16 or 32 bits.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.arith import wrap32
from microgen.errors import VerifyError

Ints = NDArray[np.int64]
_RADICES = (4, 2, 3, 5)
MAX_LENGTH = 1 << 14


@dataclass(frozen=True, eq=False)
class Plan:
    """What a transform of ``length`` real samples in ``bits`` bits looks up.

    ``stages`` are (radix, length of each part), the last stage first; ``order`` says which sample stands where before
    the first stage; ``twiddles`` [length/2, 2] and ``splits`` [length/4, 2] are cosines and sines. An ``inverse`` one
    is the way back, from the spectrum to the samples.
    """

    length: int
    bits: int
    stages: tuple[tuple[int, int], ...]
    order: Ints
    twiddles: Ints
    splits: Ints
    inverse: bool = False


def problem(length: int) -> str | None:
    """Why there is no transform of that many samples."""
    if length < 4 or length % 2 or length > MAX_LENGTH:
        return f"the length is {length}, not an even number from 4 to {MAX_LENGTH}"
    rest = length // 2
    for radix in _RADICES:
        while rest % radix == 0:
            rest //= radix
    return None if rest == 1 else f"half of the length {length} has the factor {rest} beside 2, 3 and 5"


@functools.lru_cache(maxsize=32)
def plan(length: int, bits: int, inverse: bool = False) -> Plan:
    """The tables for a length; VerifyError where there is no such transform."""
    found = problem(length)
    if found is not None:
        raise VerifyError(found)
    half = length // 2
    stages = []
    rest = half
    for radix in _RADICES:
        while rest % radix == 0:
            rest //= radix
            stages.append((radix, rest))
    order = np.zeros(1, np.int64)
    stride = 1
    starts: list[Ints] = []
    for radix, _ in stages:
        starts.append(np.arange(radix, dtype=np.int64) * stride)
        stride *= radix
    for start in starts[::-1]:
        order = (start[:, np.newaxis] + order).reshape(-1)
    steps = np.arange(half)
    sign = 1 if inverse else -1
    twiddles = _circle(sign * 2 * math.pi * steps / half, bits)
    splits = _circle(sign * math.pi * ((np.arange(half // 2) + 1) / half + 0.5), bits)
    return Plan(length, bits, tuple(stages), order, twiddles, splits, inverse)


def _circle(phases: NDArray[np.float64], bits: int) -> Ints:
    largest = (1 << (bits - 1)) - 1
    pairs = [(math.cos(phase), math.sin(phase)) for phase in phases.tolist()]
    rounded = [[math.floor(0.5 + largest * part) for part in pair] for pair in pairs]
    return np.array(rounded, np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class _Arithmetic:
    """Numbers of ``bits`` bits, of which all but the sign are behind the point. Complex ones have a last axis of 2."""

    bits: int

    def wrap(self, x: Ints) -> Ints:
        unused = 64 - self.bits
        return (x << unused) >> unused

    def rounded(self, products: Ints) -> Ints:
        return self.wrap((products + (1 << (self.bits - 2))) >> (self.bits - 1))

    def divide(self, x: Ints, by: int) -> Ints:
        return self.rounded(x * (((1 << (self.bits - 1)) - 1) // by))

    def multiply(self, a: Ints, b: Ints) -> Ints:
        real = a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1]
        imaginary = a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]
        return np.stack([self.rounded(real), self.rounded(imaginary)], -1)

    def scale(self, a: Ints, by: Ints) -> Ints:
        return self.rounded(a * by)


def _times_i(x: Ints) -> Ints:
    return np.stack([-x[..., 1], x[..., 0]], -1)


def _radix2(n: _Arithmetic, x: list[Ints], roots: Ints) -> list[Ints]:
    return [n.wrap(x[0] + x[1]), n.wrap(x[0] - x[1])]


def _radix3(n: _Arithmetic, x: list[Ints], roots: Ints) -> list[Ints]:
    total, difference = n.wrap(x[1] + x[2]), n.wrap(x[1] - x[2])
    middle = n.wrap(x[0] - (total >> 1))
    turned = _times_i(n.scale(difference, roots[1, 1]))
    return [n.wrap(x[0] + total), n.wrap(middle + turned), n.wrap(middle - turned)]


def _radix4(n: _Arithmetic, x: list[Ints], roots: Ints) -> list[Ints]:
    even, odd = n.wrap(x[0] + x[2]), n.wrap(x[0] - x[2])
    total, turned = n.wrap(x[1] + x[3]), _times_i(n.wrap(x[1] - x[3]))
    return [n.wrap(even + total), n.wrap(odd - turned), n.wrap(even - total), n.wrap(odd + turned)]


def _radix5(n: _Arithmetic, x: list[Ints], roots: Ints) -> list[Ints]:
    outer, inner = n.wrap(x[1] + x[4]), n.wrap(x[2] + x[3])
    across, inside = n.wrap(x[1] - x[4]), n.wrap(x[2] - x[3])
    (c1, s1), (c2, s2) = roots[1], roots[2]
    results = [n.wrap(x[0] + n.wrap(outer + inner))]
    near = n.wrap(x[0] + n.scale(outer, c1) + n.scale(inner, c2))
    far = n.wrap(x[0] + n.scale(outer, c2) + n.scale(inner, c1))
    near_turn = n.wrap(_times_i(n.scale(across, s1) + n.scale(inside, s2)))
    far_turn = n.wrap(_times_i(n.scale(across, s2) - n.scale(inside, s1)))
    results += [n.wrap(near + near_turn), n.wrap(far + far_turn), n.wrap(far - far_turn), n.wrap(near - near_turn)]
    return results


_BUTTERFLIES = {2: _radix2, 3: _radix3, 4: _radix4, 5: _radix5}


def transform(plan: Plan, frames: Ints) -> Ints:
    """The spectrum [n, length/2 + 1, 2] of frames [n, length]."""
    n, half = _Arithmetic(plan.bits), plan.length // 2
    return _split(n, plan, _complex(n, plan, frames.reshape(len(frames), half, 2)))


def restore(plan: Plan, spectrum: Ints) -> Ints:
    """The frames [n, length] of spectra [n, length/2 + 1, 2]; the plan is an inverse one. Every stage divides, as those
    of a transform do: the result is 1/length of the mathematical one without a factor.
    """
    n = _Arithmetic(plan.bits)
    return _complex(n, plan, _joined(n, plan, spectrum)).reshape(len(spectrum), plan.length)


def _complex(n: _Arithmetic, plan: Plan, values: Ints) -> Ints:
    """The transform of complex numbers [n, length/2, 2]."""
    half = plan.length // 2
    z = values[:, plan.order]
    for radix, part in plan.stages[::-1]:
        stride = half // (radix * part)
        blocks = z.reshape(len(z), stride, radix, part, 2)
        k = np.arange(part)
        operands = [n.divide(blocks[:, :, q], radix) for q in range(radix)]
        turned = [operands[0]]
        turned += [n.multiply(operands[q], plan.twiddles[q * stride * k]) for q in range(1, radix)]
        roots = plan.twiddles[np.arange(radix) * stride * part]
        made = _BUTTERFLIES[radix](n, turned, roots)
        if radix == 4 and plan.inverse:
            # The roots of this one are no table's: the way back turns the other way round.
            made[1], made[3] = made[3], made[1]
        z = np.stack(made, 2).reshape(len(z), half, 2)
    return z


def _split(n: _Arithmetic, plan: Plan, z: Ints) -> Ints:
    half = plan.length // 2
    result = np.zeros((len(z), half + 1, 2), np.int64)
    first = n.divide(z[:, 0], 2)
    result[:, 0, 0] = n.wrap(first[:, 0] + first[:, 1])
    result[:, half, 0] = n.wrap(first[:, 0] - first[:, 1])
    k = np.arange(1, half // 2 + 1)
    low = n.divide(z[:, k], 2)
    high = n.divide(n.wrap(z[:, half - k] * np.array([1, -1])), 2)
    total, difference = n.wrap(low + high), n.wrap(low - high)
    turned = n.multiply(difference, plan.splits[k - 1])
    # Halves are taken of sums of 32 bits, whatever the samples have.
    result[:, k] = n.wrap(wrap32(total + turned) >> 1)
    mirrored = total - turned
    # The middle of an even half is its own mirror image; that one is the one that stays.
    result[:, half - k, 0] = n.wrap(wrap32(mirrored[..., 0]) >> 1)
    result[:, half - k, 1] = n.wrap(wrap32(-mirrored[..., 1]) >> 1)
    return result


def _joined(n: _Arithmetic, plan: Plan, spectrum: Ints) -> Ints:
    """The transform of pairs of samples [n, length/2, 2] that has this spectrum: what undoes ``_split``."""
    half = plan.length // 2
    result = np.zeros((len(spectrum), half, 2), np.int64)
    first, end = spectrum[:, 0, 0], spectrum[:, half, 0]
    result[:, 0] = n.divide(n.wrap(np.stack([first + end, first - end], -1)), 2)
    k = np.arange(1, half // 2 + 1)
    low = n.divide(spectrum[:, k], 2)
    high = n.divide(n.wrap(spectrum[:, half - k] * np.array([1, -1])), 2)
    total, difference = n.wrap(low + high), n.wrap(low - high)
    turned = n.multiply(difference, plan.splits[k - 1])
    result[:, k] = n.wrap(total + turned)
    result[:, half - k] = n.wrap((total - turned) * np.array([1, -1]))
    return result
