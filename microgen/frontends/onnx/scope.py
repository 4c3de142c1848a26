"""The names that the nodes of a graph, a branch or a function body see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from microgen.errors import InputError, one_line
from microgen.frontends.onnx.context import Item

if TYPE_CHECKING:
    import onnx


@dataclass(eq=False)
class Scope:
    """The names that nodes see: those of a graph, a branch or a function body. None marks what could not be made."""

    versions: Mapping[str, int]
    parent: Scope | None = None
    attributes: Mapping[str, onnx.AttributeProto] | None = None
    items: dict[str, Item | None] = field(default_factory=dict)
    prefix: str = ""

    def find(self, name: str) -> Item | None:
        """What ``name`` stands for here; InputError when nothing computes it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.items:
                return scope.items[name]
            scope = scope.parent
        raise InputError(f"reads tensor {one_line(name, 80)!r}, which nothing computes")
