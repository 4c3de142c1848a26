"""UNIDIRECTIONAL_SEQUENCE_LSTM: a long short-term memory over sequences, which keeps its state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Call, Const, FieldValue, Float, Input, Int, Output, Scratch, Struct, Target, ints
from microgen.ops.constraints import is_quantized, not_constant, short
from microgen.ops.floats import FloatArray
from microgen.ops.tflite_form import ACTIVATION, TFLiteForm, TFLiteSource

# MindIR inputs: x, then for the gates input, forget, cell, output: weights, recurrent weights and biases, then states.
_WEIGHTS, _RECURRENT, _BIASES, _HIDDEN, _CELLS = 1, 5, 9, 13, 14
_GATES = range(4)
_COUNT = 15
# The places of these inputs in TensorFlow Lite, which has 24: peepholes, projection and layer norms besides.
_PLACES = (0, *range(1, 9), *range(12, 16), 18, 19)
_ABSENT = {9: "peephole connections", 16: "a projection", 20: "layer normalization"}
# Gates are int16 with this scale before, and with 2^-15 after their curve.
_GATE_SCALE = 2.0**-12
_CURVE_SCALE = 2.0**-15
# A gate's unit in the terms of arith.logistic_s16.
_GATE_UNIT = 3


@dataclass(frozen=True)
class UnidirectionalLstm(Op):
    """Inputs: [batch, steps, depth] or, ``time_major``, [steps, batch, depth]; of the gates input, forget, cell and
    output each weights [units, depth], then recurrent weights [units, units], then biases [units]; hidden and cell
    state [batch, units]. Outputs: [batch, steps, units] in the input's order, and both states as they are left.

    In int8 the cells are int16 with a scale that is a power of two, the biases int32. ``cell_clip`` 0 is none.
    """

    time_major: bool = False
    cell_clip: float = 0.0

    name: ClassVar[str] = "UnidirectionalLstm"
    tflite: ClassVar[tuple[str, ...]] = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
    tflite_options: ClassVar[str | None] = "UnidirectionalSequenceLSTMOptions"
    tflite_states: ClassVar[tuple[int, ...]] = (18, 19)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        inputs = (*source.inputs, *(None,) * 24)[:24]
        for place, what in _ABSENT.items():
            if inputs[place] is not None:
                raise VerifyError(f"{what} are not supported" if what.endswith("s") else f"{what} is not supported")
        activation = source.enum("FusedActivationFunction", ACTIVATION)
        if activation != "TANH":
            raise VerifyError(f"the activation {activation} is not supported, only TANH")
        if source.option("ProjClip"):
            raise VerifyError("a clipped projection is not supported")
        clip = source.option("CellClip")
        assert isinstance(clip, float)
        return cls(bool(source.option("TimeMajor")), clip), tuple(inputs[place] for place in _PLACES)

    def to_tflite(self, node: Node) -> TFLiteForm:
        inputs: list[Value | None] = [None] * 24
        for place, value in zip(_PLACES, node.inputs, strict=True):
            inputs[place] = value
        options = {
            "FusedActivationFunction": ACTIVATION.index("TANH"),
            "CellClip": self.cell_clip,
            "ProjClip": 0.0,
            "TimeMajor": self.time_major,
            "AsymmetricQuantizeInputs": False,
        }
        return TFLiteForm(self.tflite[0], tuple(inputs), self.tflite_options, options, version=3)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((1, _HIDDEN), (2, _CELLS))

    def _sizes(self, node: Node) -> tuple[int, int, int, int]:
        """batches, steps, depth, units."""
        first, second, depth = node.input(0).shape
        batches, steps = (second, first) if self.time_major else (first, second)
        return batches, steps, depth, node.input(_HIDDEN).shape[-1]

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        x, hidden, cells = (node.input(i) for i in (0, _HIDDEN, _CELLS))
        if len(node.inputs) != _COUNT or len(x.shape) != 3 or len(hidden.shape) != 2:
            raise VerifyError("the input must have 3 dimensions, the states 2")
        batches, _, depth, units = self._sizes(node)
        wanted = {_WEIGHTS: (units, depth), _RECURRENT: (units, units), _BIASES: (units,)}
        for first, shape in wanted.items():
            for index in range(first, first + len(_GATES)):
                if node.input(index).shape != shape:
                    raise VerifyError(
                        f"{short(node.input(index))} is {list(node.input(index).shape)}, not {list(shape)}"
                    )
        for state in (hidden, cells):
            if state.shape != (batches, units):
                raise VerifyError(f"{short(state)} is {list(state.shape)}, not {[batches, units]}")
        return (
            (x.type.dtype, (*x.shape[:2], units)),
            (hidden.type.dtype, hidden.shape),
            (cells.type.dtype, cells.shape),
        )

    @constraint
    def tensors(self, node: Node) -> str | None:
        """all tensors are float32, or input, weights, hidden state and output quantized int8, the cell state int16, \
