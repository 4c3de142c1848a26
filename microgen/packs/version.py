"""Versions of packs and how they are ordered (semver.org, section 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from microgen.errors import InputError, one_line

_PATTERN = re.compile(
    r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:-?([0-9A-Za-z][0-9A-Za-z.-]{0,60}))?(?:\+[0-9A-Za-z.-]{1,60})?"
)


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A pack's version as written, such as ``7.0.0`` or ``1.2.0-rc1``; equal in rank regardless of build metadata."""

    text: str

    def __post_init__(self) -> None:
        if not _PATTERN.fullmatch(self.text):
            raise InputError(f"{one_line(self.text, 60)!r} is no version like 1.2.3")

    @property
    def is_release(self) -> bool:
        """Whether it is no preliminary version."""
        return self._rank[1]

    @property
    def _rank(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        match = _PATTERN.fullmatch(self.text)
        assert match is not None
        numbers = tuple(int(part or 0) for part in match.group(1, 2, 3))
        parts = (match[4] or "").split(".") if match[4] else []
        # Numbers rank below words, and by value.
        quality = tuple((not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts)
        return numbers, not quality, quality

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._rank == other._rank

    def __lt__(self, other: Version) -> bool:
        return self._rank < other._rank

    def __hash__(self) -> int:
        return hash(self._rank)

    def __str__(self) -> str:
        return self.text
