"""Text from models cannot break generated files: hostile names give correct projects."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.codegen import sanitize
from microgen.compiler import c_name
from tests.support import codegen
from tests.support.codegen import WARNINGS, evaluate, pattern, probe_graph, project, write

HOSTILE = [
    '*/ #include "nothing.h"',
    "// \\",
    "??/",
    "a\\\nint broken;",
    '"); abort(); ("',
    "$(shell touch hacked)$$(rm -rf x)",
    "`touch hacked`",
    "%s%n%",
    "<b>&amp;]]></name><state>",
    "{{ 7 * 7 }}{% raw %}",
    "größe 名前 \u202e\u2028\U0001f600",
    "\x00\x01\x7f\t\r\n",
    "/* nested",
    "",
    "int",
    "9lives",
    "|a|`b`*c*[d](e)#!",
    "x" * 5000,
    "\udc80",
]


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_hostile_names_give_a_correct_project(
    index: int, tmp_path: Path, host_gcc: str, clang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")
    names = [HOSTILE[(index + i) % len(HOSTILE)] for i in range(4)]
    graph = probe_graph(names)
    files = project(graph, model_file=names[0])
    folder = write(files, tmp_path / "p")
    values = evaluate(graph, [pattern(v) for v in graph.inputs])
    expected = ["0 ok", *(values[v].tobytes().hex() for v in graph.outputs)]
    flags = ("-Wcomment", "-Wtrigraphs")
    assert codegen.run_on_host(folder, graph, host_gcc, *flags) == expected
    traced = codegen.run_on_host(folder, graph, clang, *flags, "-DNET_TRACE")
    raw = names[2].encode("utf-8", "surrogatepass")
    assert traced[0].split(" ")[3] == raw.split(b"\0")[0].hex()
    assert traced[-3:] == expected
    manifest = json.loads(files["manifest.json"])
    assert manifest["networks"][0]["inputs"][0]["name"] == names[0]
    for path, content in files.items():
        if path.endswith((".ewp", ".eww")):
            ElementTree.fromstring(content)
        if not path.startswith(("runtime/", "emulator/s")) and path != "README.md":
            assert content.isascii(), path
    dry = subprocess.run(["make", "-n", "all"], cwd=folder, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr
    assert not (folder / "hacked").exists()


@pytest.mark.cross
def test_hostile_names_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")
    folder = write(project(probe_graph(HOSTILE[:4]), model_file=HOSTILE[5]), tmp_path / "with space")
    flags = "EXTRA_CFLAGS=-Wconversion -Werror"
    done = subprocess.run(["make", "-j2", flags, "TRACE=1"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "build" / "net.elf").is_file()


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_sanitized_text_is_harmless(text: str) -> None:
    comment = sanitize.c_comment(text)
    assert (comment.isascii() and comment.isprintable()) or not comment
    assert not re.search(r"\*/|/\*|\?\?|\\$", comment)
    string = sanitize.c_string(text)
    assert re.fullmatch(r'"(?:[^"\\?\x00-\x1f\x7f-\U0010ffff]|\\["\\?]|\\[0-7]{3})*"', string)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", sanitize.c_identifier(text))
    assert "__" not in sanitize.c_identifier(text)
    assert re.fullmatch(r"[A-Za-z0-9_\-+./, ]*", sanitize.make(text))
    ElementTree.fromstring(f'<a b="{sanitize.xml(text)}">{sanitize.xml(text)}</a>')
    assert not re.search(r"[<>|*`\[\]\n\\]", sanitize.markdown(text))


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_identifiers_are_stable(text: str) -> None:
    once = sanitize.c_identifier(text)
    assert sanitize.c_identifier(once) == once


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("person detect v2", "person_detect_v2"),
        ("9lives", "n9lives"),
        ("while", "model_while"),
        ("string", "model_string"),
        ("mg_net", "model_mg_net"),
        ("__x__y__", "x_y"),
        ("日本", "model"),
        ("kws", "kws"),
        ("int8", "model_int8"),
        ("size", "model_size"),
    ],
)
def test_identifiers(text: str, identifier: str, host_gcc: str) -> None:
    assert sanitize.c_identifier(text) == identifier
    compiled = subprocess.run(
        [host_gcc, *WARNINGS, "-fsyntax-only", "-x", "c", "-"],
        input=f"#include <stdint.h>\ntypedef int {identifier}; typedef int {identifier}_t;".encode(),
        check=False,
    )
    assert compiled.returncode == 0


def test_letters_stay_readable_in_markdown() -> None:
    assert sanitize.markdown("Größe für Ærø 名前") == "Größe für Ærø 名前"
    assert not set("<>&[]()*`|") & set(re.sub(r"&#\d+;", "", sanitize.markdown("ü<b>[x](y)*ß*`|&lt;")))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Größe.tflite", "groesse"),
        ("Gro\u0308ße.tflite", "groesse"),
        ("Åsa-Café.onnx", "asa_cafe"),
        ("ÜBUNG.ms", "uebung"),
        ("Łódź ﬁle.tflite", "lodz_file"),
        ("名前.tflite", "model"),
    ],
)
def test_prefixes_of_files_with_other_letters(file: str, name: str) -> None:
    assert c_name(file) == name
