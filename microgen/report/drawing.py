"""The network as boxes and lines: layers from top to bottom, folded into columns, skip connections beside them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

BOX = (176, 44)
_GAP_X, _GAP_Y = 16, 22
_LANE = 9
_MARGIN = 14
# As many columns as fit beside each other on a page, of so many ranks at least and at most.
_COLUMNS = 4
_SHORTEST, _LONGEST = 6, 12
_SLACK = 3

#: Kinds of operators, each with a colour of its own, and words within MindIR's names that tell them.
KINDS = {
    "convolution": ("Conv",),
    "dense": ("FullyConnected", "MatMul"),
    "pooling": ("Pool", "Mean", "Reduce", "Sum", "Arg", "TopK"),
    "conversion": ("Quantize", "Dequantize", "Cast"),
    "movement": ("Reshape", "Pad", "Concat", "Transpose", "Slice", "Split", "Gather", "Scatter", "Squeeze",
                 "ExpandDims", "Tile", "Space", "Resize", "Broadcast", "Reverse", "Select", "OneHot", "Trilu"),
}  # fmt: skip
OTHER = "arithmetic"
PORT = "port"


def kind_of(operator: str) -> str:
    """The kind whose colour an operator has."""
    return next((kind for kind, words in KINDS.items() if any(word in operator for word in words)), OTHER)


@dataclass
class Box:
    """A layer (``layer`` >= 0), or an input or output of the network. ``x`` and ``y`` are its upper left corner."""

    layer: int
    kind: str
    title: str
    detail: str
    label: str
    rank: int = 0
    column: int = 0
    x: float = 0.0
    y: float = 0.0


@dataclass
class Drawing:
    """Boxes, the paths of the lines between them, and the size of it all."""

    boxes: list[Box] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def draw(facts: dict[str, Any]) -> Drawing:
    """The drawing of a report's layers."""
    boxes, edges = _boxes(facts)
    for source, target in edges:  # in the order of execution: sources are ranked before their targets
        target.rank = max(target.rank, source.rank + 1)
    ranks = [[b for b in boxes if b.rank == r] for r in range(1 + max((b.rank for b in boxes), default=0))]
    columns = _fold(ranks, edges)
    drawing = Drawing(boxes)
    left = _place(columns, edges, drawing)
    _route(columns, edges, drawing, left)
    return drawing


def _boxes(facts: dict[str, Any]) -> tuple[list[Box], list[tuple[Box, Box]]]:
    inputs = [Box(-1 - i, PORT, "input", p["type"], p["name"]) for i, p in enumerate(facts["model"]["inputs"])]
    layers = [Box(e["index"], kind_of(e["op"]), e["op"], e["type"], e["name"]) for e in facts["layers"]]
    outputs = [Box(-1, PORT, "output", p["type"], p["name"]) for p in facts["model"]["outputs"]]
    edges = []
    for entry, box in zip(facts["layers"], layers, strict=True):
        edges += [(layers[r] if r >= 0 else inputs[-1 - r], box) for r in entry["reads"]]
        edges += [(box, outputs[k]) for k in entry["outputs"]]
    order = {id(box): i for i, box in enumerate([*inputs, *layers, *outputs])}
    edges.sort(key=lambda e: (order[id(e[0])], order[id(e[1])]))
    return [*inputs, *layers, *outputs], edges


def _fold(ranks: list[list[Box]], edges: Sequence[tuple[Box, Box]]) -> list[list[list[Box]]]:
    """Columns of ranks. A column ends where the fewest lines are cut."""

    def cut(rank: int) -> int:
        return len({id(a) for a, b in edges if a.rank < rank <= b.rank})

    columns, start = [], 0
    longest = min(_LONGEST, max(_SHORTEST, -(-len(ranks) // _COLUMNS)))
    while len(ranks) - start > longest:
        even = -(-(len(ranks) - start) // -(-(len(ranks) - start) // longest))
        stop = min(range(max(1, even - _SLACK), even + 1), key=lambda n: (cut(start + n), even - n)) + start
        columns.append(ranks[start:stop])
        start = stop
    columns.append(ranks[start:])
    for number, column in enumerate(columns):
        for box in itertools.chain.from_iterable(column):
            box.column = number
    return columns


def _place(columns: list[list[list[Box]]], edges: Sequence[tuple[Box, Box]], drawing: Drawing) -> list[float]:
    """Gives every box its place. The result is where the space to the right of each column begins."""
    width, height = BOX
    top = 2 * _MARGIN + _LANE * sum(abs(a.column - b.column) > 0 and b.rank - a.rank > 1 for a, b in edges)
    x = float(_MARGIN)
    ends = []
    for number, column in enumerate(columns):
        widest = max(len(rank) for rank in column)
        full = widest * width + (widest - 1) * _GAP_X
        for row, rank in enumerate(column):
            used = len(rank) * width + (len(rank) - 1) * _GAP_X
            for place, box in enumerate(rank):
                box.x = x + (full - used) / 2 + place * (width + _GAP_X)
                box.y = top + row * (height + _GAP_Y)
            drawing.height = max(drawing.height, top + row * (height + _GAP_Y) + height + _MARGIN)
        ends.append(x + full)
        lanes = sum(number in (a.column, b.column) and (b.rank - a.rank > 1 or a.column != b.column) for a, b in edges)
        x += full + _LANE * (lanes + 1) + (_GAP_X if number + 1 < len(columns) else 0)
    drawing.width = x + _MARGIN - _LANE
    return ends


def _route(columns: list[list[list[Box]]], edges: Sequence[tuple[Box, Box]], drawing: Drawing,
           ends: list[float]) -> None:  # fmt: skip
    width, height = BOX
    lanes = [0] * len(columns)
    above = 0

    def lane(column: int) -> float:
        lanes[column] += 1
        return ends[column] + _LANE * lanes[column]

    for a, b in edges:
        bottom, head = a.y + height, b.x + width / 2
        if b.rank == a.rank + 1 and a.column == b.column:
            start, middle = a.x + width / 2, bottom + _GAP_Y / 2
            bend = "" if start == head else f"V{middle:g}H{head:g}"
            drawing.paths.append(f"M{start:g} {bottom:g}{bend}V{b.y:g}")
        elif a.column == b.column:
            x, out = lane(a.column), a.y + height * 0.65
            drawing.paths.append(f"M{a.x + width:g} {out:g}H{x:g}V{b.y + height * 0.35:g}H{b.x + width:g}")
        elif b.rank == a.rank + 1:
            # From below the last rank to above the first: boxes beside these are not crossed.
            x, under = lane(a.column), bottom + _GAP_Y / 2
            start, over = a.x + width / 2, b.y - _GAP_Y / 2
            drawing.paths.append(f"M{start:g} {bottom:g}V{under:g}H{x:g}V{over:g}H{head:g}V{b.y:g}")
        else:
            above += 1
            x, y, back = lane(a.column), _MARGIN / 2 + _LANE * above, lane(b.column)
            start_of_path = f"M{a.x + width:g} {a.y + height * 0.65:g}H{x:g}V{y:g}"
            drawing.paths.append(f"{start_of_path}H{back:g}V{b.y + height * 0.35:g}H{b.x + width:g}")
