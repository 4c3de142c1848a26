"""WHILE: a sub-graph that runs again and again, how often is known when the network runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node, TensorType
from microgen.ops import control
from microgen.ops.base import Op
from microgen.ops.tflite_form import TFLiteForm

_TRUTH = TensorType(DType.BOOL, ())


@dataclass(frozen=True)
class While(control.ControlFlow):
    """The operands become what ``body`` makes of them as long as ``condition`` of them is true."""

    name: ClassVar[str] = "While"

    condition: Graph
    body: Graph

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.condition, self.body

    def with_graphs(self, graphs: Sequence[Graph]) -> Op:
        condition, body = graphs
        return dataclasses.replace(self, condition=condition, body=body)

    def to_tflite(self, node: Node) -> TFLiteForm:
        graphs = {"CondSubgraphIndex": self.condition, "BodySubgraphIndex": self.body}
        return TFLiteForm("WHILE", node.inputs, "WhileOptions", graphs=graphs)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        operands = [node.input(index) for index in range(len(node.inputs))]
        kinds = [value.type for value in self.condition.outputs[:1]] or [_TRUTH]
        control.require(self.condition, "loop's condition", operands, kinds)
        control.require_truth(kinds[0], "the loop's condition")
        control.require(self.body, "loop's body", operands, [value.type for value in operands])
        for operand, result in zip(operands, node.outputs, strict=False):
            if operand.type != result.type:
                raise VerifyError(f"a loop's operand is {operand.type} and comes out as {result.type}")
        return tuple((value.type.dtype, value.shape) for value in operands)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        operands, samples = control.whole(inputs)
        results = [np.array(array) for array in operands]
        going = np.arange(samples)
        with control.limited():
            while going.size:
                current = [result[going] for result in results]
                (goes_on,) = control.run(self.condition, current, going.size)
                chosen = control.truths(goes_on)
                going, current = going[chosen], [array[chosen] for array in current]
                if going.size:
                    for result, array in zip(results, control.run(self.body, current, going.size), strict=True):
                        result[going] = array
        return results

    def macs(self, node: Node) -> int:
        """Those of one pass: how many there are is known at run time."""
        return sum(map(control.macs, self.graphs))

    def in_place(self, node: Node) -> tuple[int, ...]:
        """The operands become the outputs before the first pass."""
        return (0,)
