"""What would help where a firmware does not fit: every proposal is tried on the figures before it is made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microgen import fit
from microgen.boards import Board, Region, all_boards
from microgen.codegen import NetworkInput
from microgen.errors import DoesNotFit, MicrogenError, UsageError
from microgen.fit import Constant, Needs, NetworkNeeds, Planned
from microgen.ops.call import Isa, Target
from microgen.placement import make_placement
from microgen.plan import make_plan, schedule

#: What is kept free for the code where its size is not known, on boards that are proposed.
ROOM_FOR_CODE = 32 << 10
_BOARDS_NAMED = 3
_PATTERNS = 4
# What a pattern, the option or a shell would take for something else.
_SPECIAL = frozenset("*?[],='")

#: The networks' needs on cores of an instruction set, with ``--optimize ram`` or without.
Replan = Callable[[str, bool], Sequence[NetworkNeeds]]


def replanner(networks: Sequence[NetworkInput], isa: Isa | None) -> Replan:
    """A function that plans ``networks`` anew: for ``isa`` where one is given, whatever the core could do."""

    def replan(core: str, for_ram: bool) -> list[NetworkNeeds]:
        found = []
        for network in networks:
            graph = network.plan.graph.copy()
            if for_ram:
                schedule(graph)
            target = Target(Isa(core) if isa is None else isa, network.plan.target.library)
            start = [step.node for step in network.plan.start]
            found.append(fit.network_needs(network, make_plan(graph, target, start)))
        return found

    return replan


@dataclass(frozen=True, slots=True)
class Situation:
    """What does not fit where: ``place`` are the user's choices of regions, ``max_flash`` and ``max_ram`` the limits.

    ``replan`` is None where the networks can no longer be planned anew; ``for_ram``: they are planned for little RAM.
    """

    board: Board
    needs: Needs
    place: Mapping[str, str]
    max_flash: int | None = None
    max_ram: int | None = None
    replan: Replan | None = None
    for_ram: bool = False
    calibrated: bool = False

    @property
    def planned(self) -> tuple[Planned, ...]:
        """What every region would hold."""
        return fit.plan_regions(self.board, make_placement(self.board, self.place), self.needs)

    @property
    def limits(self) -> list[str]:
        """The user's limits that are exceeded, in words."""
        return fit.limit_problems(self.needs, self.max_flash, self.max_ram)

    @property
    def holds(self) -> bool:
        """Whether the board's memory is large enough, whatever the user's limits."""
        return all(planned.use.free >= 0 for planned in self.planned)

    @property
    def fits(self) -> bool:
        """Whether nothing is too small."""
        return not self.limits and self.holds


def check(situation: Situation, where: str) -> None:
    """Raise DoesNotFit that names every short region and every limit exceeded, and what would help."""
    short = [planned.shortfall for planned in situation.planned if planned.shortfall]
    if short or situation.limits:
        regions = [f"too small on {situation.board.name}: {'; '.join(short)}"] if short else []
        raise DoesNotFit("; ".join([*situation.limits, *regions]), where=where, hint=". ".join(hints(situation)))


def explained(error: DoesNotFit, manifest: Mapping[str, Any], board: Board) -> DoesNotFit:
    """The linker's refusal of a generated project with the figures of its parts and with what would help.

    ``manifest`` is the project's. ``error`` itself where the linker named no region of ``board``.
    """
    overflows = {name: excess for name, excess in error.overflows.items() if name in board.regions}
    if not overflows:
        return error
    needs, place = fit.needs_from_manifest(manifest), fit.place_from_manifest(manifest, board)
    planned = {p.region.name: p.use.used for p in Situation(board, needs, place).planned}
    # What is not planned is what the compiler and the library made.
    rest = {name: board.regions[name].size + excess - planned[name] for name, excess in overflows.items()}
    situation = Situation(board, replace(needs, rest=rest), place)
    short = [planned.shortfall for planned in situation.planned if planned.region.name in overflows]
    what = f"the firmware does not fit: {'; '.join(text for text in short if text)}"
    return DoesNotFit(what, where=error.where, hint=". ".join(hints(situation)), overflows=overflows)


def hints(situation: Situation) -> list[str]:
    """What would help, in words, the simplest first; never empty."""
    short = [planned for planned in situation.planned if planned.use.free < 0]
    parts = {item.part for planned in short for item in planned.items}
    for_ram = "arena" in parts or situation.needs.arena_bytes > (situation.max_ram or situation.needs.arena_bytes)
    found = [
        _other_regions(situation, parts) if short else "",
        _optimize_ram(situation) if for_ram else "",
        _shared(situation) if for_ram else "",
        _smaller_stack(situation) if "stack" in parts else "",
        _quantized(situation),
        _boards(situation) if short else "",
        fit.widest_text(situation.needs) if for_ram else "",
    ]
    sentences = [text[0].upper() + text[1:] if text[0] != "-" else text for text in found if text]
    if not any(found[:-1]):
        # A larger board does not help where it is the user's limit that is exceeded.
        other = "Choose a larger board or" if short else "Raise the limit or choose"
        sentences.insert(0, f"{other} a smaller model")
    return sentences


