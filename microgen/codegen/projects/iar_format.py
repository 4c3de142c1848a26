r"""EWARM's project format as data: generations of the IDE, their numbers for processors, tools and their options.

Text with the options of tools has a line ``[tool] archive data`` for each tool, ``-`` for one without options, and
behind it its options, separated by `` ; ``: ``name:version@generation=state``. ``:version`` is missing where an option
has none, and ``:list`` where it is the version of the list of processors; with ``@generation`` only that generation
has the option; without ``=`` it has no state. ``archive`` and ``data`` are ``old/new`` where generations differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from microgen.cores import Core
from microgen.errors import UsageError

_TOOL = re.compile(r"\[(?P<name>[^]]+)\] (?P<archive>\S+) (?P<data>\S+)")
_OPTION = re.compile(r"(?P<name>[^:@=]+)(:(?P<version>\w+))?(@(?P<only>[\d.]+))?(?P<state>=.*)?")
_SEPARATOR = re.compile(r"\s;\s|\n")


@dataclass(frozen=True, slots=True)
class Generation:
    """A version of the IDE: ``product`` is its full number, ``core_list`` the version of its list of processors."""

    name: str
    product: str
    file_version: int
    core_list: int


@dataclass(frozen=True, slots=True)
class Option:
    """One ``<option>``: ``version`` is "" for options without one, ``states`` None for those without a state."""

    name: str
    version: str
    states: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Tool:
    """The ``<settings>`` of one tool; ``data_version`` is "" for tools without options."""

    name: str
    archive_version: str
    data_version: str
    options: tuple[Option, ...]


EWARM_9_40 = Generation("9.40", "9.40.1.63870", 4, 33)
EWARM_9_60 = Generation("9.60", "9.60.3.7274", 4, 34)

# A processor's number in the list of a generation: the oldest one whose number is known, see tests/data/iar/cores.toml.
_CORES = {
    "Cortex-M0": (34, EWARM_9_40),
    "Cortex-M0+": (35, EWARM_9_40),
    "Cortex-M3": (38, EWARM_9_40),
    "Cortex-M4": (39, EWARM_9_40),
    "Cortex-M7": (41, EWARM_9_40),
    "Cortex-M23": (60, EWARM_9_60),
    "Cortex-M33": (61, EWARM_9_60),
    "Cortex-M35P": (62, EWARM_9_60),
    "Cortex-M55": (63, EWARM_9_40),
    "Cortex-M85": (65, EWARM_9_60),
}
# By the value of --fpu: none, VFPv4 and VFPv5 with single precision, VFPv5 with double.
_FPU = {"none": 0, "VFPv4_sp": 4, "VFPv5_sp": 6, "VFPv5_d16": 7}


def core_number(core: Core) -> tuple[int, Generation]:
    """The number of a processor in the IDE's list, and the generation of that list.

    Raises UsageError for a processor whose number is not known.
    """
    if core.cmsis not in _CORES:
        known = ", ".join(_CORES)
        what = f"how EWARM projects name a {core.cmsis} is not known"
        raise UsageError(what, where="--project iar", hint=f"Use --project lib or cmake; known are {known}")
    return _CORES[core.cmsis]


def fpu_number(core: Core) -> int:
    """The state of the option ``FPU2``."""
    flags = (flag.removeprefix("--fpu=") for flag in core.iar_flags if flag.startswith("--fpu="))
    return _FPU[next(flags, "none")]


def tools(text: str, generation: Generation, states: Mapping[str, Mapping[str, str | tuple[str, ...]]]) -> list[Tool]:
    """The tools that ``text`` describes, with other ``states`` by tool and option; a tuple is one state a line."""
    found: list[Tool] = []
    heads = list(_TOOL.finditer(text))
    for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)], strict=True):
        name, own = head["name"], dict(states.get(head["name"], {}))
        options = []
        for item in filter(None, _SEPARATOR.split(text[head.end() : end])):
            option = _OPTION.fullmatch(item.removesuffix(" ;"))
            assert option is not None, item
            if option["only"] not in (None, generation.name):
                continue
            version = str(generation.core_list) if option["version"] == "list" else option["version"] or ""
            state = own.pop(option["name"], (option["state"] or "")[1:])
            values = (state,) if isinstance(state, str) else state
            options.append(Option(option["name"], version, None if option["state"] is None else values))
        assert not own, f"{name} has no option {next(iter(own))}"
        data = _of(head["data"], generation)
        found.append(Tool(name, _of(head["archive"], generation), "" if data == "-" else data, tuple(options)))
    assert states.keys() <= {tool.name for tool in found}
    return found


def _of(versions: str, generation: Generation) -> str:
    old, _, new = versions.partition("/")
    return new if new and generation is EWARM_9_60 else old
