"""TensorFlow Lite: a .tflite file to MindIR. What an operator means is said in its module of ``microgen.ops``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.errors import InputError, UnsupportedError, VerifyError, one_line
from microgen.frontends import (
    flatbuffer,
    tflite_batches,
    tflite_control,
    tflite_custom,
    tflite_moves,
    tflite_schema,
    tflite_shapes,
    tflite_states,
)
from microgen.frontends.options import ImportOptions
from microgen.frontends.tflite_schema import Options, Record
from microgen.frontends.tflite_states import States
from microgen.frontends.tflite_tensors import Tensors
from microgen.mindir import Array, DType, Graph, Node, TensorType, Value, verify
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.known import evaluated
from microgen.ops.registry import by_tflite_custom_code, by_tflite_name
from microgen.ops.tflite_form import Option, TFLiteSource

SUFFIXES = (".tflite",)

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_CUSTOM = "CUSTOM"
_ETHOS_U = f"{_CUSTOM} ethos-u"
_LOOKUP = "EMBEDDING_LOOKUP"
_SHAPE_TYPES = (DType.INT32, DType.INT64)
_FILE_HINT = "Give a .tflite file as the TensorFlow Lite converter writes it"
_QUANTIZE_HINT = (
    "Quantize the whole model to int8, activations included (post-training full integer quantization), or nothing of it"
)


def recognizes(data: bytes) -> bool:
    """Whether ``data`` starts as a .tflite file does."""
    return data[4:8] == _IDENTIFIER


def load(source: bytes | str | Path, name: str | None = None, options: ImportOptions = ImportOptions()) -> Graph:
    """The first subgraph of a .tflite file, given by its bytes or path, as a verified graph.

    ``name`` names the graph (default: the file's stem). Shapes are the file's static ones: a batch of −1 in a
    shape signature is the 1 that the shape holds, and what the file computes from shapes is computed here. Raises
    InputError for data that is damaged or contradicts itself, and UnsupportedError with one line for every layer
    that microgen cannot compile.
    """
    if not isinstance(source, bytes):
        name = Path(source).stem if name is None else name
        source = _read(Path(source))
    if not recognizes(source):
        raise InputError("is not a TensorFlow Lite model (the identifier TFL3 is missing)", hint=_FILE_HINT)
    model = Record(flatbuffer.root(source, _IDENTIFIER), "Model")
    if model.integer("Version") != _SCHEMA_VERSION:
        raise InputError(f"has schema version {model.integer('Version')}, not {_SCHEMA_VERSION}")
    subgraphs = model.children("Subgraphs", "SubGraph")
    if not subgraphs:
        raise InputError("holds no subgraph")
    return _Importer(source, model, subgraphs, 0).graph(name or "model")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None


@dataclass(frozen=True, slots=True)
class _Layer:
    """One operator of the file, its indices checked. An absent input is None."""

    record: Record
    operator: str
    custom: bool
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]


class _RefusedError(Exception):
    """Why a layer cannot be compiled."""


class _UnknownOperatorError(_RefusedError):
    """There is no such operator in microgen."""


class _Importer:
    def __init__(
        self,
        data: bytes,
        model: Record,
        subgraphs: Sequence[Record],
        number: int,
        callers: frozenset[int] = frozenset(),
        budget: tflite_control.Budget | None = None,
    ) -> None:
        subgraph = subgraphs[number]
        self._budget = tflite_control.Budget() if budget is None else budget
        self._callers = callers | {number}
        self._data, self._model, self._subgraphs, self._number = data, model, subgraphs, number
        self._tensors = Tensors(data, model, subgraph)
        self._operators = [_operator(code) for code in model.children("OperatorCodes", "OperatorCode")]
        self._subgraph = subgraph
        self._inputs = self._indices(subgraph, "Inputs")
        self._outputs = self._indices(subgraph, "Outputs")
        self._layers = _in_order([self._layer(r) for r in subgraph.children("Operators", "Operator")])
        self._tables: dict[tuple[str, str], Record | None] = {}
        self._callees: dict[int, _Importer] = {}
        self._begin()

    def _begin(self) -> None:
        """Nothing of the subgraph has been met."""
        self._initial: dict[Hashable, Array] = {}
        self._states = States(self._initial)
        self._empty: set[int] = set()
        self._unpacked: dict[Value, Value] = {}
        self._batches: dict[Value, tuple[Value | None, ...]] = {}
        self._nodes: list[Node] = []
        self._problems: list[str] = []
        self._mixed_problem = False
        self._unknown_operator = False
        self._type_errors: list[VerifyError] = []

    def graph(self, name: str) -> Graph:
        """The graph, or every problem at once."""
        self._import()
        inputs = [self._interface(i, "input") for i in self._inputs]
        outputs = [self._interface(i, "output") for i in self._outputs]
        self._raise_problems()
        results = [v for v in outputs if v is not None]
        graph = Graph(name, [v for v in inputs if v is not None], results, self._nodes, self._states.states())
        verify(graph)
        return graph

    def assignments(self) -> dict[Hashable, Array]:
        """What the subgraph, which depends on nothing, assigns to resource variables."""
        self._import()
        self._raise_problems()
        if self._states.states():
            raise VerifyError("an initialization keeps tensors between invocations")
        values: dict[Value, Array] = {}
        for node in self._nodes:
            arrays = [None if v is None else (v.const[None] if v.is_const else values[v]) for v in node.inputs]
            values.update(zip(node.outputs, evaluated(node, arrays), strict=True))
        assigned = self._states.assigned()
        return {key: v.const if v.is_const else np.array(values[v][0]) for key, v in assigned.items()}

    def _import(self) -> None:
        self._check_not_compiled()
        self._check_computed()
        for layer in self._layers:
            self._add(layer)

    def _raise_problems(self) -> None:
        if len(self._problems) > len(self._type_errors):
            raise UnsupportedError(self._problems, hint=self._hint())
        if self._type_errors:
            raise self._type_errors[0]

    def _hint(self) -> str:
        hints = [_QUANTIZE_HINT] if self._mixed_problem else []
        if self._unknown_operator:
            known = sorted(
                {*by_tflite_name(), *tflite_batches.OPERATORS, *tflite_states.OPERATORS, *tflite_control.OPERATORS}
            )
            known += sorted(by_tflite_custom_code())
            hints.append(f"Supported operators are {', '.join(known)}")
        return ". ".join(hints)

    # Reading the file's structure ---------------------------------------------------------------------

    def _indices(self, record: Record, field: str) -> tuple[int, ...]:
        where = f"{record.path}.{field}"
        return tuple(self._tensors.check_index(index, where) for index in record.vector(field).tolist())

    def _layer(self, record: Record) -> _Layer:
        code = record.integer("OpcodeIndex")
        if code >= len(self._operators):
            raise InputError(f"refers to operator code {code}, the file has {len(self._operators)}", where=record.path)
        operator, custom = self._operators[code]
        where = f"{record.path}.Inputs"
        given = (None if i == -1 else self._tensors.check_index(i, where) for i in record.vector("Inputs").tolist())
        inputs = tuple(None if i is None or self._tensors.is_empty_list(i) else i for i in given)
        outputs = self._indices(record, "Outputs")
        if not outputs and operator not in tflite_states.OPERATORS:
            raise InputError(f"{operator} has no output", where=record.path)
        return _Layer(record, operator, custom, inputs, outputs)

    def _check_not_compiled(self) -> None:
        """UnsupportedError for what Vela wrote: its operators hold an NPU's commands."""
        for layer in self._layers:
            if layer.operator == _ETHOS_U:
                what = f"{layer.record.path} ({layer.operator}): the file was compiled for an Ethos-U NPU already"
                hint = "Give microgen the file that Vela was given, and the NPU with --npu, e.g. --npu ethos-u55-128"
                raise UnsupportedError([what], hint=hint)

    def _check_computed(self) -> None:
        """InputError when a layer or the caller reads a tensor that holds nothing."""
        available = set(self._inputs)
        for layer in self._layers:
            available.update(layer.outputs)
        reads = [(index, layer.record.path) for layer in self._layers for index in layer.inputs if index is not None]
        reads += [(index, f"{self._subgraph.path}.Outputs") for index in self._outputs]
        for index, where in reads:
            value = None if index in available else self._tensors[index].value
            if value is not None and not value.is_const and not self._tensors.is_variable(index):
                raise InputError(f"reads tensor {value.name!r}, which nothing computes", where=where)

    # Making nodes -------------------------------------------------------------------------------------

    def _interface(self, index: int, role: str) -> Value | None:
        tensor = self._tensors[index]
        if tensor.value is None:
            self._problems.append(f"{_short(tensor.name)} (model {role}): {one_line(tensor.problem)}")
        return tensor.value

    def _add(self, layer: _Layer) -> None:
        """The layer's node joins the others; when it cannot be compiled, the reason is noted."""
        named = layer.outputs or tuple(index for index in layer.inputs if index is not None)
        label = f"{_short(self._tensors.name(named[0]) if named else layer.record.path)} ({_short(layer.operator)})"
        try:
            if layer.operator in tflite_states.OPERATORS:
                self._keep(layer)
            elif layer.operator in tflite_batches.OPERATORS:
                self._nodes += self._blocks(layer)
            elif layer.operator in tflite_control.OPERATORS:
                self._control(layer)
            elif not self._is_shape_arithmetic(layer) and not self._is_empty(layer):
                self._append(self._make(self._filled(layer)), layer)
        except _UnknownOperatorError as error:
            # Whether its tensors are float says nothing: the converter leaves what it cannot quantize.
            self._problems.append(f"{label}: {error}")
            self._unknown_operator = True
        except _RefusedError as error:
            self._problems.append(f"{label}: {one_line(str(error), 600)}")
            self._mixed_problem |= self._is_mixed(layer)
        except VerifyError as error:
            self._problems.append(f"{label}: {one_line(error.what, 600)}")
            self._type_errors.append(error)
            if self._is_mixed(layer):
                self._mixed_problem = True
                error.hint = error.hint or _QUANTIZE_HINT

    def _append(self, node: Node, layer: _Layer) -> None:
        """A node joins the others; in a subgraph that is called, one that counts is computed instead."""
        known = tflite_control.computed(node) if self._number else None
        if known is None:
            self._nodes.append(tflite_control.sliced(node) if self._number else node)
            return
        for index, value in zip(layer.outputs, known, strict=True):
            self._tensors.replace(index, value)

    def _is_empty(self, layer: _Layer) -> bool:
        """Whether the layer takes nothing of a tensor: a list's part before its first element or behind its last."""
        if not self._number or layer.operator != "SLICE" or None in layer.inputs or len(layer.inputs) != 3:
            return False
        data, begin, size = (self._usable(index) for index in layer.inputs if index is not None)
        if not begin.is_const or not size.is_const or begin.shape != size.shape:
            return False
        parts = zip(data.shape, begin.const.reshape(-1).tolist(), size.const.reshape(-1).tolist(), strict=False)
        if any(taken == 0 or (taken == -1 and first == length) for length, first, taken in parts):
            self._empty.update(layer.outputs)
        return not self._empty.isdisjoint(layer.outputs)

    def _filled(self, layer: _Layer) -> _Layer:
        """The layer without empty tensors among those that it joins."""
        if layer.operator != "CONCATENATION":
            return layer
        return dataclasses.replace(layer, inputs=tuple(index for index in layer.inputs if index not in self._empty))

    def _keep(self, layer: _Layer) -> None:
        """An operator on resource variables: no node, but what is known of them changes."""

        def table(name: str) -> Record | None:
            return self._options(layer, name)

        def operand(index: int) -> int | None:
            return layer.inputs[index] if index < len(layer.inputs) else None

        if layer.operator == tflite_states.HANDLE and layer.outputs:
            self._states.open(layer.outputs[0], table)
        elif layer.operator == tflite_states.READ and layer.outputs:
            result = self._usable(layer.outputs[0])
            self._tensors.replace(layer.outputs[0], self._states.read(operand(0), result))
        elif layer.operator == tflite_states.ASSIGN and (source := operand(1)) is not None:
            self._states.assign(operand(0), self._usable(source))
        elif layer.operator == tflite_states.ONCE:
            number = tflite_states.initialization(table)
            if not 0 < number < len(self._subgraphs) or self._number:
                raise InputError(f"cannot call subgraph {number} once", where=layer.record.path)
            self._initial.update(_Importer(self._data, self._model, self._subgraphs, number).assignments())
        else:
            raise _RefusedError("has too few inputs or outputs")

    def _is_mixed(self, layer: _Layer) -> bool:
        """Whether some of a layer's tensors are quantized and others are floats."""
        values = [self._tensors[i].value for i in (*layer.inputs, *layer.outputs) if i is not None]
        types = [v.type for v in values if v is not None]
        return any(t.dtype.is_float for t in types) and any(t.quant is not None for t in types)

    def _make(self, layer: _Layer) -> Node:
        """The layer as a node; _RefusedError with the reason, or VerifyError when the file contradicts itself."""
        code = layer.operator.removeprefix(f"{_CUSTOM} ")
        operator = by_tflite_custom_code().get(code) if layer.custom else by_tflite_name().get(layer.operator)
        if operator is None and layer.operator in tflite_shapes.OPTIONS:
            raise _RefusedError("computes with shapes that are only known at run time")
        if operator is None:
            raise _UnknownOperatorError("this operator is not supported")
        inputs = tuple(None if index is None else self._usable(index) for index in layer.inputs)
        outputs = tuple(self._result(index) for index in layer.outputs)
        kept = self._variables(layer, operator.tflite_states)
        found = [inputs[place] for place in kept]
        outputs += tuple(Value(f"{value.name}/left", value.type) for value in found if value is not None)
        options: Callable[[str], Option]
        if layer.custom:
            options = tflite_custom.options(layer.record)
        else:
            table = operator.tflite_table(layer.operator)
            options = Options(table, self._options(layer, table))
        try:
            int4 = tuple(i for i, index in enumerate(layer.inputs) if index is not None and self._tensors[index].packed)
            op, operands = operator.from_tflite(TFLiteSource(layer.operator, inputs, outputs, options, int4))
        except VerifyError as error:
            raise _RefusedError(error.what) from None
        operands = self._plain(layer.operator, operands, outputs)
        views, operands = tflite_moves.taken_over(layer.operator, operands, outputs)
        self._nodes += views
        own = [tflite_states.inside(outputs[0].name, i, array) for i, array in enumerate(op.initial_states(operands))]
        operands += tuple(state.before for state in own)
        outputs += tuple(state.after for state in own)
        node = self._with_known_shapes(Node(op, operands, outputs, outputs[0].name), layer)
        op.check_types(node)
        for problem in op.problems(node):
            raise _RefusedError(problem)
        for value, index in zip(outputs[len(layer.outputs) :], kept.values(), strict=False):
            self._states.leave(index, value)
        self._states.keep(own)
        return node

    def _result(self, index: int) -> Value:
        if self._tensors.is_variable(index):
            name = _short(self._tensors.name(index))
            raise _RefusedError(f"its result {name!r} is a variable, kept from one invocation to the next")
        return self._usable(index)

    def _variables(self, layer: _Layer, places: Sequence[int]) -> dict[int, int]:
        """The tensor's index for each input, by its place, that the operator keeps."""
        found = {}
        for place in places:
            index = layer.inputs[place] if place < len(layer.inputs) else None
            if index is None or not self._tensors.is_variable(index):
                raise _RefusedError(f"input {place} is no variable tensor")
            found[place] = index
        return found

    def _blocks(self, layer: _Layer) -> list[Node]:
        """The nodes for a layer that turns blocks of pixels into images of a batch, or back."""
        inputs = tuple(None if index is None else self._usable(index) for index in layer.inputs)
        (index,) = layer.outputs[:1]
        output = self._usable(index)
        try:
            shape = tflite_batches.output_shape(layer.operator, inputs)
            if self._tensors.is_dynamic(index) and output.shape != shape:
                output = dataclasses.replace(output, type=dataclasses.replace(output.type, shape=shape))
                self._tensors.replace(index, output)
            if layer.operator == tflite_batches.TO_BATCH:
                self._batches[output] = inputs
            else:
                made = tflite_batches.dilated(self._nodes, self._batches, inputs, output)
                if made is not None:
                    return made
            return tflite_batches.nodes(layer.operator, inputs, output)
        except VerifyError as error:
            raise _RefusedError(error.what) from None

    def _control(self, layer: _Layer) -> None:
        """The nodes for a loop or a branch whose course is known, or for a tensor taken apart."""
        options = Options(
            tflite_control.TABLES[layer.operator], self._options(layer, tflite_control.TABLES[layer.operator])
        )
        if not layer.inputs or any(index is None for index in layer.inputs):
            raise _RefusedError("lacks an input")
        operands = [self._usable(index) for index in layer.inputs if index is not None]
        outputs = [self._usable(index) for index in layer.outputs]
        try:
            if layer.operator == tflite_control.UNPACK:
                axis = options("Axis")
                assert isinstance(axis, int)
                if len(operands) != 1:
                    raise VerifyError(f"has {len(operands)} inputs, not 1")
                views, (source,) = tflite_moves.taken_over(layer.operator, operands, outputs)
                assert source is not None
                self._nodes += [*views, *tflite_control.unpack(source, axis, outputs)]
                return
            first, second = (self._callee(layer, options(f)) for f in tflite_control.SUBGRAPHS[layer.operator])
            try:
                if layer.operator == tflite_control.WHILE:
                    made, results = tflite_control.unroll(first.inlined, second.inlined, operands, outputs)
                else:
                    made, results = tflite_control.branch(
                        first.inlined, second.inlined, operands[0], operands[1:], outputs
                    )
            except tflite_control.UnknownCourseError as unknown:
                try:
                    made, results = self._kept_control(layer, first, second, operands, outputs)
                except VerifyError as error:
                    raise VerifyError(f"{unknown.what}, and the sub-graphs cannot stay: {error.what}") from None
        except VerifyError as error:
            raise _RefusedError(error.what) from None
        self._nodes += made
        for index, value in zip(layer.outputs, results, strict=True):
            self._tensors.replace(index, value)

    def _kept_control(
        self, layer: _Layer, first: _Importer, second: _Importer, operands: list[Value], outputs: list[Value]
    ) -> tuple[list[Node], list[Value]]:
        """The node for a loop or a branch whose course depends on the input, and the values that ``outputs`` are.

        Constants that the sub-graphs take and a loop leaves as they are become theirs.
        """
        loop = layer.operator == tflite_control.WHILE
        given = operands if loop else operands[1:]
        same = second.passed_through() if loop else range(len(given))
        bound = {index for index in same if index < len(given) and given[index].is_const}
        results = list(outputs)
        if len(outputs) != len(given) and loop:
            raise VerifyError(f"the loop takes {len(given)} tensors and gives {len(outputs)}")
        keeping = [index for index in range(len(outputs)) if not loop or index not in bound]
        for index in bound if loop else ():
            results[index] = given[index]
        free = [value for index, value in enumerate(given) if index not in bound]
        one = first.standalone(given, bound, *((1, [0]) if loop else (len(outputs), keeping)))
        two = second.standalone(given, bound, len(outputs), keeping)
        for place, index in enumerate(keeping):
            if self._tensors.is_dynamic(layer.outputs[index]) and place < len(two.outputs):
                results[index] = dataclasses.replace(results[index], type=two.outputs[place].type)
        inputs = free if loop else [operands[0], *free]
        node = tflite_control.kept(layer.operator, (one, two), inputs, [results[index] for index in keeping])
        return [node], results

    def passed_through(self) -> list[int]:
        """The inputs of the subgraph that are its outputs in the same place."""
        pairs = zip(self._inputs, self._outputs, strict=False)
        return [place for place, (index, output) in enumerate(pairs) if index == output]

    def standalone(self, operands: Sequence[Value], bound: set[int], total: int, results: Sequence[int]) -> Graph:
        """The subgraph as a graph for operands of these types, of which those ``bound`` are known, with some of its
        ``total`` outputs; VerifyError when that is not possible.
        """
        self._budget.keep()
        if len(self._callers) > tflite_control.MAX_DEPTH:
            raise VerifyError(f"sub-graphs are nested more than {tflite_control.MAX_DEPTH} deep")
        named = [Value(self._tensors.name(index), v.type) for index, v in zip(self._inputs, operands, strict=False)]
        given = [v if i in bound else named[i] for i, v in enumerate(operands[: len(named)])]
        nodes, outputs = self.inlined([*given, *operands[len(named) :]])
        if len(outputs) != total:
            raise VerifyError(f"a subgraph gives {len(outputs)} tensors, not {total}")
        free = [value for index, value in enumerate(given) if index not in bound]
        name = self._subgraph.text("Name") or f"subgraph_{self._number}"
        return Graph(name, free, [outputs[index] for index in results], nodes)

    def _callee(self, layer: _Layer, number: object) -> _Importer:
        """A subgraph that a layer calls."""
        if not isinstance(number, int) or not 0 < number < len(self._subgraphs) or number in self._callers:
            raise InputError(f"cannot call subgraph {number}", where=layer.record.path)
        if number not in self._callees:
            self._callees[number] = _Importer(
                self._data, self._model, self._subgraphs, number, self._callers, self._budget
            )
        return self._callees[number]

    def inlined(self, operands: Sequence[Value]) -> tuple[list[Node], list[Value]]:
        """(nodes, outputs) of the subgraph with ``operands`` as its inputs; VerifyError when that is not possible."""
        self._budget.call()
        if len(operands) != len(self._inputs):
            raise VerifyError(f"a subgraph takes {len(self._inputs)} tensors and is given {len(operands)}")
        self._begin()
        self._tensors.restore()
        for index, value in zip(self._inputs, operands, strict=True):
            inner = self._tensors[index].value
            if inner is not None and (inner.type.dtype is not value.type.dtype or _scaled_otherwise(inner, value)):
                raise VerifyError(f"a subgraph takes {inner.type} and is given {value.type}")
            self._tensors.replace(index, value)
        self._import()
        if self._problems:
            raise VerifyError("; ".join(self._problems))
        if self._states.keeps:
            raise VerifyError("its subgraph keeps tensors between invocations")
        return self._nodes, [self._usable(index) for index in self._outputs]

    def _plain(
        self, operator: str, operands: tuple[Value | None, ...], outputs: tuple[Value, ...]
    ) -> tuple[Value | None, ...]:
        """The operands of a layer, those of a hybrid one unpacked: it computes in float with constant weights in int8.

        That a hybrid layer of the file may ask for its input to be quantized as it runs is not followed: that is an
        approximation of what is computed here.
        """
        first = operands[0] if operands else None
        if first is None or not all(v.type.dtype is DType.FLOAT32 for v in outputs):
            return operands
        packed = operator == _LOOKUP and first.is_const
        if first.type.dtype is not DType.FLOAT32 and not packed:
            return operands
        return tuple(v if v is None or not v.is_const or v.type.quant is None else self._unpack(v) for v in operands)

    def _unpack(self, packed: Value) -> Value:
        if packed not in self._unpacked:
            plain = Value(packed.name, TensorType(DType.FLOAT32, packed.shape))
            node = Node(Dequantize(), (packed,), (plain,), packed.name)
            node.op.check(node)
            self._nodes.append(node)
            self._unpacked[packed] = plain
        return self._unpacked[packed]

    def _is_shape_arithmetic(self, layer: _Layer) -> bool:
        """Whether the layer only computes with shapes; its output is a constant from now on."""
        output = self._tensors[layer.outputs[0]].value
        if layer.custom or len(layer.outputs) != 1 or output is None or output.type.dtype not in _SHAPE_TYPES:
            return False
        data = self._shape_data(layer)
        if data is None or data.shape != output.shape:
            return False
        self._tensors.replace(layer.outputs[0], dataclasses.replace(output, data=data.astype(output.type.dtype.numpy)))
        return True

    def _shape_data(self, layer: _Layer) -> Array | None:
        values = [None if index is None else self._tensors[index].value for index in layer.inputs]
        if layer.operator == "SHAPE":
            return None if len(values) != 1 or values[0] is None else np.array(values[0].shape, np.int32)
        arrays = [value.const for value in values if value is not None and value.is_const]
        if layer.operator not in tflite_shapes.OPTIONS or not arrays or len(arrays) != len(values):
            return None
        schema = tflite_shapes.OPTIONS[layer.operator]
        return tflite_shapes.compute(layer.operator, arrays, Options(schema, self._options(layer, schema)))

    def _with_known_shapes(self, node: Node, layer: _Layer) -> Node:
        """``node`` with inferred shapes for outputs that the file declares with an unknown dimension."""
        if not any(self._tensors.is_dynamic(index) for index in layer.outputs):
            return node
        try:
            inferred = op_of(node).infer(node)
        except VerifyError:
            return node  # the check of its types says what is wrong, and where
        outputs = list(node.outputs)
        for i, (index, (_, shape)) in enumerate(zip(layer.outputs, inferred, strict=False)):
            if self._tensors.is_dynamic(index) and outputs[i].shape != shape and not outputs[i].is_const:
                type_ = TensorType(outputs[i].type.dtype, shape, outputs[i].type.quant)
                outputs[i] = self._tensors.replace(index, dataclasses.replace(outputs[i], type=type_))
        return dataclasses.replace(node, outputs=tuple(outputs))

    def _usable(self, index: int) -> Value:
        tensor = self._tensors[index]
        if tensor.value is None:
            raise _RefusedError(tensor.problem)
        if self._tensors.is_variable(index):
            return self._states.tensor(index, tensor.value)
        return tensor.value

    def _options(self, layer: _Layer, schema: str | None) -> Record | None:
        """The layer's options table; None when it is missing or nobody asks for one."""
        if schema is None:
            return None
        key = (layer.record.path, schema)
        if key not in self._tables:
            self._tables[key] = self._read_options(layer, schema)
        return self._tables[key]

    def _read_options(self, layer: _Layer, schema: str) -> Record | None:
        kind = layer.record.integer("BuiltinOptionsType")
        if kind == 0:
            return None
        found = tflite_schema.names("BuiltinOptions").get(kind, f"of the unknown type {kind}")
        if found != schema:
            raise InputError(f"{layer.operator}'s options are {found}, not {schema}", where=layer.record.path)
        return layer.record.child("BuiltinOptions", schema)


def _scaled_otherwise(one: Value, other: Value) -> bool:
    """Whether the same bytes mean other numbers: both have quantization parameters, and they differ."""
    return one.type.quant is not None and other.type.quant is not None and one.type.quant != other.type.quant


def _short(name: str) -> str:
    """A name in a list of layers: converters join those of all fused operators."""
    return one_line(name, 80)


def _operator(code: Record) -> tuple[str, bool]:
    """(name, whether it is a custom one) of an operator code.

    Files from before the schema had more than 127 operators keep the number in the deprecated field; newer ones
    put 127 there when it does not fit. The larger of the two is right.
    """
    number = max(code.integer("BuiltinCode"), code.integer("DeprecatedBuiltinCode"))
    name = tflite_schema.names("BuiltinOperator").get(number, f"operator {number}")
    return (f"{_CUSTOM} {code.text('CustomCode')}", True) if name == _CUSTOM else (name, False)


def _in_order(layers: list[_Layer]) -> list[_Layer]:
    """``layers`` such that tensors are computed before they are read, otherwise in the file's order.

    Raises InputError when a tensor is computed twice or layers wait for each other.
    """
    producer: dict[int, int] = {}
    for number, layer in enumerate(layers):
        for index in layer.outputs:
            if producer.setdefault(index, number) != number:
                raise InputError(f"tensor {index} is computed twice", where=layer.record.path)
    done = [False] * len(layers)
    ordered: list[_Layer] = []
    waiting: list[set[int]] = [{producer[i] for i in layer.inputs if i in producer} for layer in layers]
    readers: list[list[int]] = [[] for _ in layers]
    for number, needed in enumerate(waiting):
        for other in needed:
            readers[other].append(number)
    for first in range(len(layers)):
        ready = [first] if not done[first] and not waiting[first] else []
        while ready:
            number = ready.pop()
            done[number] = True
            ordered.append(layers[number])
            for reader in reversed(readers[number]):
                waiting[reader].discard(number)
                # Later layers come up by themselves; an earlier one was passed over and is due now.
                if not waiting[reader] and reader < first and not done[reader]:
                    ready.append(reader)
    if not all(done):
        raise InputError(
            "this operator reads, directly or not, what it computes", where=layers[done.index(False)].record.path
        )
    return ordered
