"""The command line of a project, for its README: what was given, so that the same can be given again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_KEY = "microgen.arguments"
# Where results go is another matter each time.
_LEFT_OUT = ("output", "json_target")


class Remembering(click.Command):
    """A command that knows its arguments as they were given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click, whose types turn texts into values."""
        ctx.meta[_KEY] = tuple(args)
        return super().parse_args(ctx, args)


def given_again() -> tuple[str, ...]:
    """The words of the running command, which is Remembering: its arguments, then its options in their order of
    declaration, those left out that say where results go. Of absolute paths only the name is kept: they are this
    computer's.
    """
    context = click.get_current_context()
    values, _, _ = context.command.make_parser(context).parse_args(list(context.meta[_KEY]))
    return tuple(_words(context.command, values))


def _words(command: click.Command, values: dict[str, Any]) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            found = values.get(parameter.name or "")
            for word in (found,) if isinstance(found, str) else found or ():
                # Behind a -- a name may begin with a hyphen.
                plain = _plain(word)
                yield f"./{plain}" if plain.startswith("-") else plain
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.name in _LEFT_OUT or parameter.name not in values:
            continue
        found = values[parameter.name]
        flag = max(parameter.opts, key=len)
        if parameter.is_flag:
            yield flag
            continue
        for word in found if parameter.multiple else [found]:
            plain = _plain(word)
            yield from (f"{flag}={plain}",) if plain.startswith("-") else (flag, plain)


def _plain(word: str) -> str:
    head, mark, tail = word.rpartition("=")
    return head + mark + Path(tail).name if Path(tail).is_absolute() and Path(tail).name else word
