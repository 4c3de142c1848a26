"""A solution for the CMSIS-Toolbox, which Keil MDK 6 and the CMSIS extensions of VS Code open.

Keys, nesting and allowed values are those of the CMSIS-Toolbox's manual, chapter "CSolution Project Format", and of its
JSON schemas, version 2.14 (Open-CMSIS-Pack/devtools, tools/projmgr/schemas); the names of packs and components are
those that the packs' vendors and Open-CMSIS-Pack/csolution-examples use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from microgen.codegen import cmsis_nn
from microgen.codegen.environment import Render
from microgen.codegen.projects.model import ProjectModel
from microgen.cores import Core

NAME = "csolution"
NEEDS = frozenset({"example"})

#: The compilers that the toolbox can be told to use; the first is chosen.
COMPILERS = ("GCC", "AC6", "IAR", "CLANG")
_OPTIMIZE = {"speed": "speed", "size": "size", "ram": "balanced"}
_REVISION = re.compile(r"\$Revision:\s*V\.(\d+)\.(\d+)")
_MAX_TYPE = 32


@dataclass(frozen=True, slots=True)
class DevicePack:
    """The pack of the devices whose names start with ``prefix``, "" where it is unknown; ``components`` are what their
    start-up needs.
    """

    prefix: str
    pack: str
    components: tuple[str, ...] = ("Device:Startup",)


PACKS = (
    DevicePack("ARMCM", "ARM::Cortex_DFP", ("ARM::Device:Startup&C Startup",)),
    DevicePack("CMSDK_CM", "Keil::V2M-MPS2_CMx_BSP"),
    DevicePack("IOTKit_CM", "Keil::V2M-MPS2_IOTKit_BSP"),
    DevicePack("SSE-300-MPS3", "ARM::V2M_MPS3_SSE_300_BSP", ("Device:Startup", "Device:Definition")),
    DevicePack("STM32F1", "Keil::STM32F1xx_DFP"),
    DevicePack("STM32F4", "Keil::STM32F4xx_DFP"),
    DevicePack("STM32F7", "Keil::STM32F7xx_DFP"),
    DevicePack("STM32H7", "Keil::STM32H7xx_DFP"),
    DevicePack("STM32L4", "Keil::STM32L4xx_DFP"),
    DevicePack("STM32U5", "Keil::STM32U5xx_DFP"),
    DevicePack("nRF51", "NordicSemiconductor::nRF_DeviceFamilyPack"),
    DevicePack("nRF52", "NordicSemiconductor::nRF_DeviceFamilyPack"),
    DevicePack("RP2", "RaspberryPi::RP2xxx_DFP"),
    DevicePack("MCXN947", "NXP::MCXN947_DFP"),
    DevicePack("R7FA", "Renesas::RA_DFP"),
    DevicePack("AMA", "AmbiqMicro::Apollo_DFP"),
    DevicePack("AE722F80F55D5", "AlifSemiconductor::Ensemble"),
)
_UNKNOWN = DevicePack("", "")

# Emulated boards by QEMU's machine and the core's FPU: Arm's device for the same FPGA image, which has as much memory.
_MACHINES = {
    ("mps2-an385", "none"): "CMSDK_CM3",
    ("mps2-an386", "none"): "CMSDK_CM4",
    ("mps2-an386", "sp"): "CMSDK_CM4_FP",
    ("mps2-an500", "none"): "CMSDK_CM7",
    ("mps2-an500", "sp"): "CMSDK_CM7_SP",
    ("mps2-an500", "dp"): "CMSDK_CM7_DP",
    ("mps2-an505", "none"): "IOTKit_CM33",
    ("mps2-an505", "sp"): "IOTKit_CM33_FP",
    ("mps3-an547", "dp"): "SSE-300-MPS3",
}


def hint(project: ProjectModel) -> str:
    """How to open the solution."""
    return (
        f"`{project.name}.csolution.yml` is a solution for the CMSIS-Toolbox: open this folder in Keil MDK 6, or run "
        f"`cbuild {project.name}.csolution.yml --packs`. A solution of your own takes the networks in as the layer "
        f"`{project.name}.clayer.yml`."
    )


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """``<name>.csolution.yml``, ``<name>.cproject.yml`` and ``<name>.clayer.yml``."""
    device, pack = _device(project)
    library = _library_version(project)
    # The component of that version takes the place of the copied sources.
    names = ("model", "runtime", "api") if library else ("model", "runtime", "cmsis_nn", "api")
    titles = {"model": "Networks", "runtime": "Kernels", "cmsis_nn": "CMSIS-NN", "api": "API"}
    variables = {
        "project": project,
        "target_type": re.sub(r"[^A-Za-z0-9_-]", "-", project.board.name)[:_MAX_TYPE],
        "device": device,
        "pack": pack,
        "is_reference": device.startswith("ARM::ARMCM"),
        "processor": _processor(project.board.core),
        "compilers": COMPILERS,
        "optimize": _OPTIMIZE[project.optimize],
        "library": library,
        "includes": [f for f in project.includes if not (library and f.startswith(f"{cmsis_nn.FOLDER}/"))],
        "groups": {titles[name]: project.group(name) for name in names if project.group(name).sources},
    }
    stem = project.name
    return {
        f"{stem}.{kind}.yml": render(f"csolution/{kind}.yml.j2", variables)
        for kind in ("csolution", "cproject", "clayer")
    }


def _device(project: ProjectModel) -> tuple[str, DevicePack]:
    """The device as the toolbox names it, and its pack."""
    board = project.board
    name, vendor = board.device, board.vendor.partition(":")[0]
    if not name and board.emulator is not None:
        name, vendor = _MACHINES.get((board.emulator.machine, board.core.fpu), ""), "ARM"
    if name:
        pack = next((pack for pack in PACKS if name.startswith(pack.prefix)), _UNKNOWN)
        return f"{vendor}::{name}" if vendor else name, pack
    return reference_device(board.core), PACKS[0]


def reference_device(core: Core) -> str:
    """Arm's device of that core, for boards that name none: enough to compile for and to simulate small networks."""
    return f"ARM::ARMCM{core.cmsis.removeprefix('Cortex-M').replace('+', 'P')}"


def _processor(core: Core) -> dict[str, str]:
    """What a reference device must be told of the core, for it has every feature otherwise."""
    settings = {"fpu": "off" if core.fpu == "none" else core.fpu}
    if core.arch.startswith("armv8.1-m"):
        settings["mve"] = "off" if core.mve == "none" else core.mve
    if core.arch.startswith("armv8") and core.arch.endswith(".main"):
        settings["dsp"] = "on" if core.dsp else "off"
    return settings


def _library_version(project: ProjectModel) -> str:
    """The release of the genuine CMSIS-NN that the networks were compiled for; "" without one."""
    header = project.contents.get(f"{cmsis_nn.FOLDER}/Include/{cmsis_nn.API_HEADER}")
    if header is None:
        return ""
    match = _REVISION.search(header.decode("utf-8", "replace"))
    assert match is not None, "the tree was recognized by it"
    version = next(v for v in cmsis_nn.VERSIONS if v.revision == (int(match[1]), int(match[2])))
    return "{}.{}.0".format(*version.number)
