"""Random graphs for the planner and the passes: shapes and lifetimes matter, arithmetic does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array, DType, Graph, Node, TensorType, Value
from microgen.ops.base import Op, Sample
from microgen.ops.call import Call, Target


@dataclass(frozen=True)
class Blob(Op):
    """Reads any inputs, writes ``sizes`` bytes to each output, with ``scratch`` bytes of scratch."""

    sizes: tuple[int, ...] = (4,)
    scratch_bytes: int = 0
    overwrites: tuple[int, ...] = ()
    view: bool = False
    name: ClassVar[str] = "Blob"

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.view

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return tuple((DType.INT8, (size,)) for size in self.sizes)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        return [np.zeros((1, size), np.int8) for size in self.sizes]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call("blob", (), self.scratch_bytes),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return self.overwrites

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from ()


def blob_value(name: str, size: int) -> Value:
    """An int8 value of ``size`` bytes."""
    return Value(name, TensorType(DType.INT8, (size,)))


def random_graph(seed: int, nodes: int = 12) -> Graph:
    """A DAG of blobs with views, in-place operators, scratch, several inputs, outputs and dead ends."""
    random = np.random.default_rng(seed)
    values = [blob_value(f"in{i}", int(random.integers(1, 65))) for i in range(int(random.integers(1, 4)))]
    inputs = list(values)
    made: list[Node] = []
    for index in range(nodes):
        count = min(len(values), int(random.integers(1, 4)))
        # Recent values are likelier, as in real networks, but old ones come back too.
        weights = np.arange(1, len(values) + 1, dtype=float) ** 2
        picked = random.choice(len(values), count, replace=False, p=weights / weights.sum())
        operands = tuple(values[i] for i in picked)
        kind = random.integers(0, 4)
        if kind == 0:
            op = Blob((operands[0].shape[0],), view=True)
        elif kind == 1:
            op = Blob((operands[0].shape[0],), overwrites=(0,), scratch_bytes=int(random.integers(0, 20)))
        else:
            sizes = tuple(int(s) for s in random.integers(1, 65, int(random.integers(1, 3))))
            op = Blob(sizes, scratch_bytes=int(random.integers(0, 40)) if kind == 2 else 0)
        outputs = tuple(blob_value(f"v{index}_{i}", size) for i, size in enumerate(op.sizes))
        made.append(Node(op, operands[:1] if op.view else operands, outputs, f"n{index}"))
        values += outputs
    used = {v for n in made for v in n.inputs}
    loose = [v for v in values if v not in used and v not in inputs]
    extra = [v for v in values if v in used and random.random() < 0.1]
    return Graph(f"random{seed}", inputs, loose[: int(random.integers(1, 3))] + extra, made)


def without_states(graph: Graph) -> Graph:
    """``graph`` with an input for what each state is found as, and an output for what it is left as."""
    return Graph(graph.name, graph.sources, graph.results, graph.nodes)
