"""Path ``c``: the generated C itself, compiled for this computer. Exact, and the fastest exact path.

The kernels are those of ``runtime_c`` in plain C, which compute the same bytes as those for any core. Where most time
goes, three of them, one row each of a convolution, a depthwise convolution and a dense layer, are replaced by those in
``host_kernels``, whose loops suit a processor's vector instructions; a traced library has the plain ones.
"""

from __future__ import annotations

import _ctypes
import ctypes
import hashlib
import itertools
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from microgen import codegen
from microgen.boards import load_board
from microgen.errors import BuildError, ToolMissing, one_line
from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.call import Isa, Target
from microgen.plan import check, make_plan
from microgen.runtime.delegate import Claim, Executable, No, Yes
from microgen.target.toolchain import INSTALL_HINTS

_NAME = "net"
# A board is needed to generate a project; nothing of it reaches the code that is used here.
_BOARD = "mps2-an386"
_FLAGS = ("-std=c11", "-O3", "-march=native", "-fPIC", "-shared", "-ffp-contract=off", "-w")
_ARENA_ALIGNMENT = 64
_HOST_KERNELS = Path(__file__).parent / "host_kernels"
# Samples below which a second thread costs more than it saves.
_SAMPLES_PER_THREAD = 4

# Runs samples one after the other: inputs and outputs are arrays of tensors, samples first.
_DRIVER = """
#include <string.h>
#include "net.h"

#ifdef NET_TRACE
static _Thread_local unsigned char *traced;

void net_trace(int layer, int output, const char *name, const void *data, size_t size, uint32_t hash)
{
    (void)layer, (void)output, (void)name, (void)hash;
    memcpy(traced, data, size);
    traced += size;
}
#endif

static const size_t input_bytes[] = {%(inputs)s 0};
static const size_t output_bytes[] = {%(outputs)s 0};

int mg_run(const unsigned char *const *inputs, unsigned char *const *outputs, size_t samples, void *arena, void *trace)
{
#ifdef NET_TRACE
    traced = trace;
#else
    (void)trace;
#endif
    net_t net;
    int status = net_init(&net, arena, NET_ARENA_BYTES);
    for (size_t n = 0; n < samples && status == NET_OK; n++) {
        for (int i = 0; i < NET_INPUT_COUNT; i++) {
            memcpy(net_input(&net, i), inputs[i] + n * input_bytes[i], input_bytes[i]);
        }
        status = net_invoke(&net);
        for (int i = 0; i < NET_OUTPUT_COUNT && status == NET_OK; i++) {
            memcpy(outputs[i] + n * output_bytes[i], net_output(&net, i), output_bytes[i]);
        }
    }
    return status;
}
"""


class HostC:
    """The delegate of this path."""

    name = "c"
    exact = True

    def claims(self, node: Node) -> Claim:
        """What the generated C has."""
        problems = list(op_of(node).problems(node, device=True))
        return No(problems[0]) if problems else Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """Generate, compile and load; ToolMissing without a C compiler, BuildError where it refuses."""
        return HostLibrary(subgraph, threads)