def _other_regions(situation: Situation, parts: set[str]) -> str:
    """``--place`` with which all fits: arena, weights, or both elsewhere, else the largest layers' weights."""
    movable: list[str] = [
        role for role in ("weights", "arena") if role in parts or (role == "weights" and "stored" in parts)
    ]
    for count in range(1, len(movable) + 1):
        for roles in itertools.combinations(movable, count):
            for names in itertools.product(*(_candidates(situation, role) for role in roles)):
                chosen = dict(zip(roles, (region.name for region in names), strict=True))
                if _with_place(situation, {**situation.place, **chosen}):
                    text = ",".join(f"{role}={name}" for role, name in chosen.items())
                    external = [region.name for region in names if region.external]
                    start = f" (start-up code must set up {' and '.join(external)} first)" if external else ""
                    return f"--place {text} would fit{start}"
    return _some_tables(situation) if "weights" in parts else ""


def _candidates(situation: Situation, role: str) -> list[Region]:
    """Other regions for a role: those that are ready from the start first, then flash for weights, then the largest."""
    now = make_placement(situation.board, situation.place)[role].name
    others = [r for r in situation.board.memory if r.name != now and (role == "weights" or r.kind == "ram")]
    return sorted(others, key=lambda r: (r.external, role == "weights" and r.kind != "flash", -r.size, r.name))


def _with_place(situation: Situation, place: Mapping[str, str]) -> bool:
    try:
        return replace(situation, place=place).holds
    except UsageError:
        return False


def _some_tables(situation: Situation) -> str:
    """The weights of a few layers elsewhere."""
    placement = make_placement(situation.board, situation.place)
    layers = fit.largest_constants(situation.needs, placement, placement["weights"].name)
    for region in _candidates(situation, "weights"):
        place = dict(situation.place)
        patterns: list[str] = []
        for name, _ in layers:
            if not name.isprintable() or not _SPECIAL.isdisjoint(name) or len(patterns) == _PATTERNS:
                continue
            attempt = {**place, f"weights/{name}": region.name}
            moved = [p for p in replace(situation, place=attempt).planned if p.region.name == region.name]
            if moved[0].use.free < 0:
                continue
            place, patterns = attempt, [*patterns, f"weights/{name}={region.name}"]
            if _with_place(situation, place):
                return f"--place '{','.join(patterns)}' would fit"
    return ""


def _optimize_ram(situation: Situation) -> str:
    if situation.for_ram or situation.replan is None:
        return ""
    networks = tuple(situation.replan(situation.board.core.isa, True))
    smaller = replace(situation, needs=replace(situation.needs, networks=networks))
    size = smaller.needs.arena_bytes
    return f"--optimize ram would fit: {size:,} bytes of arena" if smaller.fits else ""


def _shared(situation: Situation) -> str:
    needs = situation.needs
    if needs.share_arena or len(needs.networks) < 2:
        return ""
    shared = replace(needs, share_arena=True)
    verdict = "would fit" if replace(situation, needs=shared).fits else "is a step, but alone not enough"
    return f"--share-arena {verdict}: one arena of {shared.arena_bytes:,} bytes for networks that take turns"


def _smaller_stack(situation: Situation) -> str:
    needs = situation.needs
    for size in (2048, 1024):
        if size < needs.stack_bytes and replace(situation, needs=replace(needs, stack_bytes=size)).fits:
            return f"--stack {size} would fit, where the program needs no more (bench tells what the networks need)"
    return ""


def _quantized(situation: Situation) -> str:
    needs = situation.needs
    floats = sum(network.float_bytes for network in needs.networks)
    if floats == 0 or situation.calibrated:
        return ""
    smaller = tuple(_quarter(network) for network in needs.networks)
    fits = replace(situation, needs=replace(needs, networks=smaller)).fits
    weights, arena = (sum(getattr(n, k) for n in smaller) for k in ("const_bytes", "arena_bytes"))
    figures = f"about {weights:,} bytes of weights and {arena:,} of arena"
    verdict = "and would fit" if fits else "which alone is not enough"
    return f"quantizing to int8 (--calibration) leaves {figures}, {verdict}"


def _quarter(network: NetworkNeeds) -> NetworkNeeds:
    """The network with int8 in place of float, by the elements' sizes alone."""
    if network.float_bytes == 0:
        return network
    share = 1 - 0.75 * network.float_bytes / network.const_bytes
    constants = tuple(Constant(c.names, c.layers, round(c.nbytes * share)) for c in network.constants)
    return replace(network, constants=constants, arena_bytes=-(-network.arena_bytes // 4), float_bytes=0)


def _boards(situation: Situation) -> str:
    """The smallest boards that would hold the firmware as it is."""
    names = list(itertools.islice(_larger_boards(situation), _BOARDS_NAMED))
    if not names:
        return "no board that comes with microgen would hold it"
    return f"{'boards' if len(names) > 1 else 'a board'} that would hold it: {', '.join(names)}"


def _larger_boards(situation: Situation) -> Iterator[str]:
    planned: dict[str, Sequence[NetworkNeeds]] = {}
    code = situation.needs.rest.get(situation.board.region_for("code").name, ROOM_FOR_CODE)
    for board in sorted(all_boards(), key=lambda b: (b.flash_size + b.ram_size, b.name)):
        if board.name == situation.board.name:
            continue
        networks = situation.needs.networks
        if situation.replan is not None:
            if board.core.isa not in planned:
                try:
                    planned[board.core.isa] = situation.replan(board.core.isa, situation.for_ram)
                except MicrogenError:
                    continue
            networks = tuple(planned[board.core.isa])
        rest = {board.region_for("code").name: code}
        needs = replace(situation.needs, networks=networks, rest=rest)
        if replace(situation, board=board, needs=needs, place={}).holds:
            yield board.name
