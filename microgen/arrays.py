"""Arrays from the user's .npy and .npz files, checked against a model's inputs and quantized where needed."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.errors import InputError, one_line
from microgen.mindir import Array, DType, TensorType

_MAX_BYTES = 1 << 31
_MAX_TEXT_BYTES = 1 << 22

# What zipfile, its decompressors and NumPy's reader of headers raise for files that are not as they should be:
# NotImplementedError and RuntimeError are zipfile's for what it cannot unpack and for encrypted files.
_DAMAGED = (
    ValueError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    tokenize.TokenError,
    SyntaxError,
)


def read_inputs(
    path: Path,
    ports: Sequence[tuple[str, TensorType]],
    layouts: Mapping[str, tuple[int, ...]] | None = None,
) -> list[Array]:
    """One array [samples, *shape] per port, in the ports' element types.

    A .npy file serves a model with one input; a .npz file is looked up by input name, or by ``x`` or its only
    array when there is one input. A missing leading axis means one sample; float data for an integer input is
    quantized with that input's scale. ``layouts`` names inputs whose dimensions are another array's, rearranged
    (``transpose``): arrays of that other shape are rearranged on reading. Raises InputError.
    """
    found = _load(path)
    if len(ports) == 1 and ports[0][0] not in found:
        key = "x" if "x" in found else next(iter(found)) if len(found) == 1 else None
        chosen: Mapping[str, Array] = {} if key is None else {ports[0][0]: found[key]}
    else:
        chosen = found
    missing = [name for name, _ in ports if name not in chosen]
    if missing:
        wanted = ", ".join(one_line(name, 60) for name, _ in ports)
        raise InputError(
            f"has no array for input {one_line(missing[0], 60)!r}; it has {', '.join(sorted(found)) or 'none'}",
            where=str(path),
            hint=f"Name the arrays after the model's inputs: {wanted}",
        )
    arrays = [fit_array(chosen[name], name, t, path, (layouts or {}).get(name)) for name, t in ports]
    counts = {len(a) for a in arrays}
    if len(counts) != 1:
        raise InputError(f"inputs have different numbers of samples: {sorted(counts)}", where=str(path))
    return arrays


def read_arrays(path: Path, only: str) -> Mapping[str, Array]:
    """The arrays of a .npz file by name, or that of a .npy file under the name ``only``. Raises InputError."""
    found = _load(path)
    return {only: found["x"]} if len(found) == 1 and "x" in found else found


def read_texts(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The arrays of text in a .npz file, flattened, by name; none in other files. Raises InputError."""
    try:
        if not zipfile.is_zipfile(path):
            return {}
        with zipfile.ZipFile(path) as archive:
            members = [i for i in archive.infolist() if i.filename.endswith(".npy") and i.file_size <= _MAX_TEXT_BYTES]
            return {
                i.filename[:-4]: tuple(str(word) for word in _member(archive, i).reshape(-1))
                for i in members
                if _holds(archive, i, "U")
            }
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", where=str(path)) from None
    except _DAMAGED as error:
        raise InputError(f"is damaged ({one_line(str(error), 100)})", where=str(path)) from None


