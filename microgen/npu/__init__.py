"""Arm Ethos-U55 and Ethos-U65: models compiled with Vela, and a functional simulator of the result.

    compile_for_npu(model, "ethos-u55-128") -> Compiled    command stream, weights, memory, Vela's estimates
    simulate(compiled, inputs) -> outputs                   what the NPU computes, bit for bit
    unwritten_outputs(compiled) -> names                    results that Vela's stream leaves undefined
    offload(graph, NpuTarget("ethos-u55-128")) -> Offloaded a graph with its NPU parts as one node each

Needs the package ``ethos-u-vela`` (``pip install "microgen[npu]"``); importing this one does not.
"""

from microgen.npu.accelerators import ACCELERATORS
from microgen.npu.compiled import Compiled
from microgen.npu.offload import VELA_OPTIONS, NpuTarget, Offloaded, offload
from microgen.npu.operator import EthosU, restored
from microgen.npu.simulator import simulate, unwritten_outputs
from microgen.npu.stream import StreamError
from microgen.npu.vela import NotWhollyError, compile_for_npu

__all__ = [
    "ACCELERATORS",
    "VELA_OPTIONS",
    "Compiled",
    "EthosU",
    "NotWhollyError",
    "NpuTarget",
    "Offloaded",
    "StreamError",
    "compile_for_npu",
    "offload",
    "restored",
    "simulate",
    "unwritten_outputs",
]
