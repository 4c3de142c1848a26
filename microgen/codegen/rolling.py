"""Rolls the steps of unrolled recurrent layers into C loops: the code's size does not grow with their number.

A loop makes the same calls as the steps one after the other would, with the same arguments, so that the bytes are the
same. An argument that every step has alike stands in the loop; a place in the arena that moves on evenly is computed
from the step's number; the rest is read from a table of one row for each step.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from microgen.codegen.kernels import Function
from microgen.codegen.view import CallView, LayerView, LoopView
from microgen.mindir import Node
from microgen.plan.recurrence import Recurrence, likeness, recurrences

_STEP = "step"
_PLACE = re.compile(r"AT\((\w+)(?: \+ (\d+))?\)")
_OFFSET = "uint16_t"
_UINT16_MAX = 0xFFFF


def roll(
    nodes: Sequence[Node],
    layers: Sequence[LayerView],
    functions: Callable[[int, int], Function],
    offsets: Mapping[str, int],
) -> tuple[LayerView | LoopView, ...]:
    """``layers``, those of ``nodes``, with loops where they repeat.

    ``functions`` tells the function of a layer's call, both by index; ``offsets`` are the bytes in the arena by symbol.
    """
    keys: list[Hashable] = [
        (alike, tuple(map(_form, layer.calls)), layer.graphs)
        for alike, layer in zip(likeness(nodes), layers, strict=True)
    ]
    sections: list[LayerView | LoopView] = []
    done = 0
    for found in recurrences(keys, [len(layer.calls) for layer in layers]):
        sections += layers[done : found.first]
        sections.append(_Roller(found, layers, functions, offsets).loop())
        done = found.end
    return (*sections, *layers[done:])


def _form(call: CallView) -> Hashable:
    """What must be the same in all steps: everything but the values of arguments and places of the same kind."""
    kinds = tuple(_kind(text) for text in (*call.args, call.scratch))
    return call.function, call.checked, call.context, call.scratch_bytes, call.guard, call.query, kinds


def _kind(text: str) -> str:
    if _PLACE.fullmatch(text):
        return "place"
    return text if text in ("&ctx", "NULL") else "constant"


@dataclass(frozen=True, slots=True)
class _Column:
    ctype: str
    values: tuple[str, ...]


class _Roller:
    def __init__(
        self,
        found: Recurrence,
        layers: Sequence[LayerView],
        functions: Callable[[int, int], Function],
        offsets: Mapping[str, int],
    ) -> None:
        self._found, self._layers, self._functions, self._offsets = found, layers, functions, offsets
        self._table = f"steps_{found.first}"
        self._columns: dict[_Column, str] = {}
        self._traced: list[tuple[str, ...]] = []

    def loop(self) -> LoopView:
        body = tuple(self._layer(number) for number in range(self._found.period))
        # Halfwords last: no gaps between words.
        ordered = sorted(self._columns, key=lambda c: c.ctype == _OFFSET)
        columns = tuple((c.ctype, self._columns[c]) for c in ordered)
        rows = tuple(tuple(c.values[i] for c in ordered) for i in range(self._found.steps))
        return LoopView(
            first=self._found.first,
            period=self._found.period,
            steps=self._found.steps,
            step=_STEP,
            layers=body,
            table=self._table,
            columns=columns,
            rows=rows,
            traced=tuple(zip(*self._traced, strict=True)),
        )

    def _layer(self, number: int) -> LayerView:
        found = self._found
        same = [self._layers[found.first + number + found.period * i] for i in range(found.steps)]
        first = same[0]
        calls = tuple(
            self._call(first.index, at, [layer.calls[at] for layer in same]) for at in range(len(first.calls))
        )
        for at in range(len(first.outputs)):
            self._traced.append(tuple(str(self._offset(layer.outputs[at].address)) for layer in same))
        return replace(first, calls=calls)

    def _call(self, layer: int, at: int, same: Sequence[CallView]) -> CallView:
        function = self._functions(layer, at)
        args = tuple(
            self._argument(parameter.ctype, f"{parameter.name}_{layer}", [call.args[place] for call in same])
            for place, parameter in enumerate(function.parameters)
        )
        scratch = self._argument("void *", f"scratch_{layer}", [call.scratch for call in same])
        return replace(same[0], args=args, scratch=scratch)

    def _argument(self, ctype: str, label: str, texts: Sequence[str]) -> str:
        """One argument of a call as C in the loop, from what it is in each step."""
        if _kind(texts[0]) != "place":
            return texts[0] if len(set(texts)) == 1 else self._field(ctype, label, texts)
        offsets = [self._offset(text) for text in texts]
        stride = offsets[1] - offsets[0]
        if stride == 0 and len(set(offsets)) == 1:
            return texts[0]
        if all(b - a == stride for a, b in itertools.pairwise(offsets)):
            sign = "+" if stride > 0 else "-"
            return f"{texts[0][:-1]} {sign} {_STEP} * {abs(stride)})"
        field = _OFFSET if max(offsets) <= _UINT16_MAX else "uint32_t"
        return f"AT({self._field(field, label, [text[3:-1] for text in texts])})"

    def _field(self, ctype: str, label: str, values: Sequence[str]) -> str:
        column = _Column(ctype, tuple(values))
        if column not in self._columns:
            taken = self._columns.values()
            again = (f"{label}_{number}" for number in itertools.count(2))
            self._columns[column] = label if label not in taken else next(name for name in again if name not in taken)
        return f"{self._table}[{_STEP}].{self._columns[column]}"

    def _offset(self, text: str) -> int:
        found = _PLACE.fullmatch(text)
        assert found is not None, text
        return self._offsets[found[1]] + int(found[2] or 0)
