"""A sub-graph on a device: constants uploaded once, samples in portions, tensors there from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from microgen.delegates.gpu.rows import Step, row_of, torch_dtype, upload
from microgen.delegates.gpu.settings import exact_arithmetic
from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.conv2d import Conv2D

# What a node usually needs per element of its inputs and outputs: a float64, a float32 and what they are made from.
# The seldom int64 arithmetic needs three times as much.
_BYTES_PER_ELEMENT = 24
# A portion's working set: a processor is fastest near its cache, a GPU wants work for all of it, as far as it has room.
_BUDGET = {"cpu": 32 << 20, "cuda": 2 << 30}
_SHARE_OF_FREE = 4
_LARGEST_PORTION = {"cpu": 64, "cuda": 1 << 16}


def device() -> torch.device:
    """CUDA where there is a device, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Program:
    """The executable of this path. Nothing in it changes after it is made."""

    def __init__(self, graph: Graph, threads: int, on: torch.device | None = None) -> None:
        self._graph = graph
        self._threads = threads
        self._device = device() if on is None else on
        self._constants = {v: upload(v.const[np.newaxis], self._device) for v in graph.constants()}
        self._steps: list[tuple[Node, Step]] = []
        for node in graph.nodes:
            found = row_of(node)
            assert found is not None, node.label
            self._steps.append((node, found.make(node, self._device)))
        last = {v: node for node in graph.nodes for v in node.inputs if v is not None and not v.is_const}
        keep = set(graph.outputs)
        self._done: dict[Node, list[Value]] = {node: [] for node in graph.nodes}
        for value, node in last.items():
            if value not in keep:
                self._done[node].append(value)
        self.portion = _portion(graph, self._device)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch, [samples, *shape] each."""
        samples = len(inputs[0]) if inputs else 1
        results = [np.empty((samples, *v.shape), v.type.dtype.numpy) for v in self._graph.outputs]
        with exact_arithmetic(self._threads):
            for start in range(0, samples, self.portion):
                stop = min(start + self.portion, samples)
                values = self._run_portion([a[start:stop] for a in inputs], stop - start)
                for result, value in zip(results, self._graph.outputs, strict=True):
                    torch.from_numpy(result)[start:stop] = values[value]
        return results

    def _run_portion(self, arrays: Sequence[Array], samples: int) -> Mapping[Value, Tensor]:
        values = {v: upload(a, self._device) for v, a in zip(self._graph.inputs, arrays, strict=True)}
        for node, step in self._steps:
            operands = [None if v is None else self._constants[v] if v.is_const else values[v] for v in node.inputs]
            for value, result in zip(node.outputs, step(operands), strict=True):
                assert result.dtype is torch_dtype(value.type.dtype), node.label
                values[value] = result.expand(samples, *value.shape)
            for value in self._done[node]:
                del values[value]
        return values


def _portion(graph: Graph, on: torch.device) -> int:
    """How many samples run at once."""
    kind = on.type
    largest = max(_elements(node, kind) for node in graph.nodes)
    budget = _BUDGET[kind]
    if kind == "cuda":
        budget = min(budget, torch.cuda.mem_get_info(on)[0] // _SHARE_OF_FREE)
    return max(1, min(budget // (_BYTES_PER_ELEMENT * largest), _LARGEST_PORTION[kind]))


def _elements(node: Node, kind: str) -> int:
    """How many elements a node works on, of one sample."""
    elements = sum(v.type.elements for v in (*node.inputs, *node.outputs) if v is not None and not v.is_const)
    if isinstance(op_of(node), Conv2D) and kind != "cpu":
        # What each window sees is laid out for one matrix product.
        elements += math.prod(node.output.shape[:3]) * node.input(1).type.elements // node.output.shape[3]
    return elements
