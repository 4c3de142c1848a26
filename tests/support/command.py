"""The command line, run within the tests' own process; the fixture ``microgen`` (tests/conftest.py) hands it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from microgen import cli


class Outcome(NamedTuple):
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs the command line with its arguments; a traceback is a failure."""

    def run(*arguments: object) -> Outcome:
        code = 0
        try:
            cli.main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(code, captured.out, captured.err)

    return run
