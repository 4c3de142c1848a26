"""Causes that lie outside of the layers: the stack that they run on, and what the application writes to the inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microgen.compare.diagnose import Cause, moved_dimensions, same_values
from microgen.compare.observe import Stack
from microgen.compiler import Compiled
from microgen.mindir import Array, Value
from microgen.target.fault import STACK_FAULT

# Elements that a relation between the two inputs must explain, and how many must tell something of it.
_MOST = 0.97
_FEWEST = 8
# Quantizing otherwise gives what rounding twice leaves open.
_STEPS = 1.0
_PART = 1e-4
# Proposed in place of a stack that is too small.
_TIMES = 4


def stack_cause(compiled: Compiled, stack: Stack | None) -> Cause | None:
    """The stack, where it was too small."""
    if stack is None or stack.overflow is None:
        return None
    layer = f"layer {stack.overflow} ({compiled.graph.nodes[stack.overflow].op.name})"
    if stack.faulted:
        why = f"the program ended in {layer}, below the {stack.reserved} bytes of stack that are reserved"
    else:
        why = f"{layer} wrote to the very end of the {stack.reserved} bytes of stack, and perhaps to what lies below"
    larger = (stack.reserved * _TIMES + 7) // 8 * 8
    confirm = f"Compile with --stack {larger}: that must agree, and microgen run then says how much is in use"
    return Cause(STACK_FAULT, why, confirm)


def input_cause(compiled: Compiled, expected: Sequence[Array], seen: Sequence[Array]) -> Cause | None:
    """The inputs, where the network did not find what it was to be given; both are [samples, invocations, *shape]."""
    for index, value in enumerate(compiled.graph.inputs):
        if index < len(seen) and (cause := _input_cause(compiled, index, value, expected[index], seen[index])):
            return cause
    return None


def _input_cause(compiled: Compiled, index: int, value: Value, expected: Array, seen: Array) -> Cause | None:
    wanted, found = expected[:, 0], seen[:, 0]
    macro = f"{compiled.name.upper()}_INPUT_{index}"
    if found.tobytes() == np.ascontiguousarray(wanted).tobytes():
        if all(np.ascontiguousarray(seen[:, i]).tobytes() == found.tobytes() for i in range(seen.shape[1])):
            return None
        what = f"input {index} is right in the first run and not in the next: its memory is used again"
        return Cause("stale memory", what, "Write the inputs again before each _invoke")
    order = moved_dimensions(wanted, found)
    if order is not None:
        what = f"input {index} has the right values in the order of dimensions {list(order)}"
        return Cause("layout", what, f"Compare with the comment of {macro} in the header")
    if same_values(wanted, found):
        what = f"input {index} has the right values in other places"
        return Cause("layout", what, f"Compare with the shape of {macro} in the header")
    quant = value.type.quant
    zero = quant.zero_point if quant is not None and quant.is_per_tensor else 0
    confirm = f"Print the first elements of input {index} before _invoke"
    if quant is not None:
        confirm += f"; quantize with {macro}_SCALE and {macro}_ZERO_POINT"
    relation = _relation(wanted, found, zero, quant.scale if quant is not None and quant.is_per_tensor else 0.0)
    if relation is not None:
        return Cause("wrong I/O scale", f"input {index} itself is another one: {relation}", confirm)
    return Cause("wrong input", f"input {index} itself is another one, and no scale explains it", confirm)


def _relation(wanted: Array, found: Array, zero: int, scale: float) -> str | None:
    """How ``found`` follows from ``wanted`` if both were made of the same real numbers; None where it does not.

    ``scale`` is 0 where there is none.
    """
    a, b = wanted.reshape(-1).astype(np.float64), found.reshape(-1).astype(np.float64)
    if wanted.dtype.kind in "iu":
        limits = np.iinfo(str(wanted.dtype))
        span = limits.max - limits.min + 1
        turned = np.mod(b - a, span)
        if (turned == turned[0]).all():
            return f"all elements are {int(turned[0])} further, modulo {span} (another type's zero point)"
        free = (b > limits.min) & (b < limits.max) & (a > limits.min) & (a < limits.max)
    elif wanted.dtype.kind == "f":
        free = np.isfinite(a) & np.isfinite(b)
    else:
        return None
    if free.sum() < _FEWEST or np.ptp(a[free]) == 0:
        return None
    factor, shift = (float(x) for x in np.polyfit(a[free] - zero, b[free] - zero, 1))
    allowed = _STEPS + max(abs(factor), 1.0) / 2 if wanted.dtype.kind in "iu" else np.abs(b[free]).max() * _PART
    off: NDArray[np.float64] = np.abs(factor * (a[free] - zero) + shift + zero - b[free])
    if not np.ptp(b[free]) or (off <= allowed).mean() < _MOST:
        return None
    what = f"its elements are {factor:.4g} times what they must be, and {shift:+.4g}"
    if scale and factor:
        what += f", as with a scale near {scale / factor:.4g} and a zero point near {zero + shift:.0f}"
    return what
