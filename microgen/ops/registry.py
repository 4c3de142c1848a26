"""Finds every operator by scanning this package: a new module is all it takes."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil

import microgen.ops
from microgen.ops.base import Op
from microgen.ops.control import ControlFlow


@functools.cache
def operators() -> tuple[type[Op], ...]:
    """All concrete operators but those that run sub-graphs, sorted by name."""
    found: dict[str, type[Op]] = {}
    for info in pkgutil.iter_modules(microgen.ops.__path__):
        module = importlib.import_module(f"microgen.ops.{info.name}")
        for member in vars(module).values():
            if not (inspect.isclass(member) and issubclass(member, Op)) or inspect.isabstract(member):
                continue
            if not hasattr(member, "name"):
                continue  # what several operators share
            if issubclass(member, ControlFlow):
                continue  # no kernel and no samples: what stands in its sub-graphs has them
            other = found.setdefault(member.name, member)
            assert other is member, f"two operators are named {member.name}"
    return tuple(found[name] for name in sorted(found))


@functools.cache
def by_tflite_name() -> dict[str, type[Op]]:
    """Operators by TensorFlow Lite builtin name."""
    table: dict[str, type[Op]] = {}
    for operator in operators():
        for name in operator.tflite:
            assert name not in table, f"{name} is claimed by {table[name].name} and {operator.name}"
            table[name] = operator
    return table


@functools.cache
def by_tflite_custom_code() -> dict[str, type[Op]]:
    """Operators by the code of a TensorFlow Lite custom operator."""
    table: dict[str, type[Op]] = {}
    for operator in operators():
        for code in operator.tflite_custom:
            assert code not in table, f"{code} is claimed by {table[code].name} and {operator.name}"
            table[code] = operator
    return table


@functools.cache
def by_onnx_name() -> dict[str, type[Op]]:
    """Operators by ONNX name, default domain."""
    table: dict[str, type[Op]] = {}
    for operator in operators():
        for name in operator.onnx:
            assert name not in table, f"{name} is claimed by {table[name].name} and {operator.name}"
            table[name] = operator
    return table


@functools.cache
def by_mindspore_name() -> dict[str, type[Op]]:
    """Operators by MindSpore primitive."""
    table: dict[str, type[Op]] = {}
    for operator in operators():
        for name in operator.mindspore:
            assert name not in table, f"{name} is claimed by {table[name].name} and {operator.name}"
            table[name] = operator
    return table
