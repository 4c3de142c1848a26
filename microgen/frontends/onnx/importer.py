"""From a parsed model to a graph: scopes, order, functions, and every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgen.errors import InputError, UnsupportedError, VerifyError, one_line
from microgen.frontends.onnx import attributes, functions, inputs, legacy, reading, unsigned
from microgen.frontends.onnx.context import TRANSLATORS, Context, FoldingBuilder, Item, Known, Results
from microgen.frontends.onnx.order import in_order, label_of, outer_names
from microgen.frontends.onnx.scope import Scope
from microgen.frontends.onnx.tensors import Tensors
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph, Value
from microgen.ops.registry import by_onnx_name

if TYPE_CHECKING:
    import onnx

# Functions may call functions: how deep, and how many nodes all of that may come to.
_MAX_DEPTH = 24
_MAX_NODES = 200_000


class _UnknownOperatorError(VerifyError):
    """There is no such operator in microgen."""


class Importer:
    """Reads one model; ``graph`` gives the result."""

    def __init__(self, model: onnx.ModelProto, options: ImportOptions) -> None:
        self._model = model
        self._options = options
        self._tensors = Tensors(options.folder)
        self._b = FoldingBuilder("")
        self._problems: list[str] = []
        self._hints: dict[str, None] = {}
        self._depth = 0
        self._count = 0
        self._functions = {(reading.domain(f.domain), f.name, f.overload): f for f in model.functions}

    def graph(self, name: str) -> Graph:
        """The verified graph; UnsupportedError with every problem, InputError for a file that contradicts itself."""
        self._b.name = name
        graph = self._model.graph
        scope = Scope(reading.opsets(self._model))
        self._initialize(graph, scope)
        self._inputs(graph, scope)
        self._b.reserve(o.name for o in graph.output)
        for node in in_order(graph.node, scope.items):
            self._top_level(node, scope)
        outputs = []
        for output in graph.output:
            item = scope.find(output.name)
            try:
                if item is not None:
                    outputs.append(self._output(item, output.name))
            except VerifyError as error:
                self._problem(f"{one_line(output.name, 80)} (model output)", error)
        if self._problems:
            raise UnsupportedError(self._problems, hint=". ".join(self._hints))
        return self._b.graph(outputs)

    def _output(self, item: Item, name: str) -> Value:
        if isinstance(item, Known):
            return item.value(self._b)
        item = self._b.current(item)
        return unsigned.raw(self._b, item, name) if item in self._b.unsigned else item

    # Names --------------------------------------------------------------------------------------------

    def _problem(self, label: str, error: VerifyError) -> None:
        self._problems.append(f"{label}: {one_line(error.what, 600)}")
        if error.hint:
            self._hints.setdefault(error.hint)

    def _initialize(self, graph: onnx.GraphProto, scope: Scope) -> None:
        for tensor in graph.initializer:
            try:
                scope.items[tensor.name] = Known(tensor.name, self._tensors.array(tensor))
            except VerifyError as error:
                self._problem(f"{one_line(tensor.name, 80)} (initializer)", error)
                scope.items[tensor.name] = None
        for sparse in graph.sparse_initializer:
            label = f"{one_line(sparse.values.name, 80)} (initializer)"
            self._problem(label, VerifyError("sparse tensors are not supported"))
            scope.items[sparse.values.name] = None

    def _inputs(self, graph: onnx.GraphProto, scope: Scope) -> None:
        names = [given.name for given in graph.input]
        inputs.check_options(self._options, names)
        shapes = inputs.Shapes(self._options)
        for given in graph.input:
            if given.name in scope.items and given.name not in self._options.constants:
                continue
            try:
                fixed = self._options.constants.get(given.name)
                if fixed is not None:
                    scope.items[given.name] = inputs.fixed(given, fixed)
                else:
                    scope.items[given.name] = self._b.input(given.name, shapes.type_of(given))
            except VerifyError as error:
                self._problem(f"{one_line(given.name, 80)} (model input)", error)
                scope.items[given.name] = None

    # Nodes --------------------------------------------------------------------------------------------

    def _top_level(self, node: onnx.NodeProto, scope: Scope) -> None:
        label = label_of(node)
        try:
            self._run(node, scope)
            return
        except _UnknownOperatorError as error:
            self._problem(label, error)
        except VerifyError as error:
            self._problem(label, error)
        except InputError as error:
            error.where = f"{label}: {error.where}" if error.where else label
            raise
        for name in node.output:
            scope.items[name] = None

    def _run(self, node: onnx.NodeProto, scope: Scope) -> None:
        """Translate ``node`` and enter its outputs into ``scope``."""
        self._count += 1
        if self._count > _MAX_NODES:
            raise VerifyError(f"the model has more than {_MAX_NODES} nodes")
        names = [scope.find(name) if name else None for name in node.input]
        captured = [scope.find(name) for name in outer_names(node)]
        if any(name and item is None for name, item in zip(node.input, names, strict=True)) or None in captured:
            # Some operand is missing for a reason already noted; the operator itself may be another problem.
            self._check_known(node, scope)
            for name in node.output:
                scope.items[name] = None
            return
        functions.check_node(node, scope.versions, self._model.ir_version, bool(scope.attributes))
        mark = self._b.mark()
        # Layers go by the name of their node; one without a name, by that of its output.
        label = node.name or f"{next(filter(None, node.output), '')}/{node.op_type}"
        outer, self._b.scope = self._b.scope, f"{scope.prefix}{label}"
        try:
            operands = unsigned.operands(self._b, node.op_type, names)
            results = self._translate(node, scope, operands, mark)
        finally:
            self._b.scope = outer
        items = [results] if isinstance(results, (Value, Known)) else list(results)
        unsigned.follow(self._b, node.op_type, operands, items)
        fresh: dict[Value, Value] = {}
        for i, name in enumerate(node.output):
            if not name:
                continue
            if i >= len(items):
                raise VerifyError(f"output {i} ({one_line(name, 80)!r}) is not supported")
            item = items[i]
            is_new = isinstance(item, Value) and not item.is_const and self._b.is_new(item, mark)
            if isinstance(item, Value) and is_new and item not in fresh:
                fresh[item] = self._b.renamed(item, f"{scope.prefix}{name}")
                if item in self._b.unsigned:
                    self._b.unsigned.add(fresh[item])
            scope.items[name] = fresh.get(item, item) if isinstance(item, Value) else item

    def _check_known(self, node: onnx.NodeProto, scope: Scope) -> None:
        """_UnknownOperatorError for an operator that nothing here translates."""
        domain = reading.domain(node.domain)
        key = node.op_type if not domain else f"{domain}:{node.op_type}"
        known = (
            (domain, node.op_type, node.overload) in self._functions
            or key in TRANSLATORS
            or (not domain and (node.op_type in by_onnx_name() or functions.has_body(node, scope.versions)))
        )
        if not known:
            raise _unknown(domain, node.op_type)

    def _translate(self, node: onnx.NodeProto, scope: Scope, items: tuple[Item | None, ...], mark: int) -> Results:
        domain = reading.domain(node.domain)
        local = self._functions.get((domain, node.op_type, node.overload))
        if local is not None:
            return self._expand(local, node, scope, items)
        self._check_known(node, scope)
        key = node.op_type if not domain else f"{domain}:{node.op_type}"
        plain, graphs = attributes.read(node, self._tensors, scope.attributes)
        context = Context(
            self._b,
            node.op_type,
            scope.versions.get(domain, 1),
            items,
            plain,
            tuple(node.output),
            graphs,
            lambda graph, given: self._branch(graph, scope, given),
        )
        try:
            if not domain:
                legacy.modernize(context)
            if key in TRANSLATORS:
                return TRANSLATORS[key](context)
            if not domain and node.op_type in by_onnx_name():
                op, operands = by_onnx_name()[node.op_type].from_onnx(context.source())
                return self._b.add_all(op, *operands)
        except VerifyError as refusal:
            body = None if domain else functions.body(node, scope.versions, items, scope.attributes)
            if body is None:
                raise
            self._b.rewind(mark)
            try:
                return self._expand(body, node, scope, items)
            except VerifyError:
                self._b.rewind(mark)
                raise refusal from None
        body = functions.body(node, scope.versions, items, scope.attributes)
        if body is None:
            raise _unknown(domain, node.op_type)
        return self._expand(body, node, scope, items)

    # Bodies -------------------------------------------------------------------------------------------

    def _expand(
        self, function: onnx.FunctionProto, node: onnx.NodeProto, scope: Scope, items: tuple[Item | None, ...]
    ) -> list[Item]:
        """The results of a function's body on the node's operands."""
        versions = {reading.domain(entry.domain): int(entry.version) for entry in function.opset_import}
        given = functions.arguments(function, node, scope.attributes, scope.versions)
        inner = Scope(versions or scope.versions, None, given, prefix=f"{self._b.scope}/")
        for i, name in enumerate(function.input):
            item = items[i] if i < len(items) else None
            if item is not None:
                inner.items[name] = item
        absent = {name for name in function.input if name not in inner.items}
        asked = [name if output else "" for name, output in zip(function.output, node.output, strict=False)]
        return self._body(function.node, asked, inner, absent)

    def _branch(self, graph: onnx.GraphProto, scope: Scope, given: Sequence[Item]) -> list[Item]:
        """The outputs of a subgraph of a node in ``scope``, its inputs being ``given``."""
        inner = Scope(scope.versions, scope, scope.attributes, prefix=f"{self._b.scope}/")
        inner.items.update(zip((i.name for i in graph.input), given, strict=True))
        for tensor in graph.initializer:
            inner.items[tensor.name] = Known(tensor.name, self._tensors.array(tensor))
        if graph.sparse_initializer:
            raise VerifyError("sparse tensors are not supported")
        outputs = [output.name for output in graph.output]
        return self._body(graph.node, outputs, inner, frozenset())

    def _body(
        self,
        nodes: Iterable[onnx.NodeProto],
        outputs: Iterable[str],
        inner: Scope,
        absent: Iterable[str],
    ) -> list[Item]:
        """Run ``nodes``; the results named ``outputs``, something empty for "", which nobody wants."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise VerifyError(f"functions call each other more than {_MAX_DEPTH} levels deep")
        try:
            known: dict[str, Item | None] = {}
            above: Scope | None = inner
            while above is not None:
                known.update(above.items)
                above = above.parent
            for node in in_order(nodes, known):
                try:
                    self._run(functions.without(node, absent), inner)
                except VerifyError as error:
                    raise VerifyError(f"{node.op_type} in its body: {error.what}", hint=error.hint) from None
            items = [inner.find(name) if name else Known("", np.empty(0)) for name in outputs]
        finally:
            self._depth -= 1
        return [item for item in items if item is not None]


def _unknown(domain: str, operator: str) -> _UnknownOperatorError:
    if domain:
        return _UnknownOperatorError(
            f"operator {one_line(operator, 80)} of domain {one_line(domain, 80)!r} is not supported"
        )
    return _UnknownOperatorError(f"operator {one_line(operator, 80)} is not supported")
