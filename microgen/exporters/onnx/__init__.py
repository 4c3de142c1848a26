"""ONNX: a graph, in float or int8, to an .onnx file. int8 tensors become QuantizeLinear and DequantizeLinear pairs."""

from __future__ import annotations

from microgen.exporters.onnx.writer import Writer
from microgen.mindir import Graph

SUFFIXES = (".onnx",)


def save(graph: Graph) -> bytes:
    """The file of ``graph``, whose inputs and outputs keep their element types and dimensions.

    An int8 tensor is the float operator's result behind QuantizeLinear and DequantizeLinear (QDQ), weights and biases
    are integers behind DequantizeLinear. Image operators, which ONNX has with channels in front, stand between
    transposes where their neighbours cannot follow. The same graph gives the same bytes. Raises VerifyError for a node
    that ONNX cannot express, and for states.
    """
    graph.require_no_states("ONNX")
    data: bytes = Writer(graph).model().SerializeToString(deterministic=True)
    return data
