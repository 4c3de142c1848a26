"""What can be asked of an NPU, and how a graph is divided between it and the core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microgen.errors import InputError, MicrogenError, ToolMissing, UsageError
from microgen.mindir import Graph, Node, verify
from microgen.npu import ACCELERATORS, NpuTarget, offload
from microgen.npu.groups import group, in_order
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import sample_inputs
from tests.support.graphs import Blob, blob_value, random_graph
from tests.support.networks import plain_cnn
from tests.support.npu_networks import alternating, branches, need_vela, tall_windows


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Known are ethos-u55-32"):
        NpuTarget("ethos-u99")
    refused = ("output-dir=/", "memory-mode", "memory-mode=", "optimise=--help", "optimise=Fast", "config=/no/such.ini")
    for option in (*refused, "max-block-dependency=4", "arena-cache-size=all"):
        with pytest.raises(UsageError, match="--npu-option"):
            NpuTarget("ethos-u55-128", (option,))
    path = tmp_path / "own.ini"
    path.write_text("[Memory_Mode.Own]\n")
    assert NpuTarget("ethos-u55-128", (f"config={path}", "optimise=Size")).arguments == (
        *("--config", str(path)),
        *("--optimise", "Size"),
    )


def test_without_vela(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgen.npu.decoder.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r'pip install "microgen\[npu\]"'):
        offload(optimize(plain_cnn()), NpuTarget(ACCELERATORS[0]))


def test_a_float_network_has_nothing_for_it() -> None:
    need_vela()
    with pytest.raises(InputError, match="--calibration"):
        offload(optimize(plain_cnn()), NpuTarget("ethos-u55-128"))


@pytest.mark.parametrize("seed", range(40))
def test_groups_can_each_run_at_once(seed: int) -> None:
    """Whatever is wanted: contracted to single nodes the groups make a graph in an order that can run."""
    graph = random_graph(seed, 14)
    wanted = {node for index, node in enumerate(graph.nodes) if (seed >> (index % 5)) % 2 or index % 3 == 0}
    groups = group(graph, wanted)
    assert sum(map(len, groups)) == len({node for nodes in groups for node in nodes})
    replaced: dict[Node, Node] = {}
    for number, nodes in enumerate(groups):
        inside = set(nodes)
        assert inside <= wanted
        read = dict.fromkeys(v for n in nodes for v in n.inputs if v is not None and graph.producer(v) not in inside)
        made = [v for n in nodes for v in n.outputs]
        one = Node(Blob(tuple(v.type.nbytes for v in made)), tuple(read), tuple(made), f"group{number}")
        replaced.update(dict.fromkeys(nodes, one))
    verify(Graph("contracted", graph.inputs, graph.outputs, in_order(graph, replaced)))


def test_a_path_outside_divides() -> None:
    x, a, b, c = (blob_value(n, 4) for n in "xabc")
    first, outside, last = (
        Node(Blob((4,)), (x,), (a,), "first"),
        Node(Blob((4,)), (a,), (b,), "outside"),
        Node(Blob((4,)), (a, b), (c,), "last"),
    )
    graph = Graph("g", [x], [c], [first, outside, last])
    assert group(graph, {first, last}) == [[first], [last]]
    assert group(graph, {first, outside, last}) == [[first, outside, last]]


def test_branches_meet_in_one_run() -> None:
    need_vela()
    found = offload(optimize(branches()), NpuTarget("ethos-u55-128"))
    assert [len(op.inside_names) for _, op in found.parts] == [3]
    assert {node.op.name for node in found.refusals} == {"Logistic", "Transpose"}


def test_what_vela_refuses_divides() -> None:
    """The delegate's rules take the layer, Vela does not."""
    need_vela()
    found = offload(optimize(tall_windows()), NpuTarget("ethos-u55-128"))
    kinds = [node.op.name for node in found.graph.nodes if node.op.name != "Transpose"]
    assert kinds == ["EthosU", "MaxPool2D", "EthosU"]
    (reason,) = [reason for node, reason in found.refusals.items() if node.op.name == "MaxPool2D"]
    assert reason == "Vela: kernel height: 290 out of range"


@pytest.mark.parametrize("make", [alternating, branches, tall_windows])
@pytest.mark.parametrize("accelerator", ["ethos-u55-32", "ethos-u65-512"])
def test_parts_compute_what_their_layers_do(make: Callable[[], Graph], accelerator: str) -> None:
    need_vela()
    for _, op in offload(optimize(make()), NpuTarget(accelerator)).parts:
        given = sample_inputs([value.type for value in op.layers.inputs], 3)
        for wanted, found in zip(Session(op.layers).run(given), op.simulated(given), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_what_vela_says_about_its_options(tmp_path: Path) -> None:
    need_vela()
    graph = optimize(branches())
    with pytest.raises(UsageError, match="memory-mode=Bogus"):
        offload(graph, NpuTarget("ethos-u55-128", ("memory-mode=Bogus",)))
    path = tmp_path / "own.ini"
    path.write_text("not a configuration")
    with pytest.raises(MicrogenError):
        offload(graph, NpuTarget("ethos-u55-128", (f"config={path}", "memory-mode=X", "system-config=Y")))


def test_what_the_core_keeps_has_a_reason() -> None:
    need_vela()
    graph = optimize(alternating())
    found = offload(graph, NpuTarget("ethos-u55-128"))
    assert len(found.parts) == 3
    inside = {layer for _, op in found.parts for layer in op.layers.nodes}
    assert inside | found.refusals.keys() == set(graph.nodes) and not inside & found.refusals.keys()
    assert all(found.refusals.values())
