"""Walks the graph of a .mindir file: literals, parameters, calls of primitives and of functions."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microgen.errors import InputError, UnsupportedError, VerifyError, one_line
from microgen.frontends.builder import GraphBuilder
from microgen.frontends.mindspore import arithmetic, arrays, images, pools, structure
from microgen.frontends.mindspore.call import HANDLERS, Call, Item
from microgen.frontends.mindspore.tensors import Literal, element_type, literal, tensor, text
from microgen.frontends.options import ImportOptions
from microgen.mindir import DType, Graph, TensorType, Value
from microgen.ops.registry import by_mindspore_name

_HANDLER_MODULES = (arithmetic, arrays, images, pools, structure)  # imported for the handlers that they enter
_REFERENCE = "REF::"
_CONSTANT = "Constant"
# Bounds on what a small file can make of itself by functions that call functions and by tuples of tuples.
_MAX_NODES = 20_000
_MAX_DEPTH = 32
_MAX_OUTPUTS = 1_000


class _Unknown:
    """Stands for the result of a layer that could not be imported."""


class Importer:
    """One file's graph. ``folder`` is where external data may lie, None for nowhere."""

    def __init__(self, model: Any, options: ImportOptions, folder: Path | None) -> None:
        self._model = model
        self._options = options
        self._folder = folder
        self._functions = {text(g.name): g for g in model.functions}
        self._primitives = {text(p.name): p for p in model.primitives}
        self._problems: list[str] = []
        self._unknown_primitive = False
        self._globals: dict[str, Any] = {}
        self._nodes = 0
        self._labels: Counter[str] = Counter()

    def graph(self, name: str) -> Graph:
        """The graph; UnsupportedError with all problems, InputError where the file contradicts itself."""
        b = GraphBuilder(name)
        graph = self._model.graph
        for parameter in (p for g in (graph, *self._functions.values()) for p in g.parameter):
            self._parameter(b, parameter, text(graph.name))
        for function in (graph, *self._functions.values()):
            for node in function.node:
                if text(node.op_type) == _CONSTANT:
                    self._constant(node)
        self._inputs(b, graph)
        outputs = self._run(b, graph, ChainMap(self._globals), 0)
        values = [] if self._problems else list(_flat(Call(b, "Return", (), {}), outputs))
        if self._problems:
            known = ", ".join(sorted({*HANDLERS, *by_mindspore_name()}))
            hint = f"Supported primitives are {known}" if self._unknown_primitive else ""
            raise UnsupportedError(self._problems, hint=hint)
        if not values:
            raise InputError("the graph has no output")
        return b.graph(values)

    # The interface ------------------------------------------------------------------------------------

    def _parameter(self, b: GraphBuilder, message: Any, graph: str) -> None:
        name = text(message.name)
        short = name.removeprefix(f"{graph}:")
        try:
            self._globals[name] = b.constant(tensor(message, short, self._folder), short)
        except VerifyError as error:
            self._problems.append(f"{one_line(short, 80)} (parameter): {one_line(error.what)}")
            self._globals[name] = _Unknown()

    def _constant(self, node: Any) -> None:
        name = text(node.output[0]) if node.output else text(node.name)
        attribute = next((a for a in node.attribute if a.name == b"value"), None)
        if attribute is None:
            raise InputError("the constant has no value", where=one_line(name))
        try:
            self._globals[name] = literal(attribute, name, self._folder)
        except VerifyError as error:
            self._problems.append(f"{one_line(name, 80)} (constant): {one_line(error.what)}")
            self._globals[name] = _Unknown()

    def _inputs(self, b: GraphBuilder, graph: Any) -> None:
        known = {text(i.name).removeprefix(f"{text(graph.name)}:") for i in graph.input}
        for wanted in (*self._options.input_shapes, *self._options.constants):
            if wanted not in known:
                hint = f"Its inputs are {', '.join(sorted(one_line(n, 60) for n in known))}"
                raise InputError(f"the model has no input {wanted!r}", hint=hint)
        for message in graph.input:
            name = text(message.name)
            short = name.removeprefix(f"{text(graph.name)}:")
            if len(message.tensor) != 1:
                self._problems.append(f"{one_line(short, 80)} (model input): it is no tensor")
                self._globals[name] = _Unknown()
                continue
            try:
                type_ = self._input_type(message.tensor[0], short)
            except VerifyError as error:
                self._problems.append(f"{one_line(short, 80)} (model input): {one_line(error.what)}")
                self._globals[name] = _Unknown()
                continue
            fixed = self._options.constants.get(short)
            if fixed is None:
                self._globals[name] = b.input(short, type_)
            elif fixed.shape != type_.shape or fixed.dtype != type_.dtype.numpy:
                raise InputError(f"is {type_}, the given constant is {fixed.dtype} {list(fixed.shape)}", where=short)
            else:
                self._globals[name] = b.constant(np.array(fixed), short)

    def _input_type(self, message: Any, name: str) -> TensorType:
        dtype, shape = DType(element_type(message, name).name), tuple(int(d) for d in message.dims)
        given = self._options.input_shapes.get(name)
        if given is not None:
            if len(given) != len(shape) or any(a not in (b, -1) and b > 0 for a, b in zip(given, shape, strict=True)):
                raise InputError(f"shape {list(given)} does not fit the model's {list(shape)}", where=one_line(name))
            shape = tuple(given)
        elif shape[:1] == (-1,) and all(d > 0 for d in shape[1:]):
            shape = (1, *shape[1:])
        if any(d <= 0 for d in shape):
            hint = f"Give one: --input-shape {one_line(name)}:1,…"
            raise InputError(f"shape {list(shape)} is not static", where=one_line(name), hint=hint)
        return TensorType(dtype, shape)

    # The nodes ----------------------------------------------------------------------------------------

    def _run(self, b: GraphBuilder, graph: Any, names: ChainMap[str, Any], depth: int) -> Any:
        """What ``graph`` returns, its inputs and what it captures being in ``names``."""
        scope = names.new_child()
        for node in graph.node:
            operator = text(node.op_type)
            if operator == _CONSTANT:
                continue
            self._nodes += 1
            if self._nodes > _MAX_NODES:
                raise InputError(f"has more than {_MAX_NODES} nodes, its functions' counted as often as called")
            if not node.output:
                raise InputError("has no output", where=one_line(text(node.name)))
            scope[text(node.output[0])] = self._node(b, graph, node, operator, scope, depth)
        if not graph.output:
            raise InputError("the graph has no output", where=one_line(text(graph.name)))
        results = tuple(self._lookup(scope, text(o.name), text(graph.name)) for o in graph.output)
        return results[0] if len(results) == 1 else results

    def _lookup(self, scope: Mapping[str, Any], name: str, where: str) -> Any:
        if name not in scope:
            raise InputError(f"reads {one_line(name)!r}, which nothing computes before", where=one_line(where))
        return scope[name]

    def _node(self, b: GraphBuilder, graph: Any, node: Any, operator: str, scope: Mapping[str, Any], depth: int) -> Any:
        label = self._label(node, text(graph.name))
        target = operator.removeprefix(_REFERENCE)
        items = tuple(self._lookup(scope, text(i), label) for i in node.input)
        if target in self._functions:
            return self._call(b, self._functions[target], items, label, depth)
        primitive = self._primitives.get(target)
        name = text(primitive.op_type) if primitive is not None else target.rsplit(":", 1)[0]
        handler = HANDLERS.get(name)
        operation = by_mindspore_name().get(name)
        line = f"{one_line(label, 80)} ({one_line(name, 80)})"
        if handler is None and operation is None:
            self._problems.append(f"{line}: this primitive is not supported")
            self._unknown_primitive = True
            return _Unknown()
        if name != structure.ORDER_ONLY and any(isinstance(i, _Unknown) for i in items):
            return _Unknown()
        attributes: dict[str, Callable[[], Literal]] = {}
        for message in (*(primitive.attribute if primitive is not None else ()), *node.attribute):
            attributes[text(message.name)] = partial(literal, message, label, self._folder)
        b.scope = label
        call = Call(b, name, items, attributes)
        try:
            if handler is not None:
                return handler(call)
            assert operation is not None
            return b.add(operation(), *call.tensors())
        except VerifyError as error:
            self._problems.append(f"{line}: {one_line(error.what, 600)}")
            return _Unknown()

    def _label(self, node: Any, graph: str) -> str:
        """A layer's name: where it stands in the network, or the name of its result; numbered when it is repeated."""
        label = text(node.domain).removeprefix("Default/")
        label = label or (text(node.name) or text(node.output[0])).removeprefix(f"{graph}:")
        self._labels[label] += 1
        return label if self._labels[label] == 1 else f"{label}.{self._labels[label]}"

    def _call(self, b: GraphBuilder, function: Any, items: tuple[Item, ...], label: str, depth: int) -> Any:
        """The function's nodes in place of the call."""
        name = text(function.name)
        if depth >= _MAX_DEPTH:
            raise InputError(f"calls functions more than {_MAX_DEPTH} deep", where=one_line(name))
        if len(items) != len(function.input):
            what = f"{len(items)} arguments are given to a function of {len(function.input)}"
            raise InputError(what, where=one_line(label))
        inputs = {text(i.name): item for i, item in zip(function.input, items, strict=True)}
        return self._run(b, function, ChainMap(inputs, self._globals), depth + 1)


def _flat(call: Call, item: Any) -> Iterable[Value]:
    """The tensors of nested tuples, in order."""
    pending, found = [item], 0
    while pending:
        item = pending.pop(0)
        if isinstance(item, tuple):
            pending[:0] = item
        elif item is not None:
            yield call.as_tensor(item)
        found += 1
        if found + len(pending) > _MAX_OUTPUTS:
            raise InputError(f"the graph has more than {_MAX_OUTPUTS} outputs")
