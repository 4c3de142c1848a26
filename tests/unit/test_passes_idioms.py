"""Functions that exporters spell out become one operator; what merely looks like them stays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from microgen.mindir import Value
from microgen.ops.attributes import Activation
from microgen.passes.idioms import IDIOMS
from microgen.passes.idioms_norm import PATTERNS
from tests.support.networks import OPS, names, optimized
from tests.unit.test_passes_fold import Builder

Spelling = Callable[[Builder, Value], Value]


def mul(b: Builder, x: Value, y: Value | float) -> Value:
    return b.add(OPS.Mul(), x, y if isinstance(y, Value) else b.number(y))


def plus(b: Builder, x: Value, y: Value | float) -> Value:
    return b.add(OPS.Add(), x, y if isinstance(y, Value) else b.number(y))


def div(b: Builder, x: Value, y: Value | float) -> Value:
    return b.add(OPS.Div(), x, y if isinstance(y, Value) else b.number(y))


def clip(b: Builder, x: Value, low: float = 0.0, high: float = 6.0) -> Value:
    return b.add(OPS.Clip(low, high), x)


def one_plus_erf(b: Builder, x: Value) -> Value:
    return plus(b, b.add(OPS.Erf(), div(b, x, math.sqrt(2))), 1)


def tanh_inner(b: Builder, x: Value) -> Value:
    cube = mul(b, x, mul(b, x, x))
    inner = mul(b, plus(b, x, mul(b, cube, 0.044715)), math.sqrt(2 / math.pi))
    return plus(b, b.number(1), b.add(OPS.Tanh(), inner))


SPELLINGS: dict[str, tuple[str, Spelling]] = {
    "gelu_torch": ("Gelu", lambda b, x: mul(b, mul(b, x, one_plus_erf(b, x)), 0.5)),
    "gelu_half_x": ("Gelu", lambda b, x: mul(b, mul(b, x, 0.5), one_plus_erf(b, x))),
    "gelu_half_gate": ("Gelu", lambda b, x: mul(b, x, mul(b, b.number(0.5), one_plus_erf(b, x)))),
    "gelu_root": ("Gelu", lambda b, x: mul(b, mul(b, x, 0.5), plus(b, b.add(OPS.Erf(), mul(b, x, 0.70710677)), 1))),
    "gelu_tanh": ("Gelu", lambda b, x: mul(b, mul(b, x, 0.5), tanh_inner(b, x))),
    "gelu_tanh_gate": ("Gelu", lambda b, x: mul(b, x, mul(b, tanh_inner(b, x), 0.5))),
    "hard_swish_hard_sigmoid": ("HardSwish", lambda b, x: mul(b, x, b.add(OPS.HardSigmoid(1 / 6, 0.5), x))),
    "hard_swish_clip": ("HardSwish", lambda b, x: div(b, mul(b, x, clip(b, plus(b, x, 3))), 6)),
    "hard_swish_clip_first": ("HardSwish", lambda b, x: mul(b, div(b, clip(b, plus(b, x, 3)), 6), x)),
    "hard_swish_relu6": ("HardSwish", lambda b, x: mul(b, mul(b, x, b.add(OPS.Relu6(), plus(b, x, 3))), 1 / 6)),
    "hard_sigmoid_clip": ("HardSigmoid", lambda b, x: div(b, clip(b, plus(b, x, 3)), 6)),
    "hard_sigmoid_line": ("HardSigmoid", lambda b, x: clip(b, plus(b, mul(b, x, 0.2), 0.5), 0, 1)),
    "relu_maximum": ("Relu", lambda b, x: b.add(OPS.Maximum(), b.number(0), x)),
    "relu_clip": ("Relu", lambda b, x: clip(b, x, 0, math.inf)),
    "relu6_clip": ("Relu6", lambda b, x: clip(b, x)),
    "relu6_minimum": ("Relu6", lambda b, x: b.add(OPS.Minimum(), b.add(OPS.Maximum(), x, b.number(0)), b.number(6))),
    "relu6_relu": ("Relu6", lambda b, x: b.add(OPS.Minimum(), b.add(OPS.Relu(), x), b.number(6))),
    "logistic": (
        "Logistic",
        lambda b, x: b.add(OPS.Reciprocal(), plus(b, b.add(OPS.Exp(), b.add(OPS.Neg(), x)), 1)),
    ),
    "softplus": ("Softplus", lambda b, x: b.add(OPS.Log(), plus(b, b.add(OPS.Exp(), x), 1))),
    "mish": ("Mish", lambda b, x: mul(b, x, b.add(OPS.Tanh(), b.add(OPS.Softplus(), x)))),
    "softsign": ("Softsign", lambda b, x: div(b, x, plus(b, b.add(OPS.Abs(), x), 1))),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelled_out_activations(spelling: str) -> None:
    name, spell = SPELLINGS[spelling]
    b = Builder()
    x = b.input(1, 4, 5)
    y = b.add(OPS.Tanh(), x)  # what is behind an operator, as in a network
    graph = optimized(b.graph(spell(b, mul(b, plus(b, y, y), b.input(1, 4, 5)))))
    assert names(graph)[:3] == ["Tanh", "Add", "Mul"]
    fused = name in ("Relu", "Relu6")
    assert names(graph)[3:] == ([] if fused else [name])
    if fused:
        assert vars(graph.nodes[2].op)["activation"] is Activation(name.upper())


def test_the_two_forms_of_gelu_are_told_apart() -> None:
    for approximate, spelling in ((False, "gelu_torch"), (True, "gelu_tanh")):
        b = Builder()
        graph = optimized(b.graph(SPELLINGS[spelling][1](b, b.input(1, 7))))
        assert vars(graph.nodes[0].op) == {"approximate": approximate}


@pytest.mark.parametrize(
    "spell",
    [
        lambda b, x: mul(b, x, b.add(OPS.Logistic(), x)),
        lambda b, x: div(b, mul(b, x, clip(b, plus(b, x, 3))), 5),
        lambda b, x: mul(b, mul(b, x, 0.5), plus(b, b.add(OPS.Erf(), mul(b, x, 0.8)), 1)),
        lambda b, x: b.add(OPS.Maximum(), x, b.number(0.001)),
        lambda b, x: clip(b, x, 0, 5),
        lambda b, x: mul(b, x, b.add(OPS.HardSigmoid(0.2, 0.5), x)),
    ],
)
def test_what_only_looks_like_an_activation_stays(spell: Spelling) -> None:
    b = Builder()
    before = b.graph(spell(b, b.input(1, 4, 5)))
    found, table = set(names(optimized(before))), {idiom.op.name for idiom in IDIOMS}
    assert found & table <= set(names(before))


def test_a_gate_that_others_read_stays() -> None:
    b = Builder()
    x = b.input(1, 4, 5)
    gate = b.add(OPS.HardSigmoid(), x)
    assert names(optimized(b.graph(mul(b, x, gate), gate))) == ["HardSigmoid", "Mul"]


def layer_norm(b: Builder, x: Value, axes: tuple[int, ...], square: str = "Mul", root: str = "Div") -> Value:
    mean = b.add(OPS.Mean(axes, True), x)
    centred = b.add(OPS.Sub(), x, mean)
    if square == "Mul":
        squares = mul(b, centred, centred)
    elif square == "Pow":
        squares = b.add(OPS.Pow(), b.add(OPS.Sub(), x, mean), b.number(2))
    elif square == "Square":
        squares = b.add(OPS.Square(), centred)
    else:
        squares = b.add(OPS.SquaredDifference(), mean, x)
    variance = plus(b, b.add(OPS.Mean(axes, True), squares), 1e-5)
    if root == "Div":
        return div(b, centred, b.add(OPS.Sqrt(), variance))
    if root == "Rsqrt":
        return mul(b, b.add(OPS.Rsqrt(), variance), centred)
    return mul(b, centred, b.add(OPS.Reciprocal(), b.add(OPS.Sqrt(), variance)))


@pytest.mark.parametrize("square", ["Mul", "Pow", "Square", "SquaredDifference"])
@pytest.mark.parametrize("root", ["Div", "Rsqrt", "Reciprocal"])
def test_layer_normalization(square: str, root: str) -> None:
    b = Builder()
    y = layer_norm(b, b.input(2, 5, 8), (2,), square, root)
    y = plus(b, b.const(8), mul(b, y, b.const(1, 1, 8)))
    graph = optimized(b.graph(y))
    assert names(graph) == ["LayerNorm"]
    assert [v is None for v in graph.nodes[0].inputs] == [False] * 3
    assert vars(graph.nodes[0].op) == {"axes": 1, "epsilon": pytest.approx(1e-5)}


def test_layer_normalization_over_two_dimensions() -> None:
    b = Builder()
    y = mul(b, layer_norm(b, b.input(2, 5, 8), (1, 2)), b.const(5, 8))
    assert names(optimized(b.graph(y))) == ["LayerNorm"]


def test_layer_normalization_of_channels_in_front() -> None:
    b = Builder()
    x = b.add(OPS.Transpose((0, 3, 1, 2)), b.add(OPS.MaxPool2D(), b.input(1, 6, 6, 8)))
    y = plus(b, mul(b, layer_norm(b, x, (1,)), b.const(8, 1, 1)), b.const(8, 1, 1))
    y = b.add(OPS.AveragePool2D(), b.add(OPS.Transpose((0, 2, 3, 1)), y))
    assert names(optimized(b.graph(y))) == ["MaxPool2D", "LayerNorm", "AveragePool2D"]


def test_a_normalization_over_inner_dimensions_stays() -> None:
    b = Builder()
    assert "LayerNorm" not in names(optimized(b.graph(layer_norm(b, b.input(2, 5, 8), (1,)))))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("axis", [1, 2])
def test_softmax(axis: int, shifted: bool) -> None:
    b = Builder()
    x = b.input(2, 5, 8)
    power = b.add(OPS.Exp(), b.add(OPS.Sub(), x, b.add(OPS.ReduceMax((axis,), True), x)) if shifted else x)
    graph = optimized(b.graph(div(b, power, b.add(OPS.Sum((axis,), True), power))))
    assert names(graph) == ["Softmax"]


def test_a_quotient_of_other_sums_stays() -> None:
    b = Builder()
    power = b.add(OPS.Exp(), b.input(2, 5, 8))
    graph = optimized(b.graph(div(b, power, b.add(OPS.Sum((1, 2), True), power))))
    assert names(graph) == ["Exp", "Sum", "Div"]


def test_every_idiom_has_a_reason() -> None:
    assert all(idiom.reason for idiom in IDIOMS)
    assert all(pattern.reason and pattern.name for pattern in PATTERNS)
    assert len({pattern.name for pattern in PATTERNS}) == len(PATTERNS)
    assert not np.any([a.op == b.op for i, a in enumerate(IDIOMS) for b in IDIOMS[i + 1 :]])
