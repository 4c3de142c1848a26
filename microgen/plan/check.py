"""Checks a plan without trusting how it was made: plays the steps over a map of which bytes hold what."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Node, Value
from microgen.ops.base import op_of
from microgen.plan.model import Plan


class PlanError(AssertionError):
    """The planner made an unsafe plan: a bug of ours, never the user's fault."""


def check(plan: Plan) -> None:
    """Raise PlanError when any step would read a byte that does not hold what it should.

    Every byte of the arena carries the number of the tensor whose content it holds. Views give their content
    a second name, everything else that is written gets a new number; inputs must be whole when they are read
    and outputs when the last step is done. States are left where they were found, and nothing else is written there.
    """
    content = np.zeros(plan.arena_bytes, dtype=np.int64)
    number: dict[Value, int] = {}

    def span(value: Value) -> slice:
        start = plan.offsets[value]
        if start < 0 or start + value.type.nbytes > plan.arena_bytes:
            raise PlanError(f"{value.name}: [{start}, +{value.type.nbytes}) is outside of the arena")
        if start % max(4, value.type.dtype.size):
            raise PlanError(f"{value.name}: offset {start} is not aligned")
        return slice(start, start + value.type.nbytes)

    def write(value: Value) -> None:
        number[value] = len(number) + 1
        content[span(value)] = number[value]

    def expect(value: Value, where: str) -> None:
        if not value.is_const and not (content[span(value)] == number[value]).all():
            raise PlanError(f"{where}: {value.name} was overwritten")

    for value in plan.graph.sources:
        write(value)
    for value in plan.graph.sources:
        expect(value, "inputs")
    _check_states(plan)
    if [step.node for step in plan.steps] != list(plan.graph.nodes):
        raise PlanError("steps and nodes differ")
    for step in plan.steps:
        node = step.node
        for operand in node.inputs:
            if operand is not None:
                expect(operand, node.name)
        if step.scratch_bytes:
            start = step.scratch_offset
            if start % 8 or start < plan.state_bytes or start + step.scratch_bytes > plan.arena_bytes:
                raise PlanError(f"{node.name}: scratch is misplaced")
            content[start : start + step.scratch_bytes] = -1
            for operand in node.inputs:
                if operand is not None:
                    expect(operand, f"{node.name}: scratch")
        if op_of(node).is_view:
            if plan.offsets[node.output] != plan.offsets[node.input(0)]:
                raise PlanError(f"{node.name}: a view lies elsewhere than its input")
            number[node.output] = number[node.input(0)]
            span(node.output)
            continue
        _check_overlaps(plan, node)
        for value in node.outputs:
            write(value)
        for value in node.outputs:
            expect(value, node.name)
        if step.scratch_bytes and (content[step.scratch_offset : step.scratch_offset + step.scratch_bytes] != -1).any():
            raise PlanError(f"{node.name}: scratch and output overlap")
    for value in plan.graph.results:
        expect(value, "results")


def _check_overlaps(plan: Plan, node: Node) -> None:
    """An output may share bytes with an input only where the operator allows it, and then exactly on top."""
    allowed = op_of(node).in_place_pairs(node)
    for position, output in enumerate(node.outputs):
        start, end = plan.offsets[output], plan.offsets[output] + output.type.nbytes
        for index, value in enumerate(node.inputs):
            if value is None or value.is_const:
                continue
            first = plan.offsets[value]
            if first < end and start < first + value.type.nbytes:
                same_value_allowed = any(o == position and node.inputs[i] is value for o, i in allowed)
                if not same_value_allowed or first != start:
                    raise PlanError(f"{node.name}: output {position} overlaps input {index}")


def _check_states(plan: Plan) -> None:
    """States lie in the first bytes; what lies there belongs to one."""
    owners = {}
    for state in plan.graph.states:
        if plan.offsets[state.before] != plan.offsets[state.after]:
            raise PlanError(f"{state.name}: is left elsewhere than it was found")
        if plan.offsets[state.before] + state.before.type.nbytes > plan.state_bytes:
            raise PlanError(f"{state.name}: lies outside of the states")
        owners[plan.offsets[state.before]] = state
    for value, offset in plan.offsets.items():
        if offset < plan.state_bytes and offset not in owners:
            raise PlanError(f"{value.name}: lies among the states")
