"""Runs what must never break on damaged files: in forked processes with a gigabyte and five seconds for each file.

``python -m tests.support.mutation_runs FILE SEED`` runs one case as it was reported.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite

from microgen import compiler, frontends
from microgen.boards import load_board
from microgen.errors import MicrogenError
from microgen.mindir import Graph
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import sample_inputs
from tests.support import mutate
from tests.support.oracle import Oracle, OracleRefused

BYTES = 1 << 30
SECONDS = 5.0
_AT_ONCE = 64
# Above, a case is only read: what a large network computes is no matter of damage.
_SMALL = 300_000


@dataclass(frozen=True)
class Case:
    """A file, and the seed by which it is damaged."""

    name: str
    data: bytes
    seed: str

    @property
    def share(self) -> int:
        """A number from 0 to 99, by which some cases are compiled as well."""
        return hashlib.sha256(self.seed.encode()).digest()[0] * 100 // 256

    def damaged(self) -> bytes:
        """The damaged file; .tflite files in their structure as well."""
        if self.data[4:8] == b"TFL3":
            return mutate.mutated(self.data, self.seed)
        return mutate.bytewise(self.data, random.Random(self.seed))


def outcome(case: Case) -> str:
    """``ok``, ``typed``, or what went wrong."""
    try:
        return _tried(case)
    except MicrogenError as error:
        return "typed" if str(error).isprintable() else f"not one line: {error}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the tests look for
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-5:]]
        return f"{type(error).__name__}: {str(error)[:150]} @ {' > '.join(places)}"


def _tried(case: Case) -> str:
    data = case.damaged()
    source = frontends.load(Path(case.name), data)
    graph = optimize(source)
    if sum(value.type.elements for value in graph.values()) <= _SMALL:
        inputs = sample_inputs([v.type for v in graph.inputs], 1, seed=1)
        results = Session(graph).run(inputs)
        for value, array in zip(graph.outputs, results, strict=True):
            assert array.shape[1:] == value.shape and array.dtype == value.type.dtype.numpy
    if case.share < 15:
        options = compiler.Options()
        first = frontends.is_channels_first(Path(case.name), data)
        compiler.compile_graph(source, _BOARD, options, model_file="model", sha256="0" * 64, channels_first=first)
    return "ok"


_BOARD = load_board("mps3-an547")


def run(cases: Sequence[Case], tried: Callable[[Case], str] = outcome) -> Iterator[tuple[Case, str]]:
    """Every case with what became of it; the tests' process must be warm: what it has loaded does not count."""
    base = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    left = list(cases)
    while left:
        found = _forked(left[:_AT_ONCE], base + BYTES, tried)
        yield from zip(left, found, strict=False)
        left = left[len(found) :]


