"""Calibration samples: from arrays, .npy and .npz files, folders of images or sounds, and Python iterables.

What comes in is checked and given the model's own shapes here, so that later steps need not look again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.arrays import read_inputs
from microgen.errors import InputError, one_line
from microgen.mindir import Array, Graph, TensorType, Value
from microgen.quantize import media
from microgen.quantize.config import Preprocess

# What all samples together may take in memory.
MAX_BYTES = 1 << 30
# Below this many samples the observed ranges are chance.
FEW = 10

#: Samples as a user has them: a file or folder, arrays (samples first), or an iterable of single samples.
Source = Path | str | Mapping[str, Any] | Sequence[Any] | Iterable[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """Checked samples: for each graph input an array [samples, *shape] of its element type; ``warnings`` for people."""

    arrays: tuple[Array, ...]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.arrays[0])


def load_samples(
    source: Source, graph: Graph, preprocess: Preprocess = Preprocess(), limit: int | None = None
) -> Samples:
    """Samples for ``graph``'s inputs.

    A file's arrays are found by the inputs' names, or by ``x`` or by being the only one. A mapping holds an array
    [samples, …] by input name, an array serves a model with one input; both are taken in the model's own layout, a
    single sample of exactly the input's shape is accepted. Any other iterable, a generator for instance, gives one
    sample at a time: an array, a sequence of arrays in the inputs' order, or a mapping by name. ``limit`` keeps that
    many, evenly spaced.

    Raises InputError, with the sample's number where it matters, for what cannot be used.
    """
    inputs = graph.inputs
    if not inputs:
        raise InputError("has no inputs to calibrate with", where=graph.name)
    if isinstance(source, (str, Path)):
        path = Path(source)
        arrays = _from_path(path, inputs, preprocess, limit)
        where = str(path)
    elif isinstance(source, Mapping):
        arrays, where = _from_mapping(source, inputs), "calibration"
    elif isinstance(source, np.ndarray):
        if len(inputs) != 1:
            raise InputError(f"one array was given, the model has {len(inputs)} inputs", where="calibration")
        arrays, where = [_batch(source, inputs[0], "calibration")], "calibration"
    elif isinstance(source, Iterable):
        arrays, where = _from_iterable(source, inputs), "calibration"
    else:
        raise InputError(f"{type(source).__name__} is no source of samples", where="calibration")
    counts = {len(a) for a in arrays}
    if len(counts) != 1:
        raise InputError(f"inputs have different numbers of samples: {sorted(counts)}", where=where)
    if counts == {0}:
        raise InputError("holds no samples", where=where, hint="Give 100 or more, like those the model will see")
    count = counts.pop()
    if limit is not None and count > limit:
        chosen = np.arange(limit) * count // limit
        arrays = [a[chosen] for a in arrays]
    checked = [_finite(a, v, where) for a, v in zip(arrays, inputs, strict=True)]
    return Samples(tuple(checked), tuple(_doubts(checked, inputs)))


def _from_path(path: Path, inputs: Sequence[Value], preprocess: Preprocess, limit: int | None) -> list[Array]:
    if path.is_dir():
        if len(inputs) != 1:
            hint = "Give a .npz file with an array for each input"
            raise InputError(f"a folder serves one input, the model has {len(inputs)}", where=str(path), hint=hint)
        return [media.read_folder(path, inputs[0].type, preprocess, limit, MAX_BYTES)]
    if path.suffix.lower() in media.SUFFIXES:
        raise InputError("is a single file", where=str(path), hint="Give the folder that it lies in")
    return read_inputs(path, [(v.name, v.type) for v in inputs])


def _from_mapping(source: Mapping[str, Any], inputs: Sequence[Value]) -> list[Array]:
    _names(source, inputs, "calibration")
    places = [f"calibration, input {v.name}" for v in inputs]
    return [_batch(_array(source[v.name], place), v, place) for v, place in zip(inputs, places, strict=True)]


def _array(given: Any, where: str) -> Array:
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"is no array ({one_line(str(error), 100)})", where=where) from None


def _names(given: Mapping[str, Any], inputs: Sequence[Value], where: str) -> None:
    wanted = [v.name for v in inputs]
    if missing := [name for name in wanted if name not in given]:
        raise InputError(
            f"has no array for input {one_line(missing[0], 60)!r}; it has {', '.join(sorted(map(str, given)))}",
            where=where,
            hint=f"Name the arrays after the model's inputs: {', '.join(one_line(n, 60) for n in wanted)}",
        )
    if strangers := sorted(str(name) for name in given if name not in wanted):
        hint = f"The model's inputs are {', '.join(one_line(n, 60) for n in wanted)}"
        raise InputError(f"{one_line(strangers[0], 60)!r} is no input of the model", where=where, hint=hint)


def _batch(array: Array, value: Value, where: str) -> Array:
    """``array`` as [samples, *shape]."""
    shape = value.shape
    if array.shape == shape:
        return _typed(array[None], value.type, where)
    if array.ndim and array.shape[1:] == shape:
        return _typed(array, value.type, where)
    # The batch dimension of 1 may be left out: samples stand in its place.
    if shape[:1] == (1,) and array.ndim and array.shape[1:] == shape[1:]:
        return _typed(array[:, None], value.type, where)
    if shape[:1] == (1,) and array.shape == shape[1:]:
        return _typed(array[None, None], value.type, where)
    wanted = ", ".join(map(str, ("samples", *shape[shape[:1] == (1,) :])))
    raise InputError(f"shape is {list(array.shape)}, not [{wanted}]", where=where)


def _typed(array: Array, t: TensorType, where: str) -> Array:
    if array.nbytes > MAX_BYTES or array.size * t.dtype.size > MAX_BYTES:
        raise InputError(
            f"{len(array)} samples take more than {MAX_BYTES >> 20} MiB", where=where, hint="Use fewer samples"
        )
    if array.dtype == t.dtype.numpy or (t.dtype.is_float and array.dtype.kind in "fiub"):
        with np.errstate(over="ignore"):  # becomes infinite, which is refused with the sample's number
            return np.ascontiguousarray(array, t.dtype.numpy)
    if t.quant is None and array.dtype.kind in "iu" and t.dtype.numpy.kind in "iu" and array.size:
        low, high = t.dtype.limits
        integers: NDArray[Any] = array
        if low <= int(integers.min()) and int(integers.max()) <= high:
            return array.astype(t.dtype.numpy)
    raise InputError(f"element type is {array.dtype}, not {t.dtype}", where=where)


def _from_iterable(source: Iterable[Any], inputs: Sequence[Value]) -> list[Array]:
    parts: list[list[Array]] = [[] for _ in inputs]
    largest = MAX_BYTES // max(1, sum(v.type.nbytes for v in inputs))
    for number, sample in enumerate(source):
        where = f"calibration, sample {number}"
        if number >= largest:
            hint = "Give fewer"
            raise InputError(f"more than {largest} samples take over {MAX_BYTES >> 20} MiB", where=where, hint=hint)
        for part, value, array in zip(parts, inputs, _one(sample, inputs, where), strict=True):
            batch = _batch(array, value, f"{where}, input {value.name}")
            if len(batch) != 1:
                raise InputError(f"holds {len(batch)} samples, not 1", where=where, hint="Give one sample at a time")
            part.append(batch)
    return [np.concatenate(p) if p else np.empty((0, *v.shape)) for p, v in zip(parts, inputs, strict=True)]


def _one(sample: Any, inputs: Sequence[Value], where: str) -> list[Array]:
    if isinstance(sample, Mapping):
        _names(sample, inputs, where)
        items = [sample[v.name] for v in inputs]
    elif isinstance(sample, (tuple, list)) and (len(inputs) > 1 or (len(sample) == 1 and np.ndim(sample[0]) > 0)):
        items = list(sample)
    else:
        items = [sample]
    if len(items) != len(inputs):
        raise InputError(f"has {len(items)} arrays, the model has {len(inputs)} inputs", where=where)
    return [_array(item, where) for item in items]


def _finite(array: Array, value: Value, where: str) -> Array:
    if not value.type.dtype.is_float:
        return array
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        flat: NDArray[Any] = array[first].reshape(-1)
        kind = "NaN" if np.isnan(flat).any() else "infinite"
        more = f" (and {int(bad.sum()) - 1} more samples)" if bad.sum() > 1 else ""
        raise InputError(f"sample {first}{more} has {kind} values", where=f"{where}, input {one_line(value.name, 60)}")
    return array


def _doubts(arrays: Sequence[Array], inputs: Sequence[Value]) -> Iterable[str]:
    count = len(arrays[0])
    if count < FEW:
        plural = "s" if count > 1 else ""
        yield f"{count} sample{plural} can hardly show the ranges; give 100 or more, like those the model will see"
    for array, value in zip(arrays, inputs, strict=True):
        if not value.type.dtype.is_float:
            continue
        name, data = one_line(value.name, 60), np.asarray(array, np.float32)
        if float(data.min()) == float(data.max()):
            yield f"input {name} is {float(data.min()):g} everywhere, in every sample"
            continue
        axis = _channels(value.shape) + 1
        other = tuple(i for i in range(data.ndim) if i != axis)
        constant = data.min(axis=other) == data.max(axis=other)
        # One sample alone cannot tell whether a feature, which is a single number of it, varies.
        if constant.any() and data.size > constant.size:
            which = np.flatnonzero(constant)
            first = float(np.moveaxis(data, axis, 0)[which[0]].reshape(-1)[0])
            listed = ", ".join(map(str, which[:5])) + (", …" if len(which) > 5 else "")
            yield (
                f"{len(which)} of {len(constant)} channels of input {name} are constant (channel {listed}; "
                f"{which[0]} is always {first:g})"
            )


def _channels(shape: tuple[int, ...]) -> int:
    """The axis that counts channels: the last, or the second of an image in NCHW, which is told by its few planes."""
    if len(shape) >= 3 and shape[1] <= 4 < shape[-1]:
        return 1
    return max(len(shape) - 1, 0)
