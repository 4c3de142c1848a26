"""A module for Zephyr and a sample that tests the networks: build files around the sources, which stay where they are.

Keys of module.yml, CMake commands and Kconfig symbols are those of Zephyr 3.3 to 4.x.
"""

from __future__ import annotations

from microgen.codegen.environment import Render
from microgen.codegen.packaging import kernel_isa
from microgen.codegen.projects.model import ProjectModel

NAME = "zephyr"
NEEDS = frozenset({"example"})

#: What Zephyr's configuration must say for the kernels' instruction set, and how a person calls that.
_ISA = {
    "portable": ("", ""),
    "dsp": ("CPU_CORTEX_M4 || CPU_CORTEX_M7 || ARMV8_M_DSP", "the DSP extension"),
    "mve": ("ARMV8_1_M_MVEI && FPU", "Helium (it needs CONFIG_FPU)"),
}
_PRIVATE = ("runtime", "cmsis_nn")
_SAMPLE = "zephyr/samples/selftest"
# What Zephyr and the self-test keep in RAM besides arenas and stack, rounded up.
_KERNEL_KIB = 8


def hint(project: ProjectModel) -> str:
    """How to use what is written."""
    return (
        "- Zephyr: this folder is a module (`zephyr/module.yml`). Add it with `-DZEPHYR_EXTRA_MODULES=<this folder>` "
        f"and `CONFIG_MICROGEN_{project.macro}=y`. `west build -b <board> {_SAMPLE}` builds a program that tests the "
        "networks."
    )


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """The files of ``zephyr/``."""
    isa = kernel_isa(project.contents)
    condition, capability = _ISA[isa]
    runtime = [content for path, content in project.contents.items() if path.startswith("runtime/")]
    folders = ("" if folder == "." else folder for folder in project.includes)
    private = [folder for folder in project.includes if folder.split("/")[0] in _PRIVATE]
    variables = {
        "project": project,
        "symbol": f"MICROGEN_{project.macro}",
        "module": f"microgen_{project.name}",
        "isa_condition": condition,
        "isa_name": capability,
        "floats": any(network.example is not None and not network.example.exact for network in project.networks),
        "helium": isa == "mve",
        "math": any(b"#include <math.h>" in content for content in runtime),
        "sources": project.network_sources,
        "public_folders": [folder for folder in folders if folder.split("/")[0] not in _PRIVATE],
        "private_folders": private,
        "example_sources": [path for path in project.group("example").sources if not path.endswith("/main.c")],
        "min_ram": -(-(project.arena_bytes + project.stack_bytes) // 1024) + _KERNEL_KIB,
    }
    names = {
        "zephyr/module.yml": "module.yml.j2",
        "zephyr/CMakeLists.txt": "CMakeLists.txt.j2",
        "zephyr/Kconfig": "Kconfig.j2",
        f"zephyr/include/{project.name}_arena.h": "arena.h.j2",
        "zephyr/arena.c": "arena.c.j2",
        f"{_SAMPLE}/CMakeLists.txt": "sample_CMakeLists.txt.j2",
        f"{_SAMPLE}/prj.conf": "prj.conf.j2",
        f"{_SAMPLE}/sample.yaml": "sample.yaml.j2",
        f"{_SAMPLE}/src/main.c": "main.c.j2",
    }
    return {path: render(f"zephyr/{template}", variables) for path, template in names.items()}
