"""Tensors of an ONNX file as arrays: inline or external data, their sizes checked before anything is read."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np

from microgen.errors import InputError, VerifyError, one_line
from microgen.frontends.onnx.reading import element_type, package
from microgen.mindir import Array
from microgen.mindir.types import MAX_TENSOR_BYTES

if TYPE_CHECKING:
    import onnx

_MAX_RANK = 32


class Tensors:
    """Reads tensors; ``folder`` is where external data may lie, None where there may be none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def array(self, tensor: onnx.TensorProto, where: str = "") -> Array:
        """The tensor's elements. InputError for damaged data, VerifyError for element types NumPy does not have."""
        where = where or tensor.name or "tensor"
        if len(tensor.dims) > _MAX_RANK or any(d < 0 for d in tensor.dims):
            raise InputError(f"has the impossible shape {list(tensor.dims)[:8]}", where=where)
        if tensor.HasField("segment"):
            raise InputError("is stored in segments, which is not supported", where=where)
        onnx_ = package()
        elements = math.prod(tensor.dims)
        try:
            dtype = element_type(tensor.data_type).numpy
        except VerifyError as error:
            raise VerifyError(f"tensor {one_line(where, 80)}: {error.what}") from None
        if elements * dtype.itemsize > MAX_TENSOR_BYTES:
            raise VerifyError(f"tensor {one_line(where, 80)} is larger than {MAX_TENSOR_BYTES >> 20} MiB")
        shape = tuple(int(d) for d in tensor.dims)
        if tensor.data_location == onnx_.TensorProto.EXTERNAL:
            raw = self._external(tensor, elements * dtype.itemsize, where)
            return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != elements * dtype.itemsize:
                raise InputError(
                    f"{len(tensor.raw_data)} bytes of data for {elements} elements of {dtype}",
                    where=where,
                    hint="The file is damaged: export the model again",
                )
            return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        try:
            data = onnx_.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, OverflowError):
            raise InputError(
                "its data do not fit its shape and element type",
                where=where,
                hint="The file is damaged: export the model again",
            ) from None
        return np.asarray(data)

    def _external(self, tensor: onnx.TensorProto, size: int, where: str) -> bytes:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        try:
            offset = int(entries.get("offset", "0"))
            length = int(entries.get("length", str(size)))
        except ValueError:
            raise InputError("offset and length of its external data must be numbers", where=where) from None
        if length != size:
            raise InputError(f"{length} bytes of external data for a tensor of {size} bytes", where=where)
        path = self._path(location, where)
        try:
            available = path.stat().st_size
            if offset < 0 or offset + length > available:
                raise InputError(
                    f"its data end at byte {offset + length} of {one_line(location, 80)}, which has {available}",
                    where=where,
                    hint="The file with the weights is damaged or belongs to another model",
                )
            with path.open("rb") as file:
                file.seek(offset)
                raw = file.read(length)
        except OSError as error:
            raise InputError(
                f"its data in {one_line(location, 80)} cannot be read ({error.strerror})",
                where=where,
                hint="Keep the model and the files with its weights in one folder",
            ) from None
        if len(raw) != length:
            raise InputError(f"{one_line(location, 80)} ended while it was read", where=where)
        return raw

    def _path(self, location: str, where: str) -> Path:
        """The file at ``location``, which must lie in the model's folder, links followed."""
        if self._folder is None:
            raise InputError("its data lie in another file, and the model was not read from a file", where=where)
        relative = PurePosixPath(location)
        drive = PureWindowsPath(location)
        outside = not location or relative.is_absolute() or ".." in drive.parts or drive.drive or drive.root
        if not outside and "\0" not in location:
            folder = self._folder.resolve()
            path = (folder / relative).resolve()
            if path.is_relative_to(folder) and path != folder:
                return path
        raise InputError(
            f"its data lie at {one_line(location, 80)!r}, outside of the model's folder",
            where=where,
            hint="External data are read from the model's own folder only",
        )
