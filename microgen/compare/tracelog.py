"""A board's log: the hashes of layers that the self-test prints when a network is compiled with its trace define."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.codegen import fnv1a
from microgen.compare.observe import Observation, Place, places
from microgen.compiler import Compiled
from microgen.errors import InputError
from microgen.mindir import Node

_LINE = re.compile(rb"microgen-trace (\w{1,64}) (\d{1,6}) (\d{1,6}) ([0-9a-f]{8})\b")
_STACK = re.compile(rb"microgen-trace (\w{1,64}) stack (\d{1,6})\b")
_MAX_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class LogComparison:
    """How many of the layers in a log have the reference's hash, and the first that has not.

    ``reported`` counts the results that the log holds, of ``layers``; a board that stopped reports fewer. ``running``
    is then the layer behind the last one. ``stack`` is the layer during which the end of the stack was written to, None
    where the board does not tell of one.
    """

    layers: int
    reported: int
    agreeing: int
    first: tuple[int, int, Node] | None
    running: int | None = None
    stack: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether all layers are there and have the reference's hash, and the stack was large enough."""
        return self.first is None and self.reported == self.layers and self.stack is None


def compare_log(compiled: Compiled, expected: Observation, log: Path) -> LogComparison:
    """The first run of ``compiled``'s network in ``log`` against what the reference computes for the same input.

    ``expected`` holds one sample. InputError where the file cannot be read or has no line of this network.
    """
    found, stack = _hashes(log, compiled.name)
    wanted = {p: fnv1a(np.ascontiguousarray(expected.layers[p][0, 0]).tobytes()) for p in places(compiled)}
    unknown = sorted(found.keys() - wanted.keys())
    if unknown:
        what = f"reports output {unknown[0][1]} of layer {unknown[0][0]}, which the network does not have"
        raise InputError(what, where=str(log), hint="Give the options that the project was compiled with")
    first = next((p for p in wanted if p in found and found[p] != wanted[p]), None)
    agreeing = sum(found.get(p) == h for p, h in wanted.items())
    difference = None if first is None else (*first, compiled.graph.nodes[first[0]])
    running = next((layer for layer, output in wanted if (layer, output) not in found), None)
    passed = stack if stack is not None and stack < len(compiled.graph.nodes) else None
    return LogComparison(len(wanted), len(found), agreeing, difference, running, passed)


def _hashes(log: Path, network: str) -> tuple[dict[Place, int], int | None]:
    """The hashes of the first run, and the layer in which a stack was used up; lines of other kinds, and what stands
    before and behind on a line, are ignored.
    """
    try:
        if log.stat().st_size > _MAX_BYTES:
            raise InputError("is larger than 64 MiB", where=str(log), hint="Cut the log down to one run")
        content = log.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(log)) from None
    found: dict[Place, int] = {}
    names = set()
    for name, layer, output, value in _LINE.findall(content):
        names.add(name.decode("ascii", "replace"))
        place = int(layer), int(output)
        if name != network.encode() or place in found:
            if place in found and name == network.encode():
                break
            continue
        found[place] = int(value, 16)
    if not found:
        others = f"; it has {', '.join(sorted(names))}" if names else ""
        hint = f"Build the self-test with -D{network.upper()}_TRACE and -DSELFTEST_PRINT, or print such lines yourself"
        raise InputError(f'has no line "microgen-trace {network} …"{others}', where=str(log), hint=hint)
    stack = next((int(layer) for name, layer in _STACK.findall(content) if name == network.encode()), None)
    return found, stack