class HostLibrary:
    """A graph as a loaded library. Each call, and each of its threads, has an arena of its own."""

    def __init__(self, graph: Graph, threads: int, *, traced: bool = False) -> None:
        """``traced`` libraries record every layer's outputs, see ``trace``, and consist of nothing but the generated C.

        Raises what ``HostC.compile`` does.
        """
        self._graph = graph
        self._traced = traced
        self._threads = threads
        plan = make_plan(graph, Target(Isa.PORTABLE))
        check(plan)
        self._arena_bytes = max(plan.arena_bytes, 1)
        digest = hashlib.sha256(graph.name.encode("utf-8", "replace")).hexdigest()
        network = codegen.NetworkInput(plan, _NAME, "graph", digest)
        files = codegen.generate([network], load_board(_BOARD), codegen.ProjectOptions(projects=("lib",)))
        if not traced:
            files |= _wide_kernels(files)
        flags = ["-DNET_TRACE"] if traced else []
        self._run = _load(self, files, len(graph.inputs), len(graph.outputs), flags)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each."""
        arrays = [np.ascontiguousarray(a) for a in inputs]
        samples = len(arrays[0]) if arrays else 1
        outputs = [np.empty((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        workers = max(1, min(self._threads, samples // _SAMPLES_PER_THREAD))
        bounds = [samples * i // workers for i in range(workers + 1)]
        pieces = list(itertools.pairwise(bounds))
        if workers == 1:
            statuses = [self._piece(arrays, outputs, 0, samples)]
        else:
            with ThreadPoolExecutor(workers) as pool:
                statuses = list(pool.map(lambda piece: self._piece(arrays, outputs, *piece), pieces))
        assert not any(statuses), f"the network ended with {statuses}"
        return outputs

    def trace(self, inputs: Sequence[Array]) -> dict[Value, Array]:
        """What every node of the graph computes, [samples, *shape] each, as the whole network runs."""
        assert self._traced
        values = [v for node in self._graph.nodes for v in node.outputs]
        arrays = [np.ascontiguousarray(a) for a in inputs]
        samples = len(arrays[0]) if arrays else 1
        outputs = [np.empty((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        record = np.empty((samples, sum(v.type.nbytes for v in values)), np.uint8)
        status = self._piece(arrays, outputs, 0, samples, record)
        assert status == 0, f"the network ended with {status}"
        found: dict[Value, Array] = {}
        start = 0
        for value in values:
            part = np.ascontiguousarray(record[:, start : start + value.type.nbytes])
            found[value] = part.view(value.type.dtype.numpy).reshape(samples, *value.shape)
            start += value.type.nbytes
        return found

    def _piece(
        self, inputs: Sequence[Array], outputs: Sequence[Array], start: int, stop: int, record: Array | None = None
    ) -> int:
        arena = np.empty(self._arena_bytes + _ARENA_ALIGNMENT, np.uint8)
        address = -(-arena.ctypes.data // _ARENA_ALIGNMENT) * _ARENA_ALIGNMENT
        given = (ctypes.c_void_p * (len(inputs) + 1))(*(a[start:].ctypes.data for a in inputs))
        wanted = (ctypes.c_void_p * (len(outputs) + 1))(*(a[start:].ctypes.data for a in outputs))
        trace = ctypes.c_void_p(None if record is None else record.ctypes.data)
        return int(self._run(given, wanted, ctypes.c_size_t(stop - start), ctypes.c_void_p(address), trace))


def _wide_kernels(files: dict[str, bytes]) -> dict[str, bytes]:
    """The kernels of the project ``files`` that have a faster equal, and what those include."""
    found = {f"runtime/{path.name}": path for path in sorted(_HOST_KERNELS.glob("*.[ch]"))}
    return {name: path.read_bytes() for name, path in found.items() if name in files or path.suffix == ".h"}


_LOADING = threading.Lock()


def _load(
    owner: object, files: dict[str, bytes], inputs: int, outputs: int, flags: Sequence[str]
) -> ctypes._NamedFuncPointer:
    """The driver's function in the compiled ``files``, which is unloaded when ``owner`` goes.

    Nothing is left on the disk: what is loaded needs no file.
    """
    compiler = next((path for name in ("gcc", "clang", "cc") if (path := shutil.which(name))), None)
    if compiler is None:
        raise ToolMissing("no C compiler is installed", where="path c", hint=INSTALL_HINTS["cc"])
    with tempfile.TemporaryDirectory(prefix="microgen-c-") as folder:
        library = _built(compiler, Path(folder), files, inputs, outputs, flags)
        try:
            with _LOADING:
                loaded = ctypes.CDLL(str(library))
        except OSError as error:
            hint = "Is the folder for temporary files mounted without the right to execute? TMPDIR names another one"
            raise BuildError(
                f"what was compiled cannot be loaded: {one_line(str(error))}", where="path c", hint=hint
            ) from None
    function = loaded.mg_run
    # Not at exit, when threads that nobody waits for may still be in it.
    weakref.finalize(owner, _ctypes.dlclose, loaded._handle).atexit = False
    function.restype = ctypes.c_int
    return function


def _built(
    compiler: str, folder: Path, files: dict[str, bytes], inputs: int, outputs: int, flags: Sequence[str]
) -> Path:
    """The library that ``compiler`` makes of ``files`` and the driver in ``folder``; BuildError where it refuses."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    sizes = {
        "inputs": " ".join(f"NET_INPUT_{i}_BYTES," for i in range(inputs)),
        "outputs": " ".join(f"NET_OUTPUT_{i}_BYTES," for i in range(outputs)),
    }
    (folder / "driver.c").write_text(_DRIVER % sizes)
    sources = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.c"))
    library = folder / "libnet.so"
    command = [compiler, *_FLAGS, *flags, "-I.", "-Iruntime", *sources, "-lm", "-o", library.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing was printed"]
        raise BuildError(f"{Path(compiler).name} failed: {one_line(lines[0])}", where="path c")
    return library
