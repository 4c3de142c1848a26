"""The passes in their order, and the driver that verifies the graph around each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from microgen.mindir import Graph, verify
from microgen.ops.base import op_of
from microgen.passes.affine import depthwise_from_chains, fold_before, fold_behind, shorten_chains
from microgen.passes.cleanup import drop_identities, fold_states, merge_views, remove_dead_code, simplify_operators
from microgen.passes.conversions import move_conversions
from microgen.passes.dense import absorb_swaps, absorb_transposes, biases_from_sums, dense_from_products
from microgen.passes.fold import fold_constants, fold_dequantized
from microgen.passes.fuse import depthwise_from_groups, fuse_clamps, fuse_crops, fuse_lowest_padding, fuse_padding
from microgen.passes.idioms import recognize_activations
from microgen.passes.idioms_norm import recognize_normalizations
from microgen.passes.indices import plain_indices
from microgen.passes.layout import sink_transposes
from microgen.passes.quantized import quantized_operators
from microgen.passes.transposes import merge_transposes
from microgen.passes.views import hoist_unsqueezes, sink_squeezes, sink_views


@dataclass(frozen=True, slots=True)
class Pass:
    """A rewrite of a whole graph: ``run`` changes it in place and says whether it did.

    A ``late`` pass gives up what others may still need; it runs when none of them finds anything to do.
    """

    name: str
    run: Callable[[Graph], bool]
    reason: str
    late: bool = False


PASSES: tuple[Pass, ...] = (
    Pass("fold states", fold_states, "first: what is never written over is a constant"),
    Pass("fold constants", fold_constants, "early: later patterns then see plain constants"),
    Pass("simplify operators", simplify_operators, "before fusing: what is fused is then the final operator"),
    Pass("merge views", merge_views, "before identities: a chain of reshapes may end where it began"),
    Pass("merge transposes", merge_transposes, "before identities: a transpose and its inverse are one"),
    Pass(
        "drop identities",
        drop_identities,
        "before fusing: what does nothing hides neighbours from each other",
    ),
    Pass("plain indices", plain_indices, "integers are compared and added on the host only"),
    Pass(
        "recognize normalizations",
        recognize_normalizations,
        "before factors and shifts are folded elsewhere, which are parts of the patterns",
    ),
    Pass(
        "recognize activations",
        recognize_activations,
        "before clamps are fused and factors folded, which are parts of the patterns",
    ),
    Pass("dense layers from products", dense_from_products, "before factors and shifts, which fold into dense layers"),
    Pass("biases from sums", biases_from_sums, "after dense layers are known, before clamps hide the sum"),
    Pass("depthwise from groups", depthwise_from_groups, "before fusing: what is fused is then the final operator"),
    Pass("fuse clamps", fuse_clamps, "a clamp merged into its producer saves a layer"),
    Pass(
        "fuse padding",
        fuse_padding,
        "after clamps, which may stand between a pad and its convolution's input",
    ),
    Pass("fuse lowest padding", fuse_lowest_padding, "as other padding; maximum pooling has no use for zeros"),
    Pass("fuse crops", fuse_crops, "after padding, which it takes back"),
    Pass(
        "move conversions",
        move_conversions,
        "before operators are quantized: conversions then stand right around what computes",
    ),
    Pass(
        "quantized operators",
        quantized_operators,
        "after clamps, so that nothing stands between an operator and the quantization of its result",
    ),
    Pass("absorb swaps", absorb_swaps, "before sinking, which then leaves these alone"),
    Pass("sink transposes", sink_transposes, "after the cheap rewrites, which leave it a smaller graph"),
    Pass("absorb transposes", absorb_transposes, "after sinking, which brings transposes before dense layers"),
    Pass("sink views", sink_views, "after transposes, of which those of single pixels have become views"),
    Pass("sink squeezes", sink_squeezes, "after transposes, which may stand between views"),
    Pass("hoist unsqueezes", hoist_unsqueezes, "after squeezes, which take most of them away"),
    Pass("fold what is behind", fold_behind, "after layouts, since channels are the last dimension then"),
    Pass("fold what is before", fold_before, "after what is behind, where scales cost least precision"),
    Pass("shorten chains", shorten_chains, "after folding, which needs no chain to be short"),
    Pass("remove dead code", remove_dead_code, "last: the others leave unused nodes behind"),
    Pass(
        "fold dequantized constants",
        fold_dequantized,
        "integers of weights that no quantized operator wants are of no use",
        late=True,
    ),
    Pass(
        "depthwise from chains",
        depthwise_from_chains,
        "a batch normalization that folds nowhere is one layer, but must not hide from what it might fold into",
        late=True,
    ),
)


def optimize(graph: Graph) -> Graph:
    """A rewritten copy of ``graph`` with the same inputs and outputs: the same bits of what is quantized, in float the
    same within rounding; so are the sub-graphs of its nodes.

    Passes repeat until none changes anything: each may make room for another. Raises VerifyError if ``graph``
    is malformed.
    """
    graph = graph.copy()
    verify(graph)
    while _round(graph, late=False) or _round(graph, late=True):
        pass
    for node in graph.nodes:
        if parts := op_of(node).graphs:
            graph.replace_node(node, replace(node, op=op_of(node).with_graphs([optimize(part) for part in parts])))
    return graph


def _round(graph: Graph, *, late: bool) -> bool:
    """Run every pass of one kind once; whether any changed ``graph``. Late passes end with the first change."""
    changed = False
    for step in PASSES:
        if step.late is late and step.run(graph):
            verify(graph)
            changed = True
            if late:
                return True
    return changed
