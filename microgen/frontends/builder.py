"""Builds a graph node by node: shapes and types of results follow from the operators' own rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value, verify
from microgen.ops.base import Op


class GraphBuilder:
    """Collects nodes in execution order. Names are kept unique."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._names: set[str] = set()
        self._reserved: set[str] = set()
        #: Names nodes that are added without one; a frontend sets it to the source's node at work.
        self.scope = ""

    def unique(self, name: str) -> str:
        """``name``, with a number behind it when it is taken."""
        name = name or self.scope or "value"
        candidate, count = name, 1
        while candidate in self._names or candidate in self._reserved:
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate

    def reserve(self, names: Iterable[str]) -> None:
        """Keep ``names`` for ``renamed``: those of the model's outputs must not go to anything else."""
        self._reserved.update(name for name in names if name not in self._names)

    def input(self, name: str, type: TensorType) -> Value:
        """A graph input."""
        value = Value(self.unique(name), type)
        self.inputs.append(value)
        return value

    def constant(self, data: Array, name: str = "", quant: QuantParams | None = None) -> Value:
        """A constant of ``data``'s own element type; VerifyError for one that MindIR does not have."""
        data = np.ascontiguousarray(data).reshape(np.shape(data))
        try:
            dtype = DType(str(data.dtype))
        except ValueError:
            raise VerifyError(f"element type {data.dtype} is not supported") from None
        return Value(self.unique(name or f"{self.scope}/constant"), TensorType(dtype, data.shape, quant), data)

    def add(self, op: Op, *inputs: Value | None, name: str = "", quant: QuantParams | None = None) -> Value:
        """A node with one output, ``name``d or named after the scope; ``quant`` is the output's quantization.

        Raises VerifyError when the operator does not take such inputs.
        """
        (value,) = self.add_all(op, *inputs, names=(name,), quants=(quant,))
        return value

    def add_all(
        self,
        op: Op,
        *inputs: Value | None,
        names: Iterable[str] = (),
        quants: Iterable[QuantParams | None] = (),
    ) -> tuple[Value, ...]:
        """A node with any number of outputs."""
        label = self.scope or op.name
        inferred = op.infer(Node(op, inputs, (), label))
        given, wanted = list(names), list(quants)
        outputs = []
        for i, (dtype, shape) in enumerate(inferred):
            name = given[i] if i < len(given) else ""
            quant = wanted[i] if i < len(wanted) else None
            outputs.append(Value(self.unique(name or label), TensorType(dtype, shape, quant)))
        node = Node(op, inputs, tuple(outputs), outputs[0].name)
        op.check(node)
        self._nodes.append(node)
        return node.outputs

    def renamed(self, value: Value, name: str) -> Value:
        """``value`` under another label, when a node of this builder computes it; otherwise ``value`` itself."""
        for i in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[i]
            if value not in node.outputs:
                continue
            self._reserved.discard(name)
            new = dataclasses.replace(value, name=self.unique(name))
            outputs = tuple(new if v is value else v for v in node.outputs)
            self._nodes[i] = dataclasses.replace(node, outputs=outputs, name=outputs[0].name)
            for j in range(i + 1, len(self._nodes)):
                user = self._nodes[j]
                if value in user.inputs:
                    inputs = tuple(new if v is value else v for v in user.inputs)
                    self._nodes[j] = dataclasses.replace(user, inputs=inputs)
            return new
        return value

    def graph(self, outputs: Iterable[Value]) -> Graph:
        """The verified graph."""
        graph = Graph(self.name, self.inputs, outputs, self._nodes)
        verify(graph)
        return graph