def _load(path: Path) -> Mapping[str, Array]:
    if path.is_dir():
        raise InputError("is a folder, not a .npy or .npz file", where=str(path))
    try:
        with path.open("rb") as stream:
            magic = stream.read(6)
        if magic == b"\x93NUMPY":
            with np.errstate(over="ignore"):  # sizes of a header that lies, which is found next
                return {"x": _bounded(np.load(path, mmap_mode="r", allow_pickle=False), path)}
        if magic[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                if sum(info.file_size for info in archive.infolist()) > _MAX_BYTES:
                    raise InputError("is larger than 2 GiB", where=str(path))
                members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
                return {i.filename[:-4]: _member(archive, i) for i in members if _holds(archive, i, "biuf")}
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", where=str(path)) from None
    except _DAMAGED as error:
        raise InputError(f"is damaged ({one_line(str(error), 100)})", where=str(path)) from None
    raise InputError(
        "is neither a .npy nor a .npz file", where=str(path), hint="Save it with numpy.save or numpy.savez"
    )


def _holds(archive: zipfile.ZipFile, info: zipfile.ZipInfo, kinds: str) -> bool:
    """Whether a .npy file of an archive holds elements of these kinds (NumPy's letters); ValueError if its header
    promises more than there is of it.
    """
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            return False
        shape, _, dtype = _HEADERS[version](stream)
    if dtype.kind not in kinds:
        return False
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > info.file_size:
        raise ValueError(f"{info.filename} is shorter than its header says")
    return True


# Version 3 is for names of fields, which arrays of numbers have not.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def _bounded(array: Array, path: Path) -> Array:
    if array.nbytes > _MAX_BYTES:
        raise InputError("is larger than 2 GiB", where=str(path))
    return array


def _arranged(array: Array, t: TensorType, layout: tuple[int, ...] | None) -> Array:
    """``array`` in the port's layout, when its shape says that it is in the source's."""
    if layout is None:
        return array
    source = tuple(t.shape[layout.index(i)] for i in range(len(layout)))
    order = (0, *(axis + 1 for axis in layout))
    if array.shape == source != t.shape:
        return np.transpose(array, layout)
    if array.shape[1:] == source != t.shape:
        return np.transpose(array, order)
    if source[0] == 1 and layout[0] == 0 and array.shape[1:] == source[1:] != t.shape[1:]:
        return np.transpose(array[:, None], order)
    return array


def fit_array(array: Array, name: str, t: TensorType, path: Path | str, layout: tuple[int, ...] | None = None) -> Array:
    """``array`` as [samples, *shape] in the element type of a port, as ``read_inputs`` makes it.

    ``path`` is for errors. Raises InputError.
    """
    array = _arranged(array, t, layout)
    where = f"{path}, input {name}"
    batch_of_one = t.shape[:1] == (1,)
    if array.shape == t.shape:
        array = array[None]
    elif batch_of_one and array.shape == t.shape[1:]:
        array = array[None, None]
    elif array.shape[1:] != t.shape and batch_of_one and array.shape[1:] == t.shape[1:]:
        array = array[:, None]  # [samples, h, w, c] for a model of batch 1
    if array.shape[1:] != t.shape or array.ndim == 0:
        wanted = ", ".join(map(str, ("samples", *t.shape[batch_of_one:])))
        raise InputError(f"shape is {list(array.shape)}, not [{wanted}]", where=where)
    if len(array) == 0:
        raise InputError("holds no samples", where=where)
    if array.dtype == t.dtype.numpy:
        return np.ascontiguousarray(array)
    if array.dtype.kind == "f" and t.quant is not None:
        if not np.isfinite(array).all():
            raise InputError("has values that are not finite", where=where)
        low, high = t.dtype.limits
        quantized = arith.quantize_float(array.astype(np.float32), t.quant.scale, t.quant.zero_point, low, high)
        return quantized.astype(t.dtype.numpy)
    if array.dtype.kind in "iu" and not t.dtype.is_float:
        low, high = (0, 1) if t.dtype is DType.BOOL else t.dtype.limits
        integers: NDArray[Any] = array
        smallest, largest = int(integers.min()), int(integers.max())
        if smallest < low or largest > high:
            hint = "Give real numbers as floats, which are quantized" if t.quant is not None else ""
            raise InputError(f"values {smallest}..{largest} do not fit into {t.dtype}", where=where, hint=hint)
        return array.astype(t.dtype.numpy)
    if t.dtype.is_float and array.dtype.kind in "fiu":
        with np.errstate(over="ignore"):  # becomes infinite, as a device would have it
            return array.astype(t.dtype.numpy)
    raise InputError(f"element type is {array.dtype}, not {t.dtype}", where=where)
