"""Paths ``npu``, ``ethos-u55-128``, …: what an Ethos-U would compute, by Vela and the simulator of its commands.

Exact for the operators that are claimed. Those of which Vela's streams give other bytes than the reference
(docs/npu.md) stay on the reference path, and so does everything that is not int8.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from microgen import npu
from microgen.exporters import tflite as exporter
from microgen.mindir import Array, Graph, Node
from microgen.npu.claims import refusal
from microgen.ops.base import op_of
from microgen.runtime.delegate import Claim, Executable, No, Yes
from microgen.runtime.session import Session

DEFAULT = "ethos-u55-128"


class EthosU:
    """The delegate for one accelerator, one of ``microgen.npu.ACCELERATORS``."""

    exact = True

    def __init__(self, accelerator: str, name: str | None = None) -> None:
        self.name = name or accelerator
        self.accelerator = accelerator

    def claims(self, node: Node) -> Claim:
        """Operators in int8 that Vela gives the reference's bytes for."""
        reason = refusal(node)
        return No(reason) if reason else Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """The sub-graph through Vela. Raises what ``compile_for_npu`` does; one without arithmetic needs no NPU."""
        if all(op_of(node).is_view for node in subgraph.nodes):
            return Session(subgraph)
        return _Simulated(npu.compile_for_npu(exporter.save(subgraph, int4=False), self.accelerator))


class _Simulated:
    def __init__(self, compiled: npu.Compiled) -> None:
        self._compiled = compiled

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each."""
        return npu.simulate(self._compiled, inputs)


def _made(accelerator: str, name: str | None = None) -> Callable[[], EthosU]:
    return functools.partial(EthosU, accelerator, name)


default = _made(DEFAULT, "npu")
u55_32, u55_64, u55_128, u55_256 = (_made(f"ethos-u55-{macs}") for macs in (32, 64, 128, 256))
u65_256, u65_512 = (_made(f"ethos-u65-{macs}") for macs in (256, 512))
