"""How the rules of ``legal`` build what takes the place of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops.base import Op
from microgen.ops.gather import Gather
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose


class Nodes:
    """The nodes that take the place of ``node``, in order."""

    def __init__(self, node: Node) -> None:
        self.node = node
        #: The operator's attributes are those of its class, which the rule was chosen by.
        self.op: Any = node.op
        self.made: list[Node] = []

    @property
    def source(self) -> Value:
        """The first input."""
        return self.node.input(0)

    @property
    def quantized(self) -> bool:
        """Whether the first input is quantized."""
        return self.source.type.quant is not None

    def constant(self, data: Array, label: str, quant: QuantParams | None = None) -> Value:
        """A constant of ``data``'s own type."""
        kind = TensorType(DType(str(data.dtype)), data.shape, quant)
        return Value(f"{self.node.name}/{label}", kind, np.ascontiguousarray(data).reshape(data.shape))

    def number(self, value: float, label: str) -> Value:
        """A constant of the first input's element type."""
        return self.constant(np.array(value, self.source.type.dtype.numpy), label)

    def add(self, op: Op, *inputs: Value | None, label: str, quant: QuantParams | None = None) -> Value:
        """The only result of a node in between."""
        name = f"{self.node.name}/{label}"
        ((dtype, shape),) = op.infer(Node(op, inputs, (), name))
        value = Value(name, TensorType(dtype, shape, quant))
        self.made.append(Node(op, inputs, (value,), name))
        return value

    def move(self, op: Op, source: Value, *others: Value, label: str) -> Value:
        """The only result of a node in between that keeps scale and zero point."""
        return self.add(op, source, *others, label=label, quant=source.type.quant)

    def last(self, op: Op, *inputs: Value | None) -> list[Node]:
        """All nodes, ended by one that computes what the replaced node did."""
        self.made.append(Node(op, inputs, self.node.outputs, self.node.name))
        return self.made

    def chosen(self, source: Value, elements: Array) -> list[Node]:
        """All nodes, ended by the elements of ``source`` whose numbers, counted in its flat order, are ``elements``."""
        flat = self.move(Reshape((source.type.elements,)), source, label="flat")
        which = self.constant(np.asarray(elements, np.int32), "elements")
        return self.last(Gather(0), flat, which)

    def along(self, tables: dict[int, Array]) -> list[Node]:
        """All nodes, ended by the slices of the first input, along each axis, that ``tables`` holds the numbers of."""
        value = self.source
        for i, (axis, table) in enumerate(tables.items()):
            which = self.constant(np.asarray(table, np.int32), f"slices{axis}")
            if i == len(tables) - 1:
                return self.last(Gather(axis), value, which)
            value = self.move(Gather(axis), value, which, label=f"along{axis}")
        return self.last(Reshape(value.shape), value)

    def with_axis_last(self, op: Op, axis: int) -> list[Node]:
        """All nodes: ``op``, which works along the last axis, between transposes that make ``axis`` the last."""
        swap = list(range(len(self.source.shape)))
        swap[axis], swap[-1] = swap[-1], swap[axis]
        turn = Transpose(tuple(swap))
        turned = self.move(turn, self.source, label="turned")
        result = self.add(op, turned, label="along", quant=self.node.output.type.quant)
        return self.last(turn, result)


Rule: TypeAlias = Callable[[Nodes], "list[Node] | None"]
