"""A CMSIS pack with the networks as one software component: the .pdsc and the .pack that holds it and the sources.

Elements and attributes follow PACK.xsd 1.7.32 of the Open-CMSIS-Pack specification.
"""

from __future__ import annotations

from dataclasses import dataclass

from microgen.codegen.environment import Render
from microgen.codegen.packaging import content_version, kernel_isa, release, zip_archive
from microgen.codegen.projects.model import ProjectModel

NAME = "cmsis-pack"
NEEDS = frozenset({"example"})

VENDOR = "microgen"
_ROOT = "network"
_PRIVATE = ("runtime", "cmsis_nn")
_SUB_LIMIT = 32
_SELFTEST = "Test of the networks on themselves"
_HELIUM = tuple((core, mve) for core in ("Cortex-M52", "Cortex-M55", "Cortex-M85") for mve in ("MVE", "FP_MVE"))
#: The cores that have the kernels' instructions, as the ``accept`` elements of a condition.
_CORES: dict[str, tuple[dict[str, str], ...]] = {
    "portable": tuple(
        {"Dcore": f"Cortex-{core}"}
        for core in ("M0", "M0+", "M1", "M3", "M4", "M7", "M23", "M33", "M35P", "M52", "M55", "M85")
    ),
    "dsp": (
        {"Dcore": "Cortex-M4"},
        {"Dcore": "Cortex-M7"},
        {"Dcore": "Cortex-M33", "Ddsp": "DSP"},
        {"Dcore": "Cortex-M35P", "Ddsp": "DSP"},
        {"Dcore": "Cortex-M52"},
        {"Dcore": "Cortex-M55"},
        {"Dcore": "Cortex-M85"},
    ),
    "mve": tuple({"Dcore": core, "Dmve": mve} for core, mve in _HELIUM),
}
_ISA_NAMES = {"portable": "Any Cortex-M core", "dsp": "Cores with the DSP extension", "mve": "Cores with Helium"}


@dataclass(frozen=True, slots=True)
class File:
    """A ``<file>`` of the component: its attributes in order."""

    attributes: tuple[tuple[str, str], ...]


def hint(project: ProjectModel) -> str:
    """How to use what is written."""
    return (
        f"- CMSIS pack: `cpackget add cmsis-pack/{pack_name(project)}.*.pack`, then choose the component "
        f"Machine Learning:NN Model:{_sub_name(project)}."
    )


def pack_name(project: ProjectModel) -> str:
    """Vendor and name, which file names of packs begin with."""
    return f"{VENDOR}.{project.name}"


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """The files of ``cmsis-pack/``."""
    contents = _contents(project)
    version = content_version(project.version, contents)
    isa = kernel_isa(project.contents)
    variables = {
        "project": project,
        "vendor": VENDOR,
        "version": version,
        "component_version": release(project.version),
        "sub_name": _sub_name(project),
        "define": f"RTE_ML_NN_MODEL_{project.macro}",
        "isa_name": _ISA_NAMES[isa],
        "cores": _CORES[isa],
        "files": _component_files(project),
    }
    name = pack_name(project)
    description = render("cmsis_pack/pack.pdsc.j2", variables)
    archive = zip_archive({f"{name}.pdsc": description, **contents})
    return {f"cmsis-pack/{name}.pdsc": description, f"cmsis-pack/{name}.{version}.pack": archive}


def _contents(project: ProjectModel) -> dict[str, bytes]:
    """The project's own files that the pack holds, by path in the pack."""
    listed = {*project.network_sources, *project.network_headers, *_selftest(project)}
    chosen = [path for path in project.contents if path in listed or path.startswith("cmsis_nn/")]
    return {f"{_ROOT}/{path}": project.contents[path] for path in chosen} | {
        "LICENSE": project.contents["runtime/LICENSE"]
    }


def _selftest(project: ProjectModel) -> tuple[str, ...]:
    example = project.group("example")
    return (*example.sources, *example.headers)


def _sub_name(project: ProjectModel) -> str:
    """What names the component; packs allow 32 characters."""
    return project.name[:_SUB_LIMIT]


def _component_files(project: ProjectModel) -> list[File]:
    """Include folders, public headers, sources and the self-test, which a tool copies into a project on request."""
    found: list[File] = []
    for folder in project.includes:
        path = f"{_ROOT}/" if folder == "." else f"{_ROOT}/{folder}/"
        private = (("scope", "private"),) if folder.split("/")[0] in _PRIVATE else ()
        found.append(File((("category", "include"), *private, ("name", path))))
    headers = (*project.group("model").headers, *project.group("api").headers)
    found += [File((("category", "header"), ("name", f"{_ROOT}/{path}"))) for path in headers]
    found += [File((("category", "source"), ("name", f"{_ROOT}/{path}"))) for path in project.network_sources]
    for path in _selftest(project):
        category = "header" if path.endswith(".h") else "source"
        attributes = (("category", category), ("attr", "template"), ("select", _SELFTEST), ("name", f"{_ROOT}/{path}"))
        found.append(File(attributes))
    return found
