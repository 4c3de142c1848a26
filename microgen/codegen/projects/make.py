"""A Makefile for GNU make and arm-none-eabi-gcc: the networks and the application for the board."""

from __future__ import annotations

from microgen.codegen.environment import Render
from microgen.codegen.projects.gnu import LEVELS, machine
from microgen.codegen.projects.model import ProjectModel

NAME = "make"
NEEDS = frozenset({"application"})


def hint(project: ProjectModel) -> str:
    """How to use the Makefile."""
    text = f"`make` builds `build/{project.name}.elf` with arm-none-eabi-gcc, `make size` shows its memory."
    if project.board.emulator is None:
        return text
    if project.npu:
        return f"{text} `microgen run` on this folder runs it in QEMU, with the NPU simulated."
    return f"{text} `make run` runs it in QEMU on a sample of zeros, `microgen run` on this folder on your data."


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """``Makefile``."""
    variables = {
        "project": project,
        "optimization": LEVELS[project.optimize],
        "model_sources": project.network_sources,
        "application_sources": project.group("application").sources,
        "preprocessor": " ".join(
            [f"-I{f}" for f in (*project.includes, *project.application_includes)] + [f"-D{d}" for d in project.defines]
        ),
        "machine": machine(project),
    }
    return {"Makefile": render("make/Makefile.j2", variables)}
