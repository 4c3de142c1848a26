"""Which values share storage, and from which step to which each storage is alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of

# Tensors start at multiples of this: word loads of int8 data need it on every Cortex-M.
TENSOR_ALIGNMENT = 4
# Scratch may hold pointers; the same plan must serve a 64-bit host.
SCRATCH_ALIGNMENT = 8
NO_ALIGNMENTS: Mapping[Node, int] = MappingProxyType({})


@dataclass(eq=False)
class Storage:
    """A stretch of the arena. ``first`` and ``last`` are step indices, both inclusive.

    Graph inputs and states are alive from step -1, graph outputs and states to the step after the last. ``values`` are
    the tensors that live here one after the other or, for views, together; a scratch storage has none. Only the storage
    ``of_state`` keeps its content between invocations.
    """

    size: int
    alignment: int
    first: int
    last: int
    values: list[Value] = field(default_factory=list)
    scratch_of: Node | None = None
    of_state: bool = False

    def overlaps(self, other: Storage) -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


def last_uses(graph: Graph) -> dict[Value, int]:
    """The last step that reads each value; one past the end for the results."""
    end = len(graph.nodes)
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        for value in node.inputs:
            if value is not None:
                last[value] = index
    last.update(dict.fromkeys(graph.results, end))
    return last


def storages(
    graph: Graph, scratch: Mapping[Node, int], *, in_place: bool, alignments: Mapping[Node, int] = NO_ALIGNMENTS
) -> list[Storage]:
    """Every storage of ``graph``'s values, views merged and, if ``in_place``, outputs laid over dying inputs.

    ``scratch`` gives each node's scratch bytes, ``alignments`` those above the usual of some of them. Every state must
    be left by a node that can write over what was found (``microgen.plan.states``).
    """
    last = last_uses(graph)
    slots = overwritten(graph)
    assert len(slots) == len(graph.states), "states are not in order"
    home: dict[Value, Storage] = {}
    result: list[Storage] = []

    def open_storage(value: Value, step: int) -> None:
        storage = Storage(value.type.nbytes, alignment(value), step, max(step, last.get(value, step)), [value])
        home[value] = storage
        result.append(storage)

    def join(value: Value, storage: Storage, step: int) -> None:
        storage.values.append(value)
        storage.size = max(storage.size, value.type.nbytes)
        storage.alignment = max(storage.alignment, alignment(value))
        storage.last = max(storage.last, step, last.get(value, step))
        home[value] = storage

    for value in graph.inputs:
        open_storage(value, -1)
    for state in graph.states:
        slot = Storage(state.before.type.nbytes, alignment(state.before), -1, len(graph.nodes), [state.before])
        slot.of_state = True
        home[state.before] = slot
        result.append(slot)
    for step, node in enumerate(graph.nodes):
        for index, value in enumerate(node.outputs):
            target = _shared(node, home, step, in_place=in_place) if index == 0 else None
            if value in slots:
                target = home[slots[value]]
            if target is None:
                open_storage(value, step)
            else:
                join(value, target, step)
        if scratch[node]:
            multiple = max(SCRATCH_ALIGNMENT, alignments.get(node, 1))
            result.append(Storage(scratch[node], multiple, step, step, scratch_of=node))
    return result


def overwritten(graph: Graph) -> dict[Value, Value]:
    """What each state is left as, and what it was found as, where the node that computes the former can write it over
    the latter: nobody reads that any more.
    """
    found = {}
    last = last_uses(graph)
    position = {node: step for step, node in enumerate(graph.nodes)}
    lefts = [state.after for state in graph.states]
    for state in graph.states:
        node = graph.producer(state.after)
        if node is None or op_of(node).is_view or lefts.count(state.after) > 1:
            continue
        names = _aliases(graph, state.before)
        read = max((last[v] for v in names if v in last), default=-1)
        here = position[node]
        own = [index for index, value in enumerate(node.inputs) if value in names]
        allowed = op_of(node).in_place_pairs(node)
        written = node.outputs.index(state.after)
        in_place = read == here and own == [i for o, i in allowed if o == written and i in own]
        if read < here or in_place:
            found[state.after] = state.before
    return found


def _aliases(graph: Graph, value: Value) -> set[Value]:
    """``value`` and all views of it."""
    names = {value}
    for node in graph.nodes:
        if op_of(node).is_view and node.input(0) in names:
            names.update(node.outputs)
    return names


def alignment(value: Value) -> int:
    """Bytes that ``value``'s start must be a multiple of."""
    return max(TENSOR_ALIGNMENT, value.type.dtype.size)


def _shared(node: Node, home: dict[Value, Storage], step: int, *, in_place: bool) -> Storage | None:
    """The storage that output 0 of ``node`` may take: its input's for a view, a dying input's in place."""
    op = op_of(node)
    if op.is_view:
        return home.get(node.input(0))
    if not in_place:
        return None
    for index in op.in_place(node):
        value = node.input(index)
        storage = home.get(value)
        if storage is None or storage.last != step:
            continue
        # Another operand that lies in the same storage under another type would be overwritten before it is read.
        if all(other is None or other is value or home.get(other) is not storage for other in node.inputs):
            return storage
    return None
