"""Paths ``cpu`` and ``ort``: ONNX Runtime on our ONNX export. Fast; close, not exact.

Of an int8 graph the export has QuantizeLinear and DequantizeLinear pairs, which ONNX Runtime rounds otherwise than the
device does: single steps differ (docs/exporters.md). ``cpu`` is its processor route, ``ort`` the best of the
accelerators that the installed package was built with.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from microgen.errors import MicrogenError, ToolMissing, UnsupportedError, UsageError, VerifyError, one_line
from microgen.exporters import onnx as exporter
from microgen.mindir import Array, Graph, Node
from microgen.runtime.delegate import Claim, Executable, No, Yes

_CPU = "CPUExecutionProvider"
#: ONNX Runtime's providers by preference: what is closest to a whole graph on one accelerator comes first.
ACCELERATORS = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "MIGraphXExecutionProvider",
    "QNNExecutionProvider",
    "CANNExecutionProvider",
    "DmlExecutionProvider",
    "CoreMLExecutionProvider",
    "OpenVINOExecutionProvider",
)


def _runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError:
        raise ToolMissing(
            "onnxruntime is not installed", where="path cpu", hint='Install it: pip install "microgen[cpu]"'
        ) from None


class OnnxRuntime:
    """The delegate ``cpu``."""

    name: ClassVar[str] = "cpu"
    exact = False

    def __init__(self) -> None:
        self._ort = _runtime()

    def providers(self) -> list[str]:
        """ONNX Runtime's names of what executes, in order."""
        return [_CPU]

    def claims(self, node: Node) -> Claim:
        """What ONNX can express."""
        inputs = list(dict.fromkeys(v for v in node.inputs if v is not None and not v.is_const))
        try:
            exporter.save(Graph(node.name, inputs, node.outputs, [node]))
        except VerifyError as error:
            return No(error.what)
        return Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """A session of ONNX Runtime; UnsupportedError where it lacks a kernel."""
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            session = self._ort.InferenceSession(exporter.save(subgraph), options, providers=self.providers())
        except MicrogenError:
            raise
        except Exception as error:
            raise UnsupportedError([f"ONNX Runtime: {one_line(str(error))}"], where=f"path {self.name}") from error
        return _Session(subgraph, session)


class Accelerator(OnnxRuntime):
    """The delegate ``ort``: UsageError where the installed ONNX Runtime has no accelerator."""

    name: ClassVar[str] = "ort"

    def __init__(self) -> None:
        super().__init__()
        available = set(self._ort.get_available_providers())
        self._found = [provider for provider in ACCELERATORS if provider in available]
        if not self._found:
            hint = "Install a build for your hardware, for example onnxruntime-gpu, or use path cpu"
            raise UsageError("the installed onnxruntime was built without an accelerator", where="path ort", hint=hint)

    def providers(self) -> list[str]:
        """The accelerators that are there, and the processor for what they lack."""
        return [*self._found, _CPU]


class _Session:
    """A session runs sample by sample: the file's dimensions are the graph's."""

    def __init__(self, graph: Graph, session: Any) -> None:
        self._graph = graph
        self._session = session
        self._names = [port.name for port in session.get_inputs()]
        self._outputs = [port.name for port in session.get_outputs()]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each."""
        samples = len(inputs[0]) if inputs else 1
        results = [np.empty((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        for index in range(samples):
            feeds = {name: a[index] for name, a in zip(self._names, inputs, strict=True)}
            for result, found in zip(results, self._session.run(self._outputs, feeds), strict=True):
                result[index] = found
        return results
