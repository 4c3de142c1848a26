"""What a translator of one ONNX operator works with, and the table of translators.

A translator is a function marked ``@translates("Conv")``; it gets a ``Context`` and returns the node's outputs. It
raises VerifyError, whose text becomes the reason in the list of unsupported layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, Node, QuantParams, Value
from microgen.ops.base import Op
from microgen.ops.onnx_form import Attribute, OnnxSource

if TYPE_CHECKING:
    import onnx

# What the results of nodes on constants may take in all, so that a small file cannot fill the memory.
_MAX_FOLDED_BYTES = 1 << 30


class FoldingBuilder(GraphBuilder):
    """A builder that computes nodes on constants at once: shapes and axes that a model computes are known then."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._folded = 0
        #: int8 tensors that are uint8, with a zero point 128 higher, in the file.
        self.unsigned: set[Value] = set()
        self._retyped: dict[Value, Value] = {}

    def add_all(
        self,
        op: Op,
        *inputs: Value | None,
        names: Iterable[str] = (),
        quants: Iterable[QuantParams | None] = (),
    ) -> tuple[Value, ...]:
        """A node, or the constants that it computes."""
        operands = [v for v in inputs if v is not None]
        foldable = operands and all(v.is_const and v.type.quant is None for v in operands)
        if not foldable or any(q is not None for q in quants):
            return super().add_all(op, *inputs, names=names, quants=quants)
        before = len(self._nodes)
        outputs = super().add_all(op, *inputs, names=names)
        (node,) = self._nodes[before:]
        del self._nodes[before:]
        return tuple(
            Value(value.name, value.type, data) for value, data in zip(outputs, self._computed(node), strict=True)
        )

    def _computed(self, node: Node) -> list[Array]:
        self._folded += sum(value.type.nbytes for value in node.outputs)
        if self._folded > _MAX_FOLDED_BYTES:
            raise VerifyError(f"the model computes more than {_MAX_FOLDED_BYTES >> 20} MiB of constants")
        arrays = [None if v is None else v.const[None] for v in node.inputs]
        assert isinstance(node.op, Op)
        with np.errstate(all="ignore"):
            results = node.op.evaluate(node, arrays)
        return [
            np.array(np.broadcast_to(result, (1, *value.shape))[0], dtype=value.type.dtype.numpy)
            for value, result in zip(node.outputs, results, strict=True)
        ]

    def retyped_input(self, value: Value, quant: QuantParams) -> Value:
        """The graph input ``value`` with a quantization, under which everybody sees it from now on."""
        new = Value(value.name, dataclasses.replace(value.type, quant=quant))
        self.inputs[self.inputs.index(value)] = new
        for i, node in enumerate(self._nodes):
            if value in node.inputs:
                inputs = tuple(new if v is value else v for v in node.inputs)
                self._nodes[i] = dataclasses.replace(node, inputs=inputs)
        self._retyped[value] = new
        return new

    def current(self, value: Value) -> Value:
        """``value``, or what it became when it got a quantization."""
        return self._retyped.get(value, value)

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._nodes)

    def is_new(self, value: Value, mark: int) -> bool:
        """Whether a node added since ``mark`` computes ``value``."""
        return any(value in node.outputs for node in self._nodes[mark:])

    def rewind(self, mark: int) -> None:
        """Forget the nodes added since ``mark``; none of their results may be in use."""
        del self._nodes[mark:]


@dataclass(eq=False)
class Known:
    """A tensor that is known at import. It may be what MindIR cannot hold: empty, of any rank and element type."""

    name: str
    data: Array
    _value: Value | None = None

    def value(self, b: GraphBuilder) -> Value:
        """The constant; VerifyError for what MindIR cannot hold."""
        if self._value is None:
            self._value = b.constant(self.data, self.name)
        return self._value


Item: TypeAlias = "Value | Known"
Results: TypeAlias = "Value | Known | Sequence[Value | Known]"


