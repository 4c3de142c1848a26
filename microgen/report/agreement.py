"""How far the paths agree with the reference, and why one could not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from microgen.compare import Comparison, compare_paths, make_observer
from microgen.compare.observe import QEMU, Observation, reference
from microgen.compiler import Compiled
from microgen.errors import MicrogenError
from microgen.mindir import Array
from microgen.runtime.delegate import REFERENCE, known_paths

#: The host's paths that a report compares, where they are registered.
HOST_PATHS = ("c", "cpu")

Say = Callable[[str], None]


def agreement(compiled: Compiled, inputs: Sequence[Array], why_no_device: str, say: Say) -> dict[str, Any]:
    """A row per path. ``why_no_device`` says why the board's emulator is left out, "" where it is not."""
    expected = reference(compiled, inputs)
    count = len(expected.layers)
    rows: list[dict[str, Any]] = [_entry(REFERENCE, "reference", "", count, count, count)]
    for path in (p for p in HOST_PATHS if p in known_paths()):
        say(f"running {path}")
        rows.append(_compared(path, compiled, expected, inputs))
    device = f"{QEMU}{compiled.board.name}"
    if why_no_device:
        rows.append(_entry(device, "not run", why_no_device, count))
    else:
        say(f"running {device}")
        rows.append(_compared(device, compiled, expected, inputs))
    return {"samples": len(inputs[0]) if inputs else 1, "paths": rows}


def _entry(path: str, status: str, note: str, layers: int, agreeing: int = 0, exact: int = 0,
           step: int = 0) -> dict[str, Any]:  # fmt: skip
    ran = status != "not run"
    return {"path": path, "status": status, "note": note, "layers": layers, "agreeing": agreeing if ran else None,
            "bit_exact": exact if ran else None, "largest_step": step if ran else None}  # fmt: skip


def _compared(path: str, compiled: Compiled, expected: Observation, inputs: Sequence[Array]) -> dict[str, Any]:
    try:
        observed = make_observer(path, lambda board: compiled, compiled)(inputs)
    except MicrogenError as error:
        return _entry(path, "not run", str(error), len(expected.layers))
    found = compare_paths(compiled, expected, observed)
    return _entry(path, *_judged(found), found.layers, found.agreeing, found.exact, found.largest_steps)


def _judged(found: Comparison) -> tuple[str, str]:
    if found.fault:
        return "ended early", found.fault
    if found.disagreement is None:
        return ("bit-exact" if found.exact == found.layers else "within tolerance"), ""
    d = found.disagreement
    where = f"layer {d.layer} ({d.node.op.name}) differs first: reference {d.reference}, here {d.found}"
    return "differs", f"{where}. Likely cause: {d.cause.kind}: {d.cause.why}. To confirm: {d.cause.confirm}"
