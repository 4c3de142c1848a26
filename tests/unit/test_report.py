"""The page about a model: its facts against other computations, its HTML as a parser sees it, what it refuses."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.codegen.sanitize import html
from microgen.compiler import compile_model, load_graph
from microgen.exporters.tflite import save
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.attributes import Activation
from microgen.ops.base import op_of
from microgen.ops.conv2d import Conv2D
from microgen.ops.registry import operators
from microgen.passes import optimize
from microgen.report.drawing import BOX, draw, kind_of
from microgen.report.health import observe
from microgen.runtime import Session
from microgen.verification import sample_inputs
from tests.support.command import Run

VOID = {"meta", "br", "hr", "img", "link", "input", "col"}
HOSTILE = "<script>alert(1)</script>\"'&\u202e\x07 " + "x" * 300


class Page(HTMLParser):
    """Balanced tags, unique ids, all attributes and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report(microgen: Run, tmp_path: Path) -> Callable[..., tuple[str, dict[str, object]]]:
    def make(model: Path, *options: object) -> tuple[str, dict[str, object]]:
        page, facts = tmp_path / "report.html", tmp_path / "facts.json"
        outcome = microgen("report", model, "--board", "mps2-an386", "-o", page, "--json", facts, *options)
        assert outcome.code == 0, outcome.err
        return page.read_text(encoding="utf-8"), json.loads(facts.read_text())

    return make


def test_facts_without_measuring(report, digits_model: Path) -> None:  # type: ignore[no-untyped-def]
    text, facts = report(digits_model, "--no-measure", "--samples", 2)
    compiled = compile_model(digits_model, load_board("mps2-an386"))
    nodes = compiled.graph.nodes
    assert [layer["op"] for layer in facts["layers"]] == [node.op.name for node in nodes]
    assert sum(layer["macs"] for layer in facts["layers"]) == sum(op_of(node).macs(node) for node in nodes)
    assert facts["arena"]["bytes"] == compiled.plan.arena_bytes
    # What is in use at a step, counted from the tensors' own places.
    last = {v: i for i, n in enumerate(nodes) for v in n.inputs if v is not None and not v.is_const}
    for step, node in enumerate(nodes):
        ends = [compiled.plan.offsets[v] + v.type.nbytes for v in node.outputs]
        assert facts["arena"]["live"][step] <= compiled.plan.arena_bytes and max(ends) <= compiled.plan.arena_bytes
        assert last.get(node.output, step) >= step
    assert max(facts["arena"]["live"]) == facts["arena"]["peak"]["bytes"]
    assert "not measured" in Page(text).text
    assert report(digits_model, "--no-measure", "--samples", 2)[0] == text, "the same options give the same bytes"


def test_the_page_is_well_formed_and_needs_nothing(report, digits_model: Path) -> None:  # type: ignore[no-untyped-def]
    text, _ = report(digits_model, "--no-measure", "--samples", 1)
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    links = {value for name, value in page.attributes if name in ("href", "src", "xlink:href") and value}
    assert links and all(link.startswith("#") and link[1:] in page.ids for link in links)
    assert re.findall(r"https?://[^\s\"'<]+", text) in ([], ["http://www.w3.org/2000/svg"] * text.count("w3.org"))
    assert "script" not in page.tags and "@import" not in text and not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") >= 2 and page.tags.count("h1") == 1
    assert all(label for name, label in page.attributes if name == "aria-label")


