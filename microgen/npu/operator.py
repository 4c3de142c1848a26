"""Layers that run on the NPU, as one node of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import UnsupportedError
from microgen.mindir import Array, DType, Graph, Node
from microgen.npu.compiled import Compiled, Tensor
from microgen.npu.simulator import simulate
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.call import Arg, Call, Const, Input, Inside, Int, Null, Output, Scratch, Target
from microgen.runtime.session import Session

_ALIGNMENT = 16
# The regions that ``mg_ethos_u_invoke`` gives to the driver.
_WEIGHTS, _SCRATCH, _FAST = 0, 1, 2


@dataclass(frozen=True, eq=False)
class EthosU(Op):
    """A part of a network: ``layers`` as Vela ``compiled`` them, with the same inputs and outputs.

    On the host it gives what the reference kernels of the layers give, so that a device is compared with them and not
    with the command stream; ``simulated`` gives what the stream makes. No file format has this operator.

    Raises UnsupportedError where Vela uses other memory regions than the driver is given.
    """

    compiled: Compiled
    layers: Graph
    name: ClassVar[str] = "EthosU"

    def __post_init__(self) -> None:
        c = self.compiled
        found = (c.weight_region, c.scratch_region, c.fast_scratch_region if c.fast_scratch_size else _FAST)
        regions = {t.region for t in (*c.inputs, *c.outputs)}
        if found != (_WEIGHTS, _SCRATCH, _FAST) or not regions <= {_SCRATCH}:
            what = f"weights, scratch and fast scratch are in regions {found}, inputs and outputs in {sorted(regions)}"
            raise UnsupportedError([what], hint="Leave the memory areas of Vela's configuration as they are")

    @property
    def npu_cycles(self) -> int:
        """Cycles of the NPU for one inference, as Vela estimates them."""
        return self.compiled.cycles

    @property
    def inside_names(self) -> tuple[str, ...]:
        """The names of the layers."""
        return tuple(node.name for node in self.layers.nodes)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        """What the last layers give."""
        return tuple((value.type.dtype, value.shape) for value in self.layers.outputs)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        """The outputs by the reference kernels."""
        return Session(self.layers).run([np.asarray(array) for array in inputs])

    def simulated(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs by the command stream; for [samples, *shape] of each input."""
        return simulate(self.compiled, inputs)

    def macs(self, node: Node) -> int:
        """Those of the layers."""
        return sum(op_of(layer).macs(layer) for layer in self.layers.nodes)

    def inside(self, node: Node) -> tuple[Inside, ...]:
        """Vela places inputs and outputs within the scratch memory."""

        def places(kind: type[Input] | type[Output], tensors: Sequence[Tensor]) -> Iterator[Inside]:
            return (Inside(kind(index), tensor.offset) for index, tensor in enumerate(tensors))

        return (*places(Input, self.compiled.inputs), *places(Output, self.compiled.outputs))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        """One call of the driver."""
        c = self.compiled
        scratch = -(-c.scratch_size // _ALIGNMENT) * _ALIGNMENT
        weights: Arg = Const("npu_weights", np.frombuffer(c.weights, np.uint8)) if c.weights else Null()
        args: tuple[Arg, ...] = (
            Const("npu_commands", np.frombuffer(c.command_stream, np.uint8)),
            Int(len(c.command_stream)),
            weights,
            Int(len(c.weights)),
            Scratch(),
            Int(scratch),
            Int(c.fast_scratch_size),
        )
        return (
            Call(
                "mg_ethos_u_invoke",
                args,
                scratch + c.fast_scratch_size,
                scratch_alignment=_ALIGNMENT,
                error="NPU",
            ),
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """None: it is not found by scanning, and its tests are of whole networks."""
        yield from ()


def restored(graph: Graph) -> Graph:
    """``graph`` with the layers in place of the parts that the NPU computes: what every other path can run."""
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += node.op.layers.nodes if isinstance(node.op, EthosU) else [node]
    return Graph(graph.name, graph.inputs, graph.outputs, nodes, graph.states)
