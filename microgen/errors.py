"""Every error a user can meet: what is wrong, where, and what to do next.

The command line prints ``str(error)`` on one line and exits with ``error.exit_code``; nothing else in the
package decides on exit codes. ``assert`` is kept for our own bugs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar


def one_line(text: str, limit: int = 200) -> str:
    """``text`` fit for a single terminal line: control characters escaped, cut after ``limit`` characters.

    Names in messages come from model files and may hold anything.
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


class MicrogenError(Exception):
    """Base of all typed errors: ``where: what. hint``."""

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{one_line(self.where)}: {self.what}" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text


class InputError(MicrogenError):
    """A file or array that the user gave cannot be used (exit code 2)."""


class UsageError(MicrogenError):
    """The command line or an API call asks for something that does not exist (exit code 2)."""


class VerifyError(InputError):
    """A graph breaks a rule of MindIR or of an operator (exit code 2 when a model file caused it)."""


class UnsupportedError(MicrogenError):
    """The model needs something that microgen does not have; every such place is listed at once (exit code 2).

    ``problems`` holds one line for each layer, with the layer's name and operator.
    """

    def __init__(self, problems: Iterable[str], *, where: str = "", hint: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 layer is not supported" if count == 1 else f"{count} layers are not supported"
        super().__init__(head + ": " + "; ".join(self.problems), where=where, hint=hint)


class CheckFailed(MicrogenError):
    """A comparison did not hold: host and device differ (exit code 1)."""

    exit_code = 1


class DoesNotFit(MicrogenError):
    """The model needs more flash or RAM than the board or the user's limit has (exit code 1).

    ``overflows``: by how many bytes the linker found each memory region too small, by the region's name.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", overflows: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.overflows = dict(overflows or {})


class DeviceFault(MicrogenError):
    """The firmware faulted, hung or stopped early (exit code 1). ``console`` is what it had printed."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "", console: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.console = console


class BuildError(MicrogenError):
    """The C compiler or linker refused a generated project (exit code 1)."""

    exit_code = 1


class ToolMissing(MicrogenError):
    """A program that this command needs is not installed (exit code 3); the hint says how to install it."""

    exit_code = 3


class NetworkError(MicrogenError):
    """A server cannot be reached, is too slow or stops early (exit code 3): nothing is wrong with what was asked."""

    exit_code = 3
