"""What every project writer is told: networks, files by group, and how to compile, link and place them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from microgen.boards import Board
from microgen.codegen.view import ModelView
from microgen.mindir import Array
from microgen.placement import Placement

#: The groups of files. ``model``, ``runtime``, ``cmsis_nn`` (where a CMSIS-NN is linked) and ``api`` (where another
#: interface than our own was asked for) make the networks. ``application`` is what a build for the board links with
#: them: on an emulated board a program that runs samples under semihosting, on others start-up code and the example.
#: ``example`` is the program that tests the networks on themselves, for any board and any tool.
GROUPS = ("model", "runtime", "cmsis_nn", "api", "application", "example")
NETWORK_GROUPS = ("model", "runtime", "cmsis_nn", "api")


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together; paths are relative to the project folder, with ``/``."""

    name: str
    sources: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """What the host runtime computes for the example input, output by output (``microgen.example``).

    ``exact``: the device must have the same bytes; otherwise floats are computed on the way.
    """

    expected: tuple[Array, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Network:
    """One network of a project. ``example`` is None where no part of the project needs it."""

    view: ModelView
    version: str
    model_file: str
    model_sha256: str
    example: Example | None = None

    @property
    def name(self) -> str:
        """The prefix of its C names, and the stem of its files."""
        return self.view.prefix

    @property
    def macro(self) -> str:
        """The prefix of its macros."""
        return self.view.macro

    @property
    def input_bytes(self) -> int:
        """What one inference reads."""
        return sum(port.nbytes for port in self.view.inputs)

    @property
    def networks(self) -> tuple[Network, ...]:
        """Itself: files of one network name their origin as those of a project do."""
        return (self,)


@dataclass(frozen=True, slots=True)
class ProjectModel:
    """A project, independent of the build system.

    ``name`` is a C identifier, that of the network where there is one alone. ``includes`` are the folders, relative to
    the project folder, that code which uses the networks needs; ``defines`` are ``NAME`` or ``NAME=value``.
    ``optimize`` is ``speed``, ``size`` or ``ram``. ``shared_arena``: the networks run one after the other in one arena.
    ``linker_script`` is that of the application for GNU ld, "" without one. ``contents`` are the files, by path, that
    exist before the project writers run, for writers that pack them. ``npu`` is the accelerator that the networks use
    (``ethos-u55-128``), "" without one: then firmware must link the driver of its maker.
    """

    name: str
    macro: str
    version: str
    networks: tuple[Network, ...]
    board: Board
    placement: Placement
    groups: tuple[Group, ...]
    includes: tuple[str, ...]
    defines: tuple[str, ...]
    optimize: str
    stack_bytes: int
    shared_arena: bool
    linker_script: str
    npu: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def group(self, name: str) -> Group:
        """The group of that name; an empty one where the project has none."""
        assert name in GROUPS, name
        return next((group for group in self.groups if group.name == name), Group(name))

    @property
    def npu_driver_missing(self) -> bool:
        """Whether the application needs the NPU's driver from outside: on an emulated board it has a stand-in."""
        return bool(self.npu) and self.board.emulator is None

    @property
    def network_sources(self) -> tuple[str, ...]:
        """The source files that make the networks."""
        return tuple(s for name in NETWORK_GROUPS for s in self.group(name).sources)

    @property
    def network_headers(self) -> tuple[str, ...]:
        """The headers of the networks."""
        return tuple(s for name in NETWORK_GROUPS for s in self.group(name).headers)

    @property
    def application_includes(self) -> tuple[str, ...]:
        """The folders that the application needs besides ``includes``."""
        folders = {path.rpartition("/")[0] for path in self.group("application").headers}
        return tuple(sorted(folders - set(self.includes)))

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source file of the networks and of the application."""
        return (*self.network_sources, *self.group("application").sources)

    @property
    def may_share(self) -> bool:
        """Whether networks that take turns may work in one arena: they were planned for it, or keep nothing."""
        return self.shared_arena or not any(network.view.state_bytes for network in self.networks)

    @property
    def input_bytes(self) -> int:
        """What one inference of the first network reads."""
        return self.networks[0].input_bytes

    @property
    def transfer_bytes(self) -> int:
        """Bytes that the emulator application collects before it writes them."""
        return 1024 if self.board.ram_size > 1 << 14 else 256

    @property
    def arena_bytes(self) -> int:
        """Bytes of all arenas: of the largest where one is shared."""
        sizes = [network.view.arena_bytes for network in self.networks]
        return max(sizes) if self.shared_arena else sum(sizes)
