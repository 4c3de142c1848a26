"""Branches and loops over sub-graphs: what is copied where, around which function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microgen.codegen.view import BranchView, CopyView, RepeatView, RunView
from microgen.mindir import Graph, Value
from microgen.ops.base import op_of
from microgen.ops.if_then import If
from microgen.plan.model import Plan, Step

#: Where a value is, as a C expression.
Address = Callable[[Value], str]


@dataclass(frozen=True, slots=True)
class SubGraph:
    """A sub-graph's ``function``, the C expression of its arena, and of where its values are in that."""

    function: str
    arena: str
    graph: Graph
    address: Address


def control_view(plan: Plan, step: Step, address: Address, parts: Sequence[SubGraph]) -> BranchView | RepeatView | None:
    """How ``step`` of ``plan`` runs its sub-graphs ``parts``; None where its operator has none.

    A sub-graph gets copies of the operands that it reads, and its results are copied. The values of a loop are in its
    outputs between the sub-graphs' runs.
    """
    node = step.node
    if not op_of(node).graphs:
        return None
    operands = [value for value in node.inputs if value is not None]
    one, two = parts
    if isinstance(node.op, If):
        condition, *given = operands
        return BranchView(
            address(condition),
            _run(one, address, given, node.outputs),
            _run(two, address, given, node.outputs),
        )
    first = [
        (address(result), address(operand), result.type.nbytes)
        for operand, result in zip(operands, node.outputs, strict=True)
        if plan.offsets.get(operand) != plan.offsets[result]
    ]
    return RepeatView(
        tuple(CopyView(*copy) for copy in first),
        one.address(one.graph.outputs[0]),
        _run(one, address, node.outputs, ()),
        _run(two, address, node.outputs, node.outputs),
    )


def _run(part: SubGraph, address: Address, given: Sequence[Value], wanted: Sequence[Value]) -> RunView:
    graph = part.graph
    before = [
        CopyView(part.address(inner), address(value), value.type.nbytes)
        for inner, value in zip(graph.inputs, given, strict=True)
        if graph.users(inner) or graph.is_output(inner)
    ]
    after = [
        CopyView(address(value), part.address(inner), value.type.nbytes)
        for inner, value in zip(graph.outputs, wanted, strict=False)
    ]
    return RunView(part.function, part.arena, tuple(before), tuple(after))
