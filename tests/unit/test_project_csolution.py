"""csolution projects: keys, places and values are the CMSIS-Toolbox's, and every file that is named exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.boards import all_boards, load_board
from microgen.codegen import sanitize
from microgen.codegen.projects.csolution import PACKS, reference_device
from microgen.compiler import Options, compile_model, compile_models
from microgen.cores import CORES
from tests.support import codegen
from tests.support.codegen import probe_graph, project
from tests.support.genuine import vendored_tree
from tests.unit.test_codegen_names import HOSTILE

# What the toolbox allows, of that what our files use. Source: the JSON schemas of version 2.14.0 in
# github.com/Open-CMSIS-Pack/devtools, tools/projmgr/schemas (csolution, cproject, clayer and common.schema.json), and
# the chapter "CSolution Project Format" of the CMSIS-Toolbox's manual. No package carries these schemas; our files were
# also validated against them directly.
#   {key: rule}   a mapping with these keys and no other; a key with ! must be there
#   [rule]        a list of at least one item, no two the same
#   "text"        a scalar that this regular expression matches as a whole
Rule = dict[str, Any] | list[Any] | str
ON_OFF = "on|off"
COMPILER = r"(GCC|CLANG|AC6|IAR|CLANG_TI|XC)(@(>=)?[0-9]+\.[0-9]+\.[0-9]+)?"
TYPE = r"[a-zA-Z0-9_-]{1,32}"
PATH = r"[^\\]+"
PACK = {"pack!": r"[a-zA-Z0-9_ .-]+(::[a-zA-Z0-9_ .*-]+(@(>=|~|\^)?[0-9]+\.[0-9]+\.[0-9]+)?)?"}
PART = r"[A-Za-z0-9][a-zA-Z0-9_+()'/\- .]+"
COMPONENT = {"component!": rf"([A-Za-z0-9][A-Za-z0-9 -]+::)?{PART}(&{PART})?(:{PART}){{1,2}}(&{PART})?"}
WORDS = [r".+"]
MISC = {
    "for-compiler": COMPILER, "ASM": WORDS, "C": WORDS, "CPP": WORDS, "C-CPP": WORDS,
    "Link": WORDS, "Link-C": WORDS, "Link-CPP": WORDS, "Library": WORDS,
}  # fmt: skip
GROUP = {"group!": r".+", "files!": [{"file!": PATH}]}
PROCESSOR = {
    "fpu": "dp|sp|off",
    "dsp": ON_OFF,
    "mve": "fp|int|off",
    "trustzone": "secure|secure-only|non-secure|off",
}
OPTIMIZE = "size|speed|balanced|none|debug"
LANGUAGE = "(c|gnu)(90|99|11|17|23)"
SOLUTION = {
    "solution!": {
        "created-for": r".*@[0-9]+\.[0-9]+\.[0-9]+",
        "description": ".*",
        "select-compiler": [{"compiler!": COMPILER}],
        "compiler": COMPILER,
        "language-C": LANGUAGE,
        "misc": [MISC],
        "packs": [PACK],
        "target-types!": [{"type!": TYPE, "device": r"([ -9;-~]+::)?[ -9;-~]+(:[ -9;-~]+)?", "processor": PROCESSOR}],
        "build-types": [{"type!": TYPE, "optimize": OPTIMIZE, "debug": ON_OFF}],
        "projects": [{"project!": r"(.*/)?[^.+/]+\.cproject\.yml"}],
    }
}
PROJECT = {
    "project!": {
        "description": ".*",
        "layers": [{"layer!": PATH}],
        "groups": [GROUP],
        "components": [COMPONENT],
        "output": {"type": ["elf|hex|bin|lib|cmse-lib|map"]},
    }
}
DEFINE = r"[^=:]+"
LAYER = {
    "layer!": {
        "type": ".+",
        "description": ".*",
        "packs": [PACK],
        "components": [COMPONENT],
        "add-path": [PATH],
        "define": [DEFINE],
        "groups": [GROUP],
    }
}
RULES: dict[str, Rule] = {"csolution": SOLUTION, "cproject": PROJECT, "clayer": LAYER}


def problems(value: Any, rule: Rule, where: str = "") -> list[str]:
    """One line for everything in ``value`` that ``rule`` does not allow."""
    if isinstance(rule, str):
        return [] if isinstance(value, str) and re.fullmatch(rule, value) else [f"{where}: {value!r}"]
    if isinstance(rule, list):
        if not isinstance(value, list) or not value:
            return [f"{where}: no list"]
        twice = [f"{where}: an item twice"] if len({repr(item) for item in value}) < len(value) else []
        return twice + [p for i, item in enumerate(value) for p in problems(item, rule[0], f"{where}[{i}]")]
    if not isinstance(value, dict):
        return [f"{where}: no mapping"]
    known = {key.rstrip("!"): part for key, part in rule.items()}
    found = [f"{where}: no key {key!r}" for key in value if key not in known]
    found += [f"{where}: {key.rstrip('!')!r} is missing" for key in rule if key[-1] == "!" and key[:-1] not in value]
    return found + [
        p for key, item in value.items() if key in known for p in problems(item, known[key], f"{where}/{key}")
    ]


def documents(files: dict[str, bytes], name: str = "net") -> dict[str, Any]:
    """The three files, read as the toolbox reads them: YAML 1.2, where on and off are words; checked."""
    read = {kind: yaml.load(files[f"{name}.{kind}.yml"], yaml.BaseLoader) for kind in RULES}
    for kind, document in read.items():
        assert problems(document, RULES[kind], kind) == []
    return read


def named_files(document: Any) -> list[str]:
    (node,) = document.values()
    return [entry["file"] for group in node["groups"] for entry in group["files"]]


@pytest.fixture
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


@pytest.mark.usefixtures("probe_kernels")
@pytest.mark.parametrize("board", [board.name for board in all_boards()])
def test_solution_for_every_board(board: str) -> None:
    files = project(probe_graph(), board=board, projects=("csolution",))
    read = documents(files)
    layer, program = named_files(read["clayer"]), named_files(read["cproject"])
    assert {*layer, *program} == {path for path in files if path.endswith((".c", ".h"))}
    assert all(path.startswith("example/") for path in program)
    assert read["cproject"]["project"]["layers"] == [{"layer": "net.clayer.yml"}] and "net.clayer.yml" in files
    assert (
        read["csolution"]["solution"]["projects"] == [{"project": "net.cproject.yml"}] and "net.cproject.yml" in files
    )
    assert read["clayer"]["layer"]["add-path"] == [".", "runtime"]
    assert {"component": "ARM::CMSIS:CORE"} in read["clayer"]["layer"]["components"]
    (target,) = read["csolution"]["solution"]["target-types"]
    assert target["type"] == re.sub(r"[^\w-]", "-", board)
    # The device's pack is named, and its start-up code.
    name = target["device"].rpartition("::")[2]
    pack = next(pack for pack in PACKS if name.startswith(pack.prefix))
    assert {"pack": pack.pack} in read["csolution"]["solution"]["packs"]
    assert [c["component"] for c in read["cproject"]["project"]["components"]] == list(pack.components)


def test_reference_devices() -> None:
    """The devices of ARM::Cortex_DFP (github.com/ARM-software/Cortex_DFP, ARM.Cortex_DFP.pdsc)."""
    known = "ARMCM0 ARMCM0P ARMCM1 ARMCM3 ARMCM4 ARMCM7 ARMCM23 ARMCM33 ARMCM35P ARMCM55 ARMCM85"
    assert {reference_device(core) for core in CORES.values()} <= {f"ARM::{name}" for name in known.split()}


@pytest.mark.usefixtures("probe_kernels")
@pytest.mark.parametrize(
    ("core", "device", "processor"),
    [
        ("cortex-m4", "ARM::ARMCM4", {"fpu": "off"}),
        ("cortex-m33-nodsp", "ARM::ARMCM33", {"fpu": "sp", "dsp": "off"}),
        ("cortex-m55-mveint", "ARM::ARMCM55", {"fpu": "dp", "mve": "int", "dsp": "on"}),
        ("cortex-m0plus", "ARM::ARMCM0P", {"fpu": "off"}),
    ],
)
def test_a_board_that_names_no_device(
    core: str, device: str, processor: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    text = (repository / "boards" / "nucleo-l4r5zi.toml").read_text()
    text = re.sub(r"^core = .*", f'core = "{core}"', text, flags=re.MULTILINE)
    (tmp_path / "own.toml").write_text(re.sub(r"^(device|vendor) = .*\n", "", text, flags=re.MULTILINE))
    files = project(probe_graph(), board=str(tmp_path / "own.toml"), projects=("csolution",))
    (target,) = documents(files)["csolution"]["solution"]["target-types"]
    assert target == {"type": "own", "device": device, "processor": processor}


@pytest.mark.usefixtures("probe_kernels")
def test_a_device_whose_pack_is_unknown(repository: Path, tmp_path: Path) -> None:
    board = tmp_path / "own board.v2.toml"
    text = (repository / "boards" / "mps2-an386.toml").read_text()
    facts = re.sub(r"^(device|vendor) = .*\n", "", text, flags=re.MULTILINE)
    board.write_text(f'device = "XY32F1"\nvendor = "Some Vendor:99"\n{facts}')
    board = board.rename(tmp_path / "own-board.v2.toml")
    read = documents(project(probe_graph(), board=str(board), projects=("csolution",)))
    solution = read["csolution"]["solution"]
    assert solution["target-types"] == [{"type": "own-board-v2", "device": "Some Vendor::XY32F1"}]
    assert [pack["pack"] for pack in solution["packs"]] == ["ARM::CMSIS@>=6.0.0"]
    assert read["cproject"]["project"]["components"] == [{"component": "Device:Startup"}]


@pytest.mark.usefixtures("probe_kernels")
@pytest.mark.parametrize(("optimize", "level"), [("speed", "speed"), ("size", "size"), ("ram", "balanced")])
def test_build_types(optimize: str, level: str) -> None:
    solution = documents(project(probe_graph(), projects=("csolution",), optimize=optimize))["csolution"]["solution"]
    types = {entry["type"]: entry for entry in solution["build-types"]}
    assert types["Release"]["optimize"] == level and types["Debug"]["optimize"] == "debug"
    assert {entry["compiler"] for entry in solution["select-compiler"]} == {"AC6", "GCC", "IAR", "CLANG"}


@pytest.mark.usefixtures("probe_kernels")
def test_hostile_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in HOSTILE:
        files = project(probe_graph(HOSTILE[:4]), projects=("csolution",), model_file=text)
        documents(files)
        assert all(files[f"net.{kind}.yml"].isascii() for kind in RULES)


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_yaml_scalars_keep_their_text(text: str) -> None:
    scalar = sanitize.yaml(text)
    assert scalar.isascii() and scalar.isprintable()
    kept = re.sub("[\ud800-\udfff]", "\ufffd", text if len(text) <= 200 else text[:197] + "...")
    assert yaml.safe_load(f"key: {scalar}  # {scalar}\n") == {"key": kept}


def test_several_networks(testdata: Path) -> None:
    models = [testdata / "models" / f"{name}.tflite" for name in ("hello_world_int8", "micro_speech_int8")]
    options = Options(projects=("csolution",), name="first,second")
    files = dict(compile_models(models, load_board("mps3-an547"), options)[0].files)
    layer = documents(files, "first_second")["clayer"]
    assert {"first.c", "second.c", "first_second.h"} <= set(named_files(layer))


def test_a_linked_cmsis_nn_is_named_as_a_component(digits_model: Path) -> None:
    """The pack of its own version takes the place of the copied sources."""
    tree = vendored_tree()
    if tree is None:
        pytest.skip("the package bakenn, which carries a part of CMSIS-NN, is not installed; ./test.sh installs it")
    options = Options(projects=("csolution",), name="net", cmsis_nn=str(tree))
    files = dict(compile_model(digits_model, load_board("mps2-an386"), options).files)
    assert any(path.startswith("cmsis_nn/") for path in files)
    read = documents(files)
    layer = read["clayer"]["layer"]
    assert [c["component"] for c in layer["components"]] == ["ARM::CMSIS:CORE", "ARM::CMSIS:NN Lib"]
    pinned = {"pack": "ARM::CMSIS-NN@~4.0.0"}
    assert pinned in layer["packs"] and pinned in read["csolution"]["solution"]["packs"]
    assert not any(path.startswith("cmsis_nn") for path in [*named_files(read["clayer"]), *layer["add-path"]])


Edit = Callable[[Any], object]


@pytest.mark.usefixtures("probe_kernels")
@pytest.mark.parametrize(
    ("kind", "edit", "word"),
    [
        ("csolution", lambda d: d["solution"].update({"compilers": []}), "no key 'compilers'"),
        ("csolution", lambda d: d["solution"].pop("target-types"), "'target-types' is missing"),
        ("csolution", lambda d: d["solution"]["build-types"][0].update(optimize="fast"), "optimize: 'fast'"),
        ("csolution", lambda d: d["solution"].update(compiler="gcc"), "compiler: 'gcc'"),
        ("csolution", lambda d: d["solution"]["target-types"][0].update(type="a board"), "type: 'a board'"),
        ("cproject", lambda d: d["project"]["groups"][0].pop("files"), "'files' is missing"),
        ("clayer", lambda d: d["layer"]["packs"].append({"pack": "ARM:CMSIS"}), "pack: 'ARM:CMSIS'"),
        ("clayer", lambda d: d["layer"]["components"].append({"component": "ARM::CMSIS"}), "component: 'ARM::CMSIS'"),
        ("clayer", lambda d: d["layer"]["groups"].append(d["layer"]["groups"][0]), "an item twice"),
    ],
)  # fmt: skip
def test_the_checker_sees_mistakes(kind: str, edit: Edit, word: str) -> None:
    document = documents(project(probe_graph(), projects=("csolution",)))[kind]
    edit(document)
    assert [p for p in problems(document, RULES[kind], kind) if word in p]
