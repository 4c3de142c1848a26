"""Writes the table of operators into docs/onnx-support.md; a test fails while it is out of date.

Run it from the repository's root: ``python -m tools.update_onnx_doc``.
"""

from pathlib import Path

BEGIN, END = "<!-- operators: begin -->\n", "<!-- operators: end -->\n"


def updated(text: str, table: str) -> str:
    """``text`` with ``table`` in place of what is between the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table + END + after


def main() -> None:
    """Run every case and write the page."""
    from tests.support.onnx_cases import cases, outcome, table

    page = Path(__file__).parent.parent / "docs" / "onnx-support.md"
    text = updated(page.read_text(encoding="utf-8"), table(outcome(i) for i in range(len(cases()))))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
