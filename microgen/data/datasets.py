"""Data sets: samples with what is known of them, from files, read in batches.

Arrays of a .npy file stay on the disk until a batch asks for them, files of a folder likewise; a .npz file is held in
memory (at most 2 GiB). The order is that of the arrays or of the files' names, always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microgen.arrays import fit_array, read_arrays, read_texts
from microgen.data.config import Preprocess
from microgen.data.files import image_sample, is_sound, list_files, sound_values, window_sample
from microgen.data.labels import Labels, Numbers, labels_of, read_labels, read_table
from microgen.data.sounds import read_sound_int16
from microgen.errors import InputError, one_line
from microgen.mindir import Array, DType, TensorType

# What a file's arrays may be called.
_LABELS = ("y", "labels", "label", "targets", "target")
_NAMES = ("labels", "classes", "class_names", "names")
_INPUTS = ("x", "inputs", "input")
# What a batch may take in memory.
_BATCH_BYTES = 1 << 26

#: A model's inputs: (name, type) each.
Ports = Sequence[tuple[str, TensorType]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples: their ``numbers`` in the data set and, for each input, an array [samples, *shape]."""

    numbers: Numbers
    inputs: list[Array]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples. ``inputs`` are arrays by name, samples first, or files; ``chosen`` are the numbers of those in use.

    ``labels`` has a row for each sample in use. ``quant`` is the (scale, zero point) that the file states for its
    integers.
    """

    where: str
    inputs: Mapping[str, Array] | tuple[Path, ...]
    labels: Labels
    chosen: Numbers
    quant: tuple[float, int] | None = None

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names in the order of their numbers; empty where they are not known."""
        return self.labels.classes

    def name_of(self, number: int) -> str:
        """What the sample of that number (from 0, among all) is called: its file below the data set's folder."""
        if isinstance(self.inputs, Mapping):
            return str(number)
        file = self.inputs[number]
        folder = Path(self.where)
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name

    def limited(self, count: int | None) -> Dataset:
        """At most ``count`` samples, evenly spaced."""
        if count is None or count >= len(self):
            return self
        taken = np.arange(count, dtype=np.int64) * len(self) // max(count, 1)
        y = None if self.labels.y is None else self.labels.y[taken]
        return replace(self, labels=replace(self.labels, y=y), chosen=self.chosen[taken])

    def batches(
        self,
        ports: Ports,
        preprocess: Preprocess = Preprocess(),
        *,
        size: int = 64,
        layouts: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Iterator[Batch]:
        """The samples as a model's inputs, at most ``size`` at a time and no more than fit into 64 MiB.

        Integers are taken as they are, except where the file states a scale that is not the input's; real numbers, and
        with them images and sounds, are quantized by the scale of an integer input; an int16 input without a scale
        gets a sound's samples. ``layouts`` as
        ``arrays.read_inputs`` takes it. Raises InputError, which names the file, for what does not fit.
        """
        sample = sum(max(t.nbytes, 4 * t.elements) for _, t in ports)
        step = max(1, min(size, _BATCH_BYTES // max(sample, 1)))
        named = self._arrays(ports) if isinstance(self.inputs, Mapping) else None
        if named is None and len(ports) != 1:
            hint = "Give a .npz file with an array for each input"
            raise InputError(f"files serve one input, the model has {len(ports)}", where=self.where, hint=hint)
        for start in range(0, len(self), step):
            numbers = self.chosen[start : start + step]
            if named is not None:
                arrays = [
                    fit_array(self._values(array[numbers], t), name, t, self.where, (layouts or {}).get(name))
                    for array, (name, t) in zip(named, ports, strict=True)
                ]
                yield Batch(numbers, arrays)
            else:
                ((name, t),) = ports
                read = np.stack([self._sample(int(i), t, preprocess) for i in numbers])
                if not t.dtype.is_float and t.quant is None and (read == np.rint(read)).all():
                    read = read.astype(np.int64)  # a model that takes pixels as they are
                yield Batch(numbers, [fit_array(read, name, t, self.where)])

    def _arrays(self, ports: Ports) -> list[Array]:
        """An array for each input: by its name, or of an only input under a usual name or the only one there is."""
        assert isinstance(self.inputs, Mapping)
        found = self.inputs
        if len(ports) == 1 and ports[0][0] not in found:
            usual = [key for key in _INPUTS if key in found] or (list(found) if len(found) == 1 else [])
            if usual:
                return [found[usual[0]]]
        for name, _ in ports:
            if name not in found:
                wanted = ", ".join(one_line(n, 60) for n, _ in ports)
                raise InputError(
                    f"has no array for input {one_line(name, 60)!r}; it has {', '.join(sorted(found)) or 'none'}",
                    where=self.where,
                    hint=f"Name the arrays after the model's inputs: {wanted}",
                )
        return [found[name] for name, _ in ports]

    def _values(self, array: Array, t: TensorType) -> Array:
        """``array`` in real numbers where the file says what its integers stand for, and the input has others."""
        if self.quant is None or array.dtype.kind not in "iu":
            return np.asarray(array)
        scale, zero_point = self.quant
        if t.quant is not None and (np.float32(t.quant.scale), t.quant.zero_point) == (np.float32(scale), zero_point):
            return np.asarray(array)
        return (array.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)

    def _sample(self, number: int, t: TensorType, preprocess: Preprocess) -> Array:
        assert not isinstance(self.inputs, Mapping)
        file = self.inputs[number]
        real = TensorType(DType.FLOAT32, t.shape)
        if not is_sound(file):
            return image_sample(file, real, preprocess)
        if t.dtype is DType.INT16 and t.quant is None and preprocess.takes_sound_as_is:
            # A model with its front end in it: samples as the device's microphone gives them.
            samples = read_sound_int16(file, preprocess.rate)[: t.elements]
            return np.pad(samples, (0, t.elements - len(samples))).reshape(t.shape)
        window = preprocess.window_of(t.elements)
        return window_sample(file, sound_values(file, preprocess)[:window], real, preprocess)


def load(
    path: Path | str,
    *,
    labels: Path | None = None,
    classes: tuple[str, ...] = (),
    limit: int | None = None,
) -> Dataset:
    """The data set at ``path``.

    A .npz file: inputs by the model's names (or ``x``, ``inputs``), ``y`` or ``labels``, and the classes' names as an
    array of text; with ``input_scale`` and ``input_zero_point`` it says what integers stand for. A .npy file: the
    inputs, with ``labels`` in a file of their own. A folder with a folder for each class, whose names, sorted, are the
    classes; a folder of images or WAV files with ``labels``, a CSV file of file and label; that CSV file itself; or a
    folder of files of which nothing is known. ``classes`` gives the names in the order of the model's outputs where
    that is another. ``limit`` keeps that many samples, evenly spaced.

    Raises InputError for what cannot be read or does not fit together.
    """
    path = Path(path)
    if path.is_dir():
        dataset = _folder(path, labels, classes)
    elif path.suffix.lower() == ".csv":
        dataset = _table(path, path.parent, classes)
    else:
        dataset = _file(path, labels, classes)
    if not len(dataset):
        raise InputError("holds no samples", where=str(path))
    return dataset.limited(limit)


def _file(path: Path, labels: Path | None, classes: tuple[str, ...]) -> Dataset:
    found = dict(read_arrays(path, "x"))
    texts = dict(read_texts(path))
    key = next((key for key in _LABELS if key in found), None)
    y = found.pop(key) if key is not None else None
    word_key = None if y is not None else next((key for key in _LABELS if key in texts), None)
    words = texts.pop(word_key) if word_key is not None else None
    classes = classes or next((texts[key] for key in _NAMES if key in texts), ())
    if labels is not None:
        known = read_labels(labels, classes)
    elif words is not None:
        known = labels_of(words, classes, str(path))
    else:
        known = Labels(None if y is None else np.asarray(y), classes)
    inputs = {name: array for name, array in found.items() if array.ndim}
    if not inputs:
        raise InputError("has no array of samples", where=str(path))
    count = _count(inputs, known, path)
    arrays = {n: a for n, a in inputs.items() if len(a) == count}
    return Dataset(str(path), arrays, known, np.arange(count), _stated_quant(found, path))


def _stated_quant(found: Mapping[str, Array], path: Path) -> tuple[float, int] | None:
    """What ``input_scale`` and ``input_zero_point`` say, where both are there; InputError where they cannot be."""
    if not {"input_scale", "input_zero_point"} <= found.keys():
        return None
    scale, zero_point = found["input_scale"], found["input_zero_point"]
    if scale.size != 1 or zero_point.size != 1 or zero_point.dtype.kind not in "iu":
        raise InputError("input_scale and input_zero_point must be one number each", where=str(path))
    if not (np.isfinite(scale).all() and float(scale.reshape(-1)[0]) > 0):
        raise InputError("input_scale must be positive", where=str(path))
    return float(scale.reshape(-1)[0]), int(zero_point.reshape(-1)[0])


def _count(inputs: Mapping[str, Array], known: Labels, path: Path) -> int:
    """How many samples there are; InputError where the arrays do not agree with the labels or with each other."""
    lengths = {name: len(array) for name, array in inputs.items()}
    usual = next((lengths[key] for key in _INPUTS if key in lengths), None)
    if known.y is not None:
        count = len(known.y) if known.y.ndim else 0
        if count not in lengths.values() or (usual is not None and usual != count):
            listed = ", ".join(f"{one_line(n, 40)} {length}" for n, length in sorted(lengths.items()))
            raise InputError(f"has {count} labels for other numbers of samples ({listed})", where=str(path))
        return count
    if usual is not None:
        return usual
    if len(set(lengths.values())) != 1:
        raise InputError(f"arrays have different numbers of samples: {sorted(set(lengths.values()))}", where=str(path))
    return next(iter(lengths.values()))


def _folder(path: Path, labels: Path | None, classes: tuple[str, ...]) -> Dataset:
    if labels is not None:
        if labels.suffix.lower() != ".csv":
            hint = "Write a line for each file: its name, a comma, its label"
            raise InputError("labels of a folder's files must be a .csv file", where=str(labels), hint=hint)
        return _table(labels, path, classes)
    files = list_files(path)
    owners = [file.relative_to(path).parts[0] if file.parent != path else "" for file in files]
    if set(owners) == {""}:
        return Dataset(str(path), tuple(files), Labels(None, classes), np.arange(len(files)))
    if "" in owners:
        stray = files[owners.index("")].name
        hint = "Move it into its class's folder, or give --labels with a .csv file"
        raise InputError(f"{one_line(stray, 80)!r} lies beside the folders of the classes", where=str(path), hint=hint)
    names = classes or tuple(sorted(set(owners)))
    # By name and never as numbers: a folder called 10 is the class of that name.
    return Dataset(str(path), tuple(files), labels_of(owners, names, str(path)), np.arange(len(files)))


def _table(table: Path, folder: Path, classes: tuple[str, ...]) -> Dataset:
    rows = read_table(table, folder)
    known = labels_of([label for _, label in rows], classes, str(table))
    return Dataset(str(folder), tuple(file for file, _ in rows), known, np.arange(len(rows)))
