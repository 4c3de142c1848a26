"""boards and doctor: what there is to work with."""

from __future__ import annotations

from microgen import doctor
from microgen.boards import Board, all_boards
from microgen.cli.app import app
from microgen.cli.output import Report
from microgen.cli.parameters import (
    json_option,
)


@app.command()
@json_option
def boards(json_target: str | None) -> None:
    """List the boards that can be targeted."""
    report = Report(json_target)
    found = all_boards()
    columns = [("board", False), ("device", False), ("clock", True), ("core", False), ("flash", True), ("RAM", True),
               ("emulator", False)]  # fmt: skip
    rows = [
        [b.name, b.device or "-", f"{b.clock / 1e6:g} MHz" if b.clock else "-", b.core.name,
         f"{b.flash_size >> 10:,} KB", f"{b.ram_size >> 10:,} KB", b.emulator.machine if b.emulator else "-"]
        for b in found
    ]  # fmt: skip
    report.table(columns, rows)
    report.json({"boards": [_board(board) for board in found]})


def _board(board: Board) -> dict[str, object]:
    return {
        "name": board.name,
        "title": board.title,
        "device": board.device or None,
        "vendor": board.vendor or None,
        "clock": board.clock or None,
        "core": board.core.name,
        "flash": board.flash_size,
        "ram": board.ram_size,
        "emulator": board.emulator.machine if board.emulator else None,
        "memory": [
            {"name": r.name, "title": r.title, "kind": r.kind, "origin": r.origin, "size": r.size,
             "roles": list(r.roles), "external": r.external}
            for r in board.memory
        ],
        "notes": board.notes,
    }  # fmt: skip


@app.command("doctor")
@json_option
def doctor_command(json_target: str | None) -> None:
    """Say what is installed, what is missing and how to install it."""
    report = Report(json_target)
    findings = doctor.examine()
    for finding in findings:
        state = finding.version or f"MISSING (for {finding.needed_for}). {finding.hint}"
        report.say(f"{finding.name}: {state}")
    missing = [f.name for f in findings if not f.version and not f.optional]
    report.say("Everything that is needed is there." if not missing else f"Missing: {', '.join(missing)}")
    tools = [
        {
            "name": f.name,
            "needed_for": f.needed_for,
            "version": f.version or None,
            "optional": f.optional,
            "hint": f.hint,
        }
        for f in findings
    ]
    report.json({"ok": not missing, "tools": tools})
    if missing:
        raise SystemExit(3)
