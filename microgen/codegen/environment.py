"""The Jinja environment: strict about undefined names, with one filter for each sanitized language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jinja2

from microgen import resources
from microgen.codegen import sanitize
from microgen.codegen.literals import LINE_WIDTH

Render = Callable[[str, Mapping[str, object]], bytes]


def make_renderer() -> Render:
    """A function from a template's path and its variables to the file's content (UTF-8)."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )
    environment.filters.update(
        c_comment=sanitize.c_comment,
        c_string=sanitize.c_string,
        make=sanitize.make,
        cmake=sanitize.cmake,
        cmake_target=sanitize.cmake_target,
        yaml=sanitize.yaml,
        xml=sanitize.xml,
        html=sanitize.html,
        markdown=sanitize.markdown,
        kconfig=sanitize.kconfig,
        properties=sanitize.properties,
        shell=sanitize.shell,
        arguments=arguments,
        initializer=initializer,
        shape=shape,
    )

    def render(template: str, variables: Mapping[str, object]) -> bytes:
        return environment.get_template(template).render(**variables).encode("utf-8")

    return render


def arguments(items: Sequence[str], indent: int) -> str:
    """``items`` separated by commas, in lines that continue at column ``indent``."""
    lines: list[str] = []
    current = ""
    for position, item in enumerate(items):
        piece = item + ("," if position + 1 < len(items) else "")
        # What follows the last argument stands on its line too.
        behind = len(") != ARM_CMSIS_NN_SUCCESS) {") if position + 1 == len(items) else 0
        if current and indent + len(current) + 1 + len(piece) + behind > LINE_WIDTH:
            lines.append(current)
            current = piece
        else:
            current = f"{current} {piece}" if current else piece
    return ("\n" + " " * indent).join([*lines, current])


def initializer(fields: Sequence[str], before: str) -> str:
    """``{fields}`` on one line where it fits after ``static const``, the text ``before`` and `` = ``, else one
    field a line.
    """
    flat = "{" + ", ".join(fields) + "}"
    if len("static const   = ;") + len(before) + len(flat) <= LINE_WIDTH:
        return flat
    return "{\n" + "".join(f"    {field},\n" for field in fields) + "}"


def shape(dimensions: Sequence[int]) -> str:
    """``[1x49x10x1]``."""
    return f"[{'x'.join(map(str, dimensions))}]"
