"""The model's inputs: their types, the shapes that the file leaves open, values fixed by the user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from microgen.errors import InputError, VerifyError, one_line
from microgen.frontends.onnx.context import Known
from microgen.frontends.onnx.reading import element_type
from microgen.frontends.options import ImportOptions
from microgen.mindir import Array, TensorType

if TYPE_CHECKING:
    import onnx


def check_options(options: ImportOptions, names: Iterable[str]) -> None:
    """InputError for a shape or value given for an input that the model does not have."""
    known = list(names)
    for name in (*options.input_shapes, *options.constants):
        if name not in known:
            listed = ", ".join(one_line(n, 40) for n in known[:20])
            raise InputError(f"the model has no input {one_line(name, 80)!r}", hint=f"Its inputs are {listed}")


class Shapes:
    """Shapes of inputs. The first dimension, when unknown, is the batch and becomes 1; a named dimension that the user
    gave for one input is known for all.
    """

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._symbols: dict[str, int] = {}

    def type_of(self, given: onnx.ValueInfoProto) -> TensorType:
        """The input's type; VerifyError when it is no tensor, of a type that is not supported or of unknown shape."""
        tensor = _tensor_type(given)
        dtype = element_type(tensor.elem_type)
        wanted = self._options.input_shapes.get(given.name)
        dims = list(tensor.shape.dim) if tensor.HasField("shape") else None
        if wanted is None:
            shape = self._from_file(given.name, dims)
        else:
            shape = tuple(int(d) for d in wanted)
            if dims is not None:
                self._bind(given.name, dims, shape)
        return TensorType(dtype, shape)

    def _from_file(self, name: str, dims: list[onnx.TensorShapeProto.Dimension] | None) -> tuple[int, ...]:
        if dims is None:
            raise VerifyError("its shape is not known", hint=_hint(name, (1, 3, 32, 32)))
        shape = []
        for i, dim in enumerate(dims):
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                shape.append(int(dim.dim_value))
            else:
                unknown = 1 if i == 0 else -1
                shape.append(self._symbols.get(dim.dim_param, unknown) if dim.dim_param else unknown)
        if -1 in shape:
            text = ", ".join(_text(dim) for dim in dims)
            example = tuple(d if d > 0 else 32 for d in shape)
            raise VerifyError(f"its shape [{text}] is not fixed", hint=_hint(name, example))
        return tuple(shape)

    def _bind(self, name: str, dims: list[onnx.TensorShapeProto.Dimension], shape: tuple[int, ...]) -> None:
        fixed = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims]
        if len(dims) != len(shape) or any(f not in (None, s) for f, s in zip(fixed, shape, strict=True)):
            text = ", ".join(_text(dim) for dim in dims)
            raise InputError(f"shape {list(shape)} was given for input {one_line(name, 80)!r}, the model has [{text}]")
        for dim, size in zip(dims, shape, strict=True):
            if dim.dim_param:
                self._symbols.setdefault(dim.dim_param, size)


def fixed(given: onnx.ValueInfoProto, data: Array) -> Known:
    """An input fixed to a value; InputError when it does not fit the input's type."""
    tensor = _tensor_type(given)
    array = np.asarray(data)
    dtype = element_type(tensor.elem_type).numpy
    dims = list(tensor.shape.dim) if tensor.HasField("shape") else None
    fits = dims is None or (
        len(dims) == array.ndim
        and all(not d.HasField("dim_value") or d.dim_value == n for d, n in zip(dims, array.shape, strict=True))
    )
    if array.dtype != dtype or not fits:
        shape = "" if dims is None else f" [{', '.join(_text(d) for d in dims)}]"
        raise InputError(f"is {dtype}{shape}, not {array.dtype} {list(array.shape)}", where=one_line(given.name, 80))
    return Known(given.name, array)


def _tensor_type(given: onnx.ValueInfoProto) -> onnx.TypeProto.Tensor:
    kind = given.type.WhichOneof("value")
    if kind != "tensor_type":
        raise VerifyError(f"it is a {(kind or 'value of unknown type').replace('_type', '')}, not a tensor")
    return given.type.tensor_type


def _text(dim: onnx.TensorShapeProto.Dimension) -> str:
    return str(dim.dim_value) if dim.HasField("dim_value") else one_line(dim.dim_param, 40) or "?"


def _hint(name: str, shape: tuple[int, ...]) -> str:
    return f"Give it with --input-shape {one_line(name, 80)}:{','.join(map(str, shape))}"
