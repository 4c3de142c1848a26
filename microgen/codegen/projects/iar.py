"""A workspace for IAR Embedded Workbench for Arm: .eww, .ewp (Debug and Release), .icf, start-up and an example.

Only options that differ from the IDE's defaults or that decide what is built are written; the IDE fills in the
rest. Option names, nesting and versions follow projects saved by EWARM 8.50, and by 9.40 for cores that 8.50
does not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from microgen.codegen.environment import Render
from microgen.codegen.projects.model import ProjectModel

NAME = "iar"
NEEDS = frozenset({"example"})


@dataclass(frozen=True, slots=True)
class Option:
    """One ``<option>``: ``version`` is None for options without one."""

    name: str
    states: tuple[str, ...]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The ``<settings>`` of one tool; ``data_version`` is None for tools without options."""

    name: str
    archive_version: int
    data_version: int | None
    debug: int
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A build configuration."""

    name: str
    debug: int
    settings: tuple[Settings, ...]


@dataclass(frozen=True, slots=True)
class _Schema:
    """The format versions that one generation of the IDE writes."""

    file: int
    general: int
    compiler: int
    assembler: int
    linker: int
    core_list: int


_EWARM_8 = _Schema(file=3, general=31, compiler=36, assembler=10, linker=23, core_list=28)
_EWARM_9 = _Schema(file=4, general=36, compiler=38, assembler=12, linker=27, core_list=33)

# The core's number in the IDE's list and the oldest format that knows it.
_CORES = {
    "cortex-m3": (38, _EWARM_8),
    "cortex-m4": (39, _EWARM_8),
    "cortex-m4f": (39, _EWARM_8),
    "cortex-m7": (41, _EWARM_8),
    "cortex-m7dp": (41, _EWARM_8),
    "cortex-m33": (59, _EWARM_8),
    "cortex-m55": (63, _EWARM_9),
}
# By the value of --fpu: none, VFPv4 and VFPv5 with single precision, VFPv5 with double.
_FPU = {"none": 0, "VFPv4_sp": 4, "VFPv5_sp": 6, "VFPv5_d16": 7}
# (level, strategy): level 3 is high; strategy 1 is size, 2 is speed.
_RELEASE = {"speed": (3, 2), "size": (3, 1), "ram": (3, 1)}
_DEBUG = (0, 0)


def hint(project: ProjectModel) -> str:
    """How to use the workspace."""
    return f"`iar/{project.name}.eww` is a workspace for IAR Embedded Workbench for Arm."


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """The files of ``iar/``."""
    _, schema = _CORES[project.board.core.name]
    groups = {
        "Model": (*project.group("model").sources, *project.group("model").headers),
        "Runtime": (*project.group("runtime").sources, *project.group("runtime").headers),
        **_linked(project),
        "Application": (*project.group("example").sources, *project.group("example").headers, "iar/cstartup.c"),
    }
    variables = {
        "project": project,
        "configurations": (_configuration(project, "Debug"), _configuration(project, "Release")),
        "file_version": schema.file,
        "groups": {name: [_from_project(path) for path in paths] for name, paths in groups.items()},
    }
    return {
        f"iar/{project.name}.eww": render("iar/workspace.eww.j2", variables),
        f"iar/{project.name}.ewp": render("iar/project.ewp.j2", variables),
        f"iar/{project.name}.icf": render("iar/linker.icf.j2", variables),
        "iar/cstartup.c": render("iar/cstartup.c.j2", variables),
    }


def _linked(project: ProjectModel) -> dict[str, tuple[str, ...]]:
    """The group of a linked CMSIS-NN; none without one."""
    group = project.group("cmsis_nn")
    return {"CMSIS-NN": (*group.sources, *group.headers)} if group.sources else {}


def _from_project(path: str) -> str:
    """A path of the project folder as the IDE writes it, seen from ``iar/``."""
    return "$PROJ_DIR$\\..\\" + path.replace("/", "\\")


def _configuration(project: ProjectModel, name: str) -> Configuration:
    debug = name == "Debug"
    level, strategy = _DEBUG if debug else _RELEASE[project.optimize]
    _, schema = _CORES[project.board.core.name]
    flag = int(debug)
    return Configuration(
        name,
        flag,
        (
            Settings("General", 3, schema.general, flag, _general(project, name, schema)),
            Settings("ICCARM", 2, schema.compiler, flag, _compiler(project, debug, level, strategy)),
            Settings("AARM", 2, schema.assembler, flag, (Option("ADebug", (str(flag),)),)),
            Settings("OBJCOPY", 0, 1, flag, (Option("OOCObjCopyEnable", ("0",)),)),
            Settings("BICOMP", 0, None, flag, ()),
            Settings("ILINK", 0, schema.linker, flag, _linker(project, debug)),
            Settings("IARCHIVE", 0, 0, flag, (Option("IarchiveOverride", ("0",)),)),
        ),
    )


def _general(project: ProjectModel, configuration: str, schema: _Schema) -> tuple[Option, ...]:
    core = project.board.core
    number = str(_CORES[core.name][0])
    fpu = next(flag.removeprefix("--fpu=") for flag in core.iar_flags if flag.startswith("--fpu="))
    dsp = core.isa != "portable"
    return (
        Option("ExePath", (f"{configuration}\\Exe",)),
        Option("ObjPath", (f"{configuration}\\Obj",)),
        Option("ListPath", (f"{configuration}\\List",)),
        Option("GEndianMode", ("0",)),
        Option("GOutputBinary", ("0",)),
        Option("OGCoreOrChip", ("0",)),
        Option("GRuntimeLibSelect", ("1",), 0),
        Option("GRuntimeLibSelectSlave", ("1",), 0),
        Option("OGChipSelectEditMenu", ("Default\tNone",)),
        Option("GenLowLevelInterface", ("1",)),
        Option("CoreVariant", (number,), schema.core_list),
        Option("GBECoreSlave", (number,), schema.core_list),
        Option("GFPUCoreSlave2", (number,), schema.core_list),
        Option("FPU2", (str(_FPU[fpu]),), 0),
        Option("NrRegs", ("1" if core.fpu != "none" else "0",), 0),
        Option("NEON", ("1" if core.isa == "mve" else "0",)),
        Option("DSPExtension", (str(int(dsp)),)),
        Option("TrustZone", ("0",)),
    )


def _compiler(project: ProjectModel, debug: bool, level: int, strategy: int) -> tuple[Option, ...]:
    includes = tuple(_from_project(f).removesuffix("\\.") for f in project.includes)
    return (
        Option("CCDefines", (*project.defines, *(() if debug else ("NDEBUG",)))),
        Option("CCIncludePath2", includes),
        Option("CCDebugInfo", ("1",)),
        Option("CCOptLevel", (str(level),)),
        Option("CCOptLevelSlave", (str(level),)),
        Option("CCOptStrategy", (str(strategy),), 0),
        Option("CCOptStrategySlave", (str(strategy),), 0),
        Option("CCAllowList", ("00000000" if debug else "11111110",), 1),
        Option("CCOptimizationNoSizeConstraints", ("0",)),
        Option("CCDiagWarnAreErr", ("0",)),
        Option("CCRequirePrototypes", ("0",)),
        Option("CCSignedPlainChar", ("1",)),
        Option("IProcessorMode2", ("1",)),
        Option("IccLang", ("0",)),
        Option("IccCDialect", ("1",)),
        Option("IccAllowVLA", ("0",)),
        Option("IccFloatSemantics", ("0",)),
        Option("OutputFile", ("$FILE_BNAME$.o",)),
    )


def _linker(project: ProjectModel, debug: bool) -> tuple[Option, ...]:
    return (
        Option("IlinkOutputFile", (f"{project.name}.out",)),
        Option("IlinkDebugInfoEnable", ("1",)),
        Option("IlinkMapFile", ("1",)),
        Option("IlinkIcfOverride", ("1",)),
        Option("IlinkIcfFile", (f"$PROJ_DIR$\\{project.name}.icf",)),
        Option("IlinkAutoLibEnable", ("1",)),
        Option("IlinkOverrideProgramEntryLabel", ("0",)),
        Option("IlinkProgramEntryLabel", ("__iar_program_start",)),
        Option("IlinkLowLevelInterfaceSlave", ("1" if debug else "0",)),
        Option("IlinkWarningsAreErrors", ("0",)),
    )
