"""From a plan to the view that the templates lay out: every call, every address, every table."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from microgen.codegen import kernels
from microgen.codegen.control import SubGraph, control_view
from microgen.codegen.kernels import Parameter
from microgen.codegen.literals import C_TYPES, float_literal, int_literal
from microgen.codegen.rolling import roll
from microgen.codegen.tables import ParameterPool, TablePool, pointer
from microgen.codegen.view import (
    CallView,
    GraphView,
    LayerView,
    LoopView,
    ModelView,
    OutputView,
    PlaceView,
    PortView,
    StartView,
    StateView,
)
from microgen.mindir import Graph, Node, State, Value
from microgen.ops.base import Op
from microgen.ops.call import Arg, Call, Const, Context, Float, Input, Int, Null, Output, Scratch, Struct
from microgen.plan.model import Plan, Step

# The return type of kernels that report an error; other results are ignored.
CHECKED_TYPE = "arm_cmsis_nn_status"


def build_view(
    plan: Plan,
    name: str,
    runtime_c: Path,
    layouts: Mapping[str, tuple[int, ...]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> ModelView:
    """The view of ``plan`` for a project named ``name`` whose kernels come from ``runtime_c``.

    ``layouts`` names inputs and outputs whose dimensions are the model file's, rearranged; ``notes`` say more of
    inputs.
    """
    return _Builder(plan, name, runtime_c, layouts or {}, notes or {}).build()


class _Builder:
    def __init__(
        self,
        plan: Plan,
        name: str,
        runtime_c: Path,
        layouts: Mapping[str, tuple[int, ...]],
        notes: Mapping[str, str],
    ) -> None:
        self.layouts = layouts
        self.notes = notes
        self.plan = plan
        self.name = name
        self.functions = kernels.functions(runtime_c)
        self.tables = TablePool(name)
        self.parameters = ParameterPool(kernels.structs(runtime_c), self.tables)
        self.prefix = ""
        self.top: int | None = None
        self.symbols = _symbols(plan, self.prefix)
        self.graphs: list[GraphView] = []
        self.numbers = itertools.count(1)

    def build(self) -> ModelView:
        start = tuple(self.start(index, step) for index, step in enumerate(self.plan.start))
        layers = tuple(self.layer(index, step) for index, step in enumerate(self.plan.steps))
        graph = self.plan.graph
        self.tables.begin(None)
        inputs = tuple(self.port(index, value) for index, value in enumerate(graph.inputs))
        outputs = tuple(self.port(index, value) for index, value in enumerate(graph.outputs))
        states = tuple(self.state(index, state) for index, state in enumerate(graph.states))
        tables = self.tables.tables
        calls = [call for layer in layers for call in layer.calls]
        every = [*calls, *(call for part in self.graphs for layer in part.layers for call in layer.calls)]
        bound = list(_calls(self.plan))
        asked = {call.size_query.function for call in bound if call.size_query is not None}
        return ModelView(
            prefix=self.name,
            macro=self.name.upper(),
            graph_name=graph.name,
            inputs=inputs,
            outputs=outputs,
            states=states,
            layers=layers,
            sections=self.sections(layers),
            places=self.places(graph),
            tables=tables,
            parameters=self.parameters.parameters,
            functions=tuple(sorted({call.function for call in bound if not call.from_library})),
            library_functions=tuple(sorted({call.function for call in bound if call.from_library} | asked)),
            arena_bytes=max(self.plan.arena_bytes, 1),  # C has no empty arrays
            state_bytes=self.plan.state_bytes,
            alignment=self.plan.alignment,
            uses_context=any(call.context for call in calls),
            uses_arena=any(layer.calls or layer.control for layer in layers),
            has_guards=any(call.guard for call in every),
            start=start,
            graphs=tuple(self.graphs),
        )

    def sections(self, layers: tuple[LayerView, ...]) -> tuple[LayerView | LoopView, ...]:
        offsets = {symbol: self.plan.offsets[value] for value, symbol in self.symbols.items()}
        offsets |= {self.scratch_symbol(index): step.scratch_offset for index, step in enumerate(self.plan.steps)}

        def function(layer: int, call: int) -> kernels.Function:
            return self.functions[self.plan.steps[layer].calls[call].function]

        return roll([step.node for step in self.plan.steps], layers, function, offsets)

    def layer(self, index: int, step: Step) -> LayerView:
        node = step.node
        assert isinstance(node.op, Op)
        self.tables.begin(node.name)
        parts = [self.sub_graph(index, plan) for plan in step.inner]
        self.tables.begin(node.name)
        names = dict.fromkeys((*(self.link_name(call) for call in step.calls), *(part.function for part in parts)))
        return LayerView(
            index=index,
            name=node.name,
            op=node.op.name,
            kernel=" + ".join(names) or "none",
            macs=node.op.macs(node),
            input_shapes=tuple(v.shape for v in node.inputs if v is not None and not v.is_const),
            output_shapes=tuple(value.shape for value in node.outputs),
            calls=tuple(self.call(self.owner(index), self.scratch_symbol(index), node, call) for call in step.calls),
            inputs=tuple(self.tensor(i, v) for i, v in enumerate(node.inputs) if v is not None and not v.is_const),
            outputs=tuple(self.tensor(i, v) for i, v in enumerate(node.outputs)),
            layers=node.op.inside_names,
            control=control_view(self.plan, step, lambda value: self.place(index, value), parts),
            graphs=tuple(part.function for part in parts),
        )

    def sub_graph(self, index: int, plan: Plan) -> SubGraph:
        """A sub-graph of layer ``index``; its function joins the others."""
        number = next(self.numbers)
        inner = copy.copy(self)  # tables, parameters and functions are the network's
        inner.plan, inner.prefix = plan, f"GRAPH_{number}_"
        inner.top = index if self.top is None else self.top
        inner.symbols = _symbols(plan, inner.prefix)
        layers = tuple(inner.layer(at, step) for at, step in enumerate(plan.steps))
        self.graphs.append(
            GraphView(
                function=f"graph_{number}",
                layer=inner.top,
                name=plan.graph.name,
                arena_bytes=plan.arena_bytes,
                layers=layers,
                places=inner.places(plan.graph),
                uses_context=any(call.context for layer in layers for call in layer.calls),
                uses_arena=any(layer.calls or layer.control for layer in layers),
            )
        )
        scratch = self.scratch_symbol(index)

        def address(value: Value) -> str:
            return inner.place(len(layers), value).replace("AT(", f"AT({scratch} + ")

        return SubGraph(f"graph_{number}", f"AT({scratch})", plan.graph, address)

    def owner(self, index: int) -> str:
        """What the names of a layer's tables begin with."""
        return f"{self.prefix.lower()}layer{index}"

    def scratch_symbol(self, index: int) -> str:
        return f"{self.prefix}SCRATCH_{index}"

    def place(self, index: int, value: Value) -> str:
        """Where a value is that layer ``index`` reads or writes, a constant's table included."""
        return self.operand(f"{self.owner(index)}_operand", value, 0, f"const {C_TYPES[value.type.dtype]} *")

    def start(self, index: int, step: Step) -> StartView:
        node = step.node
        self.tables.begin(node.name)
        calls = tuple(self.call(f"weights{index}", "", node, call) for call in step.calls)
        return StartView(node.name, node.output.type.nbytes, calls)

    def tensor(self, index: int, value: Value) -> OutputView:
        ctype = C_TYPES[value.type.dtype]
        return OutputView(index, self.address(value, 0), value.type.nbytes, value.name, ctype, value.shape)

    def call(self, owner: str, place: str, node: Node, call: Call) -> CallView:
        function = self.functions[call.function]
        assert len(function.parameters) == len(call.args), f"{call.function}: {len(call.args)} arguments given"
        scratch, size = f"AT({place})" if call.scratch else "NULL", call.scratch
        if call.context_data is not None:
            data = call.context_data
            table = self.tables.add(f"{owner}_{data.label}", f"{data.label} of {node.name}", data.data)
            scratch, size = pointer(table, "void *"), table.nbytes
        args = tuple(
            self.argument(owner, node, arg, parameter, scratch)
            for arg, parameter in zip(call.args, function.parameters, strict=True)
        )
        query = ""
        if call.size_query is not None:
            asks = self.functions[call.size_query.function]
            asked = [
                self.argument(owner, node, arg, parameter, scratch)
                for arg, parameter in zip(call.size_query.args, asks.parameters, strict=True)
            ]
            query = f"{asks.name}({', '.join(asked)})"
        return CallView(
            function=self.link_name(call),
            args=args,
            checked=function.returns == CHECKED_TYPE,
            error=call.error,
            context=any(isinstance(arg, Context) for arg in call.args),
            scratch=scratch,
            scratch_bytes=size,
            guard=call.scratch_guard,
            query=query,
        )

    def link_name(self, call: Call) -> str:
        """What the network calls: with a CMSIS-NN linked, its functions have their own names and ours the prefix."""
        ours = self.plan.target.library is not None and not call.from_library
        return (
            kernels.PREFIX + call.function if ours and call.function.startswith(kernels.PUBLIC_API) else call.function
        )

    def argument(self, owner: str, node: Node, arg: Arg, parameter: Parameter, scratch: str) -> str:
        ctype = parameter.ctype
        match arg:
            case Input():
                role = f"{owner}_{parameter.name.removesuffix('_data')}"
                return self.operand(role, node.input(arg.index), arg.offset, ctype)
            case Output():
                return self.address(node.outputs[arg.index], arg.offset)
            case Const():
                return pointer(self.tables.add(f"{owner}_{arg.label}", f"{arg.label} of {node.name}", arg.data), ctype)
            case Int():
                return int_literal(arg.value)
            case Float():
                return float_literal(arg.value)
            case Null():
                return "NULL"
            case Context():
                return "&ctx"
            case Scratch():
                return scratch if arg.offset == 0 else f"{scratch.removesuffix(')')} + {arg.offset})"
            case Struct():
                symbol = self.parameters.add(owner, node.name, arg)
                return f"&{symbol}" if ctype == f"const {arg.ctype} *" else f"({ctype})&{symbol}"

    def operand(self, role: str, value: Value, offset: int, ctype: str) -> str:
        """An input of a call: in the arena, or the constant's table."""
        if not value.is_const or value in self.symbols:
            return self.address(value, offset)
        table = self.tables.add(role, value.name, value.const)
        expression = pointer(table, ctype)
        if offset == 0:
            return expression
        size = value.type.dtype.size
        assert offset % size == 0, f"{value.name}: offset {offset} is inside of an element"
        return f"({ctype})({table.symbol} + {offset // size})"

    def address(self, value: Value, offset: int) -> str:
        """A value in the arena as ``void *``."""
        symbol = self.symbols[value]
        return f"AT({symbol})" if offset == 0 else f"AT({symbol} + {offset})"

    def port(self, index: int, value: Value) -> PortView:
        quant = value.type.quant
        scale, zero_point, formula = "", "", ""
        if quant is not None and quant.is_per_tensor:
            scale, zero_point = float_literal(quant.scale), int_literal(quant.zero_point)
            sign = "+" if quant.zero_point < 0 else "-"
            formula = f"{scale} * (q {sign} {abs(quant.zero_point)})" if quant.zero_point else f"{scale} * q"
            zero_point = f"({zero_point})" if quant.zero_point < 0 else zero_point
        if value.is_const:
            address = self.tables.add(f"output{index}", value.name, value.const).symbol
        else:
            address = self.address(value, 0)
        layout = self.layouts.get(value.name)
        file_shape = None if layout is None else tuple(value.shape[layout.index(i)] for i in range(len(layout)))
        return PortView(
            index=index,
            name=value.name,
            ctype=C_TYPES[value.type.dtype],
            shape=value.shape,
            elements=value.type.elements,
            nbytes=value.type.nbytes,
            scale=scale,
            zero_point=zero_point,
            formula=formula,
            address=address,
            constant=value.is_const,
            file_shape=file_shape,
            note=self.notes.get(value.name, ""),
        )

    def state(self, index: int, state: State) -> StateView:
        data = state.initial.tobytes()
        fill = f"0x{data[0]:02X}" if data == data[:1] * len(data) else ""
        initial = "" if fill else self.tables.add(f"state{index}", f"{state.name}, at first", state.initial).symbol
        return StateView(index, state.name, self.address(state.before, 0), len(data), fill, initial)

    def places(self, graph: Graph) -> tuple[PlaceView, ...]:
        lifetimes = _lifetimes(self.plan)
        found = [
            PlaceView(symbol, value.name, self.plan.offsets[value], value.type.nbytes, *lifetimes[value])
            for value, symbol in self.symbols.items()
        ]
        for index, step in enumerate(self.plan.steps):
            if step.scratch_bytes:
                symbol = self.scratch_symbol(index)
                label = f"scratch of {step.node.name}"
                found.append(PlaceView(symbol, label, step.scratch_offset, step.scratch_bytes, index, index))
        return tuple(found)


