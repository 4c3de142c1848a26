"""The index of published packs (``.pidx``): which packs there are, in which version, and where."""

from __future__ import annotations

import os
from dataclasses import dataclass

from microgen.errors import InputError, one_line
from microgen.packs import xmlfile
from microgen.packs.names import PackName
from microgen.packs.version import Version

INDEX_VARIABLE = "MICROGEN_PACK_INDEX"
PUBLIC_INDEX = "https://www.keil.com/pack/index.pidx"
_KEEP = frozenset({"index", "pindex", "pdsc"})
_MAX_PACKS = 50_000
_MAX_URL = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A published pack in its newest version; ``url`` is the folder of its description."""

    name: PackName
    url: str


def index_url() -> str:
    """The address of the index: ``MICROGEN_PACK_INDEX``, else Arm's public one."""
    return os.environ.get(INDEX_VARIABLE) or PUBLIC_INDEX


def parse_index(data: bytes, where: str) -> tuple[Entry, ...]:
    """The packs of an index, sorted by name.

    Entries that break the form are left out, since others maintain them; InputError where none is left.
    """
    root = xmlfile.parse(data, where, "index", _KEEP)
    newest: dict[str, Entry] = {}
    nodes = [pdsc for listed in root.all("pindex") for pdsc in listed.all("pdsc")]
    if len(nodes) > _MAX_PACKS:
        raise InputError(f"lists more than {_MAX_PACKS:,} packs", where=where)
    for node in nodes:
        url = node.get("url")
        try:
            name = PackName(node.get("vendor"), node.get("name"), Version(node.get("version")))
        except InputError:
            continue
        if not url.isprintable() or not 0 < len(url) <= _MAX_URL:
            continue
        known = newest.get(name.family)
        if known is None or known.name.version < name.version:
            newest[name.family] = Entry(name, url)
    if not newest:
        raise InputError(f"lists no pack ({len(nodes)} entries cannot be used)", where=one_line(where))
    return tuple(newest[family] for family in sorted(newest))
