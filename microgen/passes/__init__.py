"""Graph rewrites, each verified before and after."""

from microgen.passes.layout import absorb_border_transposes
from microgen.passes.pipeline import PASSES, Pass, optimize

__all__ = ["PASSES", "Pass", "absorb_border_transposes", "optimize"]
