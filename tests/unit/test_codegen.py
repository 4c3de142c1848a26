"""The generated C: what it computes, its interface, its trace, that it is reproducible."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.errors import UsageError
from microgen.mindir import DType, Graph, Node, TensorType, Value
from tests.support import codegen
from tests.support.codegen import WARNINGS, Probe, Touch, View, evaluate, pattern, probe_graph, project, write


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def fnv1a(data: bytes) -> int:
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def test_every_kind_of_argument_arrives(tmp_path: Path, host_gcc: str) -> None:
    graph = probe_graph()
    lines = codegen.run_on_host(write(project(graph), tmp_path / "p"), graph, host_gcc)
    values = evaluate(graph, [pattern(v) for v in graph.inputs])
    assert lines == ["0 ok", *(values[v].tobytes().hex() for v in graph.outputs)]


def test_trace_reports_every_layer_with_views(tmp_path: Path, host_gcc: str) -> None:
    graph = probe_graph()
    folder = write(project(graph), tmp_path / "p")
    lines = codegen.run_on_host(folder, graph, host_gcc, "-DNET_TRACE")
    values = evaluate(graph, [pattern(v) for v in graph.inputs])
    expected = []
    for layer, node in enumerate(graph.nodes):
        for index, value in enumerate(node.outputs):
            data = values[value].tobytes()
            expected += [f"{layer} {index} {fnv1a(data):08x} {node.name.encode().hex()}", data.hex()]
    assert lines[: len(expected)] == expected
    assert lines[len(expected)] == "0 ok"


def test_without_trace_nothing_of_it_is_in_the_object(tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph(("x", "w", "layer name!", "b"))), tmp_path / "p")
    for flags, present in (((), False), (("-DNET_TRACE",), True)):
        command = [host_gcc, *WARNINGS, *flags, f"-I{folder}", f"-I{folder}/runtime", "-c", "-o", "net.o", "net.c"]
        subprocess.run(command, cwd=folder, check=True)
        content = (folder / "net.o").read_bytes()
        assert (b"net_trace" in content) == present
        assert (b"layer name!" in content) == present


@pytest.mark.parametrize("compiler", ["host_gcc", "clang", "arm_gcc"])
def test_compiles_without_a_warning(compiler: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    command = request.getfixturevalue(compiler)
    folder = write(project(probe_graph()), tmp_path / "p")
    for source in codegen.model_sources(folder):
        for flags in ((), ("-DNET_TRACE", "-DNET_DEFAULT_ARENA")):
            includes = (f"-I{folder}", f"-I{folder}/runtime")
            done = subprocess.run(
                [command, *WARNINGS, "-pedantic", *flags, *includes, "-c", "-o", "/dev/null", source],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr


def test_header_is_cpp(tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph()), tmp_path / "p")
    (folder / "user.cpp").write_text(
        '#include "net.h"\nnet_t network;\nstatic NET_INPUT_0_TYPE data[NET_INPUT_0_ELEMENTS];\n'
        "int shape[NET_INPUT_0_RANK] = NET_INPUT_0_SHAPE;\n"
        "float scale() { return NET_INPUT_0_SCALE + NET_INPUT_0_ZERO_POINT; }\n"
        "int use() { data[0] = 0; return net_invoke(&network) + data[0]; }\n"
    )
    flags = ("-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-DNET_TRACE")
    done = subprocess.run([host_gcc, *flags, "user.cpp"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


STATUS_TEST = """
#include "net.h"
static _Alignas(64) uint8_t arena[NET_ARENA_BYTES + 64u];
int main(void)
{
    net_t network;
    if (net_init(NULL, arena, sizeof arena) != NET_ERROR_NULL) return 1;
    if (net_init(&network, arena, NET_ARENA_BYTES - 1u) != NET_ERROR_ARENA) return 2;
    if (net_init(&network, arena + 1, NET_ARENA_BYTES) != NET_ERROR_ALIGNMENT) return 3;
    if (net_invoke(&network) != NET_ERROR_STATE) return 4;
    if (net_invoke(NULL) != NET_ERROR_NULL) return 5;
    if (net_input(&network, 0) != NULL || net_output(&network, 0) != NULL) return 6;
#ifdef NET_DEFAULT_ARENA
    if (net_init(&network, NULL, 0) != NET_OK) return 7;
#else
    if (net_init(&network, NULL, 0) != NET_ERROR_NULL) return 7;
    if (net_init(&network, arena, NET_ARENA_BYTES) != NET_OK) return 8;
#endif
    if (net_input(&network, -1) != NULL || net_input(&network, NET_INPUT_COUNT) != NULL) return 9;
    if (net_output(&network, -1) != NULL || net_output(&network, NET_OUTPUT_COUNT) != NULL) return 10;
    if (net_input(&network, 0) == NULL || net_output(&network, 1) == NULL || net_input(NULL, 0) != NULL) return 11;
    for (int status = 1; status >= -6; status--) {
        if (net_status_str(status) == NULL) return 12;
    }
    return net_invoke(&network) == NET_OK ? 0 : 13;
}
"""


@pytest.mark.parametrize("flags", [(), ("-DNET_DEFAULT_ARENA",)])
def test_statuses(flags: tuple[str, ...], tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph()), tmp_path / "p")
    (folder / "status.c").write_text(STATUS_TEST)
    command = [host_gcc, *WARNINGS, *codegen.SANITIZERS, *flags, f"-I{folder}", f"-I{folder}/runtime", "-o", "status"]
    subprocess.run([*command, *codegen.model_sources(folder), "-lm"], cwd=folder, check=True)
    assert subprocess.run([folder / "status"], check=False).returncode == 0


def test_a_refused_call_is_reported(tmp_path: Path, host_gcc: str) -> None:
    graph = probe_graph(op=Probe(count=-1))
    lines = codegen.run_on_host(write(project(graph), tmp_path / "p"), graph, host_gcc)
    assert lines == ["-5 a kernel refused its arguments"]


@pytest.mark.parametrize(("guard", "fits"), [("2 * 9", True), ("2 * 9 + 1", False)])
def test_scratch_is_guarded(guard: str, fits: bool, tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph(op=Probe(guard=guard))), tmp_path / "p")
    command = [host_gcc, *WARNINGS, "-Iruntime", "-c", "-o", "net.o", "net.c"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == fits
    assert fits or "scratch of arm_probe_s8" in done.stderr


EXTREMES = [
    np.array([-128, -1, 0, 127], np.int8),
    np.array([0, 255], np.uint8),
    np.array([-32768, 32767], np.int16),
    np.array([-(2**31), -(2**31) + 1, -1, 2**31 - 1], np.int32),
    np.array([-(2**63), -(2**31), 2**31, 2**63 - 1, 5], np.int64),
    np.array([True, False, True]),
    np.array([[0.0, -0.0, 1e-45, -1.1754944e-38], [3.4028235e38, 0.1, 16777217.0, 1 / 3]], np.float32),
    np.array([np.inf, -np.inf, np.nan, 1e20, 1.0], np.float32),
]


def test_constant_outputs_keep_every_bit(tmp_path: Path, host_gcc: str, clang: str) -> None:
    outputs = [Value(f"c{i}", TensorType(DType(str(a.dtype)), a.shape), a) for i, a in enumerate(EXTREMES)]
    graph = Graph("constants", [], outputs, [])
    folder = write(project(graph), tmp_path / "p")
    for compiler in (host_gcc, clang):
        assert codegen.run_on_host(folder, graph, compiler) == ["0 ok", *(a.tobytes().hex() for a in EXTREMES)]


def test_random_floats_keep_every_bit(tmp_path: Path, host_gcc: str) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32)
    data = bits.view(np.float32)
    data = data[~np.isnan(data)]
    graph = Graph("floats", [], [Value("c", TensorType(DType.FLOAT32, data.shape), data)], [])
    lines = codegen.run_on_host(write(project(graph), tmp_path / "p"), graph, host_gcc)
    assert lines[1] == data.tobytes().hex()


def test_an_input_can_be_an_output(tmp_path: Path, host_gcc: str) -> None:
    x = Value("x", TensorType(DType.INT8, (6,)))
    y = Value("y", TensorType(DType.INT8, (6,)))
    graph = Graph("pass", [x], [x, y, x], [Node(Touch(), (x,), (y,), "touch")])
    lines = codegen.run_on_host(write(project(graph), tmp_path / "p"), graph, host_gcc)
    data = pattern(x)
    assert lines == ["0 ok", data.tobytes().hex(), (~data).tobytes().hex(), data.tobytes().hex()]


def test_a_network_of_views_alone(tmp_path: Path, host_gcc: str) -> None:
    x, y = Value("x", TensorType(DType.INT8, (6,))), Value("y", TensorType(DType.INT8, (1, 6)))
    graph = Graph("views", [x], [y], [Node(View(), (x,), (y,), "view")])
    folder = write(project(graph), tmp_path / "p")
    assert codegen.run_on_host(folder, graph, host_gcc) == ["0 ok", pattern(x).tobytes().hex()]
    assert codegen.run_on_host(folder, graph, host_gcc, "-DNET_TRACE", "-DNET_DEFAULT_ARENA")[-2] == "0 ok"


def test_equal_tables_and_structs_are_stored_once() -> None:
    x = Value("x", TensorType(DType.INT8, (9,)))
    weights = [Value(f"w{i}", TensorType(DType.INT8, (2,)), np.array([1, 2], np.int8)) for i in range(2)]
    outputs = [
        (Value(f"a{i}", TensorType(DType.INT8, (9,))), Value(f"s{i}", TensorType(DType.INT16, (2,)))) for i in range(2)
    ]
    nodes = [Node(Probe(), (x, weights[i]), outputs[i], f"n{i}") for i in range(2)]
    files = project(Graph("twins", [x], [v for pair in outputs for v in pair], nodes))
    assert files["net_weights.c"].count(b"_Alignas(16) const") == 3
    assert files["net.c"].count(b"static const mg_probe_params") == 1
    assert files["net.c"].count(b"arm_probe_s8(&ctx, &probe_params_0") == 2


def test_same_input_same_bytes() -> None:
    graph = probe_graph()
    first = project(graph)
    assert first == project(graph) == project(probe_graph())
    assert list(first) == list(project(graph))
    assert not any(str(Path.cwd()).encode() in content for content in first.values())


def test_manifest() -> None:
    graph = probe_graph()
    files = project(graph, facts={"kernels": "portable"})
    manifest = json.loads(files["manifest.json"])
    others = {path: hashlib.sha256(content).hexdigest() for path, content in files.items() if path != "manifest.json"}
    assert manifest["files"] == others
    assert manifest["name"] == "net" and manifest["board"] == "mps2-an386"
    assert manifest["options"]["kernels"] == "portable"
    assert manifest["arena"] == {"bytes": manifest["networks"][0]["arena"]["bytes"], "shared": False}
    (manifest,) = manifest["networks"]
    assert manifest["model"]["sha256"] == "ab" * 32
    assert [layer["kernel"] for layer in manifest["layers"]] == ["arm_probe_s8", "mg_touch", "none"]
    assert [layer["op"] for layer in manifest["layers"]] == ["Probe", "Touch", "View"]
    assert manifest["inputs"][0] == {
        "name": "x",
        "dtype": "int8",
        "shape": [9],
        "layout": None,
        "bytes": 9,
        "scale": float(np.float32(0.1)),
        "zero_point": -4,
    }
    places = {p["name"]: p for p in manifest["arena"]["places"]}
    assert (places["x"]["first_step"], places["x"]["last_step"]) == (-1, 0)
    assert (places["out"]["first_step"], places["out"]["last_step"]) == (2, 3)
    assert all(p["offset"] + p["bytes"] <= manifest["arena"]["bytes"] for p in places.values())
    assert manifest["constants"]["bytes"] == 2 + 4 + 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"name": "a-b"}, "cannot name"),
        ({"name": "string"}, "model_string"),
        ({"name": "mg_x"}, "cannot name"),
        ({"projects": ("make", "cobol")}, "unknown project type 'cobol'"),
        ({"stack_bytes": 1001}, "multiple of 8"),
        ({"optimize": "fun"}, "unknown optimization"),
        ({"placement": {"weights": "nowhere"}}, "no memory region"),
    ],
)
def test_bad_options(options: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError) as caught:
        project(probe_graph(), **options)  # type: ignore[arg-type]
    assert match in str(caught.value)
