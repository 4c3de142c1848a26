"""Fusions: clamps into what computes their input, padding into the convolution behind it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from microgen.mindir import Graph, Node, TensorType, Value
from microgen.ops.attributes import Padding
from microgen.ops.base import op_of
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.pad import Pad
from microgen.ops.slice import Slice


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


def fuse_lowest_padding(graph: Graph) -> bool:
    """Merge a pad of a float image with minus infinity into the maximum pooling that reads it."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, MaxPool2D):
            continue
        producer = graph.producer(node.input(0))
        if producer is None or not isinstance(producer.op, Pad) or graph.sole_user(node.input(0)) is not node:
            continue
        pad = producer.op
        if pad.fill != -math.inf or len(pad.amounts) != 4 or pad.amounts[0] != (0, 0) or pad.amounts[3] != (0, 0):
            continue
        (top, bottom), (left, right) = pad.amounts[1:3]
        op = dataclasses.replace(node.op, padding=node.op.padding + Padding(top, left, bottom, right))
        merged = Node(op, producer.inputs, node.outputs, node.name)
        if next(op.problems(merged), None) is None:
            graph.replace_node(node, merged)
            changed = True
    return changed


def fuse_crops(graph: Graph) -> bool:
    """Take rows and columns that are cut off a convolution's result from its padding.

    Causal convolutions come like that: padded at both ends, then cut at the end.
    """
    changed = False
    for node in graph.nodes:
        crop, producer = node.op, graph.producer(node.input(0)) if isinstance(node.op, Slice) else None
        if not isinstance(crop, Slice) or producer is None or not isinstance(producer.op, Convolution):
            continue
        if not crop.is_plain or graph.sole_user(node.input(0)) is not node:
            continue
        conv, shape, size = producer.op, node.input(0).shape, crop.size
        ends = tuple(whole - begin - kept for whole, begin, kept in zip(shape, crop.begin, size, strict=True))
        if (
            any((crop.begin[i], ends[i]) != (0, 0) for i in (0, 3))
            or node.input(0).type.quant != node.output.type.quant
        ):
            continue
        (down, across), old = conv.stride, conv.padding
        amounts = (
            old.top - crop.begin[1] * down,
            old.left - crop.begin[2] * across,
            old.bottom - ends[1] * down,
            old.right - ends[2] * across,
        )
        if min(amounts) < 0:
            continue
        op = dataclasses.replace(conv, padding=Padding(*amounts))
        graph.remove_nodes([node])
        graph.replace_node(producer, Node(op, producer.inputs, node.outputs, node.name))
        changed = True
    return changed


def depthwise_from_groups(graph: Graph) -> bool:
    """Make a depthwise convolution of a float one with a group for each channel."""
    changed = False
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, Conv2D):
            continue
        filter_ = node.input(1)
        if (
            filter_.shape[3] != 1
            or node.input(0).shape[3] == 1
            or not filter_.is_const
            or filter_.type.quant is not None
        ):
            continue
        data = np.ascontiguousarray(filter_.const.transpose(3, 1, 2, 0))
        turned = Value(filter_.name, TensorType(filter_.type.dtype, data.shape), data)
        depthwise = DepthwiseConv2D(op.stride, op.dilation, op.padding, op.activation)
        inputs = (node.input(0), turned, *node.inputs[2:])
        graph.replace_node(node, dataclasses.replace(node, op=depthwise, inputs=inputs))
        changed = True
    return changed
