"""Where code, constants, stack and arena lie: a board's defaults with the user's choices applied."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from microgen.boards import ROLES, Board, Region
from microgen.errors import UsageError, one_line

_OPTION = "--place"
_RAM_ONLY = ("arena", "stack", "data")
# Peripherals and the system space: the architecture's default memory map never executes there
# (Armv7-M ARM, B3.1; Armv8-M ARM, B8.1).
_EXECUTE_NEVER = ((0x40000000, 0x60000000), (0xA0000000, 1 << 32))
_NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Placement:
    """Every role's region. ``tables`` are shell patterns of layers' and constants' names with the region of what they
    match; the first that matches counts. ``load`` is the board's own region for code: vectors, start-up code and other
    constants than the networks' lie there, and what belongs into RAM is stored there until start-up copies it.
    """

    roles: Mapping[str, Region]
    tables: tuple[tuple[str, Region], ...]
    load: Region

    def __getitem__(self, role: str) -> Region:
        return self.roles[role]

    @property
    def external(self) -> list[str]:
        """The names of the regions in use that work only after the application has set them up."""
        used = (*self.roles.values(), *(region for _, region in self.tables))
        return sorted({region.name for region in used if region.external})

    def region_of(self, *names: str) -> Region:
        """The region of a constant that is known under ``names``: its own and those of the layers that read it."""
        found = (region for pattern, region in self.tables if any(fnmatch.fnmatchcase(n, pattern) for n in names))
        return next(found, self["weights"])

    @property
    def table_regions(self) -> tuple[Region, ...]:
        """The regions other than that of the weights into which tables were placed one by one, each once."""
        regions = {region.name: region for _, region in self.tables if region.name != self["weights"].name}
        return tuple(regions.values())

    @property
    def code_is_moved(self) -> bool:
        """Whether code lies elsewhere than vectors and start-up code."""
        return self["code"].name != self.load.name


def make_placement(board: Board, overrides: Mapping[str, str] | None = None) -> Placement:
    """The placement on ``board``. ``overrides`` maps a role (``weights``, ``arena``, ``code``, ``stack``, ``data``) or
    ``weights/PATTERN`` to the name of a region.

    Raises UsageError for what cannot be placed and for a region that does not exist or cannot hold it.
    """
    roles = {role: board.region_for(role) for role in ROLES}
    tables: list[tuple[str, Region]] = []
    for what, name in (overrides or {}).items():
        role, slash, pattern = what.partition("/")
        if slash and role in ROLES and role != "weights":
            whole = "all tensors of a network share one arena" if role == "arena" else f"{role} is placed as a whole"
            raise UsageError(f"{one_line(what, 60)!r} cannot be placed: {whole}", where=_OPTION, hint=f"Use {role}")
        if role not in ROLES or (slash and not pattern):
            hint = f"Use weights/PATTERN, {', '.join(ROLES[:-1])} or {ROLES[-1]}"
            raise UsageError(f"{one_line(what, 60)!r} cannot be placed", where=_OPTION, hint=hint)
        if name not in board.regions:
            what = f"board {board.name} has no memory region {one_line(name, 40)!r}"
            raise UsageError(what, where=_OPTION, hint=f"It has {_listed(board)}")
        region = board.regions[name]
        _check_holds(role, region, board)
        if slash:
            tables.append((pattern, region))
        else:
            roles[role] = region
    return Placement(roles, tuple(tables), board.region_for("code"))


def _listed(board: Board) -> str:
    texts = []
    for region in board.memory:
        kind = "RAM" if region.kind == "ram" else region.kind
        title = f", {region.title}" if region.title else ""
        texts.append(f"{region.name} ({region.size:,} bytes of {kind}{title})")
    return ", ".join(texts)


def _check_holds(role: str, region: Region, board: Board) -> None:
    """UsageError when ``region`` cannot be what ``role`` needs."""
    if role in _RAM_ONLY and region.kind != "ram":
        fitting = ", ".join(r.name for r in board.memory if r.kind == "ram")
        what = f"the {role} cannot lie in {region.name}: it is read-only memory"
        raise UsageError(what, where=_OPTION, hint=f"Use {fitting}")
    if role == "code" and any(low <= region.origin < high for low, high in _EXECUTE_NEVER):
        what = f"code cannot run in {region.name}: at 0x{region.origin:08X} the core never executes"
        raise UsageError(what, where=_OPTION, hint="Leave the code where it is, or use another region")
    below = [other.name for other in board.memory if other.end == region.origin]
    if role == "stack" and region.external and region is not board.region_for("stack"):
        ends = {r.end for r in board.memory}
        fitting = ", ".join(r.name for r in board.memory if r.kind == "ram" and not r.external and r.origin not in ends)
        what = f"the stack cannot lie in {region.name}: SystemInit, which sets that up, needs a stack"
        raise UsageError(what, where=_OPTION, hint=f"Use {fitting}" if fitting else "Leave it where it is")
    if role == "stack" and region is not board.region_for("stack") and below:
        what = f"the stack cannot lie in {region.name}: an overflow would run into {below[0]} unnoticed"
        raise UsageError(what, where=_OPTION, hint="Use a region with nothing below it")


def check_patterns(placement: Placement, tables: Iterable[Sequence[str]]) -> None:
    """Raise UsageError for a pattern that matches none of ``tables``, which are given as the names of each."""
    known = list(tables)
    for pattern, _ in placement.tables:
        if not any(fnmatch.fnmatchcase(name, pattern) for names in known for name in names):
            every = sorted({name for names in known for name in names})
            plain = pattern.strip("*")
            alike = difflib.get_close_matches(plain, every, n=3, cutoff=0.5)
            near = alike or [name for name in every if plain.lower() in name.lower()][:3]
            shown = ", ".join(one_line(name, 60) for name in near or every[:_NAMES_SHOWN])
            hint = f"Did you mean {shown}?" if near else f"There are {shown or 'none'}"
            what = f"'weights/{one_line(pattern, 60)}' matches no constant of the networks"
            raise UsageError(what, where=_OPTION, hint=hint)
