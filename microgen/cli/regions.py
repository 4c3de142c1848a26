"""Memory regions in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from microgen.boards import Region
from microgen.cli.output import Report
from microgen.fit import Planned
from microgen.target.regions import PARTS, RegionUse


def _kind(region: Region) -> str:
    return "RAM" if region.kind == "ram" else region.kind


def show_planned(report: Report, planned: Sequence[Planned], code: Region) -> None:
    """What goes where, as far as it is known before the build. The code, of unknown size, goes to ``code``."""
    rows = [
        [p.region.name, _kind(p.region), f"{p.region.size:,}", f"{p.use.used:,}", f"{p.use.free:,}", p.listed]
        for p in planned
    ]
    columns = [("region", False), ("kind", False), ("size", True), ("planned", True), ("free", True), ("what", False)]
    report.table(columns, rows)
    external = [p.region.name for p in planned if p.region.external and (p.items or p.region == code)]
    if external:
        report.say(f"Your start-up code (SystemInit) must set up {' and '.join(external)} first.")


def show_linked(report: Report, regions: Sequence[RegionUse]) -> None:
    """What lies where in the firmware; parts that no region has are left out."""
    parts = [part for part in PARTS if any(part in use.parts for use in regions)]
    rows = [
        [
            use.region.name,
            _kind(use.region),
            *(f"{use.parts[part]:,}" if part in use.parts else "" for part in parts),
            f"{use.used:,}",
            f"{use.region.size:,}",
            f"{use.free:,}",
            f"{use.percent:.1f}",
        ]
        for use in regions
    ]
    figures = [*parts, "used", "size", "free", "%"]
    report.table([("region", False), ("kind", False), *((name, True) for name in figures)], rows)
