"""packs: CMSIS packs, which bring devices and the genuine CMSIS-NN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.progress import Progress, TaskID

from microgen import packs
from microgen.boardfile import board_toml
from microgen.cli.app import app
from microgen.cli.output import Report, progress_bars
from microgen.cli.parameters import json_option
from microgen.errors import InputError, UsageError
from microgen.packs import Cache, Request
from microgen.packs.adding import Told
from microgen.packs.index import INDEX_VARIABLE

index_option = click.option(
    "--index", default="", metavar="URL", help=f"Address of the index of packs (default: {INDEX_VARIABLE}, else Arm's)."
)


@app.group("packs")
def packs_group() -> None:
    """Add, list and update CMSIS packs: devices for --device, and CMSIS-NN for --cmsis-nn pack."""


def _bars_of(progress: Progress) -> Told:
    """A callback that gives each download and each unpacking a bar."""
    tasks: dict[str, tuple[TaskID, int]] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            # Files and descriptions are counted, downloads measured.
            shift = 0 if what == "descriptions" or what.startswith("unpack ") else 10
            tasks[what] = progress.add_task(f"{what} (KB)" if shift else what, total=total >> shift or None), shift
        task, shift = tasks[what]
        progress.update(task, completed=done >> shift)

    return tell


@packs_group.command("add")
@click.argument("sources", metavar="PACK...", nargs=-1, required=True)
@click.option("--description-only", is_flag=True, help="Leave out the pack's files: enough for --device, far smaller.")
@click.option("--sha256", default="", metavar="HEX", help="Refuse a file with another SHA-256 digest.")
@index_option
@json_option
def add_command(
    sources: tuple[str, ...], description_only: bool, sha256: str, index: str, json_target: str | None
) -> None:
    """Install packs: FILE.pack, FILE.pdsc, VENDOR::PACK[@VERSION] or an address."""
    report = Report(json_target)
    cache = Cache(packs.default_root())
    if sha256 and len(sources) > 1:
        raise UsageError("is the digest of one file", where="--sha256")
    results = []
    for source in sources:
        with progress_bars() as progress:
            added = packs.add(cache, source, Request(index, description_only, sha256, _bars_of(progress)))
        pack = added.pack
        devices = len(pack.read().device_names)
        state = "installed" if added.is_new else "was installed already"
        what = "" if pack.has_files else ", its description alone"
        report.say(f"{pack.name} {state}{what}: {devices:,} devices, {pack.folder}")
        results.append(
            {"pack": str(pack.name), "folder": str(pack.folder), "new": added.is_new, "files": pack.has_files,
             "devices": devices, "sha256": added.sha256 or None}
        )  # fmt: skip
    report.json({"packs": results})


@packs_group.command("list")
@click.option("--devices", "pattern", metavar="[PATTERN]", is_flag=False, flag_value="*",
              help="List the devices that match, such as 'STM32F7*'; without a pattern all.")  # fmt: skip
@json_option
def list_command(pattern: str | None, json_target: str | None) -> None:
    """List the installed packs, or devices of theirs."""
    report = Report(json_target)
    cache = Cache(packs.default_root())
    if pattern is not None:
        _list_devices(report, cache, pattern)
        return
    found = cache.installed()
    rows = [[str(p.name), p.owner, "all" if p.has_files else "description", str(p.folder)] for p in found]
    if rows:
        report.table([("pack", False), ("owner", False), ("files", False), ("folder", False)], rows)
    else:
        report.say(f"No pack is installed in {cache.root}. Add one with: microgen packs add VENDOR::PACK or FILE.pack")
    listed = [{"pack": str(p.name), "owner": p.owner, "files": p.has_files, "folder": str(p.folder)} for p in found]
    report.json({"root": str(cache.root), "packs": listed})


def _list_devices(report: Report, cache: Cache, pattern: str) -> None:
    rows: list[list[str]] = []
    results: list[dict[str, Any]] = []
    for found in packs.devices_like(pattern, cache):
        device = found.device
        for processor in device.processors:
            seen = [m for m in device.memories if m.processor in ("", processor.name)]
            inner = [m for m in seen if not m.external and not m.alias]
            flash = sum(m.size for m in inner if not m.is_writable and m.default)
            ram = sum(m.size for m in inner if m.is_writable and "p" not in m.access)
            choice = f"{device.name}:{processor.name}" if processor.name else device.name
            features = [f"FPU {processor.fpu}"] if processor.fpu != "none" else []
            features += [f"Helium {processor.mve}"] if processor.mve != "none" else []
            core = " ".join((processor.core, *features))
            rows.append([choice, core, f"{flash >> 10:,} KB", f"{ram >> 10:,} KB", str(found.pack)])
            results.append(
                {"device": choice, "core": processor.core, "fpu": processor.fpu, "mve": processor.mve,
                 "clock": processor.clock, "flash": flash, "ram": ram, "pack": str(found.pack)}
            )  # fmt: skip
    if rows:
        columns = [("device", False), ("core", False), ("flash", True), ("RAM", True), ("pack", False)]
        report.table(columns, rows)
    else:
        what = "has devices" if pattern == "*" else f"has a device like {pattern}"
        report.say(f"No installed pack {what}. Add one with: microgen packs add VENDOR::PACK or FILE.pack")
    report.json({"devices": results})


@packs_group.command("update")
@click.option("--descriptions", is_flag=True, help="Download the description of every pack: all devices become known.")
@index_option
@json_option
def update_command(descriptions: bool, index: str, json_target: str | None) -> None:
    """Download the index, and newer versions of the packs that were added."""
    report = Report(json_target)
    with progress_bars() as progress:
        request = Request(index, told=_bars_of(progress))
        result = packs.update(Cache(packs.default_root()), request, descriptions=descriptions)
    report.say(f"The index lists {result.packs:,} packs")
    for added in result.added:
        report.say(f"{added.pack.name} installed")
    if descriptions:
        report.say(f"{result.descriptions:,} descriptions downloaded")
    for problem in result.problems:
        report.say(f"left out: {problem}")
    report.json(
        {"packs": result.packs, "installed": [str(a.pack.name) for a in result.added],
         "descriptions": result.descriptions, "problems": list(result.problems)}
    )  # fmt: skip


@packs_group.command("remove")
@click.argument("sources", metavar="VENDOR::PACK[@VERSION]...", nargs=-1, required=True)
@json_option
def remove_command(sources: tuple[str, ...], json_target: str | None) -> None:
    """Remove packs from microgen's own cache."""
    report = Report(json_target)
    cache = Cache(packs.default_root())
    removed = []
    for source in sources:
        named = packs.parse_request(source)
        if named is None:
            raise UsageError("is not VENDOR::PACK or VENDOR::PACK@VERSION", where=source)
        vendor, pack, version = named
        found = [
            p for p in cache.installed()
            if p.owner == "microgen" and p.name.family == f"{vendor}::{pack}" and version in (None, p.name.version)
        ]  # fmt: skip
        if not found:
            raise UsageError("is not installed", where=source, hint="microgen packs list shows what is")
        for installed in found:
            cache.remove(installed)
            report.say(f"{installed.name} removed")
            removed.append(str(installed.name))
    report.json({"removed": removed})


@packs_group.command("board")
@click.argument("chip", metavar="CHIP[:PROCESSOR]")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The board file (.toml).")
@json_option
def board_command(chip: str, output: Path, json_target: str | None) -> None:
    """Write a device as a board file, to be edited and given with --board."""
    report = Report(json_target)
    board = packs.board_for(chip)
    if output.suffix != ".toml":
        raise UsageError("must end in .toml", where=f"--output {output}")
    aside = output.with_name(f".{output.name}.part")
    try:
        aside.write_text(board_toml(board), encoding="utf-8")
        aside.replace(output)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"cannot be written ({error.strerror})", where=str(output)) from None
    report.say(f"{output}: {board.title}")
    for region in board.memory:
        roles = ", ".join(region.roles) or "free"
        report.say(f"  {region.name}: {region.kind}, 0x{region.origin:08x}, {region.size >> 10:,} KB, {roles}")
    report.json({"file": str(output), "board": board.name, "device": board.device, "core": board.core.name})
