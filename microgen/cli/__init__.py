"""The command line: parses, calls, prints. Nothing is computed here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.markup import escape

from microgen.cli import checks, compare, environment, evaluate, models, packs, projects, report
from microgen.cli.app import app
from microgen.cli.output import ERRORS
from microgen.errors import MicrogenError, UnsupportedError, one_line

#: The modules whose commands have entered the group.
COMMANDS = (projects, checks, compare, evaluate, report, models, packs, environment)


def _complain(error: MicrogenError) -> None:
    if isinstance(error, UnsupportedError) and len(error.problems) > 1:
        head = f"{one_line(error.where)}: " if error.where else ""
        ERRORS.print(f"[bold red]error:[/] {escape(head)}{len(error.problems)} layers are not supported:")
        for problem in error.problems:
            ERRORS.print(f"  {escape(one_line(problem, 400))}")
        if error.hint:
            ERRORS.print(escape(error.hint))
        return
    ERRORS.print(f"[bold red]error:[/] {escape(one_line(str(error), 2000))}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 ok, 1 check failed or does not fit, 2 bad input or usage, 3 a tool is missing."""
    try:
        app.main(args=None if arguments is None else list(arguments), prog_name="microgen", standalone_mode=False)
    except MicrogenError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        command = context.command_path if context is not None else "microgen"
        text = one_line(error.format_message().rstrip("."), 500)
        ERRORS.print(f"[bold red]error:[/] {escape(text)}. See {escape(command)} --help")
        sys.exit(2)
    except click.Abort:
        ERRORS.print("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
