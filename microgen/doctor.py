"""``microgen doctor``: what is installed, what is missing, how to install it."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from microgen.errors import MicrogenError, ToolMissing
from microgen.target.counting import plugin_path
from microgen.target.toolchain import INSTALL_HINTS, tool_version

_TOOLS = (
    ("arm-none-eabi-gcc", "build, run, verify, bench"),
    ("make", "build, run, verify, bench"),
    ("qemu-system-arm", "run, verify, bench"),
)
_PACKAGES = ("numpy", "jinja2", "click", "rich", "tflite", "flatbuffers", "pyelftools", "pyyaml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One tool or package: ``version`` is empty when it is missing, ``hint`` then says how to get it.

    What is ``optional`` has a substitute that the hint names.
    """

    name: str
    needed_for: str
    version: str
    hint: str
    optional: bool = False


def examine() -> list[Finding]:
    """Everything that microgen's commands need, in a fixed order."""
    findings = []
    for name, purpose in _TOOLS:
        try:
            findings.append(Finding(name, purpose, tool_version(name), ""))
        except ToolMissing:
            findings.append(Finding(name, purpose, "", INSTALL_HINTS.get(name, "")))
    try:
        findings.append(Finding("QEMU plugin", "fast counting in bench", f"compiled: {plugin_path().name}", ""))
    except MicrogenError as error:
        hint = f"{error}. Until then bench counts with QEMU's -icount, which is slower and as exact"
        findings.append(Finding("QEMU plugin", "fast counting in bench", "", hint, optional=True))
    for name in _PACKAGES:
        findings.append(Finding(name, "Python package", importlib.metadata.version(name), ""))
    return findings
