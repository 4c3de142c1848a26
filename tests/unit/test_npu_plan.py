"""Scratch that holds its node's inputs and outputs: planned safely, copied where it must be, checked."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import ClassVar

import pytest

from microgen.mindir import Graph, Node, Value, verify
from microgen.ops.call import Call, Input, Inside, Output, Target
from microgen.plan import Plan, check, make_plan
from microgen.plan.check import PlanError
from microgen.plan.model import COPY
from tests.support.graphs import Blob, blob_value


@dataclass(frozen=True)
class Boxed(Blob):
    """Finds its inputs and outputs at these offsets in its scratch."""

    ins: tuple[int, ...] = ()
    outs: tuple[int, ...] = ()
    name: ClassVar[str] = "Boxed"

    def inside(self, node: Node) -> tuple[Inside, ...]:
        return (
            *(Inside(Input(i), at) for i, at in enumerate(self.ins)),
            *(Inside(Output(i), at) for i, at in enumerate(self.outs)),
        )

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call("boxed", (), self.scratch_bytes, scratch_alignment=16),)


def boxed(inputs: list[Value], outputs: list[Value], ins: list[int], outs: list[int], size: int, name: str) -> Node:
    op = Boxed(tuple(v.type.nbytes for v in outputs), size, ins=tuple(ins), outs=tuple(outs))
    return Node(op, tuple(inputs), tuple(outputs), name)


def copies(plan: Plan) -> list[int]:
    return [sum(call.function == COPY for call in step.calls) for step in plan.steps]


def test_a_chain_needs_no_more_than_its_largest_scratch() -> None:
    x, y, z = blob_value("x", 40), blob_value("y", 24), blob_value("z", 8)
    nodes = [boxed([x], [y], [32], [0], 96, "a"), boxed([y], [z], [16], [64], 80, "b")]
    plan = make_plan(Graph("chain", [x], [z], nodes), Target())
    check(plan)
    assert copies(plan) == [0, 0]
    a, b = plan.steps
    assert plan.offsets[x] == a.scratch_offset + 32
    assert plan.offsets[y] == a.scratch_offset == b.scratch_offset + 16
    assert plan.arena_bytes == 112


def test_output_may_lie_over_the_input() -> None:
    x, y = blob_value("x", 640), blob_value("y", 640)
    plan = make_plan(Graph("over", [x], [y], [boxed([x], [y], [128], [128], 768, "a")]), Target())
    check(plan)
    assert plan.arena_bytes == 768 and plan.offsets[x] == plan.offsets[y] == 128


def test_an_input_that_is_needed_later_is_copied() -> None:
    x, y, z = blob_value("x", 32), blob_value("y", 32), blob_value("z", 32)
    nodes = [boxed([x], [y], [0], [32], 64, "a"), Node(Blob((32,)), (x, y), (z,), "b")]
    plan = make_plan(Graph("later", [x], [z], nodes), Target())
    check(plan)
    assert copies(plan) == [1, 0]
    assert plan.arena_bytes == 96


def test_two_scratches_that_want_one_value_elsewhere() -> None:
    """The output of the one lies where the other's scratch would reach over its second output."""
    x, y, kept, z = (blob_value(n, 32) for n in ("x", "y", "kept", "z"))
    nodes = [boxed([x], [y, kept], [0], [0, 32], 64, "a"), boxed([y], [z], [32], [0], 128, "b")]
    plan = make_plan(Graph("elsewhere", [x], [z, kept], nodes), Target())
    check(plan)
    assert sum(copies(plan)) == 1


def random_boxes(seed: int) -> Graph:
    """Nodes of both kinds that read any values before them."""
    chance = random.Random(seed)
    values = [blob_value(f"in{i}", chance.choice((4, 16, 40, 64))) for i in range(2)]
    inputs, nodes = list(values), []
    for index in range(chance.randint(2, 9)):
        chosen = chance.sample(values, min(len(values), chance.randint(1, 3)))
        made = [blob_value(f"v{index}_{k}", chance.choice((4, 16, 40, 64))) for k in range(chance.randint(1, 2))]
        if chance.random() < 0.6:
            offsets = [_apart(chance, [v.type.nbytes for v in group]) for group in (chosen, made)]
            size = max(at + v.type.nbytes for ats, vs in zip(offsets, (chosen, made), strict=True)
                       for at, v in zip(ats, vs, strict=True)) + 16 * chance.randint(0, 3)  # fmt: skip
            nodes.append(boxed(chosen, made, *offsets, size, f"box{index}"))
        else:
            overwrites = (0,) if chosen[0].type.nbytes == made[0].type.nbytes else ()
            op = Blob(tuple(v.type.nbytes for v in made), chance.choice((0, 0, 24)), overwrites=overwrites)
            nodes.append(Node(op, tuple(chosen), tuple(made), f"n{index}"))
        values += made
    used = {v for node in nodes for v in node.inputs}
    outputs = [v for v in values if v not in used or chance.random() < 0.1]
    return Graph("random", inputs, [v for v in outputs if v not in inputs] or [values[-1]], nodes)


def _apart(chance: random.Random, sizes: list[int]) -> list[int]:
    """Offsets, multiples of 16, at which blocks of these sizes have no byte in common, in any order."""
    order = list(range(len(sizes)))
    chance.shuffle(order)
    found, at = [0] * len(sizes), 16 * chance.randint(0, 2)
    for index in order:
        found[index] = at
        at += -(-sizes[index] // 16) * 16 + 16 * chance.randint(0, 1)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_are_planned_safely(seed: int) -> None:
    graph = random_boxes(seed)
    verify(graph)
    plan = make_plan(graph, Target())
    check(plan)
    assert make_plan(graph, Target()).offsets == plan.offsets


def test_the_checker_sees_a_missing_copy_and_a_wrong_place() -> None:
    x, y, z = blob_value("x", 32), blob_value("y", 32), blob_value("z", 32)
    nodes = [boxed([x], [y], [0], [32], 64, "a"), Node(Blob((32,)), (x, y), (z,), "b")]
    plan = make_plan(Graph("later", [x], [z], nodes), Target())
    first = dataclasses.replace(plan.steps[0], calls=plan.steps[0].calls[1:])
    with pytest.raises(PlanError, match="not copied"):
        check(dataclasses.replace(plan, steps=(first, *plan.steps[1:])))
    over = {**plan.offsets, x: plan.steps[0].scratch_offset}
    with pytest.raises(PlanError, match="overwritten"):
        check(dataclasses.replace(plan, offsets=over))
