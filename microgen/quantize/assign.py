"""Which layers become int8, and the scale and zero point of every tensor of theirs.

Tensors of an operator that only moves values share one quantization (``QuantRule.tied``); such tensors form groups,
found by union-find. An output whose quantization is fixed by definition gives it to its group. Where a group's
quantization and what an operand is stored with differ, the operand is requantized in front of its reader.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from microgen.errors import InputError, one_line
from microgen.mindir import DType, Graph, Node, QuantParams, Value
from microgen.ops.base import op_of
from microgen.ops.quantization import QuantRule
from microgen.quantize.config import QuantConfig
from microgen.quantize.ranges import Range


@dataclass(frozen=True)
class Assignment:
    """What the rewrite needs.

    ``rules`` has the layers that become int8; ``stays`` says why others stay float; ``params`` is how each of their
    activations is stored; ``operand`` is how a layer reads the operand at an index: constants always, activations
    where it differs from how they are stored.
    """

    rules: Mapping[Node, QuantRule]
    stays: Mapping[Node, str]
    params: Mapping[Value, QuantParams]
    operands: Mapping[tuple[Node, int], QuantParams]


@dataclass
class _Group:
    """Tensors of one quantization."""

    range: Range | None = None
    fixed: QuantParams | None = None
    symmetric: bool = False
    members: list[Value] = field(default_factory=list)

    def params(self) -> QuantParams:
        assert self.range is not None
        if self.fixed is not None:
            return self.fixed
        return self.range.symmetric() if self.symmetric else self.range.params()


class _Groups:
    """Union-find over activations."""

    def __init__(self, range_of: Callable[[Value], Range]) -> None:
        self._range_of = range_of
        self._parent: dict[Value, Value] = {}
        self._group: dict[Value, _Group] = {}

    def root(self, value: Value) -> Value:
        if value not in self._parent:
            self._parent[value] = value
            self._group[value] = _Group(self._range_of(value), members=[value])
        while self._parent[value] is not value:
            self._parent[value] = self._parent[self._parent[value]]
            value = self._parent[value]
        return value

    def of(self, value: Value) -> _Group:
        return self._group[self.root(value)]

    def merge(self, a: Value, b: Value) -> None:
        first, second = self.root(a), self.root(b)
        if first is second:
            return
        one, two = self._group[first], self._group.pop(second)
        assert one.range is not None and two.range is not None
        one.range = one.range.union(two.range)
        one.fixed = one.fixed or two.fixed
        one.symmetric = one.symmetric or two.symmetric
        one.members += two.members
        self._parent[second] = first

    def values(self) -> list[Value]:
        return list(self._parent)


def activations(node: Node, rule: QuantRule) -> list[int]:
    """The indices of ``node``'s float inputs that become int8 activations."""
    others = {rule.bias, rule.weights.index if rule.weights else None} | rule.untouched
    return [i for i, v in enumerate(node.inputs) if v is not None and i not in others and v.type.dtype is DType.FLOAT32]


def source_index(node: Node, rule: QuantRule) -> int:
    """The index of the activation that the weights are multiplied with; the scale of a bias is theirs together."""
    return activations(node, rule)[0]


def results(node: Node, rule: QuantRule) -> list[Value]:
    """``node``'s outputs that become int8."""
    return [] if rule.untouched_outputs else [v for v in node.outputs if v.type.dtype is DType.FLOAT32]


def select(graph: Graph, config: QuantConfig) -> tuple[dict[Node, QuantRule], dict[Node, str]]:
    """The layers that shall become int8, and why the other float layers stay as they are.

    Raises InputError for a name in the skip lists that fits no layer or operator.
    """
    rules: dict[Node, QuantRule] = {}
    stays: dict[Node, str] = {}
    unused_layers, unused_operators = set(config.skip_layers), set(config.skip_operators)
    for node in graph.nodes:
        matching = [p for p in config.skip_layers if p == node.name or fnmatch.fnmatchcase(node.name, p)]
        unused_layers.difference_update(matching)
        unused_operators.discard(node.op.name)
        floats = [v for v in (*node.inputs, *node.outputs) if v is not None and v.type.dtype is DType.FLOAT32]
        if not floats:
            continue
        if matching or node.op.name in config.skip_operators:
            stays[node] = "skipped"
            continue
        rule = op_of(node).quant_rule(node)
        problem = "no int8 form" if rule is None else _problem(node, rule)
        if rule is None or problem:
            stays[node] = problem
        else:
            rules[node] = rule
    _complain(unused_layers, "layers", [n.name for n in graph.nodes])
    _complain(unused_operators, "operators", sorted({n.op.name for n in graph.nodes}))
    return rules, stays


