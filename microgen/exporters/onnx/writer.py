"""Writes nodes, tensors and their layouts. How an operator is spelt in ONNX is said by the operator or in ``rules``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from microgen import __version__
from microgen.errors import VerifyError
from microgen.exporters.onnx import rules, tidy, values
from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.attributes import Activation
from microgen.ops.base import op_of
from microgen.ops.layout import Permutation, inverse
from microgen.ops.onnx_form import Attribute

# (operators, format): the later ones only where they are needed, for more programs read the earlier.
_VERSIONS = (20, 9)
_VERSIONS_WITH_16_BITS = (21, 10)

_SHORT = frozenset((DType.INT16, DType.UINT16))


class Writer:
    """One graph on its way into a file.

    Every value may exist in several layouts: ``_forms[value][permutation]`` names the tensor whose dimensions are the
    value's own, rearranged. Of a quantized value that is the dequantized tensor; ``_integers`` names the int8 one.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._names: set[str] = set()
        self._forms: dict[Value, dict[Permutation, str]] = {}
        self._integers: dict[Value, dict[Permutation, str]] = {}
        #: Names what is written without a name of its own.
        self.scope = ""

    def model(self) -> Any:
        """The ModelProto."""
        # Interface names first: others give way to them.
        inputs = [(value, self.unique(value.name)) for value in self.graph.inputs]
        outputs = [(value, self.unique(value.name)) for value in self.graph.outputs]
        for value, name in inputs:
            self._take_input(value, name)
        for node in self.graph.nodes:
            self.scope = node.name
            self._write(node)
        for value, name in outputs:
            self.scope = value.name
            source = self._integer_form(value) if values.is_quantized(value) else self.read(value)
            self._nodes.append(helper.make_node("Identity", [source], [name], name=name))
        tidy.tidy(self._nodes, self._initializers, {name for _, name in outputs})
        graph = helper.make_graph(
            self._nodes,
            self.graph.name or "model",
            [values.info(name, value) for value, name in inputs],
            [values.info(name, value) for value, name in outputs],
            list(self._initializers.values()),
        )
        short = any(v.type.quant is not None and v.type.dtype in _SHORT for v in self.graph.values())
        opset, version = _VERSIONS_WITH_16_BITS if short else _VERSIONS
        return helper.make_model(
            graph,
            producer_name="microgen",
            producer_version=__version__,
            ir_version=version,
            opset_imports=[helper.make_opsetid("", opset)],
        )

    # What rules use -----------------------------------------------------------------------------------

    def unique(self, name: str) -> str:
        """``name``, with a number behind it when it is taken."""
        name = name or self.scope or "value"
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> str:
        """Writes a node and gives its output's name; absent inputs are empty names."""
        return self._node(operator, inputs, attributes or {}, [self.unique(f"{self.scope}/{operator}")])[0]

    def node_of_several(
        self, operator: str, inputs: Sequence[str], attributes: Mapping[str, Attribute], outputs: int
    ) -> list[str]:
        """Writes a node and gives its outputs' names."""
        names = [self.unique(f"{self.scope}/{operator}") for _ in range(outputs)]
        return self._node(operator, inputs, attributes, names)

    def _node(
        self, operator: str, inputs: Sequence[str], attributes: Mapping[str, Attribute], names: list[str]
    ) -> list[str]:
        made = {key: values.attribute(value) for key, value in attributes.items()}
        trimmed = list(inputs)
        while trimmed and not trimmed[-1]:
            trimmed.pop()
        self._nodes.append(helper.make_node(operator, trimmed, names, name=names[0], **made))
        return names

    def cast(self, name: str, dtype: DType) -> str:
        """The tensor ``name`` as another element type."""
        return self.node("Cast", [name], {"to": values.TYPES[dtype]})

    def dequantized_as(self, value: Value, quant: QuantParams) -> str:
        """What the integers of ``value`` stand for by another scale and zero point than its own."""
        return self._dequantize(self._integer_form(value), value.type.dtype, quant, ())

    def tensor(self, data: Array, label: str) -> str:
        """Writes a constant and gives its name."""
        name = self.unique(f"{self.scope}/{label}")
        self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(data).reshape(data.shape), name)
        return name

    def read(self, value: Value, permutation: Permutation = ()) -> str:
        """The name of ``value`` (dequantized where it is quantized) with its dimensions rearranged."""
        permutation = values.plain(permutation)
        forms = self._forms.setdefault(value, {})
        if permutation in forms:
            return forms[permutation]
        if value.is_const:
            forms[permutation] = self._constant(value, permutation)
        else:
            known, name = next(iter(forms.items()))
            source = inverse(known) if known else tuple(range(len(value.shape)))
            wanted = permutation or tuple(range(len(value.shape)))
            # value = known tensor transposed by source; the wanted one is value transposed by permutation
            steps = tuple(source[i] for i in wanted)
            forms[permutation] = self.node("Transpose", [name], {"perm": steps})
        return forms[permutation]

    def written(self, value: Value, name: str, permutation: Permutation = ()) -> None:
        """Notes that the tensor ``name`` is ``value`` with its dimensions rearranged, before any quantization."""
        permutation = values.plain(permutation)
        if values.is_quantized(value):
            name = self._quantized(value, name, permutation)
        self._forms.setdefault(value, {})[permutation] = name

    # Nodes --------------------------------------------------------------------------------------------

    def _write(self, node: Node) -> None:
        rule = rules.RULES.get(node.op.name)
        if node.op.name not in ("Quantize", "Dequantize") and any(
            value is not None and value.type.dtype is DType.INT16 and value.type.quant is not None
            for value in (*node.inputs, *node.outputs)
        ):
            hint = "Save the model as .tflite, which has int16 arithmetic"
            raise VerifyError("ONNX has no arithmetic of quantized int16", where=node.label, hint=hint)
        try:
            if rule is None:
                self.plain(node)
            else:
                rule(self, node)
        except VerifyError as error:
            hint = error.hint or "Save the model as .tflite, or leave this layer out"
            raise VerifyError(error.what, where=error.where or node.label, hint=hint) from None

    def plain(self, node: Node) -> None:
        """Writes ``node`` as its operator spells it, in its first operand's layout where it can."""
        op = op_of(node)
        layouts: list[Permutation] = [()] * len(node.inputs)
        results: list[Permutation] = [()] * len(node.outputs)
        wanted = self._layout(node)
        rearranged = op.permuted(node, wanted) if wanted else None
        if rearranged is not None:
            op = rearranged.op
            layouts = [p or () for p in rearranged.inputs]
            results = list(rearranged.outputs)
        operands = tuple(
            None if v is None else values.stand_in(v, p) for v, p in zip(node.inputs, layouts, strict=True)
        )
        outputs = tuple(values.stand_in(v, p) for v, p in zip(node.outputs, results, strict=True))
        activation = getattr(op, "activation", Activation.NONE)
        if activation is not Activation.NONE:
            plain: Any = op
            op = dataclasses.replace(plain, activation=Activation.NONE)
        form = op.to_onnx(Node(op, operands, outputs, node.name))
        names = {
            stand_in: self._operand(value, layout)
            for stand_in, value, layout in zip(operands, node.inputs, layouts, strict=True)
            if stand_in is not None and value is not None and stand_in in form.inputs
        }
        for extra in form.inputs:
            if extra is not None and extra not in names:
                names[extra] = self.tensor(extra.const, extra.name)
        inputs = ["" if v is None else names[v] for v in form.inputs]
        made = [self.unique(f"{v.name}/{form.operator}" if values.is_quantized(v) else v.name) for v in node.outputs]
        self._node(form.operator, inputs, form.attributes, made)
        for value, name, layout in zip(node.outputs, made, results, strict=True):
            self.written(value, rules.clamp(self, name, activation), layout)

    def _layout(self, node: Node) -> Permutation:
        """The layout in which the node's first computed operand lies; () for its own."""
        for value in node.inputs:
            if value is not None and not value.is_const:
                forms = self._forms.get(value, {})
                return next(iter(forms), ()) if () not in forms else ()
        return ()

    def _operand(self, value: Value, permutation: Permutation) -> str:
        if permutation and len(permutation) > len(value.shape):
            if value.is_const:
                data = value.const.reshape((1,) * (len(permutation) - len(value.shape)) + value.shape)
                quant = value.type.quant
                kind = TensorType(value.type.dtype, data.shape, quant)
                return self._constant(dataclasses.replace(value, type=kind, data=data), permutation)
            shape = (1,) * (len(permutation) - len(value.shape)) + value.shape
            whole = self.node("Reshape", [self.read(value), self.tensor(np.array(shape, np.int64), "shape")])
            return self.node("Transpose", [whole], {"perm": permutation})
        return self.read(value, permutation)

    # Tensors ------------------------------------------------------------------------------------------

    def _take_input(self, value: Value, name: str) -> None:
        self.scope = value.name
        if values.is_quantized(value):
            assert value.type.quant is not None
            self._integers.setdefault(value, {})[()] = name
            name = self._dequantize(name, value.type.dtype, value.type.quant, ())
        self._forms[value] = {(): name}

    def _constant(self, value: Value, permutation: Permutation) -> str:
        data = np.transpose(value.const, permutation) if permutation else value.const
        label = value.name.rsplit("/", 1)[-1] or "constant"
        name = self.tensor(data, label)
        quant = value.type.quant
        return name if quant is None else self._dequantize(name, value.type.dtype, quant, permutation)

    def _dequantize(self, name: str, dtype: DType, quant: QuantParams, permutation: Permutation) -> str:
        scale, zero, attributes = self._parameters(quant, dtype, permutation)
        return self.node("DequantizeLinear", [name, scale, zero], attributes)

    def _quantized(self, value: Value, name: str, permutation: Permutation) -> str:
        quant = value.type.quant
        assert quant is not None
        if value.type.dtype.size > 2:
            raise VerifyError(f"ONNX quantizes no tensor to {value.type.dtype}")
        scale, zero, attributes = self._parameters(quant, value.type.dtype, permutation)
        whole = self.node("QuantizeLinear", [name, scale, zero], attributes)
        self._integers.setdefault(value, {})[permutation] = whole
        return self.node("DequantizeLinear", [whole, scale, zero], attributes)

    def _parameters(
        self, quant: QuantParams, dtype: DType, permutation: Permutation
    ) -> tuple[str, str, dict[str, Attribute]]:
        scales, zeros = np.array(quant.scales, np.float32), np.array(quant.zero_points, dtype.numpy)
        if quant.is_per_tensor:
            return self.tensor(scales.reshape(()), "scale"), self.tensor(zeros.reshape(()), "zero_point"), {}
        assert quant.axis is not None
        axis = permutation.index(quant.axis) if permutation else quant.axis
        return self.tensor(scales, "scale"), self.tensor(zeros, "zero_point"), {"axis": axis}

    def _integer_form(self, value: Value) -> str:
        """The int8 tensor of a quantized value, in the value's own layout."""
        if value.is_const:
            return self.tensor(value.const, "constant")
        forms = self._integers[value]
        if () not in forms:
            known, name = next(iter(forms.items()))
            forms[()] = self.node("Transpose", [name], {"perm": inverse(known)})
        return forms[()]
