"""Compares files for EWARM with what projects hold that the IDE itself has saved (tests/data/iar)."""

from __future__ import annotations

import functools
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "iar"
_CORE_OPTIONS = ("CoreVariant", "GBECoreSlave", "GFPUCoreSlave2", "OG_32_64DeviceCoreSlave")


@functools.cache
def facts(name: str) -> dict[str, Any]:
    """One of the lists."""
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def known_cores() -> dict[tuple[str, int], int]:
    """Number by processor and version of the list."""
    return {(core["name"], core["list"]): core["number"] for core in facts("cores")["core"]}


def strangers(kind: str, content: bytes) -> list[str]:
    """What a file (``ewp``, ``ewd`` or ``eww``) has that no project of the IDE's generation has, one line each."""
    root = ElementTree.fromstring(content)
    found = set(_paths(root))
    if kind == "eww":
        return sorted(found - set(facts("workspace")["elements"]))
    product = next(_products(root), "")
    generation = next((n for n in ("ewarm-9.40", "ewarm-9.60") if facts(n)["product"] == product), None)
    if generation is None:
        return [f"generation {product}"]
    known = facts(generation)
    problems = sorted(found - set(known["elements"][kind]))
    if root.findtext("fileVersion") != str(known["file_version"]):
        problems.append(f"fileVersion {root.findtext('fileVersion')}")
    for configuration in root.iterfind("configuration"):
        problems += _tools(configuration, known[kind])
    return problems


def _tools(configuration: ElementTree.Element, known: list[dict[str, Any]]) -> list[str]:
    problems = []
    names = [settings.findtext("name") for settings in configuration.iterfind("settings")]
    if len(set(names)) != len(names):
        problems.append("a tool twice")
    for settings in configuration.iterfind("settings"):
        key = (settings.findtext("name"), settings.findtext("archiveVersion"), settings.findtext("data/version") or "")
        tool = next((t for t in known if (t["tool"], str(t["archive"]), str(t["data"])) == key), None)
        if tool is None:
            problems.append(f"tool {key}")
            continue
        options = [_option(option) for option in settings.iterfind("data/option")]
        problems += [f"{key[0]}: option {option}" for option in options if option not in tool["options"]]
        # Files that went through several versions of the IDE have some options in the older version, too.
        names_found, names_known = ({option.partition(":")[0] for option in o} for o in (options, tool["options"]))
        problems += [f"{key[0]}: {name} is missing" for name in sorted(names_known - names_found)]
        if len(set(options)) != len(options):
            problems.append(f"{key[0]}: an option twice")
    return problems


def _option(option: ElementTree.Element) -> str:
    version = option.findtext("version")
    return f"{option.findtext('name')}" + ("" if version is None else f":{version}")


def _paths(element: ElementTree.Element, above: str = "") -> Iterator[str]:
    path = f"{above}/{element.tag}" if above else element.tag
    yield path
    for child in element:
        yield from _paths(child, path)


def _products(root: ElementTree.Element) -> Iterator[str]:
    for option in root.iter("option"):
        if option.findtext("name") in ("OGLastSavedByProductVersion", "OCLastSavedByProductVersion"):
            yield option.findtext("state") or ""
