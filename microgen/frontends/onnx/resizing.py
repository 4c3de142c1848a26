"""Resize and Upsample.

Images go through MindIR's own operators; any other axis, cubic interpolation, antialiasing and cropping through
constant matrices or indices, one axis after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.mindir import Value
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.gather import Gather
from microgen.ops.reshape import Reshape
from microgen.ops.resize_bilinear import ResizeBilinear
from microgen.ops.resize_nearest import ResizeNearest
from microgen.ops.select import Select

_MAX_SIZE = 1 << 16


@dataclass(frozen=True)
class _Axis:
    """How one axis is resized; ``start`` and ``end`` are the part that is cropped, in shares of the axis."""

    axis: int
    into: int
    out: int
    scale: float
    start: float = 0.0
    end: float = 1.0


@translates("Resize", "Upsample")
def _resize(n: Context) -> Results:
    x = n.x()
    axes = [a for a in _axes(n, x) if (a.out, a.scale, a.start, a.end) != (a.into, 1.0, 0.0, 1.0)]
    mode = n.attrs.text("mode", "nearest")
    if mode not in ("nearest", "linear", "cubic"):
        raise VerifyError(f"mode {mode} is not supported")
    if not axes:
        return x
    if mode != "cubic" and len(x.shape) in (3, 4) and all(a.axis >= 2 for a in axes):
        mark = n.b.mark()
        try:
            return _image(n, x, mode, axes)
        except VerifyError:
            n.b.rewind(mark)
    for axis in axes:
        x = _along(n, x, axis, mode)
    return _filled(n, x, axes)


def _image(n: Context, x: Value, mode: str, axes: list[_Axis]) -> Value:
    """By the operators for images; VerifyError for what they cannot express."""
    by_axis = {a.axis: a for a in axes}
    sizes, scales = [1], [1.0]
    for i in range(2, len(x.shape)):
        found = by_axis.get(i)
        sizes.append(found.out if found else x.shape[i])
        scales.append(found.scale if found else 1.0)
    if any(round(a.scale * a.into, 4) != a.out for a in axes) and _by_width(n):
        raise VerifyError("the factors do not give whole sizes")
    op = ResizeNearest if mode == "nearest" else ResizeBilinear
    size, factor = (sizes[-2], sizes[-1]), (scales[-2], scales[-1])
    image = nchw.to_nhwc(n.b, x)
    result = n.b.add(op.of_onnx(n.attrs, size, factor), image, quant=x.type.quant)
    return nchw.to_nchw(n.b, result, len(x.shape))


def _by_width(n: Context) -> bool:
    """Whether the size before it is rounded down enters the places."""
    return n.attrs.text("coordinate_transformation_mode", "half_pixel") in ("align_corners", "half_pixel_symmetric")


def _axes(n: Context, x: Value) -> list[_Axis]:
    rank = len(x.shape)
    chosen = [n.axis(a, rank) for a in n.attrs.integer_list("axes", tuple(range(rank)))]
    if not chosen:
        return []
    sizes: list[int] | None = None
    if n.operator == "Upsample" and n.opset < 9:
        given = n.attributes.get("scales")
        scales = [float(v) for v in given if not isinstance(v, str)] if isinstance(given, tuple) else []
    elif n.operator == "Upsample" or n.opset < 11:
        scales = _floats(n, 1)
    else:
        scales = _floats(n, 2) if n.has(2) and n.shape(2) != (0,) else []
        sizes = list(n.ints(3)) if n.has(3) and n.shape(3) != (0,) else None
    if not all(math.isfinite(s) and s > 0 for s in scales):
        raise VerifyError(f"scales {scales} are out of range")
    if len(sizes if sizes is not None else scales) != len(chosen):
        raise VerifyError(f"sizes {sizes} or scales {scales} for {len(chosen)} dimensions")
    if sizes is not None:
        scales = [s / x.shape[a] for s, a in zip(sizes, chosen, strict=True)]
        policy = n.attrs.text("keep_aspect_ratio_policy", "stretch")
        if policy in ("not_larger", "not_smaller"):
            scales = [min(scales) if policy == "not_larger" else max(scales)] * len(scales)
            sizes = [math.floor(s * x.shape[a] + 0.5) for s, a in zip(scales, chosen, strict=True)]
        elif policy != "stretch":
            raise VerifyError(f"keep_aspect_ratio_policy {policy} is not supported")
    else:
        # The factors are single-precision numbers.
        sizes = [math.floor(float(np.float32(s) * np.float32(x.shape[a]))) for s, a in zip(scales, chosen, strict=True)]
    if not all(0 < s <= _MAX_SIZE for s in sizes):
        raise VerifyError(f"sizes {sizes} are out of range")
    crop = [(0.0, 1.0)] * len(chosen)
    if n.attrs.text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        roi = _floats(n, 1)
        if len(roi) != 2 * len(chosen):
            raise VerifyError(f"roi has {len(roi)} numbers for {len(chosen)} dimensions")
        crop = list(zip(roi[: len(chosen)], roi[len(chosen) :], strict=True))
    return [
        _Axis(axis, x.shape[axis], size, scale, *part)
        for axis, size, scale, part in zip(chosen, sizes, scales, crop, strict=True)
    ]


def _floats(n: Context, index: int) -> list[float]:
    return [float(v) for v in n.known(index).reshape(-1)]


def _places(n: Context, a: _Axis) -> NDArray[np.float64]:
    """Where every element of the result lies in the source, as ONNX computes it."""
    x = np.arange(a.out, dtype=np.float64)
    width = a.scale * a.into
    if n.operator == "Upsample" or n.opset < 11:
        return x / a.scale
    mode = n.attrs.text("coordinate_transformation_mode", "half_pixel")
    if mode == "align_corners":
        return x * 0.0 if width == 1 else x * (a.into - 1) / (width - 1)
    if mode == "asymmetric":
        return x / a.scale
    if mode == "tf_crop_and_resize":
        reach = (a.end - a.start) * (a.into - 1)
        return a.start * (a.into - 1) + (np.full(a.out, reach / 2) if width == 1 else x * reach / (width - 1))
    if mode == "pytorch_half_pixel" and width == 1:
        return np.full(a.out, -0.5)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (x + 0.5) / a.scale - 0.5
    if mode == "half_pixel_symmetric":
        return a.into / 2 * (1 - a.out / width) + (x + 0.5) / a.scale - 0.5
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / a.scale
    raise VerifyError(f"coordinate_transformation_mode {mode} is not supported")


def _along(n: Context, x: Value, a: _Axis, mode: str) -> Value:
    """``x`` with one axis resized."""
    places = _places(n, a)
    if mode == "nearest":
        indices = np.clip(_nearest(n, places), 0, a.into - 1).astype(np.int64)
        return n.b.add(Gather(a.axis), x, n.constant(indices), quant=x.type.quant)
    if not x.type.dtype.is_float:
        raise VerifyError(f"mode {mode} of {x.type.dtype} is not supported")
    matrix = n.constant(_matrix(n, a, places, mode), x)
    last = len(x.shape) - 1
    order = (*(i for i in range(last + 1) if i != a.axis), a.axis)
    back = tuple(order.index(i) for i in range(last + 1))
    moved = nchw.transpose(n.b, x, order)
    if last == 0:
        row = n.b.add(BatchMatMul(), n.b.add(Reshape((1, *moved.shape)), moved), matrix)
        return n.b.add(Reshape((a.out,)), row)
    return nchw.transpose(n.b, n.b.add(BatchMatMul(), moved, matrix), back)


def _nearest(n: Context, places: NDArray[np.float64]) -> NDArray[np.float64]:
    if n.operator == "Upsample" or n.opset < 11:
        return np.floor(places)
    kind = n.attrs.text("nearest_mode", "round_prefer_floor")
    if kind == "floor":
        return np.floor(places)
    if kind == "ceil":
        return np.ceil(places)
    if kind == "round_prefer_floor":
        return np.ceil(places - 0.5)
    if kind == "round_prefer_ceil":
        return np.floor(places + 0.5)
    raise VerifyError(f"nearest_mode {kind} is not supported")


def _matrix(n: Context, a: _Axis, places: NDArray[np.float64], mode: str) -> NDArray[np.float64]:
    """[source, result] weights of the interpolation."""
    cubic = mode == "cubic"
    sharpness = n.attrs.number("cubic_coeff_a", -0.75)
    shrink = min(a.scale, 1.0) if n.attrs.integer("antialias", 0) else 1.0
    reach = -math.floor((-2 if cubic else -1) / shrink) - 1
    outside = bool(n.attrs.integer("exclude_outside", 0))
    result = np.zeros((a.into, a.out))
    for column, place in enumerate(places):
        left = math.ceil(place) - 1
        neighbours = np.arange(left - reach, left + reach + 2)
        distance = np.abs(neighbours - place) * shrink
        weights = _cubic(distance, sharpness) if cubic else np.clip(1 - distance, 0, 1)
        if outside:
            weights = np.where((neighbours >= 0) & (neighbours < a.into), weights, 0.0)
        np.add.at(result[:, column], np.clip(neighbours, 0, a.into - 1), weights / weights.sum())
    return result


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' kernel (1981) at distances ``x``."""
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))


def _filled(n: Context, x: Value, axes: list[_Axis]) -> Value:
    """``x`` with the extrapolation value where a crop leaves the source."""
    if n.attrs.text("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize":
        return x
    outside = np.zeros((1,) * len(x.shape), bool)
    for a in axes:
        places = _places(n, a)
        beyond = (places < 0) | (places > a.into - 1)
        outside = outside | beyond.reshape((-1, *(1,) * (len(x.shape) - a.axis - 1)))
    if not outside.any():
        return x
    value = n.constant(n.attrs.number("extrapolation_value", 0.0), x)
    return n.b.add(Select(), n.constant(outside), value, x)
