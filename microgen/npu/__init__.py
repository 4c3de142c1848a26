"""Arm Ethos-U55 and Ethos-U65: models compiled with Vela, and a functional simulator of the result.

    compile_for_npu(model, "ethos-u55-128") -> Compiled    command stream, weights, memory, Vela's estimates
    simulate(compiled, inputs) -> outputs                   what the NPU computes, bit for bit
    unwritten_outputs(compiled) -> names                    results that Vela's stream leaves undefined

Needs the package ``ethos-u-vela`` (``pip install "microgen[npu]"``); importing this one does not.
"""

from microgen.npu.accelerators import ACCELERATORS
from microgen.npu.compiled import Compiled
from microgen.npu.simulator import simulate, unwritten_outputs
from microgen.npu.stream import StreamError
from microgen.npu.vela import NotWhollyError, compile_for_npu

__all__ = [
    "ACCELERATORS",
    "Compiled",
    "NotWhollyError",
    "StreamError",
    "compile_for_npu",
    "simulate",
    "unwritten_outputs",
]
