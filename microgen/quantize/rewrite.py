"""A float graph and an assignment become a graph whose layers compute in int8."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node, QuantParams, State, TensorType, Value, verify
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.quantization import Int4, QuantRule
from microgen.ops.quantize import Quantize
from microgen.quantize.assign import Assignment, activations, results, source_index
from microgen.quantize.config import Granularity, Ports, QuantConfig
from microgen.quantize.weights import quantize_bias, quantize_constant, quantize_weights


@dataclass(frozen=True)
class Rewritten:
    """``graph``; ``values`` is what carries each activation of the float graph, ``nodes`` what computes each of its
    layers; ``notes`` are remarks on layers, by the float layer.
    """

    graph: Graph
    values: Mapping[Value, Value]
    nodes: Mapping[Node, Node]
    notes: Mapping[Node, str]


class Refused(Exception):
    """An operator does not take the int8 tensors it was given."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.node = node
        self.reason = reason


def rewrite(
    graph: Graph, assignment: Assignment, config: QuantConfig, biases: Mapping[Node, Array] | None = None
) -> Rewritten:
    """The int8 graph; ``biases`` replace those of layers, in float. Raises Refused."""
    return _Writer(graph, assignment, config, biases or {}).run()


def _bits(rule: QuantRule, config: QuantConfig) -> int:
    """The bits of a layer's weights."""
    may = rule.weights is not None and rule.weights.int4 is not Int4.NONE
    return config.weight_bits if may else 8


@dataclass
class _Writer:
    graph: Graph
    assignment: Assignment
    config: QuantConfig
    biases: Mapping[Node, Array]
    nodes: list[Node] = field(default_factory=list)
    #: What carries a float value: an int8 value if a layer in int8 computes it, itself otherwise.
    carrier: dict[Value, Value] = field(default_factory=dict)
    converted: dict[tuple[Value, QuantParams | None], Value] = field(default_factory=dict)
    made: dict[Node, Node] = field(default_factory=dict)
    notes: dict[Node, str] = field(default_factory=dict)

    def run(self) -> Rewritten:
        inputs = [self._input(value) for value in self.graph.inputs]
        for state in self.graph.states:
            params = self.assignment.params.get(state.before)
            self.carrier[state.before] = state.before if params is None else self._stored(state.before, params)
        for node in self.graph.nodes:
            rule = self.assignment.rules.get(node)
            new = self._float(node) if rule is None else self._int8(node, rule)
            self.nodes.append(new)
            self.made[node] = new
        outputs = [self._output(value) for value in self.graph.outputs]
        states = [self._state(state) for state in self.graph.states]
        graph = Graph(self.graph.name, inputs, outputs, self.nodes, states)
        verify(graph)
        return Rewritten(graph, self.carrier, self.made, self.notes)

    # Borders ------------------------------------------------------------------------------------------

    def _input(self, value: Value) -> Value:
        params = self.assignment.params.get(value)
        if params is None or self.config.io is Ports.FLOAT:
            self.carrier[value] = value
            return value
        self.carrier[value] = self._stored(value, params)
        return self.carrier[value]

    def _output(self, value: Value) -> Value:
        carrier = self.carrier.get(value, value)
        if self.config.io is Ports.FLOAT and carrier.type.dtype is not value.type.dtype:
            return self._convert(carrier, None, value.name)
        return carrier

    def _state(self, state: State) -> State:
        before = self.carrier[state.before]
        quant, after = before.type.quant, state.after
        if quant is None:
            return dataclasses.replace(state, after=self._read_float(after))
        if after.is_const:
            after = quantize_constant(after.name, after.const, quant, before.type.dtype)
        elif self.carrier.get(after, after).type.quant != quant:
            after = self._convert(self.carrier.get(after, after), quant, f"{state.name}/left")
        else:
            after = self.carrier[after]
        return State(
            state.name, before, after, quantize_constant(state.name, state.initial, quant, before.type.dtype).const
        )

    # Layers -------------------------------------------------------------------------------------------

    def _float(self, node: Node) -> Node:
        inputs = tuple(None if v is None else self._read_float(v) for v in node.inputs)
        self.carrier.update({v: v for v in node.outputs})
        return dataclasses.replace(node, inputs=inputs)

    def _read_float(self, value: Value) -> Value:
        carrier = self.carrier.get(value, value)
        return carrier if carrier.type == value.type else self._convert(carrier, None, f"{value.name}/float")

    def _int8(self, node: Node, rule: QuantRule) -> Node:
        inputs: list[Value | None] = [None if v is None else self.carrier.get(v, v) for v in node.inputs]
        for index, value in enumerate(node.inputs):
            if value is not None and index in rule.untouched:
                inputs[index] = self._read_float(value)
        for index in activations(node, rule):
            inputs[index] = self._operand(node, index)
        if rule.weights is not None:
            self._weights(node, rule, inputs)
        touched = set(results(node, rule))
        outputs = tuple(
            self._stored(v, self.assignment.params[v], self._inner_name(v)) if v in touched else v for v in node.outputs
        )
        op = node.op
        if _bits(rule, self.config) == 4:
            # Every operator whose rule says int4 has this attribute.
            op = dataclasses.replace(op, weight_bits=4)  # type: ignore[type-var]
        new = Node(op, tuple(inputs), outputs, node.name)
        try:
            op_of(new).check(new)
        except VerifyError as error:
            raise Refused(node, error.what) from None
        self.carrier.update(zip(node.outputs, outputs, strict=True))
        return new

    def _inner_name(self, value: Value) -> str:
        """An output that is given out in float leaves its name to the conversion."""
        is_inner = self.config.io is Ports.FLOAT and self.graph.is_output(value)
        return f"{value.name}/int8" if is_inner else value.name

    def _operand(self, node: Node, index: int) -> Value:
        value = node.input(index)
        wanted = self.assignment.operands.get((node, index))
        if value.is_const:
            assert wanted is not None
            return quantize_constant(value.name, value.const, wanted, self.config.activations)
        wanted = wanted or self.assignment.params[value]
        carrier = self.carrier[value]
        if carrier.type.quant == wanted:
            return carrier
        suffix = "requantized" if carrier.type.quant is not None else "int8"
        return self._convert(carrier, wanted, f"{value.name}/{suffix}")

    def _weights(self, node: Node, rule: QuantRule, inputs: list[Value | None]) -> None:
        assert rule.weights is not None
        index = rule.weights.index
        source = inputs[source_index(node, rule)]
        assert source is not None and source.type.quant is not None
        bias = node.optional_input(rule.bias) if rule.bias is not None else None
        real = self.biases.get(node, None if bias is None else bias.const)
        scale = source.type.quant.scale
        original = node.input(index)
        # An int64 bias needs no room.
        narrow = real if self.config.activations is DType.INT8 else None
        granularity, bits = self.config.weights, _bits(rule, self.config)
        if bits == 4 and rule.weights.int4 is Int4.ONE_SCALE:
            granularity = Granularity.PER_TENSOR
        made = quantize_weights(original.name, original.const, rule.weights, granularity, narrow, scale, bits)
        inputs[index] = made.value
        remarks = [f"{made.widened} channels have coarser weights for their biases' sake"] if made.widened else []
        if real is not None and rule.bias is not None:
            assert made.value.type.quant is not None
            name, quant = float_bias(node, rule, real).name, made.value.type.quant
            value, clipped = quantize_bias(name, real, scale, quant, self.config.activations)
            inputs += [None] * (rule.bias + 1 - len(inputs))
            inputs[rule.bias] = value
            if clipped:
                remarks.append(f"{clipped} biases were clipped to 32 bits")
        if remarks:
            self.notes[node] = "; ".join(remarks)

    def _stored(self, value: Value, params: QuantParams, name: str | None = None) -> Value:
        return Value(name or value.name, TensorType(self.config.activations, value.shape, params))

    def _convert(self, carrier: Value, quant: QuantParams | None, name: str) -> Value:
        """``carrier`` as int8 with the given quantization, or as float32."""
        key = (carrier, quant)
        if key not in self.converted:
            dtype = DType.FLOAT32 if quant is None else self.config.activations
            result = Value(name, TensorType(dtype, carrier.shape, quant))
            op = Dequantize() if quant is None else Quantize(dtype)
            self.nodes.append(Node(op, (carrier,), (result,), name))
            self.converted[key] = result
        return self.converted[key]


