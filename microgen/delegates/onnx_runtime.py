"""Paths ``cpu`` and ``ort``: ONNX Runtime on our ONNX export. Fast; close, not exact.

Of an int8 graph the export has QuantizeLinear and DequantizeLinear pairs, which ONNX Runtime rounds otherwise than the
device does: single steps differ (docs/exporters.md). ``cpu`` is its processor route, ``ort`` the best of the
accelerators that the installed package was built with.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from microgen.errors import ToolMissing, UnsupportedError, UsageError, VerifyError, one_line
from microgen.exporters import onnx as exporter
from microgen.mindir import Array, Graph, Node
from microgen.runtime.delegate import Claim, Executable, No, Yes

_CPU = "CPUExecutionProvider"
# What ONNX Runtime prints from: errors come as exceptions.
_FATAL = 4
# Packages that bring an execution provider.
_PACKAGE = re.compile(r"onnxruntime_qnn|onnxruntime_ep_\w+")
# Without a backend QNN makes no session; this one is simulated where there is no such processor.
_OPTIONS = {"QNNExecutionProvider": {"backend_type": "htp"}}
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
        """A session of ONNX Runtime; UnsupportedError where it lacks a kernel or an accelerator refuses."""
        return _Session(subgraph, self._session(subgraph, threads), self.name)

    def _session(self, subgraph: Graph, threads: int) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL
        model = exporter.save(subgraph)
        try:
            # Without this a session that an accelerator cannot run is made again, or goes on, on the processor.
            return self._ort.InferenceSession(model, options, enable_fallback=0, **self._where(options))
        except Exception as error:
            raise UnsupportedError([f"ONNX Runtime: {one_line(str(error), 300)}"], where=f"path {self.name}") from error

    def _where(self, options: Any) -> dict[str, Any]:
        """The arguments of a session that say what executes it; may set ``options`` instead."""
        return {"providers": self.providers()}


class Accelerator(OnnxRuntime):
    """The delegate ``ort``: UsageError where the installed ONNX Runtime has no accelerator.

    An accelerator is built in, or comes with a package of its own that ONNX Runtime loads (``onnxruntime_qnn``,
    ``onnxruntime_ep_…``); those that come so go first.
    """

    name: ClassVar[str] = "ort"

    def __init__(self) -> None:
        super().__init__()
        names, self._packages = _load_packages(self._ort)
        self._devices = [d for d in self._ort.get_ep_devices() if d.ep_name in names] if names else []
        available = set(self._ort.get_available_providers())
        self._found = [provider for provider in ACCELERATORS if provider in available - names]
        if not self._found and not self._devices:
            idle = f"; {', '.join(self._packages)} found no device" if self._packages else ""
            hint = "Install a build for your hardware, for example onnxruntime-gpu, or use path cpu"
            raise UsageError(
                f"the installed onnxruntime was built without an accelerator{idle}", where="path ort", hint=hint
            )

    def providers(self) -> list[str]:
        """The accelerators that are there, and the processor for what they lack."""
        return [*(dict.fromkeys(d.ep_name for d in self._devices) or self._found), _CPU]

    def explain(self, subgraph: Graph) -> list[str]:
        """How many of the sub-graph's ONNX nodes each provider takes: what an accelerator leaves, the processor does.

        Raises what ``compile`` does.
        """
        session = self._session(subgraph, 1)
        try:
            assigned = session.get_provider_graph_assignment_info()
        except (AttributeError, RuntimeError):
            return [f"providers: {', '.join(session.get_providers())}; who takes which node, ONNX Runtime does not say"]
        nodes = [(part.ep_name, node.op_type) for part in assigned for node in part.get_nodes()]
        lines = []
        for provider in self.providers():
            kinds = Counter(kind for owner, kind in nodes if owner == provider)
            which = ", ".join(f"{count} {one_line(kind, 40)}" for kind, count in kinds.most_common())
            lines.append(f"{provider}: {kinds.total()} of {len(nodes)} ONNX nodes" + (f": {which}" if which else ""))
        return lines

    def _where(self, options: Any) -> dict[str, Any]:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self._devices:
            first = self._devices[0].ep_name
            own = [d for d in self._devices if d.ep_name == first]
            options.add_provider_for_devices(own[:1], _OPTIONS.get(first, {}))
            return {}
        return {"providers": [(name, _OPTIONS.get(name, {})) for name in self.providers()]}


@functools.cache
def _load_packages(ort: Any) -> tuple[frozenset[str], tuple[str, ...]]:
    """The providers of the packages that bring one, and the packages' names; each is loaded once."""
    names: set[str] = set()
    loaded = []
    for module in sorted(m.name for m in pkgutil.iter_modules() if _PACKAGE.fullmatch(m.name)):
        try:
            package = importlib.import_module(module)
            found = package.get_ep_names() if hasattr(package, "get_ep_names") else [package.get_ep_name()]
            ort.register_execution_provider_library(found[0], package.get_library_path())
        except (ImportError, AttributeError, OSError, RuntimeError):
            continue  # an older ONNX Runtime, or a library that does not load here
        names |= set(found)
        loaded.append(module)
    return frozenset(names), tuple(loaded)


class _Session:
    """A session runs sample by sample: the file's dimensions are the graph's."""

    def __init__(self, graph: Graph, session: Any, path: str) -> None:
        self._graph = graph
        self._path = path
        self._session = session
        self._names = [port.name for port in session.get_inputs()]
        self._outputs = [port.name for port in session.get_outputs()]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each; UnsupportedError where an accelerator fails."""
        samples = len(inputs[0]) if inputs else 1
        results = [np.empty((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        for index in range(samples):
            feeds = {name: a[index, ...] for name, a in zip(self._names, inputs, strict=True)}
            try:
                outputs = self._session.run(self._outputs, feeds)
            except Exception as error:
                raise UnsupportedError(
                    [f"ONNX Runtime: {one_line(str(error), 300)}"], where=f"path {self._path}"
                ) from error
            for result, found in zip(results, outputs, strict=True):
                result[index] = found
        return results
