"""Small .mindir files, written field by field."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgen.frontends.mindspore import schema

FLOAT, INT64 = 1, 7


class File:
    """A file with one graph ``g``; names of values are used as they are."""

    def __init__(self, **fields: Any) -> None:
        defaults = {"ir_version": b"1.1", "producer_name": b"MindSpore", "little_endian": True}
        self.model = schema.new("Model", **{**defaults, **fields})
        self.graph = self.model.graph
        self.graph.name = b"g"

    def input(self, name: str, *dims: int, data_type: int = FLOAT) -> None:
        info = self.graph.input.add(name=name.encode())
        info.tensor.add(dims=dims, data_type=data_type)

    def parameter(self, name: str, data: Any) -> Any:
        array = np.asarray(data, np.float32)
        return self.graph.parameter.add(name=name.encode(), dims=array.shape, data_type=FLOAT, raw_data=array.tobytes())

    def constant(self, name: str, **fields: Any) -> Any:
        """A constant; the caller fills in its attribute, which is returned."""
        node = self.graph.node.add(name=name.encode(), output=[name.encode()], op_type=b"Constant")
        return node.attribute.add(name=b"value", **fields)

    def node(
        self, op: str, inputs: list[str], output: str, attributes: dict[str, Any] | None = None, graph: Any = None
    ) -> Any:
        """A node whose attributes stand on it, as in older files: integers, lists of them, text."""
        node = (graph or self.graph).node.add(
            name=output.encode(), op_type=op.encode(), input=[i.encode() for i in inputs], output=[output.encode()]
        )
        for name, value in (attributes or {}).items():
            if isinstance(value, str):
                node.attribute.add(name=name.encode(), type=schema.STRING, s=value.encode())
            elif isinstance(value, int):
                node.attribute.add(name=name.encode(), type=INT64, i=value)
            else:
                node.attribute.add(name=name.encode(), type=INT64, ints=value)
        return node

    def function(self, name: str, inputs: list[str], output: str) -> Any:
        function = self.model.functions.add(name=name.encode())
        for i in inputs:
            function.input.add(name=i.encode())
        function.output.add(name=output.encode())
        return function

    def output(self, name: str) -> File:
        self.graph.output.add(name=name.encode())
        return self

    def bytes(self) -> bytes:
        return self.model.SerializeToString()
