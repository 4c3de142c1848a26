"""Path ``tosa``: what Arm's TOSA reference model computes of the int8 operators, a second opinion beside the NPU's.

Exact for the operators that are claimed; the others (docs/tosa.md) stay on the reference path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgen import tosa
from microgen.errors import InputError
from microgen.exporters import tflite as exporter
from microgen.mindir import Array, Graph, Node
from microgen.ops.base import op_of
from microgen.runtime.delegate import Claim, Executable, No, Yes
from microgen.runtime.session import Session


class Tosa:
    """The delegate ``tosa``; ToolMissing where its tools are not found."""

    name = "tosa"
    exact = True

    def __init__(self) -> None:
        tosa.find_python()

    def claims(self, node: Node) -> Claim:
        """Operators in int8 of which the TOSA graph gives the reference's bytes."""
        reason = tosa.refusal(node)
        return No(reason) if reason else Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """The sub-graph as TOSA. Raises what ``microgen.tosa.convert`` does; one of views alone needs no tool."""
        if all(op_of(node).is_view for node in subgraph.nodes):
            return Session(subgraph)
        return _Executed(subgraph, tosa.convert(exporter.save(subgraph, int4=False)))


class _Executed:
    def __init__(self, graph: Graph, converted: bytes) -> None:
        self._graph = graph
        self._converted = converted

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each."""
        samples = len(inputs[0]) if inputs else 1
        wanted = [((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        if not samples:
            return [np.empty(shape, dtype) for shape, dtype in wanted]
        found = tosa.execute(self._converted, inputs)
        if [(a.shape, a.dtype) for a in found] != [(shape, np.dtype(dtype)) for shape, dtype in wanted]:
            raise InputError("the TOSA tools give outputs of another shape or type", where=f"path {Tosa.name}")
        return found
