"""Graph rewrites, each verified before and after."""

from microgen.passes.pipeline import PASSES, Pass, optimize

__all__ = ["PASSES", "Pass", "optimize"]
