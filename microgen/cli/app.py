"""The command group that every command enters."""

from __future__ import annotations

import click

import microgen


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(microgen.__version__, prog_name="microgen")
def app() -> None:
    """Compile neural networks into C for Cortex-M microcontrollers, and prove that they compute the same bits."""
