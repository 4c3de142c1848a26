"""Labels of samples and names of classes, from files that users write."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microgen.arrays import read_arrays
from microgen.data.files import SUFFIXES, check_one_kind
from microgen.errors import InputError, one_line
from microgen.mindir import Array

_MAX_BYTES = 1 << 24
_MAX_LINES = 100_000
_MAX_CLASSES = 10_000
# What the first cell of a heading says.
_HEADINGS = {"file", "filename", "file_name", "path", "name", "image", "sound", "wav"}

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of the samples: ``y`` as given (None: nothing), ``classes``: the classes' names, if known.

    ``numbers`` are the classes' numbers, where ``y`` can be read as such: integers that are not negative, or one-hot.
    """

    y: Array | None = None
    classes: tuple[str, ...] = ()

    @property
    def numbers(self) -> Numbers | None:
        """[samples], or None."""
        if self.y is None or self.y.ndim == 0:
            return None
        y = self.y.reshape(len(self.y), -1) if len(self.y) else self.y.reshape(0, 1)
        if y.shape[1] == 1 and y.dtype.kind in "biu":
            column: Numbers = y[:, 0].astype(np.int64)
            return column if column.min(initial=0) >= 0 else None
        if y.shape[1] > 1 and bool((np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)).all()):
            hot: Numbers = y.argmax(axis=1).astype(np.int64)
            return hot
        return None


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without blanks at their ends and without empty lines. Raises InputError."""
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def read_classes(path: Path) -> tuple[str, ...]:
    """Names of classes, one a line, in the order of the model's outputs. Raises InputError."""
    names = tuple(read_lines(path))
    if not names or len(names) > _MAX_CLASSES:
        raise InputError(f"must hold 1 to {_MAX_CLASSES} names of classes, one a line", where=str(path))
    if len(set(names)) != len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise InputError(f"names the class {one_line(twice, 60)!r} twice", where=str(path))
    return names


def _text(path: Path) -> str:
    try:
        if path.is_dir() or path.stat().st_size > _MAX_BYTES:
            raise InputError(f"is not a text file of at most {_MAX_BYTES >> 20} MiB", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("is not text in UTF-8", where=str(path)) from None


def read_labels(path: Path, classes: tuple[str, ...] = ()) -> Labels:
    """A label for each sample: the array of a .npy file, ``y`` or ``labels`` of a .npz file, else one a line.

    Lines hold classes' names, their numbers, or real numbers; see ``labels_of``.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        found = read_arrays(path, "y")
        for key in ("y", "labels"):
            if key in found:
                return Labels(np.asarray(found[key]), classes)
        raise InputError(f"has no array y or labels; it has {', '.join(sorted(found)) or 'none'}", where=str(path))
    return labels_of(read_lines(path), classes, str(path))


def labels_of(words: Sequence[str], classes: tuple[str, ...], where: str) -> Labels:
    """Labels that stand as text: all whole numbers (classes by number), all numbers (real values), or names.

    Names that are among ``classes`` have their numbers there; without ``classes`` the names, sorted, are the classes.
    InputError for a name that is not among them.
    """
    named = bool(classes) and all(word in classes for word in words)
    if not named and words and all(_is_whole(word) for word in words):
        return Labels(np.array([int(word) for word in words], np.int64), classes)
    if not named and words and all(_is_real(word) for word in words):
        return Labels(np.array([float(word) for word in words], np.float64), classes)
    names = classes or tuple(sorted(set(words)))
    if strangers := sorted(set(words) - set(names)):
        known = one_line(", ".join(names), 200)
        raise InputError(f"{one_line(strangers[0], 60)!r} is no class", where=where, hint=f"Classes are {known}")
    if len(names) > _MAX_CLASSES:
        raise InputError(f"has more than {_MAX_CLASSES} classes", where=where)
    number = {name: i for i, name in enumerate(names)}
    return Labels(np.array([number[word] for word in words], np.int64), names)


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10


def _is_real(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def read_table(path: Path, folder: Path) -> list[tuple[Path, str]]:
    """(file, label) of each line of a CSV file whose first two columns are these; a heading is passed over.

    Files are named relative to ``folder`` and must lie in it. Raises InputError that names the line.
    """
    rows: list[tuple[Path, str]] = []
    root = folder.resolve()
    try:
        for number, row in enumerate(csv.reader(io.StringIO(_text(path), newline="")), start=1):
            where = f"{path}, line {number}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) < 2:
                raise InputError("must hold a file and its label, separated by a comma", where=where)
            name, label = row[0].strip(), row[1].strip()
            if number == 1 and name.lower() in _HEADINGS:
                continue
            if len(rows) >= _MAX_LINES:
                raise InputError(f"holds more than {_MAX_LINES:,} lines", where=str(path))
            rows.append((_inside(name, root, folder, where), label))
    except csv.Error as error:
        raise InputError(f"is no CSV file ({one_line(str(error), 100)})", where=str(path)) from None
    if not rows:
        raise InputError("holds no lines of a file and its label", where=str(path))
    check_one_kind([file for file, _ in rows], path)
    return rows


def _inside(name: str, root: Path, folder: Path, where: str) -> Path:
    shown = one_line(name, 80)
    try:
        file = root / name
        within = file.resolve().is_relative_to(root)
        exists = within and file.is_file()
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        within, exists = True, False
    if not within:
        raise InputError(f"{shown!r} lies outside of {one_line(str(folder), 80)}", where=where)
    if not exists:
        raise InputError(f"{shown!r} is no file in {one_line(str(folder), 80)}", where=where)
    if Path(name).suffix.lower() not in SUFFIXES:
        raise InputError(f"{shown!r} does not end in {', '.join(SUFFIXES)}", where=where)
    return folder / name
