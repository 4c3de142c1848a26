"""What the steps need to know of a layer beyond its rule."""

from __future__ import annotations

import dataclasses
from typing import Any

from microgen.mindir import Node
from microgen.ops.attributes import Activation


def activation(node: Node) -> Activation:
    """The clamp that is fused into ``node``."""
    found = vars(node.op).get("activation", Activation.NONE)
    assert isinstance(found, Activation)
    return found


def without_activation(node: Node) -> Node:
    """``node`` without the clamp that is fused into it."""
    if activation(node) is Activation.NONE:
        return node
    operator: Any = node.op
    return dataclasses.replace(node, op=dataclasses.replace(operator, activation=Activation.NONE))
