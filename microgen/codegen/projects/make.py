"""A Makefile for GNU make and arm-none-eabi-gcc: the network and the application for the emulator."""

from __future__ import annotations

from microgen.codegen.environment import Render
from microgen.codegen.projects.model import ProjectModel

NAME = "make"

_LEVELS = {"speed": "-O3", "size": "-Os", "ram": "-O2"}


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """``Makefile``."""
    emulator = project.board.emulator
    machine = []
    if emulator is not None:
        machine = ["-machine", emulator.machine, *(["-cpu", emulator.cpu] if emulator.cpu else [])]
    variables = {
        "project": project,
        "optimization": _LEVELS[project.optimize],
        "model_sources": project.network_sources,
        "application_sources": project.group("emulator").sources,
        "preprocessor": " ".join([f"-I{f}" for f in project.includes] + [f"-D{d}" for d in project.defines]),
        "machine": machine,
    }
    return {"Makefile": render("make/Makefile.j2", variables)}
