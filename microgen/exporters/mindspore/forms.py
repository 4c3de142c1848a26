"""How an operator is spelt in MindSpore's primitives; those with windows over images are in images.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgen.exporters.mindspore.writer import NCHW, Type, Writer, image_of, kind_of, unsupported
from microgen.frontends.mindspore.schema import REDUCTIONS, TYPE_NUMBERS
from microgen.mindir import DType, Node, Value
from microgen.ops.attributes import Activation
from microgen.ops.base import op_of

Form = Callable[[Writer, Node], None]
FORMS: dict[str, Form] = {}

_PRIMITIVES = {name: primitive for primitive, name in REDUCTIONS.items() if not primitive.endswith("Ext")}
_NUMBERS = {name: number for number, name in TYPE_NUMBERS.items()}


def form(*names: str) -> Callable[[Form], Form]:
    """Enter a function under operators' names."""

    def enter(function: Form) -> Form:
        FORMS.update(dict.fromkeys(names, function))
        return function

    return enter


def default_form(w: Writer, node: Node) -> None:
    """An operator that is one primitive without attributes, with the clamp behind it if it has one."""
    op: Any = op_of(node)
    fields = {f.name: f.default for f in dataclasses.fields(op) if f.name != "activation"}
    if not op.mindspore or any(getattr(op, name) != default for name, default in fields.items()):
        shown = ", ".join(f"{name}={getattr(op, name)}" for name in fields)
        raise unsupported(node, f"{op.name}({shown})")
    elementwise(w, node, op.mindspore[0])


def elementwise(w: Writer, node: Node, primitive: str, extra: Sequence[str] = ()) -> None:
    """``primitive`` on all inputs, in the order of dimensions in which they are at hand."""
    if as_image(w, node):
        kind, inputs = image_of(node.output), [_image_operand(w, v) for v in node.inputs if v is not None]
    else:
        kind, inputs = kind_of(node.output), [w.plain(v) for v in node.inputs if v is not None]
    finish(w, node, w.add(primitive, [*inputs, *extra], kind), image=as_image(w, node))


def as_image(w: Writer, node: Node) -> bool:
    """Whether an elementwise ``node`` is best computed in [N, C, H, W]: an image that it reads is at hand so only."""
    values = [v for v in node.inputs if v is not None]
    if len(node.output.shape) != 4 or not any(w.is_image(v) for v in values):
        return False
    return all(v.is_const or len(v.shape) == 4 for v in values)


def _image_operand(w: Writer, value: Value) -> str:
    if not value.is_const or len(value.shape) == 4:
        return w.nchw(value)
    if not value.shape:
        return w.plain(value)
    wide = value.const.reshape((*(1,) * (4 - len(value.shape)), *value.shape))
    return w.parameter(np.transpose(wide, NCHW), value.name)


def finish(w: Writer, node: Node, name: str, *, image: bool = False) -> None:
    """``name`` is ``node``'s result before the clamp that is fused into it."""
    kind = image_of(node.output) if image else kind_of(node.output)
    name = clamped(w, name, kind, vars(node.op).get("activation", Activation.NONE))
    (w.set_nchw if image else w.set_plain)(node.output, name)


def clamped(w: Writer, name: str, kind: Type, activation: Activation) -> str:
    """``name`` with an activation behind it."""
    if activation is Activation.RELU:
        return w.add("ReLU", [name], kind)
    if activation is Activation.RELU6:
        return w.add("ReLU6", [name], kind)
    if activation is Activation.RELU_N1_TO_1:
        return w.add("ClampScalar", [name, w.literal(-1.0), w.literal(1.0)], kind)
    return name


# Element by element -------------------------------------------------------------------------------------


@form("LeakyRelu")
def _leaky_relu(w: Writer, node: Node) -> None:
    alpha = vars(node.op)["alpha"]
    image = as_image(w, node)
    kind = image_of(node.output) if image else kind_of(node.output)
    x = w.nchw(node.input(0)) if image else w.plain(node.input(0))
    # Below 1 the larger of the two is right on both sides of zero, above 1 the smaller.
    scaled = w.add("Mul", [x, scalar(w, alpha)], kind)
    finish(w, node, w.add("Maximum" if alpha <= 1 else "Minimum", [x, scaled], kind), image=image)


