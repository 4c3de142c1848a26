"""From the numbers of the first layer that differs to the likely cause, and how to confirm it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.compiler import Compiled
from microgen.mindir import Array, Node
from microgen.ops.base import op_of

# Elements that a relation between found and expected values must explain.
_MOST = 0.97
# An axis permutation is looked for in tensors up to this rank.
_MAX_RANK = 5
# Elements that must have been clamped otherwise before limits are blamed.
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """``kind`` is one of a few words; ``why`` is what the numbers show, ``confirm`` what to do to be sure."""

    kind: str
    why: str
    confirm: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The first layer of a path that differs: ``expected`` [samples, *shape], ``found`` [samples, invocations, *shape]
    and which elements of that differ. The layers before it agree: to the last bit where ``clean``, otherwise as far as
    the path must.
    """

    compiled: Compiled
    layer: int
    expected: Array
    found: Array
    differs: NDArray[np.bool_]
    path: str
    clean: bool

    @property
    def node(self) -> Node:
        """The layer."""
        return self.compiled.graph.nodes[self.layer]

    @property
    def signed(self) -> NDArray[np.float64]:
        """found - expected of the first invocation."""
        difference: NDArray[np.float64] = self.found[:, 0].astype(np.float64) - self.expected.astype(np.float64)
        return difference


def diagnose(evidence: Evidence) -> Cause:
    """The first explanation that holds, the most specific ones first."""
    for rule in _RULES:
        if (cause := rule(evidence)) is not None:
            return cause
    return Cause(
        "unknown",
        "the values follow no pattern: the layer computes something else, or its memory is written over",
        f"Run this layer alone on the same inputs: microgen verify --samples 1, then compare {_label(evidence)}",
    )


def _label(evidence: Evidence) -> str:
    return f"layer {evidence.layer} ({evidence.node.op.name})"


def _scratch(evidence: Evidence) -> Cause | None:
    """Scratch that was planned smaller than a kernel asks for: the layer that has it writes over others' tensors."""
    plan = evidence.compiled.plan
    for index, step in enumerate(plan.steps[: evidence.layer + 1]):
        op = op_of(step.node)
        calls = () if op.is_view else plan.target.bind(step.node, op.lower(step.node, plan.target))
        needed = max((call.scratch for call in calls), default=0)
        if needed > step.scratch_bytes:
            return Cause(
                "scratch size",
                f"layer {index} ({step.node.op.name}) has {step.scratch_bytes} bytes of scratch and writes {needed}",
                f"Give SCRATCH_{index} of the memory map {needed} bytes; compile the model again",
            )
    return None


def _stale(evidence: Evidence) -> Cause | None:
    found = evidence.found
    if found.shape[1] < 2 or found[:, 0].tobytes() == np.ascontiguousarray(found[:, 1]).tobytes():
        return None
    return Cause(
        "stale memory",
        "two invocations on the same input give different values: the layer reads memory that nobody wrote",
        "Fill the arena with another pattern before _init and see the values change",
    )


def moved_dimensions(expected: Array, found: Array) -> tuple[int, ...] | None:
    """The order of dimensions in which ``expected`` [samples, *shape] is ``found``; None where there is no other."""
    shape = expected.shape[1:]
    if not 2 <= len(shape) <= _MAX_RANK or (expected == expected.reshape(-1)[0]).all():
        return None
    for order in itertools.permutations(range(len(shape))):
        moved = np.transpose(expected, (0, *(axis + 1 for axis in order)))
        if order != tuple(sorted(order)) and moved.reshape(found.shape).tobytes() == found.tobytes():
            return order
    return None


def same_values(expected: Array, found: Array) -> bool:
    """Whether each sample has the same values, wherever they stand."""
    flat_expected, flat_found = (np.sort(a.reshape(len(a), -1), axis=1) for a in (expected, found))
    return flat_expected.tobytes() == flat_found.tobytes()


def _layout(evidence: Evidence) -> Cause | None:
    """The same values in another order."""
    expected, found = evidence.expected, evidence.found[:, 0]
    shape = expected.shape[1:]
    if len(shape) < 2 or expected.size == len(expected) or (expected == expected.reshape(-1)[0]).all():
        return None
    if (order := moved_dimensions(expected, found)) is not None:
        return Cause(
            "layout",
            f"the values are right and stand in the order of dimensions {list(order)} of {list(shape)}",
            "Compare the order of dimensions that the code before this layer writes with the header's SHAPE",
        )
    if same_values(expected, found):
        what = "the values are right and stand in other places"
        return Cause("layout", what, "Compare strides and dimensions of the kernel's call with the layer's shapes")
    return None


def _added_up(evidence: Evidence) -> Cause | None:
    """A path that rounds otherwise: its inputs here were not the reference's to the last bit."""
    if evidence.clean:
        return None
    return Cause(
        "rounding",
        f"earlier layers are off as far as this path may be; here {evidence.differs.mean():.2%} of the elements "
        f"are further off, the worst by {np.abs(evidence.signed).max():.4g}",
        "Nothing is wrong with a layer that is close on the reference's own inputs: look at the outputs' agreement",
    )


