"""Float operators between Dequantize and Quantize become int8 operators.

That is how models in QDQ form and hybrid models say which scales hold where. An operator is rewritten where its
``quant_rule`` is obeyed in all points; otherwise it stays in float.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.quantization import QuantRule
from microgen.ops.quantize import Quantize
from microgen.passes.conversions import is_valid, quantized_source
from microgen.passes.quantized_factors import exact_weights, rescaled_operand

# How far a bias may be from a whole number of steps, relative to its size, or its scale from the product of scales:
# exporters compute both in single precision.
_TOLERANCE = 1e-6


def quantized_operators(graph: Graph) -> bool:
    """Rewrite operators whose operands and results are quantized around them."""
    changed = False
    for old in graph.nodes:
        # Nodes before this one may have changed its inputs.
        node = graph.producer(old.outputs[0])
        if node is None or isinstance(node.op, Quantize | Dequantize):
            continue
        rule = _rule(graph, node)
        rewritten = None if rule is None else _rewritten(graph, node, rule)
        if rewritten is None:
            rescaled = rescaled_operand(graph, node)
            if rescaled:
                graph.replace_node(node, *rescaled)
                changed = True
            continue
        for value, result in zip(node.outputs, rewritten[-1].outputs, strict=True):
            for user in graph.users(value):
                if value is not result:
                    graph.replace_value(user.output, result)
                    graph.remove_nodes([n for n in graph.nodes if n.outputs == user.outputs])
        graph.replace_node(node, *rewritten)
        changed = True
    return changed


def _rule(graph: Graph, node: Node) -> QuantRule | None:
    """How ``node`` becomes int8, whose quantized constants count as constants; None where nothing is quantized."""
    inputs = list(node.inputs)
    found = False
    for i, value in enumerate(node.inputs):
        producer = None if value is None else graph.producer(value)
        if value is None or producer is None or not isinstance(producer.op, Dequantize) or not producer.op.qdq:
            continue
        found = True
        if producer.input(0).is_const:
            (data,) = producer.op.evaluate(producer, [producer.input(0).const[None]])
            inputs[i] = dataclasses.replace(value, data=data.reshape(value.shape))
    return op_of(node).quant_rule(dataclasses.replace(node, inputs=tuple(inputs))) if found else None


def _rewritten(graph: Graph, node: Node, rule: QuantRule) -> tuple[Node, ...] | None:
    """``node`` in int8, the results behind; None when something is not quantized as ``rule`` asks."""
    sources = [quantized_source(graph, v) for v in node.inputs]
    weighted = {rule.bias} | ({rule.weights.index} if rule.weights is not None else set())
    inputs: list[Value | None] = list(node.inputs)
    activations: list[Value] = []
    for i, value in enumerate(node.inputs):
        if value is None or i in rule.untouched or i == rule.bias:
            continue
        source = sources[i]
        if source is None and rule.weights is not None and i == rule.weights.index:
            source = exact_weights(node, rule, sources[0])
        if source is None or source.type.dtype is not DType.INT8:
            return None
        inputs[i] = source
        if i not in weighted:
            activations.append(source)
    outputs = _results(graph, node, rule)
    if outputs is None or not activations:
        return None
    if rule.bias is not None and (bias := node.optional_input(rule.bias)) is not None:
        weights = inputs[rule.weights.index] if rule.weights is not None else None
        source = inputs[0]
        if weights is None or source is None:
            return None
        # Steps of weights that are quantized here are far below those that a float bias knows of.
        exact = sources[rule.weights.index] is not None if rule.weights is not None else True
        inputs[rule.bias] = _bias(graph, bias, source, weights, exact)
        if inputs[rule.bias] is None:
            return None
    kinds = [] if rule.untouched_outputs else [v.type for v in outputs]
    before = _alike(inputs, activations, outputs[0]) if rule.tied and len(activations) > 1 and kinds else []
    if not _obeys(rule, [v.type for v in activations], kinds):
        return None
    result = Node(node.op, tuple(inputs), tuple(outputs), node.name)
    # Outside of the limits of the int8 form the float form stays.
    if is_valid(result):
        return (*before, result)
    if rule.output is None or len(kinds) != 1 or kinds[0].quant is None:
        return None
    # The results have one quantization by definition, but another is wanted, which must not be much finer.
    if kinds[0].quant.scale < rule.output.scale / 2:
        return None
    own = Value(f"{outputs[0].name}/own", dataclasses.replace(kinds[0], quant=rule.output))
    result = dataclasses.replace(result, outputs=(own,))
    conversion = Node(Quantize(DType.INT8), (own,), tuple(outputs), f"{outputs[0].name}/quantize")
    return (*before, result, conversion) if is_valid(result) and is_valid(conversion) else None


def _alike(inputs: list[Value | None], activations: list[Value], result: Value) -> list[Node]:
    """Bring ``activations`` among ``inputs`` to the quantization of ``result``; what does that."""
    nodes: list[Node] = []
    for at, source in enumerate(activations):
        if source.type.quant == result.type.quant or source.type.quant is None:
            continue
        kind = dataclasses.replace(source.type, quant=result.type.quant)
        converted = Value(f"{result.name}/operand{at}", kind)
        conversion = Node(Quantize(DType.INT8), (source,), (converted,), f"{converted.name}/quantize")
        if not is_valid(conversion):
            continue
        nodes.append(conversion)
        activations[at] = converted
        inputs[next(i for i, value in enumerate(inputs) if value is source)] = converted
    return nodes


def _results(graph: Graph, node: Node, rule: QuantRule) -> list[Value] | None:
    """The int8 results: what quantizes the float ones, in one way each."""
    if rule.untouched_outputs:
        return list(node.outputs)
    results = []
    for value in node.outputs:
        users = graph.users(value)
        if not users or graph.is_output(value) or not all(isinstance(u.op, Quantize) for u in users):
            return None
        kinds = {user.output.type for user in users}
        named = [user.output for user in users if graph.is_output(user.output)] or [users[0].output]
        if len(kinds) > 1 or named[0].type.dtype is not DType.INT8 or len(named) > 1:
            return None
        results.append(Value(named[0].name, named[0].type) if named[0].is_const else named[0])
    return results


def _obeys(rule: QuantRule, operands: Sequence[TensorType], results: Sequence[TensorType]) -> bool:
    if any(kind.quant is None or not kind.quant.is_per_tensor for kind in (*operands, *results)):
        return False
    if rule.tied and len({kind.quant for kind in (*operands, *results)}) > 1:
        return False
    return not (rule.symmetric_output and any(kind.quant is not None and kind.quant.zero_point for kind in results))


def _same(first: QuantParams | None, second: QuantParams) -> bool:
    return (
        first is not None
        and first.zero_point == second.zero_point
        and math.isclose(first.scale, second.scale, rel_tol=_TOLERANCE)
    )


def _bias(graph: Graph, bias: Value, source: Value, weights: Value, exact: bool) -> Value | None:
    """``bias`` in int32 with the product of the scales; None when that would change its value and it shall be
    ``exact``.
    """
    if source.type.quant is None or weights.type.quant is None:
        return None
    # Kept in float64: the steps are those of the device's multipliers.
    factors = np.array(weights.type.quant.scales, np.float64) * source.type.quant.scale
    quantized = quantized_source(graph, bias)
    if quantized is None:
        if not bias.is_const or bias.type.dtype is not DType.FLOAT32:
            return None
        reals = bias.const.astype(np.float64).reshape(-1)
    else:
        if not quantized.is_const or quantized.type.quant is None:
            return None
        scales = np.array(quantized.type.quant.scales, np.float64)
        zeros = np.array(quantized.type.quant.zero_points, np.int64)
        whole = quantized.const.astype(np.int64).reshape(-1) - zeros
        reals = whole * scales
        close = len(scales) in (1, len(factors)) and np.allclose(scales, factors, rtol=_TOLERANCE, atol=0)
        if close and quantized.type.dtype is DType.INT32 and not zeros.any():
            return _bias_value(bias.name, whole, factors)
    steps = reals / factors
    if not np.abs(steps).max(initial=0) < 2**31 - 1:
        return None
    whole = np.rint(steps).astype(np.int64)
    if exact and np.any(np.abs(whole - steps) > _TOLERANCE * np.abs(steps)):
        return None
    return _bias_value(bias.name, whole, factors)


def _bias_value(name: str, whole: NDArray[np.int64], factors: NDArray[np.float64]) -> Value:
    scales = tuple(float(np.float32(s)) for s in factors)
    quant = QuantParams(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)
    return Value(name, TensorType(DType.INT32, whole.shape, quant), whole.astype(np.int32))
