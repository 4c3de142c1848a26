"""What operators exchange with the ONNX frontend and exporter; nothing here imports onnx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Value

#: An attribute of a node: numbers, text, lists of them, or a tensor.
Attribute: TypeAlias = "int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Array"


@dataclass(frozen=True, slots=True)
class OnnxSource:
    """One node of an ONNX file.

    ``inputs`` hold None for absent ones; ``opset`` is the version of the node's domain that the model imports.
    """

    operator: str
    opset: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Attribute]
    outputs: int = 1

    def input(self, index: int) -> Value:
        """The input at ``index``; VerifyError when absent."""
        value = self.optional(index)
        if value is None:
            raise VerifyError(f"input {index} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """The input at ``index``, None when absent."""
        return self.inputs[index] if index < len(self.inputs) else None

    def const(self, index: int) -> Array:
        """The data of the input at ``index``; VerifyError unless it is known at compile time."""
        value = self.input(index)
        if not value.is_const:
            raise VerifyError(f"input {index} ({value.name!r}) must be known at compile time")
        return value.const

    def integers(self, index: int) -> tuple[int, ...]:
        """The elements of the constant integer input at ``index``."""
        data = self.const(index)
        if data.dtype.kind not in "iu":
            raise VerifyError(f"input {index} ({self.input(index).name!r}) must hold integers, not {data.dtype}")
        return tuple(int(v) for v in data.reshape(-1))

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer attribute; VerifyError when it is missing and has no default, or is no integer."""
        value = self._get(name, default)
        if not isinstance(value, int):
            raise VerifyError(f"attribute {name} must be an integer")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A floating-point attribute."""
        value = self._get(name, default)
        if not isinstance(value, (int, float)):
            raise VerifyError(f"attribute {name} must be a number")
        return float(value)

    def text(self, name: str, default: str | None = None) -> str:
        """A text attribute."""
        value = self._get(name, default)
        if not isinstance(value, str):
            raise VerifyError(f"attribute {name} must be text")
        return value

    def integer_list(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of integers."""
        value = self._get(name, default)
        if not isinstance(value, tuple) or not all(isinstance(v, int) for v in value):
            raise VerifyError(f"attribute {name} must be a list of integers")
        return tuple(int(v) for v in value)

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self.attributes

    def _get(self, name: str, default: Attribute | None) -> Attribute:
        value = self.attributes.get(name, default)
        if value is None:
            raise VerifyError(f"attribute {name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class OnnxForm:
    """An operator to be written to an ONNX file: operator of the default domain, inputs, attributes."""

    operator: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


def constant_input(name: str, data: Array) -> Value:
    """A constant operand that an exporter adds to a node."""
    from microgen.mindir import TensorType

    return Value(name, TensorType(DType(str(data.dtype)), data.shape), data)
