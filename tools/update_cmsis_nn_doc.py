"""Writes the table of functions into docs/cmsis-nn.md; a test fails while it is out of date."""

from pathlib import Path

from microgen import resources
from microgen.codegen.api_headers import api_table

BEGIN, END = "<!-- functions: begin -->\n", "<!-- functions: end -->\n"


def updated(text: str) -> str:
    """``text`` with the table between the marks replaced by the present one."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + api_table(resources.runtime_c_dir()) + END + after


if __name__ == "__main__":
    page = Path(__file__).parent.parent / "docs" / "cmsis-nn.md"
    page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
