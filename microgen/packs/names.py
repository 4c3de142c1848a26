"""What a pack is called: ``VENDOR::PACK@VERSION``; names from outside become names of folders only through here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from microgen.errors import InputError, UsageError, one_line
from microgen.packs.version import Version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_MAX_NAME = 100
# Names that one operating system reserves for devices.
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
_REQUEST = re.compile(r"([^:@/\\]+)::([^:@/\\]+)(?:@([^:@/\\]+))?")


def check_name(text: str, what: str, where: str) -> str:
    """``text``, which is fit to name a folder; InputError otherwise."""
    if not _NAME.fullmatch(text) or len(text) > _MAX_NAME or _RESERVED.fullmatch(text):
        hint = "Only letters, digits, - and _ are allowed"
        raise InputError(f"{what} {one_line(text, 60)!r} cannot name a folder", where=where, hint=hint)
    return text


@dataclass(frozen=True, slots=True)
class PackName:
    """A pack of one version."""

    vendor: str
    name: str
    version: Version

    def __post_init__(self) -> None:
        for text in (self.vendor, self.name):
            check_name(text, "the name", f"pack {one_line(f'{self.vendor}::{self.name}', 120)}")

    def __str__(self) -> str:
        return f"{self.vendor}::{self.name}@{self.version}"

    @property
    def family(self) -> str:
        """The name without the version, ``VENDOR::PACK``."""
        return f"{self.vendor}::{self.name}"

    @property
    def folder(self) -> str:
        """Its folder below a cache, as CMSIS-Toolbox lays it out."""
        return f"{self.vendor}/{self.name}/{self.version}"

    @property
    def pdsc_file(self) -> str:
        """The file name of its description."""
        return f"{self.vendor}.{self.name}.pdsc"

    @property
    def pack_file(self) -> str:
        """The file name of its archive."""
        return f"{self.vendor}.{self.name}.{self.version}.pack"


def parse_request(text: str) -> tuple[str, str, Version | None] | None:
    """Vendor, pack and version of ``VENDOR::PACK[@VERSION]``; None for text of another form."""
    match = _REQUEST.fullmatch(text)
    if match is None:
        return None
    try:
        version = Version(match[3]) if match[3] else None
        return check_name(match[1], "vendor", text), check_name(match[2], "pack", text), version
    except InputError as error:
        raise UsageError(error.what, where=text, hint="Write it like ARM::CMSIS-NN@7.0.0") from None
