"""Memory planning: execution order, lifetimes, one arena, and an independent checker."""

from microgen.plan.check import check
from microgen.plan.model import Plan, Step
from microgen.plan.place import make_plan
from microgen.plan.schedule import schedule
from microgen.plan.states import order_states

__all__ = ["Plan", "Step", "check", "make_plan", "order_states", "schedule"]
