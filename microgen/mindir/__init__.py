"""MindIR: the typed graph that frontends make, passes rewrite, and code generation and the host runtime read."""

from microgen.mindir.graph import Array, Graph, Node, Operator, State, Value
from microgen.mindir.text import to_text
from microgen.mindir.types import DType, QuantParams, TensorType
from microgen.mindir.verify import verify

__all__ = [
    "Array",
    "DType",
    "Graph",
    "Node",
    "Operator",
    "QuantParams",
    "State",
    "TensorType",
    "Value",
    "to_text",
    "verify",
]