def _calls(plan: Plan) -> Iterator[Call]:
    """Every call of ``plan``, those of its sub-graphs included."""
    for step in (*plan.start, *plan.steps):
        yield from step.calls
        for inner in step.inner:
            yield from _calls(inner)


def _symbols(plan: Plan, prefix: str) -> dict[Value, str]:
    """The name of each value's offset: by the graph input or the layer that it comes from."""
    symbols = {value: f"{prefix}INPUT_{index}" for index, value in enumerate(plan.graph.inputs)}
    symbols.update({state.before: f"STATE_{index}" for index, state in enumerate(plan.graph.states)})
    symbols.update({value: f"WEIGHTS_{index}" for index, value in enumerate(plan.made_at_start)})
    for index, step in enumerate(plan.steps):
        for number, value in enumerate(step.node.outputs):
            symbols[value] = f"{prefix}LAYER_{index}_{number}" if number else f"{prefix}LAYER_{index}"
    return symbols


def _lifetimes(plan: Plan) -> Mapping[Value, tuple[int, int]]:
    """(first, last) step of each value of its own; the views of a value count on their own."""
    first = dict.fromkeys((*plan.graph.sources, *plan.made_at_start), -1)
    last = dict(first)
    for index, step in enumerate(plan.steps):
        for value in step.node.inputs:
            if value is not None and not value.is_const:
                last[value] = index
        for value in step.node.outputs:
            first[value] = last[value] = index
    for value in plan.graph.results:
        if not value.is_const:
            last[value] = len(plan.steps)
    last.update(dict.fromkeys(plan.made_at_start, len(plan.steps)))
    return {value: (first[value], last[value]) for value in first}
