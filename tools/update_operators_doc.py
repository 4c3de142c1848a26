"""Writes docs/operators.md from what the operators say of themselves; a test fails while it is out of date.

Run it from the repository's root: ``python -m tools.update_operators_doc``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends import tflite_batches, tflite_control, tflite_shapes, tflite_states
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops.base import Op, op_of
from microgen.ops.call import Target
from microgen.ops.registry import by_tflite_name, operators

PAGE = Path(__file__).parent.parent / "docs" / "operators.md"

_HEAD = """\
# Operators

Written by `tools/update_operators_doc.py` from the operators' own rules and samples; do not edit.

Columns: **C** where the generated C computes the operator in that type, **host** where only the host runtime and the
compiler itself (for what is known at compile time) do. int8 is TensorFlow Lite's scheme, 16x8 has int16 activations and
int8 weights where there are any, and both give the bytes of TensorFlow Lite Micro's reference interpreter wherever it
has the operator. The columns come from trying the samples that the tests run, and these with other element types.

Under the table are the limits of every operator. A model that breaks one is refused with that line, and with what
was found instead. ONNX's operators that are made of several are listed in [onnx-support.md](onnx-support.md).
"""
_ELSEWHERE = (
    (
        "Read as other operators, or computed when the file is read",
        (tflite_batches.OPERATORS, tflite_shapes.OPTIONS, ("SHAPE",)),
    ),
    ("Read as states of the network", (tflite_states.OPERATORS,)),
    (
        "Control flow and lists, read as the operators that they run, or [kept](control-flow.md)",
        (tflite_control.OPERATORS,),
    ),
)
_KINDS = ("int8", "16x8", "float32")
# Element types that samples are turned into.
_PLAIN = (DType.INT32, DType.INT64, DType.INT16, DType.UINT8, DType.BOOL)
_TRIED = (
    (
        TensorType(DType.INT8, (), QuantParams.per_tensor(1.0, 0)),
        (TensorType(DType.INT16, (), QuantParams.per_tensor(0.001, 0)),),
    ),
    (TensorType(DType.FLOAT32, ()), tuple(TensorType(dtype, ()) for dtype in _PLAIN)),
)


def _kind(node: Node) -> str:
    """The column of a sample, or a plain element type."""
    values = [v for v in (*node.inputs, *node.outputs) if v is not None]
    for value in sorted(values, key=lambda v: v.is_const):
        if value.type.quant is not None:
            return {DType.INT8: "int8", DType.INT16: "16x8"}.get(value.type.dtype, f"quantized {value.type.dtype}")
    # A condition or indices in front say nothing of what is computed.
    data = [v.type.dtype for v in node.inputs if v is not None]
    return "float32" if DType.FLOAT32 in data else str(data[0])


def _retyped(node: Node, before: TensorType, after: TensorType) -> Node:
    """The node with operands of one element type in place of another; VerifyError where it does not take them."""
    made: dict[Value, Value] = {}

    def turned(value: Value) -> Value:
        if value.type.dtype is not before.dtype or (value.type.quant is None) != (before.quant is None):
            return value
        if value not in made:
            kind = dataclasses.replace(after, shape=value.shape)
            with np.errstate(invalid="ignore"):
                data = None if not value.is_const else value.const.astype(kind.dtype.numpy)
            made[value] = Value(value.name, kind, data)
        return made[value]

    draft = dataclasses.replace(node, inputs=tuple(None if v is None else turned(v) for v in node.inputs), outputs=())
    inferred = op_of(node).infer(draft)
    kinds = zip(map(turned, node.outputs), inferred, strict=True)
    outputs = tuple(Value(v.name, dataclasses.replace(v.type, dtype=d, shape=s)) for v, (d, s) in kinds)
    return dataclasses.replace(draft, outputs=outputs)


def _variants(node: Node) -> Iterator[Node]:
    """The node, and the same of element types for which its operator may have no sample."""
    yield node
    for before, others in _TRIED:
        for after in others:
            with contextlib.suppress(VerifyError):
                yield _retyped(node, before, after)


def _where(node: Node) -> str:
    """What computes a node: ``C``, ``host`` or nothing."""
    op = op_of(node)
    try:
        if list(op.problems(node)):
            return ""
        if list(op.problems(node, device=True)):
            return "host"
        op.lower(node, Target())
    except (VerifyError, KeyError):
        return ""
    return "C"


def _support(operator: type[Op]) -> dict[str, str]:
    """``C`` or ``host`` for every kind of samples and of what is made of them, by trying."""
    found: dict[str, str] = {}
    for sample in operator.samples():
        for node in _variants(sample.graph.nodes[0]):
            kind = _kind(node)
            if found.get(kind) != "C" and (where := _where(node)):
                found[kind] = where
    return found


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(operator: type[Op]) -> str:
    support = _support(operator)
    plain = ", ".join(sorted(kind for kind, where in support.items() if kind not in _KINDS and where == "C"))
    cells = [operator.name, _names(operator.tflite), _names(operator.onnx)]
    cells += [support.get(kind, "") for kind in _KINDS]
    return f"| {' | '.join((*cells, plain))} |\n"


def _limits(operator: type[Op]) -> str:
    common = dict(Op.constraints())
    meaning = " ".join((inspect.getdoc(operator) or "").split("\n\n")[0].split())
    text = f"### {operator.name}\n\n{meaning}\n\n"
    for rule, method in operator.constraints():
        if rule not in common:
            text += f"- {rule}{' (in C)' if getattr(method, 'only_on_device', False) else ''}\n"
    return text.rstrip("\n") + "\n\n"


def page() -> str:
    """The whole page."""
    known = operators()
    text = _HEAD + "\n| Operator | TensorFlow Lite | ONNX | int8 | 16x8 | float32 | others in C |\n"
    text += "|---|---|---|---|---|---|---|\n" + "".join(map(_row, known)) + "\n"
    for title, groups in _ELSEWHERE:
        names = sorted({name for group in groups for name in group} - set(by_tflite_name()))
        text += f"{title}: {_names(tuple(names))}.\n\n"
    text += "## Limits\n\nEverywhere: "
    text += (
        "; ".join(rule for rule, _ in Op.constraints())
        + " (in C); tensors have at most 6 dimensions, none of them 0.\n\n"
    )
    return text + "".join(map(_limits, known)).rstrip("\n") + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
