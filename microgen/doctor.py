"""``microgen doctor``: what is installed, what is missing, how to install it."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from microgen.errors import MicrogenError, ToolMissing
from microgen.target.counting import plugin_path
from microgen.target.toolchain import INSTALL_HINTS, tool_version

_TOOLS = (
    ("arm-none-eabi-gcc", "build, run, verify, bench", False),
    ("make", "build, run, verify, bench", False),
    ("qemu-system-arm", "run, verify, bench", False),
    ("cmake", "build and run of projects for CMake alone", True),
)
# Package → what it is for, and the extra that brings it.
_EXTRAS = {
    "onnxruntime": ("the paths cpu and ort", "cpu"),
    "torch": ("the path gpu", "gpu"),
    "ethos-u-vela": ("microgen.npu", "npu"),
    "pillow": ("photographs as calibration data", "images"),
    "matplotlib": ("quantize --plot", "plots"),
}
_PACKAGES = ("numpy", "jinja2", "click", "rich", "tflite", "flatbuffers", "pyelftools", "pyyaml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One tool or package: ``version`` is empty when it is missing, ``hint`` then says how to get it.

    What is ``optional`` serves one purpose, or has a substitute that the hint names.
    """

    name: str
    needed_for: str
    version: str
    hint: str
    optional: bool = False


def examine() -> list[Finding]:
    """Everything that microgen's commands need, in a fixed order."""
    findings = []
    for name, purpose, optional in _TOOLS:
        try:
            findings.append(Finding(name, purpose, tool_version(name), "", optional))
        except ToolMissing:
            findings.append(Finding(name, purpose, "", INSTALL_HINTS.get(name, ""), optional))
    try:
        findings.append(Finding("QEMU plugin", "fast counting in bench", f"compiled: {plugin_path().name}", ""))
    except MicrogenError as error:
        hint = f"{error}. Until then bench counts with QEMU's -icount, which is slower and as exact"
        findings.append(Finding("QEMU plugin", "fast counting in bench", "", hint, optional=True))
    for name in _PACKAGES:
        findings.append(Finding(name, "Python package", importlib.metadata.version(name), ""))
    for name, (purpose, extra) in _EXTRAS.items():
        try:
            findings.append(Finding(name, purpose, importlib.metadata.version(name), "", optional=True))
        except importlib.metadata.PackageNotFoundError:
            hint = f'Install it: pip install "microgen[{extra}]"'
            findings.append(Finding(name, purpose, "", hint, optional=True))
    return findings
