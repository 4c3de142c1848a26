"""The programs of a project: the one that runs samples on the emulated board, and the self-test for any board."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from microgen import resources
from microgen.boards import Board
from microgen.codegen.environment import Render
from microgen.codegen.literals import float_literal, wrapped
from microgen.codegen.projects.model import Network, ProjectModel

#: How far a float of the self-test may be off, as a share of its output's largest magnitude: C libraries differ.
TOLERANCE = 1e-4
# Values of an output that a self-test with floats compares.
_COMPARED = 64
_EMULATOR, _BOARD, _EXAMPLE, _NPU = "emulator", "board", "example", "npu"


@dataclass(frozen=True, slots=True)
class Parts:
    """Which programs a project contains. ``emulated``: its board has an emulator. ``with_npu``: the networks use
    an NPU.
    """

    emulated: bool
    with_application: bool
    with_example: bool
    with_npu: bool = False

    @classmethod
    def of(cls, board: Board, needs: Iterable[str], *, npu: bool = False) -> Parts:
        """The programs that writers with these needs use."""
        found = set(needs)
        return cls(board.emulator is not None, "application" in found, "example" in found, npu)

    @property
    def folder(self) -> str:
        """The folder of the application's own files."""
        return _EMULATOR if self.emulated else _BOARD

    @property
    def linker_script(self) -> str:
        """The application's linker script for GNU ld; "" without an application."""
        return f"{self.folder}/linker.ld" if self.with_application else ""

    def application(self, project: str) -> list[str]:
        """The application's source files and headers."""
        if not self.with_application:
            return []
        own = [f"{self.folder}/{name.removesuffix('.j2')}" for _, name in self.templates]
        return own if self.emulated else [*own, *self.example(project)]

    @property
    def templates(self) -> list[tuple[str, str]]:
        """Folder and name of the application's templates; on an emulated board one stands in for the NPU's driver."""
        folders = [self.folder, *([_NPU] if self.emulated and self.with_npu else [])]
        return [(folder, name) for folder in folders for name in _templates(folder)]

    def example(self, project: str) -> list[str]:
        """The self-test's source files and headers."""
        if not self.with_example:
            return []
        return [f"{_EXAMPLE}/main.c", f"{_EXAMPLE}/{project}_selftest.c", f"{_EXAMPLE}/{project}_selftest.h"]


def application_files(project: ProjectModel, parts: Parts, render: Render) -> dict[str, bytes]:
    """The files of both programs: path → content."""
    files: dict[str, bytes] = {}
    variables: dict[str, object] = {
        "project": project,
        "board": project.board,
        "placement": project.placement,
        "stack_size": project.stack_bytes,
    }
    if parts.with_application:
        for folder, name in parts.templates:
            path = f"{parts.folder}/{name.removesuffix('.j2')}"
            content = resources.templates_dir() / folder / name
            files[path] = render(f"{folder}/{name}", variables) if name.endswith(".j2") else content.read_bytes()
        files[parts.linker_script] = render("gcc/linker.ld.j2", variables)
    if parts.with_example:
        checks = {network.name: _checks(network) for network in project.networks}
        variables["checks"] = checks
        files[f"{_EXAMPLE}/main.c"] = render("example/main.c.j2", variables)
        files[f"{_EXAMPLE}/{project.name}_selftest.h"] = render("example/selftest.h.j2", variables)
        files[f"{_EXAMPLE}/{project.name}_selftest.c"] = render("example/selftest.c.j2", variables)
    return files


def _templates(folder: str) -> list[str]:
    return sorted(path.name for path in (resources.templates_dir() / folder).iterdir() if path.is_file())


@dataclass(frozen=True, slots=True)
class Check:
    """What the self-test asks of one output: the 32-bit FNV-1a of all its bytes, or, where ``values`` are given, the
    first elements within ``tolerance``.
    """

    index: int
    ctype: str
    hash: str
    count: int
    values: tuple[str, ...]
    tolerance: str


def _checks(network: Network) -> list[Check]:
    example = network.example
    assert example is not None, "the self-test needs the expected outputs"
    found = []
    for port, expected in zip(network.view.outputs, example.expected, strict=True):
        flat = np.ascontiguousarray(expected).reshape(-1)
        if example.exact:
            found.append(Check(port.index, port.ctype, f"0x{fnv1a(flat.tobytes()):08X}u", 0, (), ""))
            continue
        compared = flat[:_COMPARED].astype(np.float64)
        finite = np.abs(compared[np.isfinite(compared)])
        tolerance = float(finite.max(initial=0.0)) * TOLERANCE if flat.dtype.kind == "f" else 1.0
        lines = tuple(wrapped([float_literal(float(np.float32(value))) for value in compared]))
        found.append(
            Check(port.index, port.ctype, "", len(compared), lines, float_literal(float(np.float32(tolerance))))
        )
    return found


def fnv1a(data: bytes) -> int:
    """The 32-bit FNV-1a hash, as the generated code computes it."""
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