@form("Elu")
def _elu(w: Writer, node: Node) -> None:
    alpha = vars(node.op).get("alpha", 1.0)
    if alpha != 1.0:
        raise unsupported(node, f"Elu(alpha={alpha})")
    elementwise(w, node, "Elu", [w.literal(1.0)])


@form("Celu")
def _celu(w: Writer, node: Node) -> None:
    elementwise(w, node, "CeLU", [w.literal(float(vars(node.op)["alpha"]))])


@form("Round")
def _round(w: Writer, node: Node) -> None:
    elementwise(w, node, "Round", [w.literal(0)])


@form("Clip")
def _clip(w: Writer, node: Node) -> None:
    largest = float(np.finfo(np.float32).max)
    bounds = (min(max(float(vars(node.op)[n]), -largest), largest) for n in ("low", "high"))
    elementwise(w, node, "ClampScalar", [w.literal(b) for b in bounds])


@form("Gelu")
def _gelu(w: Writer, node: Node) -> None:
    if vars(node.op)["approximate"]:
        elementwise(w, node, "GeLU")
        return
    image = as_image(w, node)
    kind = image_of(node.output) if image else kind_of(node.output)
    x = w.nchw(node.input(0)) if image else w.plain(node.input(0))
    error = w.add("Erf", [w.add("Mul", [x, scalar(w, 0.5**0.5)], kind)], kind)
    half = w.add("Mul", [x, scalar(w, 0.5)], kind)
    finish(w, node, w.add("Mul", [half, w.add("Add", [error, scalar(w, 1.0)], kind)], kind), image=image)


@form("PRelu")
def _prelu(w: Writer, node: Node) -> None:
    image = as_image(w, node)
    kind = image_of(node.output) if image else kind_of(node.output)
    x, slope = (_image_operand(w, v) if image else w.plain(v) for v in (node.input(0), node.input(1)))
    below = w.add("Mul", [w.add("Minimum", [x, scalar(w, 0.0)], kind), slope], kind)
    finish(w, node, w.add("Add", [w.add("ReLU", [x], kind), below], kind), image=image)


@form("Cast")
def _cast(w: Writer, node: Node) -> None:
    elementwise(w, node, "Cast", [w.literal(_NUMBERS[node.output.type.dtype.value])])


def scalar(w: Writer, value: float) -> str:
    """A float32 tensor without dimensions."""
    return w.parameter(np.array(value, np.float32), "scalar")


# Along axes ---------------------------------------------------------------------------------------------


@form("Softmax", "LogSoftmax")
def _softmax(w: Writer, node: Node) -> None:
    op, x = vars(node.op), w.plain(node.input(0))
    kind, axis = kind_of(node.output), int(op.get("axis", -1))
    beta = op.get("beta", 1.0)
    if beta != 1.0:
        x = w.add("Mul", [x, scalar(w, beta)], kind)
    where = w.literal((axis,)) if node.op.name == "Softmax" else w.literal(axis)
    finish(w, node, w.add(node.op.name, [x, where], kind))


@form(*_PRIMITIVES)
def _reduce(w: Writer, node: Node) -> None:
    source, op = node.input(0), vars(node.op)
    axes, keep = tuple(int(a) for a in op["axes"]), bool(op["keep_dims"])
    image = w.is_image(source) and (keep or axes == (1, 2))
    if image:
        axes = tuple(sorted(NCHW.index(a) for a in axes))
    inputs = [w.nchw(source) if image else w.plain(source), w.literal(axes), w.literal(keep)]
    if node.op.name == "Sum":
        inputs.append(w.literal(False))
    image = image and keep
    kind = image_of(node.output) if image else kind_of(node.output)
    finish(w, node, w.add(_PRIMITIVES[node.op.name], inputs, kind), image=image)


