"""Which instructions of a network's invoke function, and of all that it calls, belong to which layer."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from microgen.boards import Board
from microgen.errors import DeviceFault
from microgen.target.counting import Event, split_calls, trace
from microgen.target.elf import Elf


def count_layers(
    board: Board,
    elf: Path,
    files: Path,
    function: str,
    layer_at: Callable[[int], int | None],
    *,
    timeout: float = 600.0,
    args: Sequence[str] = (),
    method: str = "",
) -> list[dict[int | None, int]]:
    """Instructions of each call of ``function``, by layer; the figures of a call add up to its instructions.

    ``layer_at`` tells the layer that an instruction in the body of ``function`` was made for, None where it was
    made for none. See ``attribute`` for what a layer is given. Every instruction of the body is watched, so that
    it does not matter how a kernel is reached (branch with link, tail call, veneer, register), nor whether the
    compiler moved parts of the body elsewhere. Raises what ``count_invocations`` raises.
    """
    image = Elf(elf)
    entry = image.function(function).address
    returns = frozenset(call.return_address for call in image.calls_to(function) if not call.is_tail)
    # The compiler names what it splits off or clones after the function: invoke.part.0, invoke.cold.
    parts = [s for s in image.functions if s.name == function or s.name.startswith(f"{function}.")]
    body = {address for part in parts for address in range(part.address, part.address + part.size, 2)}
    _, events = trace(board, elf, sorted(body | returns), files=files, timeout=timeout, args=args, method=method)
    calls = split_calls(events, entry, returns)
    if not calls:
        raise DeviceFault(f"{function} was never called directly and left again", where=str(elf))
    return [attribute(call, layer_at) for call in calls]


def attribute(events: Sequence[Event], layer_at: Callable[[int], int | None]) -> dict[int | None, int]:
    """Distributes the instructions of one call over its layers.

    ``events`` are all instructions of the body that ran, in order, then the one behind the call. A layer is given
    what ran from its first call (an instruction after which others than the next of the body ran) to that of
    the next layer. A layer without a call (its kernel was inlined) begins with its first instruction behind the
    layers before it. What ran before the first layer is the first layer's; without any layer it stands under None.
    """
    steps = [(b.address, e.instructions - b.instructions, layer_at(b.address)) for b, e in itertools.pairwise(events)]
    calling = {layer for _, count, layer in steps if count > 1 and layer is not None}
    figures: Counter[int | None] = Counter()
    current: int | None = None
    for _, count, layer in steps:
        if layer is not None and (count > 1 or _begins(layer, current, calling)):
            current = layer
        figures[current] += count
    if len(figures) > 1 and None in figures:
        prologue = figures.pop(None)
        figures[next(iter(figures))] += prologue
    return dict(figures)


def _begins(layer: int, current: int | None, calling: set[int]) -> bool:
    """Whether an instruction of ``layer`` that calls nothing begins the layer, ``current`` being the one that runs.

    Compilers compute arguments of later calls ahead; those of a layer that calls are no beginning.
    """
    if layer in calling or (current is not None and layer <= current):
        return False
    return not any((current is None or current < other) and other < layer for other in calling)
