"""Functions of one tensor: look-ups in int8, formulas in float."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from microgen.exporters.tflite.nodes import Nodes, Rule
from microgen.mindir import DType, Node, Value
from microgen.ops.abs import Abs
from microgen.ops.add import Add
from microgen.ops.cast import Cast
from microgen.ops.clip import Clip
from microgen.ops.comparisons import Equal, Greater, NotEqual
from microgen.ops.div import Div
from microgen.ops.elu import Elu
from microgen.ops.exp import Exp
from microgen.ops.gather import Gather
from microgen.ops.log import Log
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mul import Mul
from microgen.ops.neg import Neg
from microgen.ops.relu import Relu
from microgen.ops.select import Select
from microgen.ops.softplus import Softplus
from microgen.ops.sub import Sub
from microgen.ops.tanh import Tanh
from microgen.ops.trigonometry import Cos, Sin

#: Functions whose int8 form the reference interpreter has.
_INT8 = frozenset(("Abs", "Elu", "HardSwish", "LeakyRelu", "Logistic", "Relu", "Relu6", "Tanh"))


def function(nodes: Nodes) -> list[Node] | None:
    """A look-up in place of an int8 function that the reference interpreter lacks."""
    if nodes.source.type.dtype is not DType.INT8 or not nodes.quantized:
        return None
    if nodes.op.name in _INT8 and not (nodes.op.name == "Elu" and nodes.op.alpha != 1.0):
        rule = nodes.op.quant_rule(nodes.node)
        if rule is None or rule.output in (None, nodes.node.output.type.quant):
            return None
    # The table goes by the input's bits as an unsigned number, GATHER by its value plus 128.
    table = np.roll(nodes.op.table(nodes.node), 128)
    index = nodes.add(Cast(DType.INT32), nodes.source, label="value")
    index = nodes.add(Add(), index, nodes.constant(np.array(128, np.int32), "offset"), label="index")
    return nodes.last(Gather(0), nodes.constant(table, "table", nodes.node.output.type.quant), index)


def _formula(rule: Rule) -> Rule:
    """``rule`` for float tensors, a look-up for int8 ones."""

    def either(nodes: Nodes) -> list[Node] | None:
        return function(nodes) if nodes.quantized else rule(nodes)

    return either


def _clip(nodes: Nodes) -> list[Node] | None:
    source, op = nodes.source, nodes.op
    dtype, quant = source.type.dtype, source.type.quant
    low, high = op.low, op.high
    if quant is not None:
        table = np.roll(op.table(nodes.node), 128)
        low, high = int(table.min()), int(table.max())
        whole = np.arange(-128, 128).clip(low, high)
        if quant != nodes.node.output.type.quant or not np.array_equal(table, whole):
            return function(nodes)
    lowest, highest = (-math.inf, math.inf) if dtype.is_float else dtype.limits
    limits = [
        (kind, nodes.constant(np.array(bound, dtype.numpy), label, quant))
        for kind, bound, label, bounds in (
            (Maximum(), low, "low", low > lowest),
            (Minimum(), high, "high", high < highest),
        )
        if bounds
    ]
    if not limits:
        limits = [(Maximum(), nodes.constant(np.array(lowest, dtype.numpy), "low", quant))]
    value = source
    for kind, limit in limits[:-1]:
        value = nodes.move(kind, value, limit, label="above")
    return nodes.last(limits[-1][0], value, limits[-1][1])


def _elu(nodes: Nodes) -> list[Node] | None:
    """relu(x) + alpha·elu(min(x, 0))."""
    return None if nodes.op.alpha == 1.0 else _two_sided(nodes, nodes.op.alpha, 1.0, 1.0)


def _celu(nodes: Nodes) -> list[Node] | None:
    return _two_sided(nodes, nodes.op.alpha, 1.0 / nodes.op.alpha, 1.0)


def _selu(nodes: Nodes) -> list[Node] | None:
    return _two_sided(nodes, nodes.op.alpha, 1.0, nodes.op.gamma)


def _two_sided(nodes: Nodes, below: float, inner: float, factor: float) -> list[Node]:
    """``factor · (relu(x) + below · elu(inner · min(x, 0)))``."""
    above = nodes.add(Relu(), nodes.source, label="above")
    low = nodes.add(Minimum(), nodes.source, nodes.number(0.0, "zero"), label="negative")
    if inner != 1.0:
        low = nodes.add(Mul(), low, nodes.number(inner, "inner"), label="scaled")
    low = nodes.add(Mul(), nodes.add(Elu(), low, label="curve"), nodes.number(below, "alpha"), label="below")
    if factor == 1.0:
        return nodes.last(Add(), above, low)
    both = nodes.add(Add(), above, low, label="both")
    return nodes.last(Mul(), both, nodes.number(factor, "gamma"))


def _hard_sigmoid(nodes: Nodes) -> list[Node] | None:
    value = nodes.add(Mul(), nodes.source, nodes.number(nodes.op.alpha, "alpha"), label="product")
    value = nodes.add(Add(), value, nodes.number(nodes.op.beta, "beta"), label="line")
    return nodes.last(Clip(0.0, 1.0), value)


def _reciprocal(nodes: Nodes) -> list[Node] | None:
    return nodes.last(Div(), nodes.number(1.0, "one"), nodes.source)


def _softplus(nodes: Nodes) -> list[Node] | None:
    """max(x, 0) + log(1 + exp(-|x|))."""
    power = nodes.add(Neg(), nodes.add(Abs(), nodes.source, label="magnitude"), label="exponent")
    power = nodes.add(Exp(), power, label="power")
    rest = nodes.add(Log(), nodes.add(Add(), power, nodes.number(1.0, "one"), label="sum"), label="rest")
    return nodes.last(Add(), nodes.add(Relu(), nodes.source, label="above"), rest)


def _softsign(nodes: Nodes) -> list[Node] | None:
    magnitude = nodes.add(Abs(), nodes.source, label="magnitude")
    return nodes.last(Div(), nodes.source, nodes.add(Add(), magnitude, nodes.number(1.0, "one"), label="sum"))


def _mish(nodes: Nodes) -> list[Node] | None:
    curve = nodes.add(Tanh(), nodes.add(Softplus(), nodes.source, label="softplus"), label="tanh")
    return nodes.last(Mul(), nodes.source, curve)


def _thresholded(nodes: Nodes) -> list[Node] | None:
    above = nodes.add(Greater(), nodes.source, nodes.number(nodes.op.alpha, "alpha"), label="above")
    return nodes.last(Select(), above, nodes.source, nodes.number(0.0, "zero"))


def _hyperbolic(combine: Add | Sub) -> Rule:
    """(exp(x) ± exp(-x)) / 2."""

    def rule(nodes: Nodes) -> list[Node] | None:
        rising = nodes.add(Exp(), nodes.source, label="rising")
        falling = nodes.add(Exp(), nodes.add(Neg(), nodes.source, label="negative"), label="falling")
        return nodes.last(Mul(), nodes.add(combine, rising, falling, label="both"), nodes.number(0.5, "half"))

    return rule


def _tan(nodes: Nodes) -> list[Node] | None:
    sine, cosine = (nodes.add(op, nodes.source, label=op.name) for op in (Sin(), Cos()))
    return nodes.last(Div(), sine, cosine)


def _gelu(nodes: Nodes) -> list[Node] | None:
    """x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))); the exact one needs GELU."""
    if not nodes.op.approximate:
        return None

    def scaled(value: Value, factor: float, label: str) -> Value:
        return nodes.add(Mul(), value, nodes.number(factor, f"{label}_factor"), label=label)

    x = nodes.source
    cube = nodes.add(Mul(), nodes.add(Mul(), x, x, label="square"), x, label="cube")
    inner = nodes.add(Add(), x, scaled(cube, 0.044715, "cubic"), label="inner")
    curve = nodes.add(Tanh(), scaled(inner, math.sqrt(2.0 / math.pi), "scaled"), label="tanh")
    share = nodes.add(Add(), curve, nodes.number(1.0, "one"), label="share")
    return nodes.last(Mul(), scaled(x, 0.5, "halved"), share)


def _is_nan(nodes: Nodes) -> list[Node] | None:
    return nodes.last(NotEqual(), nodes.source, nodes.source)


def _is_inf(nodes: Nodes) -> list[Node] | None:
    if nodes.op.positive and nodes.op.negative:
        magnitude = nodes.add(Abs(), nodes.source, label="magnitude")
        return nodes.last(Equal(), magnitude, nodes.number(math.inf, "infinity"))
    if not (nodes.op.positive or nodes.op.negative):
        return None
    return nodes.last(Equal(), nodes.source, nodes.number(math.inf if nodes.op.positive else -math.inf, "infinity"))


RULES: Mapping[str, Rule] = {
    "Clip": _clip,
    "IsInf": _is_inf,
    "IsNaN": _is_nan,
    "Pow": function,
    **{
        name: _formula(rule)
        for name, rule in {
            "Celu": _celu,
            "Cosh": _hyperbolic(Add()),
            "Elu": _elu,
            "Gelu": _gelu,
            "HardSigmoid": _hard_sigmoid,
            "Mish": _mish,
            "Reciprocal": _reciprocal,
            "Selu": _selu,
            "Sinh": _hyperbolic(Sub()),
            "Softplus": _softplus,
            "Softsign": _softsign,
            "Tan": _tan,
            "ThresholdedRelu": _thresholded,
        }.items()
    },
}
