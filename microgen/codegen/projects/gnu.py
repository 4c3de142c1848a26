"""What the project files for GNU tools have in common."""

from __future__ import annotations

from microgen.codegen.projects.model import ProjectModel

#: The compiler's optimization by what a project is tuned for.
LEVELS = {"speed": "-O3", "size": "-Os", "ram": "-O2"}


def machine(project: ProjectModel) -> list[str]:
    """QEMU's options that choose the board; none where it has no emulator."""
    emulator = project.board.emulator
    if emulator is None:
        return []
    return ["-machine", emulator.machine, *(["-cpu", emulator.cpu] if emulator.cpu else [])]
