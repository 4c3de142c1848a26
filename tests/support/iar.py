"""Reads a project of IAR Embedded Workbench as the IDE does: workspace, groups, files, options by state."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

# By version of the list of processors and number in it: the options of GCC. These are tests/data/iar/cores.toml's.
_BASE = {34: "cortex-m0", 35: "cortex-m0plus", 38: "cortex-m3", 39: "cortex-m4", 41: "cortex-m7"}
_CPUS = {
    33: {**_BASE, 63: "cortex-m55"},
    34: {**_BASE, 60: "cortex-m23", 61: "cortex-m33", 62: "cortex-m35p", 65: "cortex-m85"},
}
_FPUS = {0: "", 4: "fpv4-sp-d16", 6: "fpv5-sp-d16", 7: "fpv5-d16"}
_CHOOSES_DSP = ("cortex-m33", "cortex-m35p")
_HELIUM = ("cortex-m55", "cortex-m85")
_HIGH = {0: "-O2", 1: "-Os", 2: "-O3"}


@dataclass(frozen=True)
class IarFile:
    """A file of a group; ``excluded`` are the configurations that do not build it."""

    group: str
    path: Path
    excluded: tuple[str, ...]


@dataclass(frozen=True)
class IarConfiguration:
    """A configuration: options by tool and name, as (version, states)."""

    name: str
    options: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]]

    def states(self, tool: str, option: str) -> tuple[str, ...]:
        """The states of an option, which must be there; empty lines of lists left out."""
        return tuple(state for state in self.options[tool][option][1] if state)

    def number(self, tool: str, option: str) -> int:
        """The one state of an option, which must be a number."""
        (state,) = self.states(tool, option)
        return int(state)


@dataclass(frozen=True)
class IarProject:
    """What a workspace with one project says."""

    folder: Path
    configurations: Mapping[str, IarConfiguration]
    files: tuple[IarFile, ...]

    def sources(self, configuration: str, *groups: str) -> list[Path]:
        """The C files that a configuration builds, of these groups or of all."""
        found = [f for f in self.files if configuration not in f.excluded and (not groups or f.group in groups)]
        paths = [f.path for f in found if f.path.suffix == ".c"]
        # All objects lie in one folder.
        assert len({path.stem.lower() for path in paths}) == len(paths), "two objects of one name"
        return paths

    def resolve(self, text: str) -> Path:
        """A path of the project file on this machine."""
        assert text.startswith("$PROJ_DIR$\\"), text
        assert "/" not in text, f"{text}: the IDE writes backslashes"
        path = self.folder.joinpath(*PureWindowsPath(text.removeprefix("$PROJ_DIR$\\")).parts)
        return path.resolve()

    def compiler_flags(self, configuration: IarConfiguration) -> list[str]:
        """Processor, optimization, include folders and defines, as options of GCC."""
        return [
            *cpu_flags(configuration),
            optimization(configuration),
            *(f"-I{self.resolve(folder)}" for folder in configuration.states("ICCARM", "CCIncludePath2")),
            *(f"-D{define}" for define in configuration.states("ICCARM", "CCDefines")),
        ]

    def linker_file(self, configuration: IarConfiguration) -> Path:
        """The .icf that the configuration links with instead of the IDE's own."""
        assert configuration.number("ILINK", "IlinkIcfOverride") == 1
        (text,) = configuration.states("ILINK", "IlinkIcfFile")
        return self.resolve(text)


def cpu_flags(configuration: IarConfiguration) -> list[str]:
    """What the states of the processor's options mean to GCC; they must agree with each other."""
    options = configuration.options["General"]
    version, (number,) = options["CoreVariant"]
    for copy in ("GBECoreSlave", "GFPUCoreSlave2", "OG_32_64DeviceCoreSlave"):
        assert options[copy] == (version, (number,)), copy
    assert configuration.number("General", "OGCoreOrChip") == 0
    assert configuration.number("General", "GEndianMode") == 0
    cpu = _CPUS[int(version)][int(number)]
    fpu, helium, dsp = (configuration.number("General", name) for name in ("FPU2", "NEON", "DSPExtension"))
    assert configuration.number("General", "NrRegs") == int(fpu != 0)
    assert not helium or cpu in _HELIUM
    hard = bool(fpu or helium)
    if cpu in _HELIUM:
        suffix = ("+nomve" if not helium else "+nomve.fp" if not fpu else "") + ("" if fpu else "+nofp")
    else:
        suffix = "+nodsp" if cpu in _CHOOSES_DSP and not dsp else ""
    assert dsp == int(cpu in ("cortex-m4", "cortex-m7", *_HELIUM) or (cpu in _CHOOSES_DSP and not suffix))
    flags = [f"-mcpu={cpu}{suffix}", "-mthumb", "-mfloat-abi=hard" if hard else "-mfloat-abi=soft"]
    return [*flags, f"-mfpu={_FPUS[fpu]}"] if fpu and cpu not in _HELIUM else flags


def optimization(configuration: IarConfiguration) -> str:
    """GCC's level for what the IDE calls None and High (balanced, size, speed)."""
    level, strategy = (configuration.number("ICCARM", name) for name in ("CCOptLevel", "CCOptStrategy"))
    assert configuration.number("ICCARM", "CCOptLevelSlave") == level
    assert configuration.number("ICCARM", "CCOptStrategySlave") == strategy
    assert configuration.states("ICCARM", "CCAllowList") == ({0: "00000000", 3: "11111110"}[level],)
    return _HIGH[strategy] if level == 3 else "-Og"


def read_workspace(path: Path) -> IarProject:
    """The project of a workspace, which must be its only one."""
    root = ElementTree.parse(path).getroot()
    (text,) = [element.text or "" for element in root.iterfind("./project/path")]
    match = re.fullmatch(r"\$WS_DIR\$\\([^\\/]+\.ewp)", text)
    assert match is not None, text
    folder = path.parent.resolve()
    project = ElementTree.parse(folder / match[1]).getroot()
    configurations = {c.name: c for c in map(_configuration, project.iterfind("configuration"))}
    bare = IarProject(folder, configurations, ())
    files = []
    for group in project.iterfind("group"):
        for file in group.iterfind("file"):
            resolved = bare.resolve(file.findtext("name") or "")
            assert resolved.is_file(), resolved
            excluded = tuple(element.text or "" for element in file.iterfind("./excluded/configuration"))
            files.append(IarFile(group.findtext("name") or "", resolved, excluded))
    return IarProject(folder, configurations, tuple(files))


def read_debugger(path: Path) -> dict[str, IarConfiguration]:
    """The configurations of a .ewd file."""
    root = ElementTree.parse(path).getroot()
    return {c.name: c for c in map(_configuration, root.iterfind("configuration"))}


def _configuration(element: ElementTree.Element) -> IarConfiguration:
    tools: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}
    for settings in element.iterfind("settings"):
        options = tools.setdefault(settings.findtext("name") or "", {})
        for option in settings.iterfind("./data/option"):
            name = option.findtext("name") or ""
            assert name not in options, name
            states = tuple(state.text or "" for state in option.iterfind("state"))
            options[name] = (option.findtext("version") or "", states)
    return IarConfiguration(element.findtext("name") or "", tools)
