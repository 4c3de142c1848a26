"""Where a path first computes something else than the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.compare.diagnose import Cause, Evidence, diagnose
from microgen.compare.observe import Observation, Place, places
from microgen.compare.surroundings import input_cause, stack_cause
from microgen.compiler import Compiled
from microgen.mindir import Array, Node
from microgen.verification import TOLERANCE, behind_floats


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The first place, in the order of execution, where ``path`` is not the reference."""

    path: str
    layer: int
    node: Node
    sample: int
    invocation: int
    element: tuple[int, ...]
    reference: str
    found: str
    differing: int
    elements: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one path compares: layers that agree, and of those how many to the last bit.

    ``fault`` says how a path ended early, ``layer`` in which layer, where that is known. ``cause`` is what is wrong
    besides the values, ``layer`` then where.
    """

    path: str
    layers: int
    agreeing: int
    exact: int
    largest_steps: int
    disagreement: Disagreement | None
    fault: str = ""
    layer: int | None = None
    cause: Cause | None = None

    @property
    def agrees(self) -> bool:
        """Whether nothing is further off than this path may be, and it ended as it should."""
        return self.disagreement is None and not self.fault and self.cause is None


def compare_paths(compiled: Compiled, expected: Observation, found: Observation) -> Comparison:
    """``found`` against the reference's ``expected`` on the same inputs."""
    nodes = compiled.graph.nodes
    total = len(places(compiled))
    stack = stack_cause(compiled, found.stack)
    if found.fault:
        running = found.stack.running if found.stack is not None else None
        return Comparison(found.path, total, 0, 0, 0, None, found.fault, running, stack)
    floats = behind_floats(compiled.graph)
    first: tuple[Place, NDArray[np.bool_]] | None = None
    agreeing = exact = steps = 0
    for place in places(compiled):
        wanted, got = expected.layers[place], found.layers[place]
        value = nodes[place[0]].outputs[place[1]]
        off, worst = _differing(wanted, got, found.exact and value not in floats)
        exact += int(_same_bytes(wanted, got))
        agreeing += int(not off.any())
        if value.type.quant is not None:
            steps = max(steps, worst)
        if off.any() and first is None:
            first = place, off
    if first is None:
        passed = found.stack.overflow if found.stack is not None else None
        return Comparison(found.path, total, agreeing, exact, steps, None, layer=passed, cause=stack)
    place, off = first
    outside = stack or input_cause(compiled, expected.inputs, found.inputs)
    disagreement = _describe(compiled, expected, found, place, off, outside)
    return Comparison(found.path, total, agreeing, exact, steps, disagreement)


def _same_bytes(wanted: Array, got: Array) -> bool:
    return all(wanted[:, 0].tobytes() == np.ascontiguousarray(got[:, i]).tobytes() for i in range(got.shape[1]))


def _differing(wanted: Array, got: Array, exact: bool) -> tuple[NDArray[np.bool_], int]:
    """Which elements differ by more than is allowed, and for integers by how many steps at most."""
    if wanted.dtype.kind == "f":
        a, b = wanted.astype(np.float64), got.astype(np.float64)
        finite = np.abs(a[np.isfinite(a)])
        allowed = float(finite.max(initial=0.0)) * TOLERANCE
        with np.errstate(invalid="ignore"):
            near = (np.abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b))
        return ~near, 0
    distance = np.abs(wanted.astype(np.int64) - got.astype(np.int64))
    return distance > (0 if exact else 1), int(distance.max(initial=0))


def _describe(
    compiled: Compiled,
    expected: Observation,
    found: Observation,
    place: Place,
    off: NDArray[np.bool_],
    outside: Cause | None,
) -> Disagreement:
    node = compiled.graph.nodes[place[0]]
    wanted, got = expected.layers[place], found.layers[place]
    sample, invocation, *element = (int(i) for i in np.argwhere(off)[0])
    earlier = [p for p in places(compiled) if p[0] < place[0]]
    clean = all(_same_bytes(expected.layers[p], found.layers[p]) for p in earlier)
    evidence = Evidence(compiled, place[0], wanted[:, 0], got, off, found.path, clean)
    return Disagreement(
        found.path,
        place[0],
        node,
        sample,
        invocation,
        tuple(element),
        str(wanted[(sample, 0, *element)]),
        str(got[(sample, invocation, *element)]),
        int(off.sum()),
        int(off.size),
        outside or diagnose(evidence),
    )