def _rounding(evidence: Evidence) -> Cause | None:
    if evidence.expected.dtype.kind == "f" or np.abs(evidence.signed).max() > 1:
        return None
    found = evidence.found[:, 0].astype(np.int64)
    limits = np.iinfo(str(evidence.found.dtype))
    inside = np.asarray((found > limits.min) & (found < limits.max))
    free = evidence.signed[inside]
    if free.size and max((free > 0).mean(), (free < 0).mean()) > _MOST:
        # All in one direction: that is no rounding, but a zero point or a bias.
        return None
    return Cause(
        "rounding",
        f"{evidence.differs.mean():.2%} of the elements are one step off",
        "Compare how the path rounds: gemmlowp's double rounding, once, or to even (docs/exporters.md)",
    )


def _saturation(evidence: Evidence) -> Cause | None:
    """Values at the other end of the range: something wrapped or was clamped where the reference was not."""
    if evidence.expected.dtype.kind == "f":
        return None
    limits = np.iinfo(str(evidence.expected.dtype))
    off = evidence.differs[:, 0]
    found, signed = evidence.found[:, 0][off], evidence.signed[off]
    clamped = np.isin(found, (limits.min, limits.max)).mean()
    wrapped = (np.abs(signed) > 0.75 * (limits.max - limits.min)).mean()
    if wrapped > _MOST:
        return Cause("saturation", "values jump to the other end of the range: they wrap", "Look for a missing clamp")
    if (what := _other_limits(evidence)) is not None:
        return Cause("saturation", what, "Compare the activation's limits in the kernel's parameters")
    if clamped > _MOST and len(np.unique(found)) == 1:
        what = f"every value that differs is {found[0]}, the end of the range"
        return Cause("saturation", what, "Compare the activation's limits in the kernel's parameters")
    return None


def _other_limits(evidence: Evidence) -> str | None:
    """Whether everything that differs was clamped to other limits, or not clamped."""
    found, expected, off = evidence.found[:, 0], evidence.expected, evidence.differs[:, 0]
    if off.sum() < _FEWEST:
        return None
    for inner, outer, whose in ((found, expected, "the path"), (expected, found, "the reference")):
        ends = np.unique(inner[off])
        # A limit that one of the two has: at most one at each end, and the other goes beyond in many ways.
        if len(ends) <= 2 and len(np.unique(outer[off])) >= 3 and (inner == outer.clip(inner.min(), inner.max())).all():
            return f"the values are the same within limits; {whose} ends at {' and '.join(map(str, ends))}"
    return None


def _channels(evidence: Evidence) -> Cause | None:
    """One output channel, or all of them: weight, bias, multiplier or scale."""
    expected, found = evidence.expected, evidence.found[:, 0]
    if expected.ndim < 2 or evidence.expected.dtype.kind == "f":
        return None
    off = evidence.differs[:, 0].reshape(-1, expected.shape[-1])
    channels = np.flatnonzero(off.any(axis=0))
    quant = evidence.node.outputs[0].type.quant
    zero = quant.zero_point if quant is not None and quant.is_per_tensor else 0
    a = expected.reshape(-1, expected.shape[-1])[:, channels].astype(np.float64) - zero
    b = found.reshape(-1, expected.shape[-1])[:, channels].astype(np.float64) - zero
    limits = np.iinfo(str(expected.dtype))
    free = (a + zero > limits.min) & (a + zero < limits.max) & (b + zero > limits.min) & (b + zero < limits.max)
    if not free.any():
        return None
    one = len(channels) == 1 and expected.shape[-1] > 1
    place = f"output channel {channels[0]}" if one else f"{len(channels)} of {expected.shape[-1]} output channels"
    factor = float((a[free] * b[free]).sum() / max((a[free] ** 2).sum(), 1e-9))
    proportional = bool((np.abs(b[free] - factor * a[free]) <= 1.0 + abs(factor)).mean() > _MOST)
    shift = float(np.round((b - a)[free].mean()))
    constant = bool((np.abs((b - a)[free] - shift) <= 1.0).mean() > _MOST)
    has_weights = any(v is not None and v.is_const for v in evidence.node.inputs)
    if proportional and not (constant and np.ptp(a[free]) > 8):
        if one:
            what = f"{place} is {factor:.4g} times what it must be"
            return Cause("multiplier", what, "Compare this channel's multiplier and shift in the weights file")
        what = f"{place} are {factor:.4g} times what they must be"
        return Cause("scale", what, "Compare scales and zero points of this layer's input and output with the model's")
    if constant:
        kind = "bias" if has_weights else "zero point"
        return Cause(kind, f"{place}: everything is {shift:+.0f} steps off", f"Compare this layer's {kind} values")
    if has_weights and one:
        what = f"only {place} differs, and by amounts that depend on the input"
        return Cause("weight", what, "Compare this channel's weights with the model's")
    return None


_RULES: tuple[Callable[[Evidence], Cause | None], ...] = (
    _scratch,
    _stale,
    _layout,
    _added_up,
    _saturation,
    _rounding,
    _channels,
)
