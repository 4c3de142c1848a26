"""Networks whose course depends on the input: branches, loops, and both in each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, QuantParams, TensorType, Value
from microgen.ops.if_then import If
from microgen.ops.while_loop import While
from tests.support.networks import OPS

Q = QuantParams.per_tensor(0.05, -7)
COUNT = TensorType(DType.INT32, (1,))
IMAGE = TensorType(DType.INT8, (1, 8), Q)
ROW = TensorType(DType.FLOAT32, (1, 4))


def part(name: str, types: list[TensorType], make: Callable[[GraphBuilder, list[Value]], list[Value]]) -> Graph:
    """A sub-graph that takes tensors of ``types``."""
    b = GraphBuilder(name)
    values = [b.input(f"{name}_{index}", type_) for index, type_ in enumerate(types)]
    return b.graph(make(b, values))


def number(b: GraphBuilder, value: int) -> Value:
    return b.constant(np.array([value], np.int32))


def at_most(b: GraphBuilder, count: Value) -> Value:
    """``count``, so small that a loop ends for every input."""
    return b.add(OPS.Minimum(), count, number(b, 40))


def dense(b: GraphBuilder, x: Value, seed: int) -> Value:
    """A dense layer in int8 that keeps shape and scale."""
    chance = np.random.default_rng(seed)
    weights = b.constant(
        chance.integers(-127, 128, (8, 8)).astype(np.int8), quant=QuantParams((0.004,) * 8, (0,) * 8, 0)
    )
    bias = b.constant(chance.integers(-999, 999, 8).astype(np.int32))
    return b.add(OPS.FullyConnected(), x, weights, bias, quant=Q)


def less(graph_name: str, types: list[TensorType], at: int, limit: int) -> Graph:
    """Whether the count ``at`` is below another, or below the number −``limit``."""

    def make(b: GraphBuilder, v: list[Value]) -> list[Value]:
        return [b.add(OPS.Less(), v[at], v[limit] if limit >= 0 else number(b, -limit))]

    return part(graph_name, types, make)


def branch_int8() -> Graph:
    """An element of the input says which of two dense layers comes next; the second branch has another one behind."""
    b = GraphBuilder("branch_int8")
    x = b.input("x", IMAGE)
    first = b.add(OPS.Slice((0, 0), (1, 1)), x, quant=Q)
    zero = b.constant(np.zeros((1, 1), np.int8), quant=Q)
    truth = b.add(OPS.Less(), first, zero)
    then = part("then", [IMAGE], lambda b, v: [dense(b, v[0], 1)])
    otherwise = part("otherwise", [IMAGE], lambda b, v: [dense(b, dense(b, v[0], 2), 3)])
    y = b.add(If(then, otherwise), truth, x, quant=Q)
    return b.graph([dense(b, y, 4), x])


def loop_int8() -> Graph:
    """A dense layer as often as the second input says."""
    types = [COUNT, IMAGE, COUNT]
    b = GraphBuilder("loop_int8")
    x, n = b.input("x", IMAGE), b.input("n", COUNT)
    body = part("body", types, lambda b, v: [b.add(OPS.Add(), v[0], number(b, 1)), dense(b, v[1], 5), v[2]])
    start = b.add(OPS.Sub(), n, n)
    made = b.add_all(While(less("goes_on", types, 0, 2), body), start, x, at_most(b, n), quants=[None, Q, None])
    return b.graph([dense(b, made[1], 6), made[0]])


def fibonacci() -> Graph:
    """Carried tensors that change places; one that is constant at first; an unused one in the condition."""
    types = [COUNT, COUNT, COUNT]

    def step(b: GraphBuilder, v: list[Value]) -> list[Value]:
        return [b.add(OPS.Sub(), v[0], number(b, 1)), v[2], b.add(OPS.Add(), v[1], v[2])]

    positive = part("positive", types, lambda b, v: [b.add(OPS.Less(), number(b, 0), v[0])])
    b = GraphBuilder("fibonacci")
    n = b.input("n", COUNT)
    made = b.add_all(While(positive, part("step", types, step)), at_most(b, n), number(b, 0), number(b, 1))
    return b.graph([made[1], made[2]])


def nested_float() -> Graph:
    """In a loop in float a branch and another loop, whose length is the outer one's count."""
    types = [COUNT, ROW, COUNT]
    inner_types = [COUNT, ROW, COUNT]

    def inner_step(b: GraphBuilder, v: list[Value]) -> list[Value]:
        half = b.constant(np.array([[0.5, 0.75, -0.5, 0.25]], np.float32))
        return [b.add(OPS.Add(), v[0], number(b, 1)), b.add(OPS.Add(), v[1], half), v[2]]

    def step(b: GraphBuilder, v: list[Value]) -> list[Value]:
        inner = While(less("inner_goes_on", inner_types, 0, 2), part("inner_step", inner_types, inner_step))
        _, row, _ = b.add_all(inner, number(b, 0), v[1], v[0])
        odd = b.add(OPS.Less(), v[0], number(b, 2))
        double = part("double", [ROW], lambda b, v: [b.add(OPS.Add(), v[0], v[0])])
        tanh = part("tanh", [ROW], lambda b, v: [b.add(OPS.Tanh(), v[0])])
        row = b.add(If(double, tanh), odd, row)
        return [b.add(OPS.Add(), v[0], number(b, 1)), row, v[2]]

    b = GraphBuilder("nested_float")
    x, n = b.input("x", ROW), b.input("n", COUNT)
    loop = While(less("goes_on", types, 0, 2), part("step", types, step))
    return b.graph([b.add_all(loop, b.add(OPS.Sub(), n, n), x, at_most(b, n))[1]])


def branches_without_layers() -> Graph:
    """Branches that hand on an operand, or give a constant."""
    b = GraphBuilder("branches_without_layers")
    x, n = b.input("x", IMAGE), b.input("n", COUNT)
    truth = b.add(OPS.Less(), n, number(b, 3))
    row = np.arange(8, dtype=np.int8).reshape(1, 8)
    then = part("same", [IMAGE], lambda b, v: [v[0], v[0]])
    otherwise = part("fixed", [IMAGE], lambda b, v: [b.constant(row, quant=Q), v[0]])
    return b.graph(b.add_all(If(then, otherwise), truth, x, quants=[Q, Q]))


MODELS = {f.__name__: f for f in (branch_int8, loop_int8, fibonacci, nested_float, branches_without_layers)}
#: Counts that are given to the loops.
COUNTS = (0, 1, 2, 3, 7, 40)


def inputs_for(graph: Graph) -> list[Array]:
    """A sample for each of ``COUNTS``."""
    chance = np.random.default_rng(3)
    arrays: list[Array] = []
    for value in graph.inputs:
        shape = (len(COUNTS), *value.shape)
        if value.type.dtype is DType.INT8:
            arrays.append(chance.integers(-128, 128, shape).astype(np.int8))
        elif value.type.dtype is DType.INT32:
            arrays.append(np.array(COUNTS, np.int32).reshape(shape))
        else:
            arrays.append(chance.standard_normal(shape).astype(np.float32))
    return arrays
