"""A CMake project: the networks as a static library, and the program for the board where it is the whole project."""

from __future__ import annotations

import json

from microgen.codegen import sanitize
from microgen.codegen.environment import Render
from microgen.codegen.projects.gnu import machine
from microgen.codegen.projects.model import ProjectModel

NAME = "cmake"
NEEDS = frozenset({"application"})

DEFAULT_PRESET = "default"

# By what a project is tuned for: the build type whose level (-O3, -Os, -O2) is the Makefile's.
_BUILD_TYPES = {"speed": "Release", "size": "MinSizeRel", "ram": "RelWithDebInfo"}
_DEBUG = "Debug"
_TITLES = {
    "speed": "Optimized for speed",
    "size": "Optimized for size",
    "ram": "Balanced",
    "debug": "For the debugger",
}


def hint(project: ProjectModel) -> str:
    """How to use the project."""
    target = sanitize.cmake_target(project.name)
    text = (
        f"CMake: `cmake --preset default && cmake --build --preset default` builds `build/default/{project.name}.elf` "
        "with arm-none-eabi-gcc; the presets speed, size and debug build other ones."
    )
    if project.board.emulator is not None and not project.npu:
        text += " With `--target run` it runs in QEMU on a sample of zeros."
    return text + (
        f" In a CMake project of your own, `add_subdirectory` this folder and link the library `{target}`: it brings "
        "no flags, no program and no toolchain along."
    )


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """``CMakeLists.txt``, ``CMakePresets.json``, ``cmake/arm-none-eabi.cmake``; on an emulated board its input, too."""
    emulator = machine(project)
    variables = {
        "project": project,
        "target": sanitize.cmake_target(project.name),
        "M": project.macro,
        "network_sources": project.network_sources,
        "application_sources": project.group("application").sources,
        "build_type": _BUILD_TYPES[project.optimize],
        "machine": emulator,
    }
    found = {
        "CMakeLists.txt": render("cmake/CMakeLists.txt.j2", variables),
        "CMakePresets.json": _presets(project),
        "cmake/arm-none-eabi.cmake": render("cmake/arm-none-eabi.cmake.j2", variables),
    }
    if emulator:
        found["emulator/zeros.c"] = render("cmake/zeros.c.j2", variables)
    return found


def _presets(project: ProjectModel) -> bytes:
    """Presets of version 3, which CMake 3.21 reads; they name no generator, so that the user's own choice counts."""
    configure: list[dict[str, object]] = [
        {
            "name": "arm",
            "hidden": True,
            "binaryDir": "${sourceDir}/build/${presetName}",
            "toolchainFile": "${sourceDir}/cmake/arm-none-eabi.cmake",
            "cacheVariables": {"CMAKE_EXPORT_COMPILE_COMMANDS": "ON"},
        }
    ]
    for name, build_type in (*_BUILD_TYPES.items(), ("debug", _DEBUG)):
        variables = {"CMAKE_BUILD_TYPE": build_type}
        configure.append({"name": name, "displayName": _TITLES[name], "inherits": "arm", "cacheVariables": variables})
    configure.append(
        {"name": DEFAULT_PRESET, "displayName": f"As generated: {project.optimize}", "inherits": project.optimize}
    )
    names = [preset["name"] for preset in configure if "hidden" not in preset]
    document = {
        "version": 3,
        "cmakeMinimumRequired": {"major": 3, "minor": 21, "patch": 0},
        "configurePresets": configure,
        "buildPresets": [{"name": name, "configurePreset": name} for name in names],
    }
    return (json.dumps(document, indent=2) + "\n").encode("ascii")
