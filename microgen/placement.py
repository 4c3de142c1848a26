"""Where code, constants, stack and arena lie: a board's defaults with the user's choices applied."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from microgen.boards import ROLES, Board, Region
from microgen.errors import UsageError

_OPTION = "--place"


@dataclass(frozen=True, slots=True)
class Placement:
    """Every role's region. ``tables`` are shell patterns of layers' and constants' names with the region of what they
    match; the first that matches counts. ``load`` is where contents of RAM are stored until start-up copies them.
    """

    roles: Mapping[str, Region]
    tables: tuple[tuple[str, Region], ...]
    load: Region

    def __getitem__(self, role: str) -> Region:
        return self.roles[role]

    def region_of(self, name: str) -> Region:
        """The region of a constant that belongs to the layer or constant ``name``."""
        return next((region for pattern, region in self.tables if fnmatch.fnmatchcase(name, pattern)), self["weights"])


def make_placement(board: Board, overrides: Mapping[str, str] | None = None) -> Placement:
    """The placement on ``board``. ``overrides`` maps ``weights``, ``arena``, ``code`` or ``weights/PATTERN`` to the
    name of a region.

    Raises UsageError for what cannot be placed and for a region that does not exist or cannot hold it.
    """
    roles = {role: board.region_for(role) for role in ROLES}
    tables: list[tuple[str, Region]] = []
    for what, name in (overrides or {}).items():
        role, _, pattern = what.partition("/")
        if role not in ("weights", "arena", "code") or (pattern and role != "weights"):
            raise UsageError(f"{what!r} cannot be placed", where=_OPTION, hint="Use weights, arena or code")
        if name not in board.regions:
            known = ", ".join(board.regions)
            raise UsageError(f"board {board.name} has no memory region {name!r}", hint=f"It has {known}")
        region = board.regions[name]
        if role == "arena" and region.kind != "ram":
            raise UsageError(f"the arena cannot lie in {name}: it is read-only memory", where=_OPTION)
        if pattern:
            tables.append((pattern, region))
        else:
            roles[role] = region
    return Placement(roles, tuple(tables), board.region_for("code"))
