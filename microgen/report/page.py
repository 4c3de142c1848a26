"""The page: facts and drawings through the templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microgen.benchtables import per_mac, shorten
from microgen.codegen.environment import make_renderer
from microgen.errors import InputError, UsageError
from microgen.exporters import write_file
from microgen.report.drawing import BOX, KINDS, OTHER, PORT, draw
from microgen.report.gather import NOT_MEASURED
from microgen.report.picture import HEIGHT, LEFT, WIDTH, picture

#: How a page of ours begins; nothing else is overwritten.
MARKER = "<!-- microgen report -->"


def count(number: int | None) -> str:
    """``12,345``, or that it was not measured."""
    return NOT_MEASURED if number is None else f"{number:,}"


def percent(part: float, whole: float) -> str:
    """``12.3``, 0 of nothing."""
    return f"{100 * part / whole:.1f}" if whole else "0.0"


def ratio(instructions: int | None, macs: int) -> str:
    """Instructions per MAC."""
    return "–" if instructions is None else per_mac(instructions, macs).replace("-", "–")


def short(name: str, width: int = 24) -> str:
    """The part of a layer's name that tells most."""
    return shorten(name, width)


def render_page(facts: dict[str, Any]) -> bytes:
    """The page of ``facts`` as one HTML file that needs nothing besides; the same facts give the same bytes."""
    variables = {
        "marker": MARKER,
        "facts": facts,
        "drawing": draw(facts),
        "box": BOX,
        "picture": picture(facts),
        "size": (WIDTH, HEIGHT, LEFT),
        "kinds": [kind for kind in (PORT, *KINDS, OTHER) if kind in _kinds(facts)],
        "count": count,
        "percent": percent,
        "ratio": ratio,
        "short": short,
        "flagged": [row for row in facts["quantization"]["layers"] if row["flags"]],
    }
    return make_renderer()("report/page.html.j2", variables)


def _kinds(facts: dict[str, Any]) -> set[str]:
    return {box.kind for box in draw(facts).boxes}


def check_target(path: Path) -> None:
    """Refuse to overwrite what is no report, and a folder that is not there; UsageError, InputError."""
    if not path.parent.is_dir():
        raise InputError("the folder does not exist", where=str(path.parent))
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if MARKER.encode() not in start:
        raise UsageError("exists and is no report", where=str(path), hint="Name another file, or remove this one")


def write_page(path: Path, content: bytes) -> None:
    """Write a page aside and rename it into place; see ``check_target``."""
    check_target(path)
    write_file(path, content)
