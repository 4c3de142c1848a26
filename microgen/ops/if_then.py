"""IF: one of two sub-graphs runs, which of them is known when the network runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node
from microgen.ops import control
from microgen.ops.base import Op
from microgen.ops.tflite_form import TFLiteForm


@dataclass(frozen=True)
class If(control.ControlFlow):
    """Inputs: a truth value and the operands, which ``then`` runs on where it is true and ``otherwise`` elsewhere."""

    name: ClassVar[str] = "If"

    then: Graph
    otherwise: Graph

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.then, self.otherwise

    def with_graphs(self, graphs: Sequence[Graph]) -> Op:
        then, otherwise = graphs
        return dataclasses.replace(self, then=then, otherwise=otherwise)

    def to_tflite(self, node: Node) -> TFLiteForm:
        graphs = {"ThenSubgraphIndex": self.then, "ElseSubgraphIndex": self.otherwise}
        return TFLiteForm("IF", node.inputs, "IfOptions", graphs=graphs)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        control.require_truth(node.input(0).type, "the condition")
        operands = [node.input(index) for index in range(1, len(node.inputs))]
        for graph, role in zip(self.graphs, ("branch that is taken", "other branch"), strict=True):
            control.require(graph, role, operands, [value.type for value in self.then.outputs])
        for given, result in zip(self.then.outputs, node.outputs, strict=False):
            if given.type != result.type:
                raise VerifyError(f"the branches give {given.type} for {result.name!r}, which is {result.type}")
        return tuple((value.type.dtype, value.shape) for value in self.then.outputs)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (condition, *operands), samples = control.whole(inputs)
        results = control.empty(node.outputs, samples)
        taken = control.truths(condition)
        with control.limited():
            for graph, chosen in ((self.then, taken), (self.otherwise, ~taken)):
                which = np.flatnonzero(chosen)
                if which.size:
                    for result, array in zip(
                        results, control.run(graph, [x[which] for x in operands], which.size), strict=True
                    ):
                        result[which] = array
        return results

    def macs(self, node: Node) -> int:
        """Those of the longer branch."""
        return max(map(control.macs, self.graphs))
