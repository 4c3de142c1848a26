"""The delegate: what it claims, and where PyTorch comes in."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from microgen.errors import ToolMissing
from microgen.mindir import Graph, Node
from microgen.runtime.delegate import Claim, Executable, No, Yes


def _modules() -> tuple[ModuleType, ModuleType]:
    """(rows, program), which import PyTorch; ToolMissing without it."""
    if importlib.util.find_spec("torch") is None:
        raise ToolMissing("torch is not installed", where="path gpu", hint='Install it: pip install "microgen[gpu]"')
    package = __name__.rpartition(".")[0]
    return importlib.import_module(f"{package}.rows"), importlib.import_module(f"{package}.program")


class Gpu:
    """The delegate of this path; ToolMissing without PyTorch."""

    name = "gpu"
    exact = True

    def __init__(self) -> None:
        self._rows, self._program = _modules()

    def claims(self, node: Node) -> Claim:
        """What the table has a row for."""
        problem = self._rows.problem(node)
        return Yes() if problem is None else No(problem)

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """Constants go to the device here, once."""
        executable: Executable = self._program.Program(subgraph, threads)
        return executable