def _complain(unused: set[str], what: str, names: list[str]) -> None:
    if unused:
        listed = ", ".join(one_line(n, 100) for n in names[:12]) + (", …" if len(names) > 12 else "")
        hint = f"They are {listed}"
        raise InputError(f"{one_line(min(unused), 60)!r} fits none of the model's {what}", where="skip", hint=hint)


def _problem(node: Node, rule: QuantRule) -> str:
    if rule.weights is not None and not node.input(rule.weights.index).is_const:
        return "its weights are computed at run time"
    bias = node.optional_input(rule.bias) if rule.bias is not None else None
    if bias is not None and not bias.is_const:
        return "its bias is computed at run time"
    for value in (*(node.inputs[i] for i in activations(node, rule)), *results(node, rule)):
        if value is not None and value.data is not None and not np.isfinite(value.data.astype(np.float64)).all():
            return f"{one_line(value.name, 40)} holds values that are not finite"
    if not activations(node, rule):
        return "it has no float activations"
    return ""


def assign(
    graph: Graph, rules: Mapping[Node, QuantRule], stays: Mapping[Node, str], range_of: Callable[[Value], Range]
) -> Assignment:
    """Quantization parameters for the layers of ``rules``; ``range_of`` gives an activation's chosen range."""
    groups = _Groups(range_of)
    ordered = [(node, rules[node]) for node in graph.nodes if node in rules]
    for node, rule in ordered:
        for value in results(node, rule):
            group = groups.of(value)
            group.fixed, group.symmetric = rule.output, rule.symmetric_output
    loose: set[tuple[Node, int]] = set()
    for node, rule in ordered:
        if rule.tied and not rule.untouched_outputs:
            _tie(node, rule, groups, loose)
    for node, rule in ordered:
        for index in activations(node, rule):
            value = node.input(index)
            if not value.is_const:
                groups.root(value)
    for state in graph.states:
        # What a state is found as and left as is one tensor, wherever some layer has it in int8.
        known = groups.values()
        if state.before in known and not state.after.is_const:
            fixed = {groups.of(value).fixed for value in (state.before, state.after)}
            if len(fixed) == 1:
                groups.merge(state.before, state.after)
    params = {value: groups.of(value).params() for value in groups.values()}
    operands: dict[tuple[Node, int], QuantParams] = {}
    for node, rule in ordered:
        for index in activations(node, rule):
            value = node.input(index)
            if rule.tied and results(node, rule) and (value.is_const or (node, index) in loose):
                operands[node, index] = params[results(node, rule)[0]]
            elif value.is_const:
                operands[node, index] = _of_constant(value).params()
    return Assignment(dict(rules), dict(stays), params, operands)


def _tie(node: Node, rule: QuantRule, groups: _Groups, loose: set[tuple[Node, int]]) -> None:
    """Bring ``node``'s tensors into one group; operands that cannot join it are noted in ``loose``."""
    outputs = results(node, rule)
    if not outputs:
        return
    lead = outputs[0]
    for other in outputs[1:]:
        groups.merge(lead, other)
    indices = [i for i in activations(node, rule) if not node.input(i).is_const]
    constants = [_of_constant(node.input(i)) for i in activations(node, rule) if node.input(i).is_const]
    fixed = {groups.of(node.input(i)).fixed for i in indices}
    # A fixed quantization suits the others only if it is everybody's: it may be too narrow, or far too wide.
    together = len(fixed) == 1 and (not constants or fixed == {None})
    for index in indices:
        value = node.input(index)
        own = groups.of(value).fixed
        if (together or own is None) and groups.of(lead).fixed in (None, own):
            groups.merge(lead, value)
        else:
            loose.add((node, index))
    group = groups.of(lead)
    for constant in constants:
        assert group.range is not None
        group.range = group.range.union(constant)


def _of_constant(value: Value) -> Range:
    data = value.const
    return Range.of(float(data.min()), float(data.max())) if data.size else Range(0.0, 0.0)
