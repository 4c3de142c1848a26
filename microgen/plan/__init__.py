"""Memory planning: execution order, lifetimes, one arena, and an independent checker."""

from microgen.plan.check import check
from microgen.plan.model import Plan, Step
from microgen.plan.place import make_plan
from microgen.plan.recurrence import order_recurrences
from microgen.plan.schedule import schedule
from microgen.plan.sharing import in_one_arena
from microgen.plan.states import order_states
from microgen.plan.unpack import unpacking

__all__ = [
    "Plan",
    "Step",
    "check",
    "in_one_arena",
    "make_plan",
    "order_recurrences",
    "order_states",
    "schedule",
    "unpacking",
]
