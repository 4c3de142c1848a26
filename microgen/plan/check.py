"""Checks a plan without trusting how it was made: plays the steps over a map of which bytes hold what."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Node, Value
from microgen.ops.base import op_of
from microgen.ops.call import Input, Output
from microgen.plan.lifetime import SCRATCH_ALIGNMENT
from microgen.plan.model import COPY, Plan, Step


class PlanError(AssertionError):
    """The planner made an unsafe plan: a bug of ours, never the user's fault."""


def check(plan: Plan) -> None:
    """Raise PlanError when any step would read a byte that does not hold what it should.

    Every word of the arena carries the number of the tensor whose content it holds. Views give their content
    a second name, everything else that is written gets a new number; inputs must be whole when they are read
    and outputs when the last step is done. States are left where they were found, and nothing else is written there.
    """
    # Everything starts at a multiple of four bytes, so that words tell as much as bytes.
    content = np.zeros(-(-plan.arena_bytes // 4), dtype=np.int32)
    number: dict[Value, int] = {}

    def span(value: Value) -> slice:
        start = plan.offsets[value]
        if start < 0 or start + value.type.nbytes > plan.arena_bytes:
            raise PlanError(f"{value.name}: [{start}, +{value.type.nbytes}) is outside of the arena")
        if start % max(4, value.type.dtype.size):
            raise PlanError(f"{value.name}: offset {start} is not aligned")
        return _words(start, value.type.nbytes)

    def write(value: Value) -> None:
        number[value] = len(number) + 1
        content[span(value)] = number[value]

    def expect(value: Value, where: str) -> None:
        if value.is_const and value not in number:
            return
        if not (content[span(value)] == number[value]).all():
            raise PlanError(f"{where}: {value.name} was overwritten")

    for value in (*plan.graph.sources, *plan.made_at_start):
        write(value)
    for value in (*plan.graph.sources, *plan.made_at_start):
        expect(value, "inputs")
    _check_states(plan)
    if [step.node for step in plan.steps] != list(plan.graph.nodes):
        raise PlanError("steps and nodes differ")
    for step in plan.steps:
        node = step.node
        for operand in node.inputs:
            if operand is not None:
                expect(operand, node.name)
        inside = _inside(plan, step)
        _check_sub_graphs(step)
        if step.scratch_bytes:
            start = step.scratch_offset
            alignments = [*(call.scratch_alignment for call in step.calls), *(plan.alignment for plan in step.inner)]
            alignment = max(SCRATCH_ALIGNMENT, *alignments)
            end = start + step.scratch_bytes
            if start % alignment or start < plan.state_bytes or end > plan.arena_bytes:
                raise PlanError(f"{node.name}: scratch is misplaced")
            content[_words(start, step.scratch_bytes)] = -1
            for operand in node.inputs:
                if operand is not None and operand not in inside:
                    expect(operand, f"{node.name}: scratch")
        if op_of(node).is_view:
            if plan.offsets[node.output] != plan.offsets[node.input(0)]:
                raise PlanError(f"{node.name}: a view lies elsewhere than its input")
            number[node.output] = number[node.input(0)]
            span(node.output)
            continue
        _check_overlaps(plan, node, inside)
        for value in node.outputs:
            write(value)
        for value in node.outputs:
            expect(value, node.name)
        for value in inside & set(node.outputs):
            content[span(value)] = -1
        if step.scratch_bytes and (content[_words(step.scratch_offset, step.scratch_bytes)] != -1).any():
            raise PlanError(f"{node.name}: scratch and output overlap")
        for value in inside & set(node.outputs):
            content[span(value)] = number[value]
    for value in (*plan.graph.results, *plan.made_at_start):
        expect(value, "results")


def _words(start: int, size: int) -> slice:
    """The words in which ``size`` bytes lie that begin with one."""
    return slice(start // 4, -(-(start + size) // 4))


def _check_sub_graphs(step: Step) -> None:
    """Every sub-graph has a plan that holds by itself and fits into the step's scratch."""
    if [plan.graph for plan in step.inner] != list(op_of(step.node).graphs):
        raise PlanError(f"{step.node.name}: plans and sub-graphs differ")
    for plan in step.inner:
        check(plan)
        if plan.arena_bytes > step.scratch_bytes or plan.state_bytes:
            raise PlanError(f"{step.node.name}: a sub-graph has no room in the scratch")


def _inside(plan: Plan, step: Step) -> set[Value]:
    """The inputs and outputs that lie in the step's scratch where its operator says, the others being copied.

    Those it says this of must fit into the scratch; inputs must not share bytes there, nor must outputs.
    """
    node, found = step.node, set[Value]()
    spans: dict[type, list[tuple[int, int]]] = {Input: [], Output: []}
    copied = 0
    for inside in op_of(node).inside(node):
        index = inside.operand.index
        value = node.input(index) if isinstance(inside.operand, Input) else node.outputs[index]
        end = inside.offset + value.type.nbytes
        others = spans[type(inside.operand)]
        if inside.offset < 0 or end > step.scratch_bytes or any(a < end and inside.offset < b for a, b in others):
            raise PlanError(f"{node.name}: {value.name} has no place of its own in the scratch")
        others.append((inside.offset, end))
        if plan.offsets.get(value) == step.scratch_offset + inside.offset:
            found.add(value)
        else:
            copied += 1
    if copied and copied != sum(call.function == COPY for call in step.calls):
        raise PlanError(f"{node.name}: an input or output is not copied")
    return found


def _check_overlaps(plan: Plan, node: Node, inside: set[Value]) -> None:
    """An output may share bytes with an input only where the operator allows it, and then exactly on top, or where both
    lie in its scratch as it wants them.
    """
    allowed = op_of(node).in_place_pairs(node)
    for position, output in enumerate(node.outputs):
        start, end = plan.offsets[output], plan.offsets[output] + output.type.nbytes
        for index, value in enumerate(node.inputs):
            if value is None or value.is_const:
                continue
            first = plan.offsets[value]
            if first < end and start < first + value.type.nbytes:
                same_value_allowed = any(o == position and node.inputs[i] is value for o, i in allowed)
                if {value, output} <= inside:
                    continue
                if not same_value_allowed or first != start:
                    raise PlanError(f"{node.name}: output {position} overlaps input {index}")


def _check_states(plan: Plan) -> None:
    """States and constants made at the start lie in the first bytes; what lies there belongs to one."""
    owners = set[int]()
    for state in plan.graph.states:
        if plan.offsets[state.before] != plan.offsets[state.after]:
            raise PlanError(f"{state.name}: is left elsewhere than it was found")
        if plan.offsets[state.before] + state.before.type.nbytes > plan.state_bytes:
            raise PlanError(f"{state.name}: lies outside of the states")
        owners.add(plan.offsets[state.before])
    for value in plan.made_at_start:
        if plan.offsets[value] + value.type.nbytes > plan.state_bytes:
            raise PlanError(f"{value.name}: lies outside of what is kept")
        owners.add(plan.offsets[value])
    for value, offset in plan.offsets.items():
        if offset < plan.state_bytes and offset not in owners:
            raise PlanError(f"{value.name}: lies among the states")
