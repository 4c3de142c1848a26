"""A graph's states in the terms of a .tflite file: tensors that an operator keeps, and resource variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, State, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.tflite_form import TFLiteForm

#: A state that is a resource variable, with the tensor that stands for it.
Stored = tuple[Value, State]
_Made = tuple[TFLiteForm, tuple[Value, ...]]


def variables(graph: Graph) -> set[Value]:
    """The tensors that operators keep by themselves; VerifyError where such an operator is given something else."""
    kept: set[Value] = set()
    for node in graph.nodes:
        inside = op_of(node).initial_states(node.inputs)
        pairs = op_of(node).state_pairs(node)
        begins: list[Array | None] = [*[None] * (len(pairs) - len(inside)), *inside]
        for (output, index), begin in zip(pairs, begins, strict=True):
            before, after = node.input(index), node.outputs[output]
            state = next((s for s in graph.states if s.before is before and s.after is after), None)
            if state is None or graph.users(before) != (node,) or graph.users(after) or after in graph.outputs:
                raise VerifyError("TensorFlow Lite keeps what this operator keeps inside of it", where=node.label)
            quant = before.type.quant
            zero = quant.zero_points[0] if quant is not None and before.type.dtype is DType.INT8 else 0
            if (state.initial != (zero if begin is None else begin)).any():
                text = "zeros" if begin is None or not begin.any() else "what the operator's options say"
                raise VerifyError(f"in TensorFlow Lite it begins with {text}", where=f"state {state.name!r}")
            kept.add(before)
    return kept


def stored(graph: Graph, kept: set[Value]) -> list[Stored]:
    """The states that must be resource variables."""
    handle = TensorType(DType.INT32, ())
    return [(Value(f"{s.name}/handle", handle), s) for s in graph.states if s.before not in kept]


def reads(states: Sequence[Stored]) -> Iterator[_Made]:
    """The operators in front of all others."""
    if states:
        yield TFLiteForm("CALL_ONCE", (), "CallOnceOptions", {"InitSubgraphIndex": 1}), ()
    for handle, state in states:
        yield _handle(handle, state)
        yield TFLiteForm("READ_VARIABLE", (handle,), "ReadVariableOptions"), (state.before,)


def assignments(states: Sequence[Stored]) -> Iterator[_Made]:
    """The operators behind all others."""
    for handle, state in states:
        yield TFLiteForm("ASSIGN_VARIABLE", (handle, state.after), "AssignVariableOptions"), ()


def initialization(states: Sequence[Stored]) -> Iterator[_Made]:
    """The operators of the subgraph that runs once."""
    for handle, state in states:
        initial = Value(f"{state.name}/initial", state.before.type, state.initial)
        yield _handle(handle, state)
        yield TFLiteForm("ASSIGN_VARIABLE", (handle, initial), "AssignVariableOptions"), ()


def _handle(handle: Value, state: State) -> _Made:
    return TFLiteForm("VAR_HANDLE", (), "VarHandleOptions", {"Container": "", "SharedName": state.name}), (handle,)
