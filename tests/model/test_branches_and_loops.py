"""Branches and loops that depend on the input: the reference interpreter, the host, path c and the generated C."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.delegates.host_c import HostC
from microgen.exporters import tflite as exporter
from microgen.frontends import tflite
from microgen.mindir import Array, Graph
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.codegen import SANITIZERS, WARNINGS, model_sources, project, write
from tests.support.control_flow import MODELS, inputs_for
from tests.support.oracle import Oracle

#: Reads the bytes of one sample after the other, and writes those of the outputs.
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "net.h"
void net_trace(int layer, int output, const char *name, const void *data, size_t size, uint32_t hash)
{
    (void)layer, (void)output, (void)name, (void)data, (void)size, (void)hash;
}
int main(void)
{
    const size_t inputs[] = {@INPUTS@}, outputs[] = {@OUTPUTS@};
    void *arena = aligned_alloc(NET_ARENA_ALIGNMENT, (NET_ARENA_BYTES + 15u) / 16u * 16u);
    net_t net;
    if (arena == NULL || net_init(&net, arena, NET_ARENA_BYTES) != NET_OK)
        return 1;
    while (fread(net_input(&net, 0), inputs[0], 1, stdin) == 1) {
        for (int i = 1; i < NET_INPUT_COUNT; i++)
            if (fread(net_input(&net, i), inputs[i], 1, stdin) != 1)
                return 2;
        if (net_invoke(&net) != NET_OK)
            return 3;
        for (int i = 0; i < NET_OUTPUT_COUNT; i++)
            fwrite(net_output(&net, i), outputs[i], 1, stdout);
    }
    free(arena);
    return 0;
}
"""


@functools.cache
def model(name: str) -> bytes:
    return exporter.save(MODELS[name]())


def same(found: Array, wanted: Array) -> None:
    if wanted.dtype == np.float32:
        np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=0, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_oracle(name: str) -> None:
    graph = tflite.load(model(name))
    inputs = inputs_for(graph)
    wanted = Oracle(model(name)).run_batch(inputs).outputs
    for found, expected in zip(Session(optimize(graph)).run(inputs), wanted, strict=True):
        same(found, expected.reshape(found.shape))


@pytest.mark.parametrize("name", ["loop_int8", "nested_float"])
def test_path_c_runs_it_whole(name: str) -> None:
    graph = optimize(tflite.load(model(name)))
    assert all(str(HostC().claims(node)) == "Yes()" for node in graph.nodes)
    inputs = inputs_for(graph)
    for found, wanted in zip(HostC().compile(graph, 1).run(inputs), Session(graph).run(inputs), strict=True):
        same(found, wanted)


@pytest.mark.parametrize("name", MODELS)
def test_generated_code_under_sanitizers(name: str, tmp_path: Path) -> None:
    graph = optimize(tflite.load(model(name)))
    inputs = inputs_for(graph)
    folder = write(project(graph), tmp_path)
    sources = model_sources(folder)
    sizes = {
        "@INPUTS@": ", ".join(f"NET_INPUT_{i}_BYTES" for i in range(len(graph.inputs))),
        "@OUTPUTS@": ", ".join(f"NET_OUTPUT_{i}_BYTES" for i in range(len(graph.outputs))),
    }
    text = functools.reduce(lambda text, item: text.replace(*item), sizes.items(), MAIN)
    (folder / "main.c").write_text(text)
    flags = [*WARNINGS, *SANITIZERS, "-DNET_TRACE", "-I.", "-Iruntime"]
    command = ["gcc", *flags, "main.c", *sources, "-lm", "-o", "net"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    samples = len(inputs[0])
    stream = b"".join(x[sample].tobytes() for sample in range(samples) for x in inputs)
    ran = subprocess.run([str(folder / "net")], input=stream, capture_output=True, check=True)
    for found, wanted in zip(_split(graph, ran.stdout, samples), Session(graph).run(inputs), strict=True):
        same(found, wanted)


def _split(graph: Graph, data: bytes, samples: int) -> list[Array]:
    """The outputs of every sample from their bytes one after the other."""
    rows = np.frombuffer(data, np.uint8).reshape(samples, -1)
    ends = np.cumsum([v.type.nbytes for v in graph.outputs])
    return [
        np.ascontiguousarray(rows[:, end - v.type.nbytes : end]).view(v.type.dtype.numpy).reshape(samples, *v.shape)
        for v, end in zip(graph.outputs, ends, strict=True)
    ]
