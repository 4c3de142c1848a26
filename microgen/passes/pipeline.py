"""The passes in their order, and the driver that verifies the graph around each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from microgen.mindir import Graph, verify
from microgen.passes.cleanup import drop_identities, merge_views, remove_dead_code, simplify_operators
from microgen.passes.fold import fold_constants
from microgen.passes.fuse import fuse_clamps, fuse_padding


@dataclass(frozen=True, slots=True)
class Pass:
    """A rewrite of a whole graph: ``run`` changes it in place and says whether it did."""

    name: str
    run: Callable[[Graph], bool]
    reason: str


PASSES: tuple[Pass, ...] = (
    Pass("fold constants", fold_constants, "first: later patterns then see plain constants"),
    Pass("simplify operators", simplify_operators, "before fusing: what is fused is then the final operator"),
    Pass("merge views", merge_views, "before identities: a chain of reshapes may end where it began"),
    Pass(
        "drop identities",
        drop_identities,
        "before fusing: what does nothing hides neighbours from each other",
    ),
    Pass("fuse clamps", fuse_clamps, "a clamp merged into its producer saves a layer"),
    Pass(
        "fuse padding",
        fuse_padding,
        "after clamps, which may stand between a pad and its convolution's input",
    ),
    Pass("remove dead code", remove_dead_code, "last: the others leave unused nodes behind"),
)


def optimize(graph: Graph) -> Graph:
    """A rewritten copy of ``graph`` with the same inputs, outputs and bits.

    Passes repeat until none changes anything: each may make room for another. Raises VerifyError if ``graph``
    is malformed.
    """
    graph = graph.copy()
    verify(graph)
    changed = True
    while changed:
        changed = False
        for step in PASSES:
            if step.run(graph):
                verify(graph)
                changed = True
    return graph
