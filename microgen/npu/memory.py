"""The memories that a command stream reaches: regions of the system and the NPU's own SHRAM.

Every memory is an array of [samples, bytes]; what does not depend on the sample (weights) has one row only. An
access outside of a region, or a write to a constant one, is a StreamError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from microgen.mindir import Array
from microgen.npu.stream import StreamError

BRICK = 16  # channels of one brick of NHCWB16


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Where a feature map of [height, width, depth] lies.

    ``bases`` are the addresses of four tiles: top left, top right, bottom left, bottom right; the left column is
    ``width0`` wide, its upper tile ``height0`` high, that of the right column ``height1``. ``strides`` are the bytes
    between rows, columns and, with ``bricks`` (NHCWB16), groups of 16 channels.
    """

    region: int
    bases: tuple[int, int, int, int]
    height0: int
    height1: int
    width0: int
    strides: tuple[int, int, int]
    dtype: np.dtype
    bricks: bool
    height: int
    width: int
    depth: int

    def tiles(self) -> list[tuple[slice, slice, int]]:
        """(rows, columns, address) of every tile that holds a part of the map."""
        found = []
        split = min(self.width, self.width0)
        for x0, x1, height, upper in ((0, split, self.height0, 0), (split, self.width, self.height1, 1)):
            middle = min(self.height, height)
            found.append((slice(0, middle), slice(x0, x1), self.bases[upper]))
            found.append((slice(middle, self.height), slice(x0, x1), self.bases[upper + 2]))
        return [(y, x, base) for y, x, base in found if y.start < y.stop and x.start < x.stop]


class Memory:
    """The regions by number, and ``shram``; see the module."""

    def __init__(self, regions: Mapping[int, Array], shram: Array, constant: frozenset[int]) -> None:
        self._regions = dict(regions)
        self._constant = constant
        self.shram = shram

    def read(self, fm: FeatureMap) -> Array:
        """The map as an array of [samples, height, width, depth]; samples are 1 where it is constant."""
        parts = list(self._parts(fm))
        if len(parts) == 1:
            return parts[0][1]
        memory = self._region(fm.region)
        whole = np.empty((len(memory), fm.height, fm.width, fm.depth), fm.dtype)
        for where, view in parts:
            whole[:, *where] = view
        return whole

    def write(self, fm: FeatureMap, values: Array) -> None:
        """``values`` ([samples, height, width, depth], of the map's type) into the map."""
        self._check_writable(fm.region)
        for where, view in self._parts(fm):
            view[...] = values[:, *where]

    def bytes_at(self, region: int, start: int, length: int) -> Array:
        """A view of ``length`` bytes at ``start``: [samples, length]."""
        memory = self._region(region)
        _check(f"region {region}", memory, start, start + length)
        return memory[:, start : start + length]

    def internal(self, start: int, length: int) -> Array:
        """The same of SHRAM."""
        _check("SHRAM", self.shram, start, start + length)
        return self.shram[:, start : start + length]

    def put(self, region: int, start: int, data: Array) -> None:
        """``data`` ([samples, length]) to ``start``."""
        self._check_writable(region)
        self.bytes_at(region, start, data.shape[1])[...] = data

    def _region(self, region: int) -> Array:
        if region not in self._regions:
            raise StreamError(f"region {region} is used, there are {sorted(self._regions)}")
        return self._regions[region]

    def _check_writable(self, region: int) -> None:
        if region in self._constant:
            raise StreamError(f"region {region} holds constants, but is written to")

    def _parts(self, fm: FeatureMap) -> list[tuple[tuple[slice, slice, slice], Array]]:
        """(rows, columns, channels) and the view of every part of the map that lies evenly in memory."""
        memory = self._region(fm.region)
        stride_y, stride_x, stride_c = fm.strides
        size = fm.dtype.itemsize
        whole, rest = divmod(fm.depth, BRICK)
        found = []
        for rows, columns, base in fm.tiles():
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            if not fm.bricks:
                view = self._view(memory, fm, base, (*shape, fm.depth), (stride_y, stride_x, size))
                found.append(((rows, columns, slice(0, fm.depth)), view))
                continue
            for first, count, width in ((0, whole, BRICK), (whole, 1, rest)):
                if count and width:
                    start = base + first * stride_c
                    spans = (stride_y, stride_x, stride_c, size)
                    view = self._view(memory, fm, start, (*shape, count, width), spans)
                    for brick in range(count):
                        channels = slice((first + brick) * BRICK, (first + brick) * BRICK + width)
                        found.append(((rows, columns, channels), view[:, :, :, brick]))
        return found

    @staticmethod
    def _view(memory: Array, fm: FeatureMap, start: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
        ends = [start + sum(c) for c in product(*((0, (n - 1) * s) for n, s in zip(shape, strides, strict=True)))]
        _check(f"region {fm.region}", memory, min(ends), max(ends) + fm.dtype.itemsize)
        samples, size = memory.shape
        return np.ndarray((samples, *shape), fm.dtype, memory, start, (size, *strides))


def _check(what: str, memory: Array, start: int, stop: int) -> None:
    if not 0 <= start <= stop <= memory.shape[1]:
        raise StreamError(f"bytes {start} to {stop} of {what} are accessed, it has {memory.shape[1]}")
