"""A workspace for IAR Embedded Workbench for Arm: .eww, .ewp (Debug and Release), .ewd, .icf and start-up code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from microgen.boards import Board
from microgen.codegen.environment import Render
from microgen.codegen.projects.iar_debugger import DEBUGGER_TOOLS, PLUGINS
from microgen.codegen.projects.iar_format import Generation, Tool, core_number, fpu_number, tools
from microgen.codegen.projects.iar_options import PROJECT_TOOLS
from microgen.codegen.projects.model import ProjectModel
from microgen.codegen.tables import TABLE_SECTION

NAME = "iar"
NEEDS = frozenset({"example"})

# (level, strategy): level 3 is high; strategy 0 is balanced, 1 is size, 2 is speed.
_RELEASE = {"speed": (3, 2), "size": (3, 1), "ram": (3, 0)}
_DEBUG = (0, 0)
# Which transformations are on at these levels.
_TRANSFORMATIONS = {0: "00000000", 3: "11111110"}
_GROUPS = (("Model", "model"), ("Runtime", "runtime"), ("CMSIS-NN", "cmsis_nn"), ("API", "api"))
_NO_DEVICE = "Default\tNone"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A build configuration: its settings in .ewp and in .ewd; ``debug`` is 1 or 0."""

    name: str
    debug: int
    project: tuple[Tool, ...]
    debugger: tuple[Tool, ...]


def hint(project: ProjectModel) -> str:
    """How to use the workspace."""
    return (
        f"`iar/{project.name}.eww` is a workspace for IAR Embedded Workbench for Arm. Its Debug configuration tests "
        "the networks on themselves in the simulator and prints the result in the window Terminal I/O."
    )


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """The files of ``iar/``. UsageError for a processor that the IDE's format names in an unknown way."""
    number, generation = core_number(project.board.core)
    groups = {title: _listed(project, name) for title, name in _GROUPS}
    groups["Application"] = (*_listed(project, "example"), "iar/cstartup.c")
    variables = {
        "project": project,
        "placement": project.placement,
        "configurations": [_configuration(project, name, number, generation) for name in ("Debug", "Release")],
        "file_version": generation.file_version,
        "groups": {name: [_from_project(path) for path in paths] for name, paths in groups.items() if paths},
        "plugins": PLUGINS,
        "table_section": TABLE_SECTION,
        "code_objects": _code_objects(project),
    }
    name = project.name
    return {
        f"iar/{name}.eww": render("iar/workspace.eww.j2", variables),
        f"iar/{name}.ewp": render("iar/project.ewp.j2", variables),
        f"iar/{name}.ewd": render("iar/debugger.ewd.j2", variables),
        f"iar/{name}.icf": render("iar/linker.icf.j2", variables),
        "iar/cstartup.c": render("iar/cstartup.c.j2", variables),
    }


def _listed(project: ProjectModel, name: str) -> tuple[str, ...]:
    group = project.group(name)
    return (*group.sources, *group.headers)


def _code_objects(project: ProjectModel) -> list[str]:
    """The object files with the networks' code."""
    weights = {f"{network.name}_weights" for network in project.networks}
    stems = [PurePosixPath(path).stem for path in project.network_sources]
    return [f"{stem}.o" for stem in stems if stem not in weights]


def _from_project(path: str) -> str:
    """A path of the project folder as the IDE writes it, seen from ``iar/``."""
    return "$PROJ_DIR$\\.." if path == "." else "$PROJ_DIR$\\..\\" + path.replace("/", "\\")


def device(board: Board) -> str:
    """The chip as the IDE's list has it, where that follows from its CMSIS name; else the entry for none."""
    if board.vendor.partition(":")[0] == "STMicroelectronics":
        # Package and temperature range are no part of it: STM32L4R5ZITx is "STM32L4R5ZI".
        name = re.sub(r"(?<=\w{11})[A-Z]x.*", "", board.device.partition(":")[0])
        return f"{name}\tST {name}"
    return _NO_DEVICE


def _configuration(project: ProjectModel, name: str, number: int, generation: Generation) -> Configuration:
    debug = name == "Debug"
    states = {
        "General": _general(project, name, number, generation),
        "ICCARM": _compiler(project, debug),
        "AARM": {"ADebug": str(int(debug))},
        "ILINK": {"IlinkOutputFile": f"{project.name}.out", "IlinkIcfFile": f"$PROJ_DIR$\\{project.name}.icf"},
    }
    product = {"OCProductVersion": generation.product, "OCLastSavedByProductVersion": generation.product}
    return Configuration(
        name,
        int(debug),
        tuple(tools(PROJECT_TOOLS, generation, states)),
        tuple(tools(DEBUGGER_TOOLS, generation, {"C-SPY": product})),
    )


def _general(project: ProjectModel, name: str, number: int, generation: Generation) -> Mapping[str, str]:
    core = project.board.core
    lists = ("CoreVariant", "GBECoreSlave", "GFPUCoreSlave2", "OG_32_64DeviceCoreSlave")
    folders = {"ExePath": "Exe", "ObjPath": "Obj", "ListPath": "List", "BrowseInfoPath": "BrowseInfo"}
    return {
        **{option: str(number) for option in lists},
        **{option: f"{name}\\{folder}" for option, folder in folders.items()},
        "BuildFilesPath": name,
        "OGProductVersion": generation.product,
        "OGLastSavedByProductVersion": generation.product,
        "OGChipSelectEditMenu": device(project.board),
        "GFPUDeviceSlave": device(project.board),
        "FPU2": str(fpu_number(core)),
        # 16 registers for doubles.
        "NrRegs": str(int(fpu_number(core) != 0)),
        # The name that the IDE gives to Helium's switch, too.
        "NEON": str(int(core.mve != "none")),
        "DSPExtension": str(int(core.dsp)),
        # Semihosting: what the program prints goes to the debugger.
        "GenLowLevelInterface": str(int(name == "Debug")),
    }


def _compiler(project: ProjectModel, debug: bool) -> Mapping[str, str | tuple[str, ...]]:
    level, strategy = _DEBUG if debug else _RELEASE[project.optimize]
    return {
        "CCDefines": (*project.defines, "SELFTEST_PRINT" if debug else "NDEBUG"),
        "CCIncludePath2": tuple(_from_project(folder) for folder in project.includes),
        "CCOptLevel": str(level),
        "CCOptLevelSlave": str(level),
        "CCOptStrategy": str(strategy),
        "CCOptStrategySlave": str(strategy),
        "CCAllowList": _TRANSFORMATIONS[level],
    }
