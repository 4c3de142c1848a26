"""What every project writer is told: files by group, and how to compile and link them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microgen.boards import Board, Region

#: The groups of files. ``model``, ``runtime`` and ``cmsis_nn`` (empty unless a CMSIS-NN is linked) make the
#: network; ``emulator`` is the application that runs under semihosting.
GROUPS = ("model", "runtime", "emulator", "cmsis_nn")


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together; paths are relative to the project folder, with ``/``."""

    name: str
    sources: tuple[str, ...]
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectModel:
    """A project, independent of the build system.

    ``includes`` are folders relative to the project folder; ``defines`` are ``NAME`` or ``NAME=value``.
    ``placement`` says which memory region serves each role (``microgen.boards.ROLES``). ``optimize`` is
    ``speed``, ``size`` or ``ram``. ``input_bytes`` is what one inference reads.
    """

    name: str
    macro: str
    version: str
    model_file: str
    model_sha256: str
    board: Board
    placement: Mapping[str, Region]
    groups: tuple[Group, ...]
    includes: tuple[str, ...]
    defines: tuple[str, ...]
    optimize: str
    stack_bytes: int
    input_bytes: int

    def group(self, name: str) -> Group:
        """The group of that name."""
        return next(group for group in self.groups if group.name == name)

    @property
    def network_sources(self) -> tuple[str, ...]:
        """The source files that make the network."""
        return tuple(s for name in ("model", "runtime", "cmsis_nn") for s in self.group(name).sources)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source file."""
        return tuple(source for group in self.groups for source in group.sources)
