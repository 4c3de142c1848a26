"""The arena as a picture: steps from left to right, addresses from bottom to top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 26, 40
# Text of this size fits into a rectangle of at least so much.
_LABEL = (20, 13)
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A block of the arena in the picture; ``label`` is "" where there is no room."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str
    tip: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Rectangles, ticks as (position, text), and the column of the peak as (x, width)."""

    rectangles: list[Rectangle]
    steps: list[tuple[float, str]]
    bytes: list[tuple[float, str]]
    peak: tuple[float, float]
    peak_top: float


def picture(facts: dict[str, Any]) -> Picture:
    """The picture of a report's arena."""
    arena, layers = facts["arena"], facts["layers"]
    total = max(1, arena["bytes"])
    columns = len(layers) + 2
    wide = (WIDTH - LEFT - RIGHT) / columns
    high = (HEIGHT - TOP - BOTTOM) / total

    def x(step: int) -> float:
        return LEFT + (step + 1) * wide

    def y(offset: int) -> float:
        return float(HEIGHT - BOTTOM - offset * high)

    rectangles = []
    for block in arena["blocks"]:
        top = y(block["offset"] + block["size"])
        # Where a block is taken over, what is made of it is drawn, in its own time.
        taken = [b["first"] for b in arena["blocks"] if b["shared"] and b["offset"] == block["offset"]
                 and block["first"] < b["first"] <= block["last"]]  # fmt: skip
        stop = min([block["last"] + 1, *taken])
        width, height = (stop - block["first"]) * wide, block["size"] * high
        what = "scratch of" if block["kind"] == "scratch" else {"input": "input", "output": "output"}.get(
            block["kind"], "result of")  # fmt: skip
        label = f"{block['layer']}" if block["layer"] >= 0 else "in"
        fits = width >= _LABEL[0] and height >= _LABEL[1] and block["kind"] != "scratch"
        tip = (
            f"{what} {block['name']}: {block['size']:,} bytes at {block['offset']:,}, "
            f"steps {max(0, block['first'])} to {min(len(layers) - 1, block['last'])}"
        )
        rectangles.append(Rectangle(block["kind"], round(x(block["first"]), 2), round(top, 2), round(width, 2),
                                    round(height, 2), label if fits else "", tip))  # fmt: skip
    every = -(-len(layers) // 32) or 1
    steps = [(round(x(s) + wide / 2, 2), str(s)) for s in range(0, len(layers), every)]
    marks = [(round(y(total * i // _TICKS), 2), f"{total * i // _TICKS:,}") for i in range(_TICKS + 1)]
    peak = arena["peak"]["step"]
    return Picture(rectangles, steps, marks, (round(x(peak), 2), round(wide, 2)), float(TOP))
