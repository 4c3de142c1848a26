"""The CMSIS pack: its description against the schema's names and patterns, its archive, read back by two readers."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from io import BytesIO
from pathlib import Path

import cmsis_pack_manager
import pytest

from microgen.boards import all_boards
from microgen.codegen.packaging import content_version, kernel_isa, release
from microgen.codegen.projects.cmsis_pack import _CORES
from microgen.packs.archive import PackArchive
from tests.support import codegen
from tests.support.codegen import probe_graph, project, write
from tests.unit.test_codegen_names import HOSTILE

# Elements of a description, each with its attributes (those that are required begin with "!") and its children, and
# the types of attributes: from PACK.xsd 1.7.32 of the repository Open-CMSIS-Pack/Open-CMSIS-Pack-Spec.
ELEMENTS: dict[str, tuple[set[str], set[str]]] = {
    "package": (
        {"!schemaVersion"},
        {"name", "vendor", "description", "url", "license", "releases", "keywords", "conditions", "components"},
    ),
    "name": (set(), set()),
    "vendor": (set(), set()),
    "description": (set(), set()),
    "url": (set(), set()),
    "license": (set(), set()),
    "releases": (set(), {"release"}),
    "release": ({"!version", "date", "tag", "url"}, set()),
    "keywords": (set(), {"keyword"}),
    "keyword": (set(), set()),
    "conditions": (set(), {"condition"}),
    "condition": ({"!id"}, {"description", "accept", "require", "deny"}),
    "accept": ({"Dcore", "Ddsp", "Dmve", "Dfpu"}, set()),
    "components": (set(), {"component"}),
    "component": (
        {"Cvendor", "!Cclass", "!Cgroup", "Csub", "!Cversion", "condition"},
        {"description", "RTE_Components_h", "files"},
    ),
    "RTE_Components_h": (set(), set()),
    "files": (set(), {"file"}),
    "file": ({"!category", "!name", "attr", "select", "scope", "condition"}, set()),
}
REQUIRED = {
    "package": {"name", "vendor", "description", "url", "releases"},
    "releases": {"release"},
    "component": {"description", "files"},
    "files": {"file"},
}
_QUALITY = r"(\-[0-9A-Za-z.-]+)?"
_NAME_PART = r"[A-Za-z0-9][A-Za-z0-9_+()'/\-\s.]{1,31}"
TYPES = {
    ("package", "schemaVersion"): r"\d+\.\d+\.\d+",
    ("release", "version"): rf"[0-9]+\.[0-9]+\.[0-9]+{_QUALITY}(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?",
    ("component", "Cvendor"): r"[A-Za-z0-9][A-Za-z0-9\-\s]{1,31}",
    ("component", "Cclass"): _NAME_PART,
    ("component", "Cgroup"): _NAME_PART,
    ("component", "Csub"): r"([A-Za-z0-9][A-Za-z0-9_+():/\- .]{0,31})?",
    ("component", "Cversion"): rf"(0|[1-9]\d*)\.[0-9]+(\.[0-9]+)?{_QUALITY}",
    ("accept", "Dcore"): r"Cortex-M(0|0\+|1|3|4|7|23|33|35P|52|55|85)",
    ("accept", "Ddsp"): "NO_DSP|DSP",
    ("accept", "Dmve"): "NO_MVE|MVE|FP_MVE",
    ("file", "category"): "doc|header|include|library|object|source|linkerScript|utility|image|other",
    ("file", "attr"): "config|template",
    ("file", "scope"): "public|private",
}
_RESTRICTED = r"[\-_A-Za-z0-9]+"
_LONGEST_DESCRIPTION = 256


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def packed(**options: object) -> dict[str, bytes]:
    return project(probe_graph(), projects=("make", "cmsis-pack"), **options)


def only(files: dict[str, bytes], suffix: str) -> tuple[str, bytes]:
    (found,) = ((path, content) for path, content in files.items() if path.endswith(suffix))
    return found


def check_element(element: ElementTree.Element) -> None:
    attributes, children = ELEMENTS[element.tag]
    names = {name for name in element.attrib if not name.startswith("{")}
    assert names <= {name.lstrip("!") for name in attributes}, element.tag
    assert {name[1:] for name in attributes if name.startswith("!")} <= names, element.tag
    for name in names:
        pattern = TYPES.get((element.tag, name), ".+")
        assert re.fullmatch(pattern, element.attrib[name], re.DOTALL), (element.tag, name, element.attrib[name])
    tags = [child.tag for child in element]
    assert set(tags) <= children and REQUIRED.get(element.tag, set()) <= set(tags), element.tag
    for child in element:
        check_element(child)


@pytest.mark.parametrize("board", [board.name for board in all_boards()][::2])
def test_description_follows_the_schema(board: str) -> None:
    files = packed(board=board)
    path, description = only(files, ".pdsc")
    root = ElementTree.fromstring(description)
    check_element(root)
    vendor, name = root.findtext("vendor", ""), root.findtext("name", "")
    assert path == f"cmsis-pack/{vendor}.{name}.pdsc"
    assert all(re.fullmatch(_RESTRICTED, text) for text in (vendor, name))
    assert all(len(e.text or "") <= _LONGEST_DESCRIPTION for e in root.iter("description"))
    conditions = {condition.get("id") for condition in root.iter("condition")}
    assert {component.get("condition") for component in root.iter("component")} <= conditions
    release_version = root.find("releases/release")
    assert release_version is not None
    assert only(files, ".pack")[0] == f"cmsis-pack/{vendor}.{name}.{release_version.get('version')}.pack"


def test_archive_holds_what_the_component_lists(tmp_path: Path) -> None:
    folder = write(packed(), tmp_path / "p")
    (path,) = folder.glob("cmsis-pack/*.pack")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("microgen.net.pdsc") == (folder / "cmsis-pack" / "microgen.net.pdsc").read_bytes()
        root = ElementTree.fromstring(archive.read("microgen.net.pdsc"))
    assert root.findtext("license") in names
    listed = {file.get("name", "") for file in root.iter("file")}
    assert {name for name in listed if not name.endswith("/")} | {"LICENSE", "microgen.net.pdsc"} | {
        name for name in names if name.endswith(".h")
    } == set(names)
    for folder_name in (name for name in listed if name.endswith("/")):
        assert any(name.startswith(folder_name) for name in names), folder_name


def test_read_back_by_microgen(tmp_path: Path) -> None:
    folder = write(packed(board="mps3-an547"), tmp_path / "p")
    (path,) = folder.glob("cmsis-pack/*.pack")
    with PackArchive(path) as archive:
        assert archive.name.pack_file == path.name
        (component,) = archive.pdsc.components
        assert component.group == ("Machine Learning", "NN Model", "net")
        assert {file.name for file in component.files} >= {"network/", "network/net.h", "network/net.c"}
        assert archive.pdsc.conditions[component.condition]


def test_read_back_by_cmsis_pack_manager(tmp_path: Path) -> None:
    folder = write(packed(), tmp_path / "p")
    cache = cmsis_pack_manager.Cache(True, True, json_path=str(tmp_path), data_path=str(tmp_path))
    parsed = cache.add_pack_from_path(str(folder / "cmsis-pack" / "microgen.net.pdsc"))
    text = cmsis_pack_manager.lib.dumps_components(parsed)
    assert text != cmsis_pack_manager.ffi.NULL
    (component,) = json.loads(cmsis_pack_manager.ffi.string(text))
    found = {key: component[key] for key in ("vendor", "class", "group", "sub_group", "condition")}
    assert found == {
        "vendor": "microgen",
        "class": "Machine Learning",
        "group": "NN Model",
        "sub_group": "net",
        "condition": "Core",
    }
    kinds = {(file["path"], file["category"]) for file in component["files"]}
    assert {("network/net.h", "Header"), ("network/net.c", "Source"), ("network/runtime/", "Include")} <= kinds


def test_cores_of_the_kernels() -> None:
    """Kernels of an instruction set are offered to the cores that have it, those without one to all."""
    accepted = {}
    for isa, cores in _CORES.items():
        accepted[isa] = {(core["Dcore"], core.get("Ddsp"), core.get("Dmve")) for core in cores}
    assert ("Cortex-M0+", None, None) in accepted["portable"] and ("Cortex-M85", None, None) in accepted["portable"]
    assert ("Cortex-M4", None, None) in accepted["dsp"] and ("Cortex-M33", "DSP", None) in accepted["dsp"]
    assert not {core for core, _, _ in accepted["dsp"]} & {"Cortex-M0", "Cortex-M3", "Cortex-M23"}
    assert {core for core, _, _ in accepted["mve"]} == {"Cortex-M52", "Cortex-M55", "Cortex-M85"}
    assert {mve for _, _, mve in accepted["mve"]} == {"MVE", "FP_MVE"}


def test_instruction_set_of_the_kernels() -> None:
    headers = {b"": "portable", b"#define MG_ISA_LIMIT 0 /* portable */\n": "portable"}
    headers |= {b"\n#define MG_ISA_LIMIT 1 /* dsp */\n": "dsp", b"#define MG_ISA_LIMIT 2 /* mve */\n": "mve"}
    for text, isa in headers.items():
        assert kernel_isa({"runtime/microgen_nn.h": text}) == isa


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_models(text: str) -> None:
    files = packed(model_file=text or "x")
    check_element(ElementTree.fromstring(only(files, ".pdsc")[1]))


def test_versions() -> None:
    assert [release(v) for v in ("1.2.3", "0.1", "2.0.0.dev1+g12", "unknown")] == ["1.2.3", "0.1.0", "2.0.0", "0.0.0"]
    first = content_version("1.2.3", {"a": b"x", "b": b"y"})
    assert re.fullmatch(r"1\.2\.3\+[0-9a-f]{12}", first)
    assert first == content_version("1.2.3", {"b": b"y", "a": b"x"})
    others = [{"a": b"y", "b": b"x"}, {"a": b"xb", "": b"y"}, {"a": b"x"}]
    assert len({first, *(content_version("1.2.3", other) for other in others)}) == 4


def test_reproducible() -> None:
    assert packed() == packed()
    other = packed(model_sha256="cd" * 32)
    assert only(other, ".pack")[0] != only(packed(), ".pack")[0]


def test_zip_is_a_pack_for_strict_readers() -> None:
    with zipfile.ZipFile(BytesIO(only(packed(), ".pack")[1])) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
