"""Makes streamed cases of operators: their calls with all that they point to, for one machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from microgen.codegen.kernels import Function
from microgen.mindir import Array, Node, Value
from microgen.ops.base import Sample, op_of
from microgen.ops.call import (
    Arg,
    Call,
    Const,
    Context,
    FieldValue,
    Float,
    Input,
    Int,
    Null,
    Output,
    Scratch,
    Struct,
    Target,
)
from microgen.plan.lifetime import SCRATCH_ALIGNMENT, TENSOR_ALIGNMENT, alignment
from microgen.runtime import Session
from tests.support.graphs import without_states
from tests.support.stream_abi import Abi, Structs, layout, pack_scalar, size_and_alignment
from tests.support.stream_cases import Buffer, Case, Invocation, Pointer
from tests.support.tolerance import tolerance

SUCCESS, ARG_ERROR = 0, -1
STATUS = "arm_cmsis_nn_status"


@dataclass
class Builder:
    """Collects the buffers of one case for one machine."""

    functions: dict[str, Function]
    structs: Structs
    abi: Abi
    buffers: list[Buffer] = field(default_factory=list)
    relocations: list[tuple[int, int, Pointer]] = field(default_factory=list)

    def add(self, buffer: Buffer) -> Pointer:
        self.buffers.append(buffer)
        return Pointer(len(self.buffers) - 1)

    def table(self, label: str, data: Array) -> Pointer:
        # Generated code aligns its tables to 16 bytes; kernels may count on no more than the element's own.
        content = np.ascontiguousarray(data).tobytes()
        return self.add(
            Buffer(label, len(content), content, unchanged=True, offset=max(4, data.itemsize), dtype=data.dtype)
        )

    def struct(self, value: Struct) -> Pointer:
        size, align = size_and_alignment(value.ctype, self.structs, self.abi)
        content = bytearray(size)
        pointers: list[tuple[int, Pointer]] = []
        self._fill(content, 0, value, pointers)
        made = self.add(Buffer(value.ctype, size, bytes(content), unchanged=True, offset=align))
        self.relocations += [(made.buffer, offset, target) for offset, target in pointers]
        return made

    def _fill(self, content: bytearray, base: int, value: Struct, pointers: list[tuple[int, Pointer]]) -> None:
        places = {
            f.name: (f, base + offset, size) for f, offset, size, _ in layout(value.ctype, self.structs, self.abi)
        }
        for name, item in value.fields:
            member, offset, size = places[name]
            if isinstance(item, tuple):
                assert len(item) == (member.count or 1), f"{value.ctype}.{name}"
                for i, element in enumerate(item):
                    self._number(content, offset + i * size // len(item), member.ctype, element)
            elif isinstance(item, Struct):
                assert item.ctype == member.ctype, f"{value.ctype}.{name}"
                self._fill(content, offset, item, pointers)
            elif isinstance(item, Const):
                pointers.append((offset, self.table(item.label, item.data)))
            elif not isinstance(item, Null):
                self._number(content, offset, member.ctype, item)

    def _number(self, content: bytearray, offset: int, ctype: str, item: FieldValue) -> None:
        assert isinstance(item, Int | Float)
        packed = pack_scalar(ctype, item.value, self.abi)
        content[offset : offset + len(packed)] = packed

    def context(self, scratch: Pointer | None, size: int) -> Pointer:
        made = self.struct(Struct("cmsis_nn_context", (("size", Int(size)),)))
        if scratch is not None:
            self.relocations.append((made.buffer, 0, scratch))
        return made

    def case(self, label: str, calls: Sequence[Invocation]) -> Case:
        return Case(label, tuple(self.buffers), tuple(self.relocations), tuple(calls))


@dataclass(frozen=True)
class CaseMaker:
    """Makes cases for the kernels of a folder and the machine with that ABI."""

    functions: dict[str, Function]
    structs: Structs
    abi: Abi

    def of_sample(self, sample: Sample, inputs: Sequence[Array], target: Target) -> Iterator[Case]:
        """Cases of a one-node graph as its operator lowers it: see ``of_calls``; none for a view."""
        (node,) = sample.graph.nodes
        calls = target.bind(node, op_of(node).lower(node, target))
        if calls:
            yield from self.of_calls(sample, inputs, calls)

    def of_calls(self, sample: Sample, inputs: Sequence[Array], calls: Sequence[Call]) -> Iterator[Case]:
        """Cases of calls that compute a one-node graph: for each set of inputs and states (leading axis of ``inputs``)
        the calls as they are, once for each input that the output may be laid over, and with states updated in place;
        calls without scratch.
        """
        (node,) = sample.graph.nodes
        graph = without_states(sample.graph)
        results = Session(graph).run(inputs)
        label = f"{node.op.name} {sample.id}"
        for i in range(len(inputs[0]) if inputs else 1):
            given = {v: a[i] for v, a in zip(graph.inputs, inputs, strict=True)}
            made = dict(zip(graph.outputs, (result[i] for result in results), strict=True))
            yield self._whole(f"{label} input {i}", node, calls, given, made, {})
            for index in op_of(node).in_place(node):
                if node.input(index) in given:
                    over = f"{label} input {i} in place of operand {index}"
                    yield self._whole(over, node, calls, given, made, {0: index})
            if states := dict(op_of(node).state_pairs(node)):
                yield self._whole(f"{label} input {i} with states in place", node, calls, given, made, states)
        for index, call in enumerate(calls):
            has_context = any(isinstance(arg, Context) for arg in call.args)
            # A linked library does not look at the size of its scratch.
            if (
                call.scratch
                and has_context
                and not call.from_library
                and self.functions[call.function].returns == STATUS
            ):
                text = f"{label} call {index}"
                yield self._refused(f"{text} without scratch", node, call, call.scratch, is_null=True)

    def of_refusal(self, sample: Sample, call: Call) -> Case:
        """The case of a call that must return ARG_ERROR and touch nothing."""
        (node,) = sample.graph.nodes
        label = f"{call.function} on {node.op.name} {sample.id}"
        return self._refused(label, node, call, call.scratch, is_null=call.scratch == 0)

    def _whole(
        self,
        label: str,
        node: Node,
        calls: Sequence[Call],
        given: dict[Value, Array],
        results: dict[Value, Array],
        over: Mapping[int, int],
    ) -> Case:
        builder = Builder(self.functions, self.structs, self.abi)
        places = self._operands(builder, node, given)
        outputs: list[Pointer] = []
        operands = [v.const if v.is_const else given[v] for v in node.inputs if v is not None]
        for index, value in enumerate(node.outputs):
            result = results[value]
            expected = np.ascontiguousarray(result).tobytes()
            allowed = tolerance(result, operands)
            if index in over:
                place = places[node.input(over[index])]
                shared = builder.buffers[place.buffer]
                size = max(shared.size, len(expected))
                assert shared.initial is not None
                builder.buffers[place.buffer] = replace(
                    shared,
                    label=f"output over {shared.label}",
                    size=size,
                    initial=shared.initial.ljust(size, b"\xee"),
                    expected=expected,
                    unchanged=False,
                    offset=max(shared.offset, alignment(value)),
                    dtype=result.dtype,
                    tolerance=allowed,
                )
                outputs.append(place)
            else:
                made = Buffer(
                    f"output {index}",
                    len(expected),
                    expected=expected,
                    offset=alignment(value),
                    dtype=result.dtype,
                    tolerance=allowed,
                )
                outputs.append(builder.add(made))
        invocations: list[Invocation] = []
        for call in calls:
            scratch, size = self._scratch(builder, call), call.scratch
            if call.context_data is not None:
                scratch, size = builder.table("context", call.context_data.data), call.context_data.data.nbytes
            invocations += self._call(builder, node, call, places, outputs, scratch, size)
        return builder.case(label, invocations)

    def _refused(self, label: str, node: Node, call: Call, size: int, *, is_null: bool) -> Case:
        builder = Builder(self.functions, self.structs, self.abi)
        given = {v: np.zeros(v.shape, v.type.dtype.numpy) for v in node.inputs if v is not None and not v.is_const}
        places = self._operands(builder, node, given)
        outputs = [
            builder.add(Buffer(f"output {i}", v.type.nbytes, unchanged=True, offset=alignment(v)))
            for i, v in enumerate(node.outputs)
        ]
        scratch = None if is_null else builder.add(Buffer("scratch", size, unchanged=True, offset=SCRATCH_ALIGNMENT))
        (*_, invocation) = self._call(builder, node, call, places, outputs, scratch, size)
        return builder.case(label, [replace(invocation, expected=ARG_ERROR)])

    def _operands(self, builder: Builder, node: Node, given: dict[Value, Array]) -> dict[Value, Pointer]:
        places: dict[Value, Pointer] = {}
        for index, value in enumerate(node.inputs):
            if value is None or value in places:
                continue
            data = value.const if value.is_const else given[value]
            place = builder.table(f"operand {index} ({value.name})", data)
            shared = builder.buffers[place.buffer]
            builder.buffers[place.buffer] = replace(shared, offset=max(TENSOR_ALIGNMENT, alignment(value)))
            places[value] = place
        return places

    def _scratch(self, builder: Builder, call: Call) -> Pointer | None:
        return builder.add(Buffer("scratch", call.scratch, offset=SCRATCH_ALIGNMENT)) if call.scratch else None

    def _call(
        self,
        builder: Builder,
        node: Node,
        call: Call,
        places: dict[Value, Pointer],
        outputs: Sequence[Pointer],
        scratch: Pointer | None,
        size: int,
    ) -> Iterator[Invocation]:
        """The call, after that of its ``_get_buffer_size`` where its arguments are among the call's by name."""
        function = self.functions[call.function]
        assert len(function.parameters) == len(call.args), f"{call.function} takes {len(function.parameters)} arguments"
        arguments: dict[str, Pointer | bytes] = {}
        for parameter, arg in zip(function.parameters, call.args, strict=True):
            arguments[parameter.name] = self._argument(
                builder, parameter.ctype, arg, node, places, outputs, scratch, size
            )
        asks = self.functions.get(f"{call.function}_get_buffer_size")
        if call.size_query is not None:
            query = self.functions[call.size_query.function]
            asked = [
                self._argument(builder, parameter.ctype, arg, node, places, outputs, scratch, size)
                for parameter, arg in zip(query.parameters, call.size_query.args, strict=True)
            ]
            yield Invocation(query.name, tuple(asked), size)
        elif asks is not None and all(p.name in arguments for p in asks.parameters):
            yield Invocation(asks.name, tuple(arguments[p.name] for p in asks.parameters), call.scratch)
        yield Invocation(call.function, tuple(arguments.values()), SUCCESS if function.returns == STATUS else None)

    def _argument(
        self,
        builder: Builder,
        ctype: str,
        arg: Arg,
        node: Node,
        places: dict[Value, Pointer],
        outputs: Sequence[Pointer],
        scratch: Pointer | None,
        size: int,
    ) -> Pointer | bytes:
        match arg:
            case Int(value):
                return pack_scalar(ctype, value, self.abi)
            case Float(value):
                assert ctype == "float"
                return pack_scalar(ctype, value, self.abi)
        assert ctype.endswith("*"), f"{arg} for a {ctype}"
        match arg:
            case Input(index, offset):
                return replace(places[node.input(index)], offset=offset)
            case Output(index, offset):
                return replace(outputs[index], offset=offset)
            case Const(label, data):
                return builder.table(label, data)
            case Struct():
                return builder.struct(arg)
            case Context():
                return builder.context(scratch, size)
            case Scratch() if scratch is not None:
                return scratch
            case Null():
                return b""
        raise AssertionError(f"argument {arg}")
