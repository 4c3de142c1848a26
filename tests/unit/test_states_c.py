"""Generated code with states: what it keeps, from where it begins, `_reset`; and what the commands say of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.exporters import tflite
from microgen.mindir import Graph
from microgen.plan import order_states
from microgen.runtime import Session
from tests.support.codegen import SANITIZERS, WARNINGS, model_sources, project, write
from tests.support.command import Run
from tests.unit.test_states import accumulator, hard_cases, stream, window

MAIN = """
#include <stdio.h>
#include <string.h>
#include "net.h"
static _Alignas(NET_ARENA_ALIGNMENT) uint8_t arena[NET_ARENA_BYTES];
static const int8_t samples[][NET_INPUT_0_ELEMENTS] = {@SAMPLES@};
static void print(const net_t *net)
{
    const int8_t *output = net_output(net, 0);
    for (unsigned i = 0; i < NET_OUTPUT_0_ELEMENTS; i++)
        printf("%d ", output[i]);
    printf("\\n");
}
int main(void)
{
    net_t net = {0};
    if (net_reset(NULL) != NET_ERROR_NULL || net_reset(&net) != NET_ERROR_STATE)
        return 1;
    memset(arena, 0x5A, sizeof arena);
    if (net_init(&net, arena, sizeof arena) != NET_OK)
        return 2;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < sizeof samples / sizeof samples[0]; i++) {
            memset(arena + NET_STATE_BYTES, 0xA5, sizeof arena - NET_STATE_BYTES);
            memcpy(net_input(&net, 0), samples[i], sizeof samples[i]);
            if (net_invoke(&net) != NET_OK)
                return 3;
            print(&net);
        }
        if (net_reset(&net) != NET_OK)
            return 4;
    }
    return 0;
}
"""
GRAPHS = {"sum": accumulator(), "zeros": accumulator((0, 0, 0, 0)), "window": window(), **hard_cases()}


@pytest.mark.parametrize("name", GRAPHS)
def test_generated_code_keeps_states_and_begins_anew(name: str, tmp_path: Path) -> None:
    graph: Graph = GRAPHS[name]
    (x,) = stream(graph, 6)
    folder = write(project(order_states(graph)), tmp_path)
    rows = ", ".join("{" + ", ".join(map(str, sample.reshape(-1))) + "}" for sample in x)
    sources = model_sources(folder)
    (folder / "main.c").write_text(MAIN.replace("@SAMPLES@", rows))
    command = ["gcc", *WARNINGS, *SANITIZERS, "-I.", "-Iruntime", "main.c", *sources, "-lm", "-o", "net"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([str(folder / "net")], capture_output=True, text=True, check=True)
    found = np.array([[int(n) for n in line.split()] for line in ran.stdout.splitlines()])
    expected = Session(graph).run([x])[0].reshape(6, -1)
    assert np.array_equal(found[:6], expected) and np.array_equal(found[6:], expected)


def test_without_states_nothing_is_added() -> None:
    graph = accumulator()
    plain = Graph("plain", graph.sources, graph.outputs, graph.nodes)
    files = project(plain)
    assert b"reset" not in files["net.h"] + files["net.c"] and b"string.h" not in files["net.c"]


def test_commands_tell_of_states(microgen: Run, tmp_path: Path) -> None:
    model, other = tmp_path / "stream.tflite", tmp_path / "other.tflite"
    model.write_bytes(tflite.save(window()))
    other.write_bytes(tflite.save(accumulator()))
    assert "state s: int8[2×4]" in microgen("inspect", model).out
    told = microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "project").out
    assert "16 bytes of the arena are kept between invocations; stream_reset begins anew" in told
    assert "until `stream_reset`" in (tmp_path / "project" / "README.md").read_text()
    both = microgen("compile", model, other, "--board", "mps2-an386", "--share-arena", "-o", tmp_path / "two")
    assert both.code == 0 and both.out.count("32 bytes of the arena are kept between invocations") == 2


@pytest.mark.cross
def test_samples_of_run_are_a_stream(microgen: Run, tmp_path: Path, arm_gcc: str, qemu_arm: str) -> None:
    graph = accumulator()
    model, samples = tmp_path / "sum.tflite", tmp_path / "x.npy"
    model.write_bytes(tflite.save(graph))
    (x,) = stream(graph, 5)
    np.save(samples, x)
    assert microgen("compile", model, "--board", "mps2-an385", "-o", tmp_path / "p").code == 0
    assert microgen("build", tmp_path / "p").code == 0
    done = microgen("run", tmp_path / "p", "--input", samples, "--output", tmp_path / "y.npz")
    assert done.code == 0, done.err
    (y,) = np.load(tmp_path / "y.npz").values()
    assert np.array_equal(y, Session(graph).run([x])[0])
