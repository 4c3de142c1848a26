"""Plans of several networks that take turns in one arena."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from microgen.plan.model import Plan


def in_one_arena(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """``plans`` such that their networks can work in the same arena, one after the other, and none writes where another
    keeps its states and the constants that it makes at the start: these lie one behind the other, and everything else
    behind the last of them.

    Every plan's ``state_bytes`` are then those of all, and its arena has them. Plans without any states stay as they
    are.
    """
    own = [plan.state_bytes for plan in plans]
    total = sum(own)
    firsts = itertools.accumulate([0, *own])
    return tuple(_moved(plan, first, total) for plan, first in zip(plans, firsts, strict=False))


def _moved(plan: Plan, first: int, total: int) -> Plan:
    """``plan`` with its states from ``first`` on and everything else behind ``total`` bytes of states."""
    further = total - plan.state_bytes
    return replace(
        plan,
        offsets={
            value: offset + (first if offset < plan.state_bytes else further) for value, offset in plan.offsets.items()
        },
        steps=tuple(
            replace(step, scratch_offset=step.scratch_offset + further) if step.scratch_bytes else step
            for step in plan.steps
        ),
        arena_bytes=plan.arena_bytes + further,
        state_bytes=total,
    )
