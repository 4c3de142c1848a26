"""The planner against the independent checker, the checker against broken plans."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.mindir import Graph, Node, verify
from microgen.ops.call import Target
from microgen.plan import Plan, check, make_plan, schedule
from microgen.plan.check import PlanError
from microgen.plan.lifetime import storages
from microgen.plan.place import lower_bound
from tests.support.graphs import Blob, blob_value, random_graph


@given(st.integers(0, 2**32), st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_random_graphs_are_planned_safely(seed: int, nodes: int) -> None:
    graph = random_graph(seed, nodes)
    verify(graph)
    plan = make_plan(graph, Target())
    check(plan)
    assert make_plan(graph, Target()).offsets == plan.offsets
    scratch = {step.node: step.scratch_bytes for step in plan.steps}
    assert plan.arena_bytes > lower_bound(storages(graph, scratch, in_place=True)) - 8


@given(st.integers(0, 2**32), st.integers(2, 20))
@settings(max_examples=60, deadline=None)
def test_scheduling_never_needs_more(seed: int, nodes: int) -> None:
    graph = random_graph(seed, nodes)
    before = set(graph.nodes)
    schedule(graph)
    verify(graph)
    assert set(graph.nodes) == before
    check(make_plan(graph, Target()))


def test_scheduling_finishes_a_branch_before_it_starts_the_next() -> None:
    x, outputs, nodes = blob_value("x", 4), [], []
    for i in range(3):
        outputs.append((blob_value(f"big{i}", 1000), blob_value(f"small{i}", 4)))
        nodes.append(Node(Blob((1000,)), (x,), (outputs[i][0],), f"grow{i}"))
    nodes += [Node(Blob((4,)), (big,), (small,), f"shrink_{small.name}") for big, small in outputs]
    graph = Graph("branches", [x], [small for _, small in outputs], nodes)
    assert make_plan(graph, Target()).arena_bytes >= 3000
    assert schedule(graph)
    assert make_plan(graph, Target()).arena_bytes < 1100


def chain() -> Plan:
    """in(16) → a(16) with scratch → b(16), planned."""
    values = [blob_value(n, 16) for n in ("in", "a", "b")]
    nodes = [
        Node(Blob((16,), scratch_bytes=8), (values[0],), (values[1],), "first"),
        Node(Blob((16,)), (values[1],), (values[2],), "second"),
    ]
    plan = make_plan(Graph("chain", values[:1], values[2:], nodes), Target())
    check(plan)
    return plan


def test_memory_of_dead_tensors_is_used_again() -> None:
    assert chain().arena_bytes == 16 + 16 + 8


def move(plan: Plan, name: str, offset: int) -> Plan:
    offsets = {v: (offset if v.name == name else o) for v, o in plan.offsets.items()}
    return dataclasses.replace(plan, offsets=offsets)


def offset_of(plan: Plan, name: str) -> int:
    return next(o for v, o in plan.offsets.items() if v.name == name)


def broken_plans() -> dict[str, Plan]:
    plan = chain()
    first = dataclasses.replace(plan.steps[0], scratch_offset=offset_of(plan, "in"))
    over_output = dataclasses.replace(plan.steps[0], scratch_offset=-(-offset_of(plan, "a") // 8) * 8)
    return {
        "output over input": move(plan, "a", offset_of(plan, "in")),
        "beyond the arena": move(plan, "b", plan.arena_bytes),
        "negative": move(plan, "b", -4),
        "misaligned": move(plan, "b", offset_of(plan, "b") + 1),
        "scratch over input": dataclasses.replace(plan, steps=(first, plan.steps[1])),
        "scratch over output": dataclasses.replace(plan, steps=(over_output, plan.steps[1])),
        "arena too small": dataclasses.replace(plan, arena_bytes=plan.arena_bytes - 1),
        "step missing": dataclasses.replace(plan, steps=plan.steps[:1]),
    }


@pytest.mark.parametrize("name", broken_plans())
def test_checker_rejects(name: str) -> None:
    with pytest.raises(PlanError):
        check(broken_plans()[name])


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_checker_notices_moved_tensors(seed: int) -> None:
    """Dropping any one tensor on top of another that is alive with it must be seen."""
    graph = random_graph(seed, 8)
    plan = make_plan(graph, Target())
    random = np.random.default_rng(seed)
    items = storages(graph, {s.node: 0 for s in plan.steps}, in_place=False)
    pairs = [
        (a.values[0], b.values[0])
        for a in items
        for b in items
        if a is not b and a.first < b.first <= a.last - 1 and len(a.values) == len(b.values) == 1
    ]
    pairs = [(a, b) for a, b in pairs if b in {o for n in graph.nodes for o in n.outputs}]
    if not pairs:
        return
    kept, moved = pairs[int(random.integers(len(pairs)))]
    clash = {v: (plan.offsets[kept] if v is moved else o) for v, o in plan.offsets.items()}
    grown = dataclasses.replace(plan, offsets=clash, arena_bytes=plan.arena_bytes + 64)
    with pytest.raises(PlanError):
        check(grown)


def test_in_place_output_takes_over_a_dying_input() -> None:
    x, y, z = (blob_value(n, 32) for n in "xyz")
    nodes = [Node(Blob((32,)), (x,), (y,), "a"), Node(Blob((32,), overwrites=(0,)), (y,), (z,), "b")]
    plan = make_plan(Graph("g", [x], [z], nodes), Target())
    check(plan)
    assert plan.offsets[y] == plan.offsets[z]


def test_in_place_never_takes_an_input_that_is_read_again() -> None:
    x, y, z = (blob_value(n, 32) for n in "xyz")
    nodes = [Node(Blob((32,), overwrites=(0,)), (x,), (y,), "a"), Node(Blob((32,)), (x, y), (z,), "b")]
    plan = make_plan(Graph("g", [x], [z], nodes), Target())
    check(plan)
    assert plan.offsets[x] != plan.offsets[y]