@form("ArgMax", "ArgMin")
def _arg(w: Writer, node: Node) -> None:
    op, source = vars(node.op), node.input(0)
    if op["keep_dims"] or op["last"]:
        raise unsupported(node, f"{node.op.name}(keep_dims={op['keep_dims']}, last={op['last']})")
    number = w.literal(_NUMBERS[node.output.type.dtype.value])
    inputs = [w.plain(source), w.literal(int(op["axis"]) % len(source.shape)), number]
    finish(w, node, w.add("Argmax" if node.op.name == "ArgMax" else "Argmin", inputs, kind_of(node.output)))


@form("CumulativeSum")
def _cumulative_sum(w: Writer, node: Node) -> None:
    op, source = vars(node.op), node.input(0)
    flags = [w.literal(bool(op[n])) for n in ("exclusive", "reverse")]
    inputs = [w.plain(source), w.literal(int(op["axis"]) % len(source.shape)), *flags]
    finish(w, node, w.add("CumSum", inputs, kind_of(node.output)))


@form("TopK")
def _top_k(w: Writer, node: Node) -> None:
    op, source = vars(node.op), node.input(0)
    places = node.outputs[1]
    if int(op["axis"]) % len(source.shape) != len(source.shape) - 1 or not op["largest"]:
        raise unsupported(node, f"TopK(axis={op['axis']}, largest={op['largest']})")
    kinds = [kind_of(node.outputs[0]), (DType.INT32, places.shape)]
    result = w.add_tuple("TopK", [w.plain(source), w.literal(int(op["k"]))], kinds, {"sorted": True})
    w.set_plain(node.outputs[0], w.element(result, 0, kinds[0]))
    name = w.element(result, 1, kinds[1])
    if places.type.dtype is not DType.INT32:
        name = w.add("Cast", [name, w.literal(_NUMBERS[places.type.dtype.value])], kind_of(places))
    w.set_plain(places, name)


@form("LayerNorm")
def _layer_norm(w: Writer, node: Node) -> None:
    x, op = node.input(0), vars(node.op)
    first = len(x.shape) - op["axes"]
    shape = x.shape[first:]
    gamma, beta = node.optional_input(1), node.optional_input(2)
    inputs = [
        w.plain(x),
        w.plain(gamma) if gamma is not None else w.parameter(np.ones(shape, np.float32), "gamma"),
        w.plain(beta) if beta is not None else w.parameter(np.zeros(shape, np.float32), "beta"),
        w.literal(first),
        w.literal(first),
        w.literal(float(op["epsilon"])),
    ]
    moments = (x.type.dtype, (*x.shape[:first], *(1,) * len(shape)))
    result = w.add_tuple("LayerNorm", inputs, [kind_of(node.output), moments, moments])
    finish(w, node, w.element(result, 0, kind_of(node.output)))


# Matrices -----------------------------------------------------------------------------------------------


@form("FullyConnected")
def _fully_connected(w: Writer, node: Node) -> None:
    x, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    units, depth = weights.shape
    rows = node.output.type.elements // units
    name, kind = w.plain(x), (node.output.type.dtype, (rows, units))
    if x.shape != (rows, depth):
        name = w.add("Reshape", [name, w.literal((rows, depth))], (x.type.dtype, (rows, depth)))
    name = w.add("MatMul", [name, w.plain(weights), w.literal(False), w.literal(True)], kind)
    if bias is not None:
        values = w.parameter(bias.const.reshape(-1), bias.name) if bias.is_const else w.plain(bias)
        name = w.add("BiasAdd", [name, values, w.literal(0)], kind)
    if node.output.shape != kind[1]:
        name = w.add("Reshape", [name, w.literal(node.output.shape)], kind_of(node.output))
    finish(w, node, name)


@form("BatchMatMul")
def _batch_matmul(w: Writer, node: Node) -> None:
    a, b = node.input(0), node.input(1)
    flags = [w.literal(bool(vars(node.op)[n])) for n in ("transpose_a", "transpose_b")]
    primitive = "MatMul" if len(a.shape) == len(b.shape) == 2 else "BatchMatMul"
    finish(w, node, w.add(primitive, [w.plain(a), w.plain(b), *flags], kind_of(node.output)))