def with_input(node: Node, index: int, value: Value) -> Node:
    """``node`` with ``value`` as the operand at ``index``, which it may not have had."""
    inputs: list[Value | None] = [*node.inputs, *([None] * (index + 1 - len(node.inputs)))]
    inputs[index] = value
    return dataclasses.replace(node, inputs=tuple(inputs))


def float_bias(node: Node, rule: QuantRule, data: Array) -> Value:
    """``data`` as the bias of ``node``."""
    assert rule.bias is not None
    before = node.optional_input(rule.bias)
    name = before.name if before is not None else f"{node.name}/bias"
    return Value(name, TensorType(DType.FLOAT32, data.shape), data)


def weights_only(
    graph: Graph, rules: Mapping[Node, QuantRule], config: QuantConfig, biases: Mapping[Node, Array]
) -> Rewritten:
    """``graph`` in float with the weights of the layers in ``rules`` stored as int8; ``biases`` replace theirs."""
    nodes: list[Node] = []
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        rule = rules.get(node)
        if rule is None or rule.weights is None:
            nodes.append(node)
            made[node] = node
            continue
        index = rule.weights.index
        original = node.input(index)
        stored = quantize_weights(f"{original.name}/int8", original.const, rule.weights, config.weights).value
        real = Value(original.name, original.type)
        nodes.append(Node(Dequantize(), (stored,), (real,), f"{node.name}/weights"))
        new = with_input(node, index, real)
        if node in biases:
            assert rule.bias is not None
            new = with_input(new, rule.bias, float_bias(node, rule, biases[node]))
        nodes.append(new)
        made[node] = new
    result = Graph(graph.name, graph.inputs, graph.outputs, nodes, graph.states)
    verify(result)
    values = {v: v for v in graph.values() if not v.is_const}
    return Rewritten(result, values, made, {})
