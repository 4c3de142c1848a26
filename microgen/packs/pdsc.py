"""A pack's description (``.pdsc``): releases, devices, components, as the Open-CMSIS-Pack specification has them.

Only the frame is read at once. A device is put together when it is asked for, so that a mistake in one device (or a
64-bit address of an application processor) does not make the others unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from microgen.errors import InputError, one_line
from microgen.packs import xmlfile
from microgen.packs.devices import Device, resolve
from microgen.packs.names import PackName, check_name
from microgen.packs.version import Version
from microgen.packs.xmlfile import Node

_KEEP = frozenset(
    [
        "package",
        "vendor",
        "name",
        "url",
        "releases",
        "release",
        "license",
        "devices",
        "family",
        "subFamily",
        "device",
        "variant",
        "processor",
        "memory",
        "conditions",
        "condition",
        "require",
        "accept",
        "deny",
        "components",
        "bundle",
        "component",
        "files",
        "file",
    ]
)
_LEVELS = ("family", "subFamily", "device", "variant")
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Release:
    """A published version and, where the description gives it, the address of its archive."""

    version: Version
    url: str
    deprecated: bool


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """A file of a component: ``name`` as written, relative to the pack; ``condition`` names a condition or is empty."""

    name: str
    category: str
    condition: str


@dataclass(frozen=True, slots=True)
class Component:
    """A software component; ``version`` as written."""

    group: tuple[str, str, str]
    variant: str
    version: str
    condition: str
    files: tuple[ComponentFile, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of a condition: ``kind`` is require, accept or deny; ``attributes`` are what it compares."""

    kind: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pdsc:
    """The description of a pack; ``where`` names the file in errors."""

    vendor: str
    name: str
    url: str
    where: str
    root: Node

    @cached_property
    def releases(self) -> tuple[Release, ...]:
        """Its releases, newest first. InputError when there is none."""
        listed = self.root.first("releases")
        found = []
        for node in listed.all("release") if listed is not None else ():
            try:
                version = Version(node.get("version"))
            except InputError as error:
                raise InputError(f"line {node.line}: release: {error.what}", where=self.where) from None
            found.append(Release(version, _text(node, "url", self.where), bool(node.get("deprecated"))))
        if not found:
            raise InputError("names no release, so its version is unknown", where=self.where)
        return tuple(sorted(found, key=lambda release: release.version, reverse=True))

    @property
    def newest(self) -> PackName:
        """The pack in the version that the description is of: the newest release."""
        return PackName(self.vendor, self.name, self.releases[0].version)

    @cached_property
    def _chains(self) -> dict[str, tuple[Node, ...]]:
        """Name of a device or variant → the elements that describe it, outermost first."""
        found: dict[str, tuple[Node, ...]] = {}
        for devices in self.root.all("devices"):
            pending: list[tuple[Node, ...]] = [(family,) for family in devices.all("family")]
            while pending:
                chain = pending.pop()
                pending += [(*chain, child) for child in chain[-1].all(*_LEVELS[_LEVELS.index(chain[-1].tag) + 1 :])]
                if (name := _device_name(chain[-1])) and len(name) <= _MAX_LENGTH:
                    found.setdefault(name, chain)
        return found

    @property
    def device_names(self) -> list[str]:
        """The devices that can be asked for, sorted; a device with variants is known by theirs and by its own name."""
        return sorted(self._chains)

    def device(self, name: str) -> Device:
        """A device. Raises InputError for one that is not there or is described wrongly."""
        if name not in self._chains:
            raise InputError(f"describes no device {one_line(name, 80)!r}", where=self.where)
        return resolve(name, self._chains[name], self.where)

    @cached_property
    def conditions(self) -> dict[str, tuple[Rule, ...]]:
        """The rules of each condition, by its id."""
        return {
            condition.get("id"): tuple(
                Rule(rule.tag, tuple(sorted(rule.attributes.items())))
                for rule in condition.all("require", "accept", "deny")
            )
            for listed in self.root.all("conditions")
            for condition in listed.all("condition")
        }

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """Its software components, those of bundles with the bundle's class and version."""
        found = []
        for listed in self.root.all("components"):
            found += [_component(node, None) for node in listed.all("component")]
            found += [_component(node, bundle) for bundle in listed.all("bundle") for node in bundle.all("component")]
        return tuple(found)


def _device_name(node: Node) -> str:
    return {"device": node.get("Dname"), "variant": node.get("Dvariant")}.get(node.tag, "")


def _component(node: Node, bundle: Node | None) -> Component:
    def inherited(name: str) -> str:
        return node.get(name) or (bundle.get(name) if bundle is not None else "")

    files = tuple(
        ComponentFile(f.get("name"), f.get("category"), f.get("condition"))
        for listed in node.all("files")
        for f in listed.all("file")
    )
    group = (inherited("Cclass"), node.get("Cgroup"), node.get("Csub"))
    return Component(group, node.get("Cvariant"), inherited("Cversion"), node.get("condition"), files)


def _text(node: Node, attribute: str, where: str) -> str:
    text = node.get(attribute)
    if len(text) > _MAX_LENGTH or not text.isprintable():
        raise InputError(f"line {node.line}: {node.tag}: {attribute} is no plain text", where=where)
    return text


def parse_pdsc(data: bytes, where: str) -> Pdsc:
    """The description in ``data``. Raises InputError with the element that is wrong."""
    root = xmlfile.parse(data, where, "package", _KEEP)
    vendor = check_name(root.content("vendor"), "the vendor", where)
    name = check_name(root.content("name"), "the name", where)
    url = root.content("url")
    if len(url) > _MAX_LENGTH or not url.isprintable():
        raise InputError("package: url is no plain text", where=where)
    return Pdsc(vendor, name, url, where, root)


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a file of at most ``limit`` bytes; InputError with the reason otherwise."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if len(data) > limit:
        raise InputError(f"has more than {limit:,} bytes", where=str(path))
    return data


def read_pdsc(path: Path) -> Pdsc:
    """The description in a file."""
    return parse_pdsc(read_bounded(path, xmlfile.MAX_BYTES), str(path))
