"""What a user decides about the generated project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

from microgen.codegen import sanitize
from microgen.codegen.projects.model import Example
from microgen.errors import UsageError
from microgen.plan.model import Plan

NATIVE = "native"
"""The interface of the generated code itself."""

OPTIMIZE = ("speed", "size", "ram")
"""What a build can be tuned for."""


def microgen_version() -> str:
    """The version of the installed package; ``unknown`` when it runs from bare source files."""
    try:
        return metadata.version("microgen")
    except metadata.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """One network to generate code for.

    ``name`` prefixes every public identifier and names the files; ``identifier`` makes a valid one of any text.
    ``model_file`` and ``model_sha256`` say in the banner and in the manifest what was compiled. ``layouts`` says of
    inputs and outputs, by name, how their dimensions derive from the model file's: generated =
    file's.transpose(permutation). ``example`` is needed where the project contains a self-test. ``notes`` say more of
    inputs, by name, in the header.

    Raises UsageError for a name that is no free C identifier.
    """

    plan: Plan
    name: str
    model_file: str
    model_sha256: str
    layouts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    example: Example | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sanitize.c_identifier(self.name) != self.name:
            raise UsageError(
                f"{sanitize.c_comment(self.name)!r} cannot name the generated code",
                where="--name",
                hint=f"Use a C identifier, for example {sanitize.c_identifier(self.name)}",
            )
        assert re.fullmatch(r"[0-9a-f]{64}", self.model_sha256), self.model_sha256


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """Options of ``generate``.

    ``projects`` are names of project writers (``microgen.codegen.projects``); ``api`` is ``native`` or a name of
    ``microgen.codegen.apis``; ``optimize`` is one of OPTIMIZE; ``placement`` overrides the board's memory regions (see
    ``microgen.placement``). ``stack_bytes`` is the size of the application's stack. ``share_arena``: several networks
    work in one arena, one after the other. ``npu`` names the accelerator that the networks use, "" without one.
    ``command`` are the words behind ``microgen compile`` that make the project again, without its folder.
    ``facts`` are added to the manifest's options (they must be JSON).

    Raises UsageError for an unknown ``optimize`` and for a stack that is not a multiple of 8 of at least 512 bytes.
    """

    version: str = field(default_factory=microgen_version)
    projects: tuple[str, ...] = ("make",)
    api: str = NATIVE
    optimize: str = "speed"
    stack_bytes: int = 4096
    placement: Mapping[str, str] = field(default_factory=dict)
    share_arena: bool = False
    npu: str = ""
    command: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.optimize not in OPTIMIZE:
            raise UsageError(f"unknown optimization {self.optimize!r}", hint=f"Use one of {', '.join(OPTIMIZE)}")
        if self.stack_bytes < 512 or self.stack_bytes % 8:
            raise UsageError(f"a stack of {self.stack_bytes} bytes: must be a multiple of 8 and at least 512")


def identifier(text: str) -> str:
    """A name for the generated code made from any text, for example a file's stem."""
    return sanitize.c_identifier(text)