def test_hostile_names_stay_text(report, digits_model: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    graph = optimize(load_graph(digits_model))
    renamed: dict[Value, Value] = {}

    def value(v: Value | None) -> Value | None:
        if v is None:
            return None
        return renamed.setdefault(v, Value(f"{HOSTILE}{len(renamed)}", v.type, v.data))

    nodes = [
        Node(n.op, tuple(map(value, n.inputs)), tuple(v for v in map(value, n.outputs) if v), f"{HOSTILE}{i}")
        for i, n in enumerate(graph.nodes)
    ]
    ports = [[v for v in map(value, values) if v] for values in (graph.inputs, graph.outputs)]
    path = tmp_path / "<b>odd & name.tflite"
    path.write_bytes(save(Graph(HOSTILE, *ports, nodes)))
    text, _ = report(path, "--no-measure", "--samples", 1)
    page = Page(text)
    assert "script" not in page.tags and "b" not in page.tags
    assert "\u202e" not in text and "\x07" not in text
    assert "<script>" in page.text


@pytest.mark.parametrize(
    ("raw", "safe"), [("<&>\"'", "&lt;&amp;&gt;&quot;&#39;"), ("a\x00b\u202ec\ud800", None), ("plain", "plain")]
)
def test_sanitizer(raw: str, safe: str | None) -> None:
    found = html(raw)
    assert safe is None or found == safe
    assert not set(found) & set("<>\"'\x00\u202e\ud800")


def test_what_is_refused(microgen: Run, digits_model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.html"
    mine.write_text("<html>not a report</html>")
    for output, message in (
        (mine, "exists and is no report"),
        (tmp_path / "page.txt", "must end in .html"),
        (tmp_path / "nowhere" / "page.html", "the folder does not exist"),
    ):
        outcome = microgen("report", digits_model, "--board", "mps2-an386", "-o", output, "--no-measure")
        assert outcome.code == 2 and message in outcome.err
    assert mine.read_text() == "<html>not a report</html>"


def test_boards_without_an_emulator(microgen: Run, digits_model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = microgen("report", digits_model, "--board", "nucleo-f446re", "-o", page, "--samples", 1)
    assert outcome.code == 0, outcome.err
    assert "not measured" in Page(page.read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("Conv2D", "convolution"),
        ("DepthwiseConv2D", "convolution"),
        ("TransposeConv2D", "convolution"),
        ("FullyConnected", "dense"),
        ("BatchMatMul", "dense"),
        ("AveragePool2D", "pooling"),
        ("Dequantize", "conversion"),
        ("Concatenation", "movement"),
        ("DepthToSpace", "movement"),
        ("Softmax", "arithmetic"),
    ],
)
def test_kinds_of_operators(operator: str, kind: str) -> None:
    assert kind_of(operator) == kind
    assert operator in {o.name for o in operators()}


@pytest.mark.parametrize("name", ["MaxPool2D", "AveragePool2D", "Reshape", "Softmax"])
def test_what_passes_values_on_clips_nothing(name: str, digits_model: Path) -> None:
    graph = optimize(load_graph(digits_model))
    # All at the lowest: what follows a ReLU lies at the lower limit, which is no fault of a layer that passes it on.
    inputs = [np.full((2, *value.shape), value.type.dtype.limits[0], value.type.dtype.numpy) for value in graph.inputs]
    rows = [row for row in observe(graph, inputs) if row["op"] == name]
    assert rows and all(row["clipped"] == 0.0 for row in rows)


def test_what_clips_is_flagged() -> None:
    sample = next(s for s in Conv2D.samples() if s.graph.outputs[0].type.dtype is DType.INT8)
    (node,) = sample.graph.nodes
    old = node.output
    # A hundredth of the scale: almost all lies beyond it.
    quant = QuantParams.per_tensor(old.type.quant.scale / 100, old.type.quant.zero_point)
    output = Value(old.name, TensorType(old.type.dtype, old.shape, quant))
    plain = dataclasses.replace(node.op, activation=Activation.NONE)
    graph = Graph("clips", sample.graph.inputs, [output], [Node(plain, node.inputs, (output,), node.name)])
    (row,) = observe(graph, sample_inputs([v.type for v in graph.inputs], 4))
    low, high = old.type.dtype.limits
    (values,) = Session(graph).run(sample_inputs([v.type for v in graph.inputs], 4))
    assert row["clipped"] == float(np.mean((values == low) | (values == high))) > 0.5
    assert any("clipped" in flag for flag in row["flags"])


def test_skip_connections_are_drawn() -> None:
    """A chain of 20 layers, and one that also reads the input of the network: every edge has its line."""
    layers = [{"index": i, "op": "Add", "type": "int8 4", "name": f"n{i}", "reads": [i - 1], "outputs": []}
              for i in range(20)]  # fmt: skip
    layers[15]["reads"], layers[19]["reads"], layers[19]["outputs"] = [-1, 14], [17, 18], [0]
    port = {"name": "port", "type": "int8 4"}
    drawing = draw({"model": {"inputs": [port], "outputs": [port]}, "layers": layers})
    assert len(drawing.paths) == 20 + 2 + 1
    width, height = BOX
    places = {(box.x, box.y) for box in drawing.boxes}
    assert len(places) == len(drawing.boxes) == 22
    assert all(0 <= x <= drawing.width - width and 0 <= y <= drawing.height - height for x, y in places)
    assert all(abs(a[0] - b[0]) >= width or abs(a[1] - b[1]) >= height for a in places for b in places if a != b)
