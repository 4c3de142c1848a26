"""What it takes to be an operator: the contract that each module of this package fills in.

An operator is a frozen dataclass deriving from ``Op``; its fields are its attributes. Everything true of it
is said in its module: how source formats spell it, its typing rules, its arithmetic on the host, its call in
C, its cost, its limits and the samples that test it. Modules are found by scanning (``microgen.ops.registry``).
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node, Operator, Value
from microgen.ops.attributes import Activation, Padding
from microgen.ops.call import Call, Input, Inside, Int, Output, Target
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

Constraint = Callable[["Op", Node], "str | None"]
#: Element types that the generated C has kernels and literals for.
DEVICE_TYPES = frozenset(
    (DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.UINT32, DType.INT64, DType.UINT64,
     DType.BOOL)
)  # fmt: skip
C = TypeVar("C", bound=Callable[..., "str | None"])


def constraint(method: C) -> C:
    """Mark ``method(self, node) -> str | None`` as a limit of the operator.

    The docstring's first line states the rule; it is the line in the support table and the start of the error.
    The method returns None when the node obeys, else what was found instead.
    """
    assert method.__doc__, f"{method.__name__}: a constraint's docstring is its text"
    method.is_constraint = True  # type: ignore[attr-defined]
    return method


def device_constraint(method: C) -> C:
    """Mark a limit of the generated C alone, as ``constraint`` does: the host runtime computes such nodes."""
    constraint(method)
    method.only_on_device = True  # type: ignore[attr-defined]
    return method


@dataclass(frozen=True, slots=True)
class Sample:
    """A single-operator graph for the differential tests; ``id`` is unique within the operator."""

    id: str
    graph: Graph


class Op(Operator):
    """Base of all operators.

    Shapes are the model's own; host kernels see one more leading axis, the samples of a batch.
    """

    #: TensorFlow Lite builtin operators that map to this operator one to one.
    tflite: ClassVar[tuple[str, ...]] = ()
    #: The options table of those operators in the schema (``"Conv2DOptions"``), None without one.
    tflite_options: ClassVar[str | None] = None
    #: TensorFlow Lite custom operators, by their custom code, whose options are a FlexBuffers map.
    tflite_custom: ClassVar[tuple[str, ...]] = ()
    #: Inputs of those operators that they keep from one invocation to the next; the node has a further output for what
    #: it leaves of each, in this order.
    tflite_states: ClassVar[tuple[int, ...]] = ()
    #: ONNX operators (default domain) that map to this operator one to one.
    onnx: ClassVar[tuple[str, ...]] = ()
    #: MindSpore primitives that map to this operator one to one and have no attributes of their own.
    mindspore: ClassVar[tuple[str, ...]] = ()
    #: Whether a following clamp can be merged into the ``activation`` attribute.
    fuses_clamp: ClassVar[bool] = False
    #: Whether integers without quantization parameters are data like any other, with every value of their type, and
    #: not numbers such as indices and counts: the differential tests then use all of the type's range.
    whole_range: ClassVar[bool] = False
    #: Whether the output is the first input's bytes under another type: no code, no copy.
    is_view: ClassVar[bool] = False

    # Source formats -----------------------------------------------------------------------------------

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        """The options table of ``operator``, one of ``tflite``, where they differ."""
        return cls.tflite_options

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        """The operator and its MindIR inputs; VerifyError for options that make no sense."""
        return cls(), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        """How ``node`` is written to a .tflite file; VerifyError where the format cannot express it."""
        if not self.tflite:
            raise VerifyError("TensorFlow Lite has no such operator", where=node.label)
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        """The operator and its MindIR inputs; VerifyError for attributes that cannot be expressed."""
        return cls(), source.inputs

    def to_onnx(self, node: Node) -> OnnxForm:
        """How ``node`` in float, whose dimensions are in MindIR's order, is written to an ONNX file.

        VerifyError where one ONNX operator cannot express it.
        """
        if not self.onnx:
            raise VerifyError("ONNX has no such operator", where=node.label)
        return OnnxForm(self.onnx[0], node.inputs)

    # Typing -------------------------------------------------------------------------------------------

    @abstractmethod
    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        """Element type and shape of every output, from the inputs; VerifyError when they do not fit together."""

    def check(self, node: Node) -> None:
        """Raise VerifyError unless types, shapes and the constraints of the host runtime hold."""
        self.check_types(node)
        for problem in self.problems(node):
            raise VerifyError(problem, where=node.label)

    def check_types(self, node: Node) -> None:
        """Raise VerifyError unless the outputs have the element types and shapes that ``infer`` gives."""
        try:
            inferred = self.infer(node)
        except VerifyError as error:
            raise VerifyError(error.what, where=node.label, hint=error.hint) from None
        if len(inferred) != len(node.outputs):
            raise VerifyError(f"has {len(node.outputs)} outputs, not {len(inferred)}", where=node.label)
        for value, (dtype, shape) in zip(node.outputs, inferred, strict=True):
            if (value.type.dtype, value.shape) != (dtype, shape):
                found = f"{value.type.dtype} {list(value.shape)}"
                raise VerifyError(f"output is {found}, not {dtype} {list(shape)}", where=node.label)

    @classmethod
    def constraints(cls) -> Iterator[tuple[str, Constraint]]:
        """(rule, method) of every constraint, in the order of definition."""
        members: dict[str, Constraint] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                if getattr(member, "is_constraint", False):
                    members[name] = member
        for method in members.values():
            yield (inspect.getdoc(method) or "").splitlines()[0].rstrip("."), method

    def problems(self, node: Node, *, device: bool = False) -> Iterator[str]:
        """What keeps ``node`` from running on the host or, with ``device``, from being compiled to C: one line per
        constraint that it breaks.
        """
        for rule, method in self.constraints():
            if getattr(method, "only_on_device", False) and not device:
                continue
            found = method(self, node)
            if found is not None:
                yield f"{rule}, but {found}"

    @device_constraint
    def element_types(self, node: Node) -> str | None:
        """tensors hold float32, int8, uint8, int16, int32, uint32, int64, uint64 or bool"""
        for value in (*node.inputs, *node.outputs):
            if value is not None and value.type.dtype not in DEVICE_TYPES:
                return f"{value.name!r} is {value.type.dtype}"
        return None

    # Meaning ------------------------------------------------------------------------------------------

    @abstractmethod
    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        """The outputs, exactly.

        Every array has a leading sample axis in front of the value's shape; its length is 1 for constants and
        the number of samples otherwise. Results have it too.
        """

    def macs(self, node: Node) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The sub-graphs that it runs (``microgen.ops.control``); all but control flow have none."""
        return ()

    def with_graphs(self, graphs: Sequence[Graph]) -> Op:
        """This operator with other sub-graphs of the same inputs and outputs."""
        return self

    @property
    def inside_names(self) -> tuple[str, ...]:
        """The names of the model's layers that this operator computes at once; none where it is one of them."""
        return ()

    @property
    def npu_cycles(self) -> int | None:
        """Cycles that an NPU needs for it by its compiler's estimate; None where no NPU computes it."""
        return None

    # Quantization -------------------------------------------------------------------------------------

    def quant_rule(self, node: Node) -> QuantRule | None:
        """How ``node``, in float so far, becomes int8; None when the operator has no int8 form and stays float."""
        return None

    # Facts for the passes -----------------------------------------------------------------------------

    def as_clamp(self, node: Node) -> Activation | None:
        """The activation that ``node`` is, when it does nothing but clamp; None otherwise."""
        return None

    def with_clamp(self, clamp: Activation) -> Op | None:
        """This operator followed by ``clamp``; None when it cannot express that."""
        if not self.fuses_clamp:
            return None
        own = vars(self)["activation"]
        assert isinstance(own, Activation)
        merged = own.then(clamp)
        instance: Any = self
        return None if merged is None else dataclasses.replace(instance, activation=merged)

    def as_padding(self, node: Node) -> Padding | None:
        """The padding of height and width that ``node`` adds to an NHWC image, when it does nothing else and
        fills with the image's zero point; None otherwise.
        """
        return None

    def with_padding(self, node: Node, extra: Padding) -> Op | None:
        """``node``'s operator on an image that lacks ``extra`` padding (of zero points); None when it cannot be."""
        return None

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        """This operator on operands whose dimensions are rearranged by ``permutation``; None when there is none.

        ``permutation`` is that of the first input which is not a constant: dimension i of the rearranged operand is
        dimension ``permutation[i]`` of the present one (NumPy's ``transpose``).
        """
        return None

    def simplified(self, node: Node) -> Node | None:
        """A node of a cheaper operator with the same outputs, bit for bit; None when this one is right."""
        return None

    def is_identity(self, node: Node) -> bool:
        """Whether the output is the first input, bit for bit, with the same type."""
        return self.is_view and node.input(0).type == node.output.type

    # C ------------------------------------------------------------------------------------------------

    @abstractmethod
    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        """The C calls that compute ``node``; none for a view."""

    def in_place(self, node: Node) -> tuple[int, ...]:
        """Inputs whose memory output 0 may take over while the kernel runs (it must write no byte that it
        still has to read).
        """
        return ()

    def inside(self, node: Node) -> tuple[Inside, ...]:
        """Inputs and outputs that ``lower``'s call finds in its scratch, each at a fixed place there.

        Inputs are there before the call, which may overwrite them; outputs are there after it. The planner puts
        tensors there where it can, and adds copies where it cannot.
        """
        return ()

    def in_place_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        """(output, input) wherever the output may take over the input's memory, as ``in_place`` says it of output 0."""
        return (*((0, index) for index in self.in_place(node)), *self.state_pairs(node))

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        """(output, input) where the output is what the operator leaves of a state that it found as the input.

        The kernel updates the output in place; the C form copies the input there first (``carried``).
        """
        return ()

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        """What TensorFlow Lite's operator with these inputs keeps in itself, as it is at first: nothing in most.

        A node has a further input and a further output for each, the last ones, which ``state_pairs`` names; whether
        ``inputs`` have them already makes no difference.
        """
        return ()

    # Tests --------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def samples(cls) -> Iterator[Sample]:
        """Single-operator graphs over this operator's parameters, for the registry-wide differential test."""


def carried(node: Node, output: int, index: int) -> Call:
    """The call that brings a state, input ``index``, to where the kernel updates it, output ``output``."""
    return Call("mg_carry", (Input(index), Output(output), Int(node.input(index).type.nbytes)))


def every_value(graph: Graph) -> Iterator[Value]:
    """Every value of ``graph`` and of the sub-graphs that its nodes run."""
    yield from graph.values()
    for node in graph.nodes:
        for inner in op_of(node).graphs:
            yield from every_value(inner)


def op_of(node: Node) -> Op:
    """``node``'s operator with everything that this package knows of it."""
    assert isinstance(node.op, Op), node.label
    return node.op
