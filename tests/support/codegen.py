"""Generated projects for tests: a network of an operator that exists only here, and ways to compile it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from microgen import resources
from microgen.boards import Board, load_board
from microgen.codegen import NetworkInput, ProjectOptions, generate
from microgen.codegen.environment import make_renderer
from microgen.example import make_example
from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.base import Op, Sample
from microgen.ops.call import Call, Const, Context, Float, Input, Int, Null, Output, Scratch, Struct, Target, ints
from microgen.placement import make_placement
from microgen.plan import make_plan

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

#: A kernel whose arguments are of every kind.
PROBE_H = """
#ifndef MG_PROBE_H
#define MG_PROBE_H
#include "mg_nn_types.h"
typedef struct
{
    int32_t numbers[3];
    float factor;
    const int16_t *table;
    int32_t *loose;
    const int8_t *absent;
    cmsis_nn_dims dims;
    bool flag;
} mg_probe_params;
#endif
"""
PROBE_C = """
#include "microgen_nn.h"
#include "mg_probe.h"

arm_cmsis_nn_status arm_probe_s8(const cmsis_nn_context *ctx, const mg_probe_params *params, const int8_t *input,
                                 const int8_t *weights, int32_t count, float addend, const int32_t *bias,
                                 int8_t *output, int16_t *sums)
{
    int8_t *scratch = ctx->buf;
    if (count < 0 || bias != NULL || ctx->size != 2 * count || params->absent != NULL)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    for (int32_t i = 0; i < count; i++)
    {
        scratch[2 * i] = input[i];
    }
    for (int32_t i = 0; i < count; i++)
    {
        const int32_t x = scratch[2 * i] + weights[i % 2] + params->numbers[i % 3] + params->table[i % 2];
        output[i] = (int8_t)(uint8_t)((uint32_t)(x + params->loose[0] + params->dims.c + (int32_t)addend) & 0x7Fu);
    }
    sums[0] = (int16_t)(params->factor * 2.0f);
    sums[1] = params->flag ? 1 : 0;
    return ARM_CMSIS_NN_SUCCESS;
}
"""
TOUCH_C = """
#include "microgen_nn.h"

void mg_touch(void *scratch, const int8_t *input, int8_t *output, int32_t count)
{
    int8_t *bytes = scratch;
    for (int32_t i = 0; i < count; i++)
    {
        bytes[i] = input[i];
        output[i] = (int8_t)~bytes[i];
    }
}
"""


@dataclass(frozen=True)
class Probe(Op):
    """Input 0: int8 vector; input 1: two int8 weights. Outputs: int8 vector of the same length, two int16."""

    addend: float = 7.0
    count: int | None = None
    guard: str = ""
    name: ClassVar[str] = "Probe"

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return (DType.INT8, node.input(0).shape), (DType.INT16, (2,))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        image, weights = inputs[0], inputs[1]
        assert image is not None and weights is not None
        size = image.shape[-1]
        index = np.arange(size)
        x = image.astype(np.int64) + weights[0].astype(np.int64)[index % 2]
        x = x + np.array([5, -6, 7])[index % 3] + np.array([-300, 300])[index % 2] + 1000 + 11 + int(self.addend)
        sums = np.broadcast_to(np.array([5, 1], np.int16), (len(image), 2))
        return [(x & 0x7F).astype(np.int8), sums]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        size = node.input(0).type.elements
        params = Struct(
            "mg_probe_params",
            (
                ("numbers", (Int(5), Int(-6), Int(7))),
                ("factor", Float(2.5)),
                ("table", Const("table", np.array([-300, 300], np.int16))),
                ("loose", Const("loose", np.array([1000], np.int32))),
                ("absent", Null()),
                ("dims", Struct("cmsis_nn_dims", ints(n=-(1 << 31), h=(1 << 31) - 1, w=0, c=11))),
                ("flag", Int(1)),
            ),
        )
        count = Int(size if self.count is None else self.count)
        args = (Context(), params, Input(0), Input(1), count, Float(self.addend), Null(), Output(0), Output(1))
        return (Call("arm_probe_s8", args, 2 * size, self.guard),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from ()


@dataclass(frozen=True)
class Touch(Op):
    """The complement of an int8 vector, by a kernel without a status, in two calls, one for each half."""

    name: ClassVar[str] = "Touch"

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.INT8, node.input(0).shape),)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        assert inputs[0] is not None
        return [(~inputs[0].astype(np.int8)).astype(np.int8)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        half = node.input(0).type.elements // 2
        rest = node.input(0).type.elements - half
        return (
            Call("mg_touch", (Scratch(), Input(0), Output(0), Int(half)), half),
            Call("mg_touch", (Scratch(), Input(0, half), Output(0, half), Int(rest)), rest),
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from ()


@dataclass(frozen=True)
class View(Op):
    """The same bytes under another shape."""

    name: ClassVar[str] = "View"
    is_view: ClassVar[bool] = True

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.INT8, (1, node.input(0).type.elements)),)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        assert inputs[0] is not None
        return [inputs[0].reshape(len(inputs[0]), 1, -1)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return ()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from ()


def probe_graph(names: Sequence[str] = ("x", "w", "a", "b"), op: Op | None = None, size: int = 9) -> Graph:
    """x → Probe → (a, sums); a → Touch → b; b → View → output. ``names`` label x, the weights, a and b."""
    quant = QuantParams.per_tensor(0.1, -4)
    x = Value(names[0], TensorType(DType.INT8, (size,), quant))
    weights = Value(names[1], TensorType(DType.INT8, (2,)), np.array([-128, 127], np.int8))
    a, b = (Value(n, TensorType(DType.INT8, (size,), quant)) for n in names[2:4])
    sums = Value("sums", TensorType(DType.INT16, (2,)))
    out = Value("out", TensorType(DType.INT8, (1, size), quant))
    nodes = [
        Node(op or Probe(), (x, weights), (a, sums), names[2]),
        Node(Touch(), (a,), (b,), names[3]),
        Node(View(), (b,), (out,), "view"),
    ]
    return Graph(names[0], [x], [out, sums], nodes)


def evaluate(graph: Graph, inputs: Sequence[Array]) -> dict[Value, Array]:
    """Every value of one sample, by the operators' own arithmetic."""
    known = {v: a[np.newaxis] for v, a in zip(graph.inputs, inputs, strict=True)}
    known |= {v: v.const[np.newaxis] for v in graph.constants()}
    for node in graph.nodes:
        assert isinstance(node.op, Op)
        known.update(zip(node.outputs, node.op.evaluate(node, [v and known[v] for v in node.inputs]), strict=True))
    return {value: array[0] for value, array in known.items()}


