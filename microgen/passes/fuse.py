"""Fusions: clamps into what computes their input, padding into the convolution behind it."""

from __future__ import annotations

from microgen.mindir import Graph, Node
from microgen.ops.base import op_of


def fuse_clamps(graph: Graph) -> bool:
    """Merge a clamp (RELU and its kin, quantization unchanged) into the operator before it.

    Exact: both clamp the same requantized value to intervals whose intersection is again an activation. The
    producer takes the clamp's name and output, so that traces and outputs keep the model's last name.
    """
    changed = False
    for node in graph.nodes:
        clamp = op_of(node).as_clamp(node)
        if clamp is None:
            continue
        producer = graph.producer(node.input(0))
        if producer is None or graph.sole_user(node.input(0)) is not node:
            continue
        op = op_of(producer).with_clamp(clamp)
        if op is None:
            continue
        graph.remove_nodes([node])
        graph.replace_node(producer, Node(op, producer.inputs, node.outputs, producer.name))
        changed = True
    return changed


def fuse_padding(graph: Graph) -> bool:
    """Merge a pad of the image with its zero point into the convolution that reads it."""
    changed = False
    for node in graph.nodes:
        producer = graph.producer(node.input(0)) if node.inputs and node.inputs[0] is not None else None
        if producer is None:
            continue
        extra = op_of(producer).as_padding(producer)
        if extra is None:
            continue
        padded = op_of(node).with_padding(node, extra)
        if padded is None or graph.sole_user(node.input(0)) is not node:
            continue
        graph.replace_node(node, Node(padded, (producer.input(0), *node.inputs[1:]), node.outputs, node.name))
        changed = True
    return changed