def _forked(cases: Sequence[Case], limit: int, tried: Callable[[Case], str]) -> list[str]:
    """What became of the cases, up to the first that ended its process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            warnings.simplefilter("ignore")
            for case in cases:
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                text = tried(case)
                signal.setitimer(signal.ITIMER_PROF, 0)
                os.write(writer, json.dumps(text[:2000]).encode() + b"\n")
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = [str(json.loads(line)) for line in pipe.read().splitlines()]
    _, ended = os.waitpid(child, 0)
    if len(found) < len(cases):
        code = os.waitstatus_to_exitcode(ended)
        found.append(
            f"takes more than {SECONDS} s of processor time"
            if code == -signal.SIGPROF
            else f"ended its process with {code}"
        )
    return found


def compared(case: Case) -> str:
    """What the reference interpreter makes of a damaged file that we compute; ``none`` where it has no word on it."""
    try:
        data = case.damaged()
        graph = optimize(frontends.load(Path(case.name), data))
    except MicrogenError:
        return "none"
    if graph.states or not _comparable(graph) or not _defined(data, case.data):
        return "none"
    inputs = [array[-1:] for array in sample_inputs([v.type for v in graph.inputs], 1, seed=1)]
    ours = Session(graph).run(inputs)
    try:
        with Path(os.devnull).open("wb") as quiet:
            os.dup2(quiet.fileno(), 2)
        theirs, again = (Oracle(data).run([array[0] for array in inputs]).outputs for _ in range(2))
    except (OracleRefused, ValueError, AssertionError, IndexError, struct.error):
        return "none"
    for value, array, other, repeated in zip(graph.outputs, ours, theirs, again, strict=True):
        if value.type.dtype.is_float or not np.array_equal(other, repeated):
            continue
        if array[0].size == other.size and not np.array_equal(array[0].ravel(), other.ravel()):
            return f"{value.name}: {array.ravel()[:6].tolist()} is {other.ravel()[:6].tolist()} in the interpreter"
    return "same"


def _defined(data: bytes, before: bytes) -> bool:
    """Whether the interpreter's result is one by the format's rules: it takes operators in the file's order, trusts
    counts, reads options that are missing, drops scales without zero points and does not feed variables.
    """
    model = mutate.decoded(data)
    if _with_options(model) != _with_options(mutate.decoded(before)) or _open_shapes(model) != _open_shapes(
        mutate.decoded(before)
    ):
        return False
    for graph in model["Subgraphs"]:
        for tensor in graph["Tensors"]:
            quantization = tensor.get("Quantization", {})
            if any(not 1e-9 < scale < 1e9 for scale in quantization.get("Scale", ())):
                return False  # beyond what factors of 32 bits can say
            if tensor.get("IsVariable") or len(quantization.get("Scale", ())) != len(quantization.get("ZeroPoint", ())):
                return False
        tensors = graph["Tensors"]
        made = {index for operator in graph.get("Operators", ()) for index in operator["Outputs"].tolist()}
        for operator in graph.get("Operators", ()):
            if not made.isdisjoint(operator.get("Inputs", np.empty(0, int)).tolist()):
                return False
            made -= set(operator["Outputs"].tolist())
            name, options = operator.get("BuiltinOptions", ("", {}))
            first, result = (tensors[operator[f][0]] if len(operator.get(f, ())) else {} for f in ("Inputs", "Outputs"))
            if name == "DepthwiseConv2DOptions" and options.get("DepthMultiplier", 0) != (
                result["Shape"][-1] // first["Shape"][-1]
            ):
                return False  # the shapes say so as well, and they are taken
            code = model["OperatorCodes"][operator.get("OpcodeIndex", 0)].get("BuiltinCode", 0)
            if code in _FIXED_SCALES and result["Quantization"]["Scale"][0] not in _FIXED_SCALES[code]:
                return False  # which the interpreter takes for granted
            if name == "UnpackOptions" and options.get("Num", 0) != len(operator["Outputs"]):
                return False
    return True


_FIXED_SCALES = {
    tflite.BuiltinOperator.TANH: (2.0**-7, 2.0**-15),
    tflite.BuiltinOperator.LOGISTIC: (2.0**-8, 2.0**-15),
}


def _open_shapes(model: mutate.Fields) -> list[object]:
    """The static shapes of tensors that leave a dimension open: what follows from the input's is taken instead."""
    tensors = [tensor for graph in model["Subgraphs"] for tensor in graph["Tensors"]]
    return [t["Shape"].tolist() for t in tensors if (t.get("ShapeSignature", np.empty(0)) < 0).any() and "Shape" in t]


def _with_options(model: mutate.Fields) -> int:
    return sum("BuiltinOptions" in operator for graph in model["Subgraphs"] for operator in graph.get("Operators", ()))


def _comparable(graph: Graph) -> bool:
    integers = any(not v.type.dtype.is_float for v in graph.outputs)
    return integers and sum(value.type.elements for value in graph.values()) <= _SMALL


def main(path: str, seed: str) -> None:
    """Run the one case, with the traceback of what it raises."""
    print(_tried(Case(Path(path).name, Path(path).read_bytes(), seed)))


if __name__ == "__main__":
    main(*sys.argv[1:])