@dataclass(eq=False)
class Context:
    """One node of the file with its operands. ``names`` are those of its outputs, "" for one that nobody wants."""

    b: FoldingBuilder
    operator: str
    opset: int
    items: tuple[Item | None, ...]
    attributes: Mapping[str, Attribute]
    names: tuple[str, ...]
    graphs: Mapping[str, Any] = field(default_factory=dict)
    #: Imports a subgraph's outputs in the scope of the node.
    inline: Callable[[onnx.GraphProto, Sequence[Item]], list[Item]] | None = None

    @property
    def attrs(self) -> OnnxSource:
        """Access to attributes, with checks."""
        return OnnxSource(self.operator, self.opset, (), self.attributes)

    def source(self) -> OnnxSource:
        """The node as operators of the registry take it."""
        inputs = tuple(self.opt(i) for i in range(len(self.items)))
        return OnnxSource(self.operator, self.opset, inputs, self.attributes, len(self.names))

    def wants(self, index: int) -> bool:
        """Whether anybody may read the output at ``index``."""
        return index < len(self.names) and bool(self.names[index])

    def has(self, index: int) -> bool:
        """Whether the input at ``index`` is given."""
        return index < len(self.items) and self.items[index] is not None

    def item(self, index: int) -> Item:
        """The input at ``index``, VerifyError when absent."""
        item = self.items[index] if index < len(self.items) else None
        if item is None:
            raise VerifyError(f"input {index} is missing")
        return item if isinstance(item, Known) else self.b.current(item)

    def x(self, index: int = 0) -> Value:
        """The input at ``index`` as an operand."""
        item = self.item(index)
        return item.value(self.b) if isinstance(item, Known) else item

    def opt(self, index: int) -> Value | None:
        """The input at ``index`` as an operand, None when absent."""
        return self.x(index) if self.has(index) else None

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of the input at ``index``."""
        item = self.item(index)
        return tuple(item.data.shape) if isinstance(item, Known) else item.shape

    def dtype(self, index: int = 0) -> np.dtype[np.generic]:
        """The element type of the input at ``index``."""
        item = self.item(index)
        return item.data.dtype if isinstance(item, Known) else item.type.dtype.numpy

    def data(self, index: int) -> Array | None:
        """The elements of the input at ``index`` when they are known, None otherwise and for an absent input."""
        return array_of(self.items[index] if index < len(self.items) else None)

    def known(self, index: int) -> Array:
        """The elements of the input at ``index``; VerifyError unless they are known."""
        item = self.item(index)
        data = array_of(item)
        if data is None:
            raise VerifyError(f"input {index} ({item.name!r}) must be known at compile time")
        return data

    def ints(self, index: int) -> tuple[int, ...]:
        """The elements of the integer input at ``index``, which must be known."""
        data = self.known(index)
        if data.dtype.kind not in "iu":
            raise VerifyError(f"input {index} ({self.item(index).name!r}) must hold integers, not {data.dtype}")
        return tuple(int(v) for v in data.reshape(-1))

    def number(self, index: int) -> float:
        """The only element of the input at ``index``, which must be known."""
        data = self.known(index)
        if data.size != 1:
            raise VerifyError(f"input {index} ({self.item(index).name!r}) must have one element, not {data.size}")
        return float(data.reshape(-1)[0])

    def ints_or_attribute(self, index: int, name: str, since: int) -> tuple[int, ...] | None:
        """What older versions have as attribute ``name`` and those from ``since`` on as an input; None when absent."""
        if self.opset >= since:
            return self.ints(index) if self.has(index) else None
        return self.attrs.integer_list(name) if self.attrs.has(name) else None

    def constant(self, data: Array | float, like: Value | None = None) -> Value:
        """A constant; of the element type of ``like`` where that is given."""
        array = np.asarray(data)
        if like is not None:
            with np.errstate(all="ignore"):
                array = array.astype(like.type.dtype.numpy)
        return self.b.constant(array)

    def keep(self, data: Array) -> Known:
        """A result that is known at import."""
        return Known(self.names[0] if self.names else self.operator, np.ascontiguousarray(data).reshape(data.shape))

    def axis(self, axis: int, rank: int) -> int:
        """``axis``, counted from the end when negative, as an index; VerifyError when it is none."""
        if not -rank <= axis < rank:
            raise VerifyError(f"axis {axis} is outside of {rank} dimensions")
        return axis % rank


def array_of(item: Item | None) -> Array | None:
    """The elements of what is known at import, None otherwise."""
    if isinstance(item, Known):
        return item.data
    if item is not None and item.is_const and item.type.quant is None:
        return item.const
    return None


Translator: TypeAlias = Callable[[Context], Results]
TRANSLATORS: dict[str, Translator] = {}


def translates(*operators: str) -> Callable[[Translator], Translator]:
    """Mark a function as the translator of ``operators`` of the default domain, or ``"domain:operator"``."""

    def register(function: Translator) -> Translator:
        for operator in operators:
            assert operator not in TRANSLATORS, f"{operator} is translated twice"
            TRANSLATORS[operator] = function
        return function

    return register
