"""LOGICAL_AND and its kin: operations on truth values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.mindir import DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample, constraint, device_constraint
from microgen.ops.binary import Binary, float_samples
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import short
from microgen.ops.unary import Unary


@dataclass(frozen=True)
class LogicalNot(Unary):
    """Whether x is false."""

    name: ClassVar[str] = "LogicalNot"
    tflite: ClassVar[tuple[str, ...]] = ("LOGICAL_NOT",)
    tflite_options: ClassVar[str | None] = "LogicalNotOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Not",)
    mindspore: ClassVar[tuple[str, ...]] = ("LogicalNot",)
    quantizes: ClassVar[bool] = False

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """input and output are bool"""
        dtype = node.input(0).type.dtype
        return None if dtype is DType.BOOL else f"{short(node.input(0))} is {dtype}"

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """input and output are bool"""
        return None

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.logical_not(x)
        return result

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call("mg_logical_not", (Input(0), Output(), Int(node.output.type.elements))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape in (("image", (1, 3, 4, 5)), ("one", (1,)), ("odd", (67,))):
            yield sampling.single(cls(), id, [TensorType(DType.BOOL, shape)], None)


@dataclass(frozen=True)
class Logical(Binary):
    """An operation on two truth values."""

    quantizes: ClassVar[bool] = False

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """inputs and output are bool"""
        dtype = node.input(0).type.dtype
        return None if dtype is DType.BOOL else f"{short(node.input(0))} is {dtype}"

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """inputs and output are bool"""
        return None

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call(f"mg_{self.stem}", (self.float_params(node), Input(0), Input(1), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from float_samples(cls(), DType.BOOL, "bool")


@dataclass(frozen=True)
class LogicalAnd(Logical):
    """Whether both are true."""

    name: ClassVar[str] = "LogicalAnd"
    stem: ClassVar[str] = "logical_and"
    tflite: ClassVar[tuple[str, ...]] = ("LOGICAL_AND",)
    tflite_options: ClassVar[str | None] = "LogicalAndOptions"
    onnx: ClassVar[tuple[str, ...]] = ("And",)
    mindspore: ClassVar[tuple[str, ...]] = ("LogicalAnd",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.logical_and(first, second)
        return result


@dataclass(frozen=True)
class LogicalOr(Logical):
    """Whether one is true, or both."""

    name: ClassVar[str] = "LogicalOr"
    stem: ClassVar[str] = "logical_or"
    tflite: ClassVar[tuple[str, ...]] = ("LOGICAL_OR",)
    tflite_options: ClassVar[str | None] = "LogicalOrOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Or",)
    mindspore: ClassVar[tuple[str, ...]] = ("LogicalOr",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.logical_or(first, second)
        return result


@dataclass(frozen=True)
class LogicalXor(Logical):
    """Whether one is true, but not both."""

    name: ClassVar[str] = "LogicalXor"
    stem: ClassVar[str] = "logical_xor"
    onnx: ClassVar[tuple[str, ...]] = ("Xor",)
    mindspore: ClassVar[tuple[str, ...]] = ("LogicalXor",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.logical_xor(first, second)
        return result
