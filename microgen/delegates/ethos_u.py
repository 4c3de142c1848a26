"""Paths ``npu``, ``ethos-u55-128``, …: what an Ethos-U would compute, by Vela and the simulator of its commands.

Exact for the operators that are claimed. Those of which Vela's streams give other bytes than the reference
(docs/npu.md) stay on the reference path, and so does everything that is not int8.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from microgen import npu
from microgen.exporters import tflite as exporter
from microgen.mindir import Array, DType, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.runtime.delegate import Claim, Executable, No, Yes
from microgen.runtime.session import Session

DEFAULT = "ethos-u55-128"

_EXACT_TEXT = """
Conv2D DepthwiseConv2D FullyConnected AveragePool2D MaxPool2D Mean Add Sub Mul Minimum Maximum Softmax
Concatenation Pad Slice Split Reshape Squeeze ExpandDims
"""
_EXACT = frozenset(_EXACT_TEXT.split())
_WEIGHTED = frozenset({"Conv2D", "DepthwiseConv2D", "FullyConnected"})
# Those that Vela computes as the reference does only where input and output have one scale and zero point.
_SAME_SCALE = frozenset({"AveragePool2D", "Pad"})


class EthosU:
    """The delegate for one accelerator, one of ``microgen.npu.ACCELERATORS``."""

    exact = True

    def __init__(self, accelerator: str, name: str | None = None) -> None:
        self.name = name or accelerator
        self.accelerator = accelerator

    def claims(self, node: Node) -> Claim:
        """Operators in int8 that Vela gives the reference's bytes for."""
        if node.op.name not in _EXACT:
            return No(f"{node.op.name} is not among the operators that are exact on the NPU")
        variables = [v for v in (*node.inputs, *node.outputs) if v is not None and not v.is_const]
        odd = next((v for v in variables if not _is_int8(v)), None)
        if odd is not None:
            return No(f"a tensor is {odd.type.dtype}, the NPU path computes quantized int8")
        if node.op.name in _SAME_SCALE and node.input(0).type.quant != node.output.type.quant:
            return No("input and output have different scales")
        if node.op.name in _WEIGHTED and _factor(node) > 1.0:
            # The reference shifts to the left first, and wraps; the NPU saturates.
            return No("the scale of input times weights is above the output's")
        return Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """The sub-graph through Vela. Raises what ``compile_for_npu`` does; one without arithmetic needs no NPU."""
        if all(op_of(node).is_view for node in subgraph.nodes):
            return Session(subgraph)
        return _Simulated(npu.compile_for_npu(exporter.save(subgraph), self.accelerator))


def _factor(node: Node) -> float:
    """The largest factor between sums of products and outputs."""
    source, weights, result = (v.type.quant for v in (node.input(0), node.input(1), node.output))
    assert source is not None and weights is not None and result is not None
    return source.scale * max(weights.scales) / result.scale


def _is_int8(value: Value) -> bool:
    return value.type.dtype is DType.INT8 and value.type.quant is not None and value.type.quant.is_per_tensor


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