the biases int32
        """
        if not is_quantized(node):
            odd = next((v for v in (*node.inputs, *node.outputs) if v and v.type.dtype is not DType.FLOAT32), None)
            return None if odd is None else f"{short(odd)} is {odd.type.dtype}"
        kinds = [DType.INT8] * _BIASES + [DType.INT32] * 4 + [DType.INT8, DType.INT16]
        for value, kind in (*zip(node.inputs, kinds, strict=True), (node.outputs[0], DType.INT8)):
            assert value is not None
            known = value.type.quant is not None and value.type.quant.is_per_tensor
            if value.type.dtype is not kind or not (known or kind is DType.INT32):
                return f"{short(value)} is {value.type}"
        return None

    @constraint
    def symmetric(self, node: Node) -> str | None:
        """weights and cells of an int8 input have zero point 0"""
        for value in (*node.inputs[_WEIGHTS:_BIASES], node.input(_CELLS)) if is_quantized(node) else ():
            if value is not None and value.type.quant is not None and value.type.quant.zero_points[0]:
                return f"{short(value)} has {value.type.quant.zero_points[0]}"
        return None

    @constraint
    def constant_weights(self, node: Node) -> str | None:
        """weights and biases are constants"""
        return not_constant(*node.inputs[_WEIGHTS:_HIDDEN])

    @constraint
    def same_output(self, node: Node) -> str | None:
        """the output and the hidden state of an int8 layer have one scale and zero point"""
        if not is_quantized(node) or node.outputs[0].type.quant == node.input(_HIDDEN).type.quant:
            return None
        return f"{node.outputs[0].type.quant} and {node.input(_HIDDEN).type.quant}"

    @constraint
    def power_of_two(self, node: Node) -> str | None:
        """the scale of int16 cells is a power of two, 2^-15 to 2^-1"""
        quant = node.input(_CELLS).type.quant
        if not is_quantized(node) or quant is None:
            return None
        fraction, exponent = math.frexp(quant.scale)
        return None if fraction == 0.5 and -14 <= exponent <= 0 else f"it is {quant.scale:.6g}"

    def macs(self, node: Node) -> int:
        batches, steps, depth, units = self._sizes(node)
        return batches * steps * units * 4 * (depth + units)

    def _factors(self, node: Node) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(multiplier, shift) of each gate's two products."""

        def of(values: Sequence[Value | None], source: Value) -> list[tuple[int, int]]:
            assert source.type.quant is not None
            scales = [v.type.quant.scale for v in values if v is not None and v.type.quant is not None]
            return [arith.quantize_multiplier(source.type.quant.scale * scale / _GATE_SCALE) for scale in scales]

        weights, recurrent = node.inputs[_WEIGHTS:_RECURRENT], node.inputs[_RECURRENT:_BIASES]
        return of(weights, node.input(0)), of(recurrent, node.input(_HIDDEN))

    def _products(self, node: Node) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of what is kept, of what enters the cells, and of what leaves them."""
        cells, hidden = node.input(_CELLS).type.quant, node.input(_HIDDEN).type.quant
        assert cells is not None and hidden is not None
        return (
            arith.quantize_multiplier(_CURVE_SCALE),
            arith.quantize_multiplier(_CURVE_SCALE * _CURVE_SCALE / cells.scale),
            arith.quantize_multiplier(_CURVE_SCALE * _CURVE_SCALE / hidden.scale),
        )

    def _tanh(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) that make a cell the argument of its curve."""
        quant = node.input(_CELLS).type.quant
        assert quant is not None
        left = 12 + math.frexp(quant.scale)[1] - 1
        return (_GATE_UNIT << left, 0) if left >= 0 else (_GATE_UNIT, -left)

    def _clip(self, node: Node) -> int:
        quant = node.input(_CELLS).type.quant
        if quant is None or self.cell_clip <= 0.0:
            return 0
        return int(min(max(np.float32(self.cell_clip) / np.float64(quant.scale), -32768.0), 32767.0))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        given = [a for a in inputs if a is not None]
        assert len(given) == _COUNT
        samples = max(len(given[i]) for i in (0, _HIDDEN, _CELLS))
        x, hidden, cells = (np.broadcast_to(given[i], (samples, *given[i].shape[1:])) for i in (0, _HIDDEN, _CELLS))
        sequence = x if self.time_major else x.swapaxes(1, 2)
        step = self._step_int8 if is_quantized(node) else self._step_float
        constants = [a[0] for a in given[_WEIGHTS:_HIDDEN]]
        made = []
        for t in range(sequence.shape[1]):
            hidden, cells = step(node, constants, sequence[:, t], hidden, cells)
            made.append(hidden)
        out = np.stack(made, axis=1)
        return [np.ascontiguousarray(out if self.time_major else out.swapaxes(1, 2)), hidden, cells]

    def _step_float(
        self, node: Node, constants: Sequence[FloatArray], x: FloatArray, hidden: FloatArray, cells: FloatArray
    ) -> tuple[Array, Array]:
        gates: list[FloatArray] = [
            x @ constants[gate].T + constants[8 + gate] + hidden @ constants[4 + gate].T for gate in _GATES
        ]
        with np.errstate(over="ignore"):
            enter, forget, leave = (1.0 / (1.0 + np.exp(-gates[g])) for g in (0, 1, 3))
        new: FloatArray = forget * cells + enter * np.tanh(gates[2])
        if self.cell_clip > 0.0:
            new = np.clip(new, np.float32(-self.cell_clip), np.float32(self.cell_clip))
        return (leave * np.tanh(new)).astype(np.float32), new.astype(np.float32)

    def _step_int8(
        self, node: Node, constants: Sequence[Array], x: Array, hidden: Array, cells: Array
    ) -> tuple[Array, Array]:
        source, kept = node.input(0).type.quant, node.input(_HIDDEN).type.quant
        assert source is not None and kept is not None
        centred = (x.astype(np.int64) - source.zero_point, hidden.astype(np.int64) - kept.zero_point)
        gates = []
        for gate, factors in zip(_GATES, zip(*self._factors(node), strict=True), strict=True):
            sums = [c @ constants[gate + 4 * i].astype(np.int64).T for i, c in enumerate(centred)]
            sums[0] = sums[0] + constants[8 + gate].astype(np.int64)
            parts = [
                _saturated(arith.multiply_by_quantized_multiplier(arith.wrap32(s), *f))
                for s, f in zip(sums, factors, strict=True)
            ]
            gates.append(_saturated(parts[0] + parts[1]))
        enter, forget, leave = (arith.logistic_s16(gates[g], _GATE_UNIT, 0) for g in (0, 1, 3))
        fresh = arith.tanh_s16(gates[2], _GATE_UNIT, 0)
        keeping, entering, leaving = self._products(node)
        new = _saturated(arith.multiply_by_quantized_multiplier(forget * cells.astype(np.int64), *keeping))
        new = _saturated(new + _saturated(arith.multiply_by_quantized_multiplier(enter * fresh, *entering)))
        if clip := self._clip(node):
            new = np.clip(new, -clip, clip)
        shown = leave * arith.tanh_s16(new, *self._tanh(node))
        out = arith.multiply_by_quantized_multiplier(shown, *leaving) + kept.zero_point
        return np.clip(out, -128, 127).astype(np.int8), new.astype(np.int16)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        batches, steps, depth, units = self._sizes(node)
        inner, outer = (1, steps) if not self.time_major else (batches, 1)
        strides = ints(input_step=inner * depth, input_batch=outer * depth)
        sizes = Struct(
            "mg_lstm_sizes",
            (
                *ints(batches=batches, steps=steps, depth=depth, units=units),
                *strides,
                *ints(output_step=inner * units, output_batch=outer * units),
            ),
        )
        operands = tuple(Input(i) for i in range(_HIDDEN))
        results = (Output(1), Output(2), Output(0), Scratch())
        carry = (carried(node, 1, _HIDDEN), carried(node, 2, _CELLS))
        if not is_quantized(node):
            params = Struct("mg_lstm_f32_params", (("sizes", sizes), ("cell_clip", Float(self.cell_clip))))
            return (*carry, Call("mg_lstm_f32", (params, *operands, *results), scratch=16 * units))
        params = Struct("mg_lstm_s8_params", (("sizes", sizes), *self._fields(node)))
        table = Const("sigmoid", arith.SIGMOID_TABLE)
        return (*carry, Call("mg_lstm_s8", (params, *operands, table, *results), scratch=8 * units))

    def _fields(self, node: Node) -> tuple[tuple[str, FieldValue], ...]:
        source, kept = node.input(0).type.quant, node.input(_HIDDEN).type.quant
        assert source is not None and kept is not None
        fields: list[tuple[str, FieldValue]] = [
            *ints(input_offset=-source.zero_point, hidden_offset=-kept.zero_point, output_offset=kept.zero_point)
        ]
        for name, factors in zip(("input", "hidden"), self._factors(node), strict=True):
            fields.append((f"{name}_multiplier", tuple(Int(m) for m, _ in factors)))
            fields.append((f"{name}_shift", tuple(Int(s) for _, s in factors)))
        names = ("keep", "enter", "leave", "tanh")
        for name, (multiplier, shift) in zip(names, (*self._products(node), self._tanh(node)), strict=True):
            fields += [(f"{name}_multiplier", Int(multiplier)), (f"{name}_shift", Int(shift))]
        return (*fields, ("cell_clip", Int(self._clip(node))))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            batches: int = 1,
            steps: int = 3,
            depth: int = 7,
            units: int = 6,
            *,
            time_major: bool = False,
            clip: float = 0.0,
            exponent: int = -11,
            zero_points: tuple[int, int] = (3, -9),
            gain: float = 1.0,
        ) -> Sample:
            shape = (steps, batches, depth) if time_major else (batches, steps, depth)
            kind = sampling.int8(shape, 0.03, zero_points[0])
            scale = 0.01 * gain
            operands: list[TensorType | Value | None] = [kind]
            operands += [sampling.weights((id, gate), (units, depth), None, scale) for gate in _GATES]
            operands += [sampling.weights((id, gate, "r"), (units, units), None, scale) for gate in _GATES]
            for gate in _GATES:
                data = sampling.rng("bias", id, gate).integers(-3000, 3000, units, dtype=np.int32)
                operands.append(sampling.constant(f"bias{gate}", data, QuantParams.per_tensor(0.03 * scale, 0)))
            hidden = TensorType(DType.INT8, (batches, units), QuantParams.per_tensor(0.0075, zero_points[1]))
            cells = TensorType(DType.INT16, (batches, units), QuantParams.per_tensor(2.0**exponent, 0))
            out = TensorType(DType.INT8, (*shape[:2], units), hidden.quant)
            return sampling.single(cls(time_major, clip), id, [*operands, hidden, cells], [out, hidden, cells])

        yield make("plain")
        yield make("one", steps=1, depth=1, units=1)
        yield make("time_major", batches=2, steps=4, depth=5, units=9, time_major=True)
        yield make("batch", batches=3, steps=2, depth=13, units=4)
        yield make("clip", clip=0.25, gain=3.0)
        yield make("wide_cells", exponent=-8, gain=4.0, steps=6, zero_points=(-128, 127))
        yield make("narrow_cells", exponent=-14, gain=0.5)
        yield make("saturates", gain=40.0, units=8, depth=16)

        def floats(id: str, batches: int, steps: int, depth: int, units: int, major: bool, clip: float) -> Sample:
            shape = (steps, batches, depth) if major else (batches, steps, depth)
            operands: list[TensorType | Value | None] = [sampling.float32(shape)]
            for gate in _GATES:
                operands.append(sampling.float_weights((id, gate), (units, depth), 0.3, f"w{gate}"))
            for gate in _GATES:
                operands.append(sampling.float_weights((id, gate), (units, units), 0.3, f"r{gate}"))
            for gate in _GATES:
                operands.append(sampling.float_weights((id, gate), (units,), 0.3, f"b{gate}"))
            state = sampling.float32((batches, units))
            out = sampling.float32((*shape[:2], units))
            return sampling.single(cls(major, clip), id, [*operands, state, state], [out, state, state])

        yield floats("f32", 1, 3, 5, 4, False, 0.0)
        yield floats("f32_time_major_clip", 2, 2, 3, 5, True, 0.4)


def _saturated(values: arith.Ints) -> arith.Ints:
    """The nearest int16 values."""
    limited: arith.Ints = np.clip(values, -32768, 32767)
    return limited
