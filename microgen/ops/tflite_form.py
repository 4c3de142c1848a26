"""What passes between an operator and the TensorFlow Lite frontend and exporter; neither imports tflite here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, Graph, Value

Option = int | float | bool | tuple[int, ...]
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class TFLiteSource:
    """One operator of a .tflite file.

    ``option`` looks a field of the options table up by its name in the schema's generated Python accessors
    (``"StrideH"``); a missing table or field gives the schema's default. Those of a custom operator are looked up by
    their key; VerifyError for a missing one. ``inputs`` hold None for absent ones; those at the places ``int4`` are
    packed in the file and int8 here.
    """

    operator: str
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    option: Callable[[str], Option]
    int4: tuple[int, ...] = ()

    def input(self, index: int) -> Value:
        """The input at ``index``; VerifyError when absent."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise VerifyError(f"input {index} is missing")
        return value

    def const(self, index: int) -> Array:
        """The data of the constant input at ``index``; VerifyError when absent or computed at run time."""
        value = self.input(index)
        if not value.is_const:
            raise VerifyError(f"input {index} ({value.name!r}) must be a constant")
        return value.const

    def integers(self, index: int) -> tuple[int, ...]:
        """The elements of the constant integer input at ``index``; VerifyError for any other input."""
        data = self.const(index)
        if data.dtype.kind not in "iu":
            raise VerifyError(f"input {index} ({self.input(index).name!r}) must hold integers, not {data.dtype}")
        return tuple(data.reshape(-1).tolist())

    def int_option(self, name: str) -> int:
        """An integer field; VerifyError for an option of a custom operator that is none."""
        value = self.option(name)
        if not isinstance(value, int):
            raise VerifyError(f"option {name!r} is {value!r}, not an integer")
        return value

    def float_option(self, name: str) -> float:
        """A number, as float32 has it; VerifyError for an option that is none or no finite one."""
        value = self.option(name)
        if isinstance(value, tuple) or not abs(value) <= _LARGEST_FLOAT:
            raise VerifyError(f"option {name!r} is {value!r}, not a finite number")
        return float(np.float32(value))

    def given(self, name: str) -> bool:
        """Whether a custom operator has the option."""
        try:
            self.option(name)
        except VerifyError:
            return False
        return True

    def pair(self, height: str, width: str) -> tuple[int, int]:
        """Two integer fields, both at least 1."""
        pair = (self.int_option(height), self.int_option(width))
        if min(pair) < 1:
            raise VerifyError(f"{height} and {width} must be at least 1, not {pair[0]} and {pair[1]}")
        return pair

    def enum(self, name: str, names: tuple[str, ...]) -> str:
        """An enumeration's name; VerifyError for a number that the schema does not have."""
        value = self.int_option(name)
        if not 0 <= value < len(names):
            raise VerifyError(f"{name} has the unknown value {value}")
        return names[value]


PADDING = ("SAME", "VALID")
ACTIVATION = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


@dataclass(frozen=True, slots=True)
class TFLiteForm:
    """An operator to be written to a .tflite file: builtin name, options table and fields, inputs.

    With ``custom``, ``operator`` is the code of a custom operator and ``options``, numbers, are written as a
    FlexBuffers map. ``graphs`` are the sub-graphs whose numbers are further fields of the options.
    Constant inputs at the places ``int4`` are written as int4, packed.
    """

    operator: str
    inputs: tuple[Value | None, ...]
    options_table: str | None = None
    options: Mapping[str, Option | str] = field(default_factory=dict)
    version: int = 1
    custom: bool = False
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    int4: tuple[int, ...] = ()