def use_probe_kernels(monkeypatch, folder: Path) -> None:
    """Let generated projects take their kernels from ``folder``, which gets the probe's."""
    folder.mkdir()
    shutil.copy(resources.runtime_c_dir() / "mg_nn_types.h", folder)
    for header in ("mg_scratch.h", "mg_isa.h"):
        shutil.copy(resources.runtime_c_dir() / header, folder)
    (folder / "mg_probe.h").write_text(PROBE_H)
    (folder / "mg_probe.c").write_text(PROBE_C)
    (folder / "mg_touch.c").write_text(TOUCH_C)
    monkeypatch.setattr(resources, "runtime_c_dir", lambda: folder)


def project(graph: Graph, *, name: str = "net", board: str = "mps2-an386", **options: object) -> dict[str, bytes]:
    """The generated files of ``graph``."""
    fields = {"model_file": "net.tflite", "model_sha256": "ab" * 32, **options}
    own = {key: fields.pop(key) for key in ("model_file", "model_sha256", "layouts") if key in fields}
    network = NetworkInput(make_plan(graph, Target()), name, **own, example=make_example(graph))  # type: ignore[arg-type]
    return generate([network], load_board(board), ProjectOptions(**{"projects": ("make", "iar"), **fields}))  # type: ignore[arg-type]


def write(files: dict[str, bytes], folder: Path) -> Path:
    """Write generated files; returns ``folder``."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def model_sources(folder: Path) -> list[str]:
    """The sources that a firmware needs."""
    return [str(path) for path in (*sorted(folder.glob("*.c")), *sorted(folder.glob("runtime/*.c")))]


HARNESS = """
#include <stdio.h>
#include <string.h>
#include "net.h"
static _Alignas(NET_ARENA_ALIGNMENT) uint8_t arena[NET_ARENA_BYTES + 1u];
static const size_t input_bytes[] = {@INPUTS@0};
static const size_t output_bytes[] = {@OUTPUTS@0};
static void hex(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        printf("%02x", (unsigned)((const uint8_t *)data)[i]);
    }
    printf("\\n");
}
#ifdef NET_TRACE
void net_trace(int layer, int output, const char *name, const void *data, size_t size, uint32_t hash)
{
    printf("%d %d %08lx ", layer, output, (unsigned long)hash);
    hex(name, strlen(name));
    hex(data, size);
}
#endif
int main(void)
{
    net_t network;
    memset(arena, 0xA5, sizeof arena);
    int status = net_init(&network, arena, sizeof arena);
    for (int i = 0; status == NET_OK && i < NET_INPUT_COUNT; i++) {
        uint8_t *input = net_input(&network, i);
        for (size_t j = 0; j < input_bytes[i]; j++) {
            input[j] = (uint8_t)(j * 37u + 11u);
        }
    }
    if (status == NET_OK) {
        status = net_invoke(&network);
    }
    printf("%d %s\\n", status, net_status_str(status));
    for (int i = 0; status == NET_OK && i < NET_OUTPUT_COUNT; i++) {
        hex(net_output(&network, i), output_bytes[i]);
    }
    return 0;
}
"""


def harness(graph: Graph) -> str:
    """A C program that runs the network ``net`` once on a fixed pattern and prints status and outputs."""
    inputs = "".join(f"NET_INPUT_{i}_BYTES, " for i in range(len(graph.inputs)))
    outputs = "".join(f"NET_OUTPUT_{i}_BYTES, " for i in range(len(graph.outputs)))
    return HARNESS.replace("@INPUTS@", inputs).replace("@OUTPUTS@", outputs)


def pattern(value: Value) -> Array:
    """What the harness writes to an input."""
    data = (np.arange(value.type.nbytes) * 37 + 11).astype(np.uint8)
    return data.view(value.type.dtype.numpy).reshape(value.shape)


def run_on_host(folder: Path, graph: Graph, compiler: str, *flags: str) -> list[str]:
    """Compile the project in ``folder`` with the harness; the lines that it prints.

    gcc adds the sanitizers; clang's are a package of their own and often missing.
    """
    (folder / "test").mkdir(exist_ok=True)
    (folder / "test" / "harness.c").write_text(harness(graph))
    program = folder / "test" / "harness"
    sources = [*model_sources(folder), str(folder / "test" / "harness.c")]
    includes = (f"-I{folder}", f"-I{folder / 'runtime'}")
    checks = () if "clang" in Path(compiler).name else SANITIZERS
    command = [compiler, *WARNINGS, *checks, *flags, *includes, "-o", str(program), *sources, "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def linker_script(board: Board, place: dict[str, str], stack_size: int = 4096) -> str:
    """The linker script of an application on ``board``."""
    variables = {"board": board, "placement": make_placement(board, place), "stack_size": stack_size}
    return make_renderer()("gcc/linker.ld.j2", variables).decode()
