"""Devices by name in all packs that are installed, and what to do for one that is not there."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from microgen.boards import Board
from microgen.errors import InputError, UsageError, one_line
from microgen.packs import xmlfile
from microgen.packs.adding import kept_index
from microgen.packs.cache import Cache, Installed, default_root
from microgen.packs.device_board import device_board, split_choice
from microgen.packs.devices import Device
from microgen.packs.names import PackName
from microgen.packs.pdsc import Pdsc, parse_pdsc, read_bounded

# A description names devices in other places too, and its XML is not read here: what this finds is looked at again.
_NAMES = re.compile(rb"""\bD(?:name|variant)\s*=\s*["']([^"'<]{1,200})["']""")
_WHERE = "--device"
# How many near names are shown, and how much of a name says which devices may be meant.
_SHOWN, _BEGINNING = 3, 4
# At least four characters name a family.
_FAMILY_PACK = re.compile(r"(.{4,})_DFP")


@dataclass(frozen=True, slots=True)
class Found:
    """A device and the installed pack that describes it."""

    device: Device
    pack: PackName


def board_for(choice: str, cache: Cache | None = None) -> Board:
    """The board of ``CHIP`` or ``CHIP:PROCESSOR``, a device of an installed pack.

    Raises UsageError with near names, with the pack to add, or with the processors to choose from.
    """
    name, processor = split_choice(choice)
    found = find_device(name, cache)
    return device_board(found.device, processor, pack=str(found.pack))


def find_device(name: str, cache: Cache | None = None) -> Found:
    """The device or variant of that name (case does not matter), of the newest version of an installed pack.

    Raises UsageError where no installed pack has it, InputError for a description that cannot be read.
    """
    cache = cache or Cache(default_root())
    names: set[str] = set()
    unreadable: list[InputError] = []
    for pack in _newest(cache.installed()):
        try:
            listed, pdsc = _mentioned(pack.pdsc_path, lambda other: other.lower() == name.lower())
        except InputError as error:
            # Another pack may have the device.
            unreadable.append(error)
            continue
        if pdsc is not None and (exact := _match(name, pdsc.device_names)) is not None:
            return Found(pdsc.device(exact), pack.name)
        names |= listed
    if unreadable:
        what = f"no other installed pack has a device {one_line(name, 60)!r}, and one cannot be read: {unreadable[0]}"
        raise InputError(what, where=_WHERE)
    raise _unknown(name, names, cache)


def _mentioned(path: Path, wanted: Callable[[str], bool]) -> tuple[set[str], Pdsc | None]:
    """The device names that occur in a description, and the description itself where a wanted one is among them.

    Reading the XML takes far longer than looking for names.
    """
    data = read_bounded(path, xmlfile.MAX_BYTES)
    if not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        # An encoding that needs the parser.
        pdsc = parse_pdsc(data, str(path))
        return set(pdsc.device_names), pdsc
    names = {match.decode("utf-8", "replace").strip() for match in _NAMES.findall(data)}
    return names, parse_pdsc(data, str(path)) if any(map(wanted, names)) else None


def _match(name: str, names: Iterable[str]) -> str | None:
    found = sorted(other for other in names if other.lower() == name.lower())
    return name if name in found else next(iter(found), None)


def _unknown(name: str, names: set[str], cache: Cache) -> UsageError:
    """Why a device was not found: its pack is only known, its name is near another's, or nothing is known of it."""
    shown = one_line(name, 60)
    known: set[str] = set()
    for path in cache.known_descriptions():
        try:
            listed, pdsc = _mentioned(path, lambda other: other.lower() == name.lower())
        except InputError:
            continue
        if pdsc is not None and _match(name, pdsc.device_names) is not None:
            family = f"{pdsc.vendor}::{pdsc.name}"
            return UsageError(
                f"{shown} is a device of {family}, which is not installed", where=_WHERE, hint=_add(family)
            )
        known |= listed
    by_lower = {other.lower(): other for other in (*known, *names)}
    # People leave out the letters of the package: STM32F746 for STM32F746NGHx.
    longer = sorted(other for other in by_lower if len(name) >= _BEGINNING and other.startswith(name.lower()))
    alike = difflib.get_close_matches(name.lower(), by_lower, n=_SHOWN, cutoff=0.75)
    near = [by_lower[other] for other in longer[:_SHOWN] or alike]
    if near:
        hint = f"Did you mean {' or '.join(one_line(other, 60) for other in near)}?"
    elif (likely := _likely_pack(name, cache)) is not None:
        hint = f"Its pack may be {likely}. {_add(likely)}"
    else:
        hint = (
            "Add its pack with: microgen packs add FILE.pack or VENDOR::PACK "
            "(microgen packs update --descriptions finds out which pack it is)"
        )
    return UsageError(f"no installed pack has a device {shown!r}", where=_WHERE, hint=hint)


def _add(family: str) -> str:
    return f"Add it with: microgen packs add {family} --description-only"


def _likely_pack(name: str, cache: Cache) -> str | None:
    """The pack of the index that is named after the device's family: STM32F7xx_DFP for STM32F746NGHx."""
    best: tuple[int, str] | None = None
    try:
        entries = kept_index(cache)
    except InputError:
        return None
    for entry in entries:
        match = _FAMILY_PACK.fullmatch(entry.name.name)
        if match is None:
            continue
        pattern = re.sub("[xX]", "[0-9A-Za-z]", re.escape(match[1]))
        if re.match(pattern, name, re.IGNORECASE) and (best is None or len(match[1]) > best[0]):
            best = len(match[1]), entry.name.family
    return best[1] if best is not None else None


def _newest(installed: Iterable[Installed]) -> Iterator[Installed]:
    """The newest version of each pack."""
    seen: set[str] = set()
    for pack in installed:
        if pack.name.family not in seen:
            seen.add(pack.name.family)
            yield pack


def devices_like(pattern: str, cache: Cache | None = None) -> Iterator[Found]:
    """The devices of installed packs whose name matches a shell pattern (case does not matter), by pack and name.

    What is described wrongly is left out: the others can be used.
    """
    cache = cache or Cache(default_root())
    for pack in _newest(cache.installed()):
        try:
            _, pdsc = _mentioned(pack.pdsc_path, lambda name: fnmatch.fnmatchcase(name.lower(), pattern.lower()))
        except InputError:
            continue
        if pdsc is None:
            continue
        for name in pdsc.device_names:
            if fnmatch.fnmatchcase(name.lower(), pattern.lower()):
                with contextlib.suppress(InputError):
                    yield Found(pdsc.device(name), pack.name)
