"""SVDF: a dense layer over the last values of each of its features, which it keeps as a state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, carried, constraint, device_constraint
from microgen.ops.call import Call, Context, Input, Int, Output, Struct, Target, ints
from microgen.ops.constraints import fused_activation, is_quantized, not_constant, short
from microgen.ops.convolution import bias_argument
from microgen.ops.floats import clamp_fields, clamped, computed_in
from microgen.ops.tflite_form import ACTIVATION, TFLiteForm, TFLiteSource

_STATE = 4
_FUNCTIONS = {DType.INT16: "arm_svdf_state_s16_s8", DType.INT8: "arm_svdf_s8"}


@dataclass(frozen=True)
class Svdf(Op):
    """Inputs: [batch, depth], feature weights [features, depth], time weights [features, steps], optional bias [units],
    state [batch, features · steps]; ``rank`` features make a unit. Outputs: [batch, units] and the state left.

    In int8 the state is int16 or int8, as are the time weights, and the bias is int32. The zero point of an int8 state
    is added to what is clamped to int8 before, in the eight bits of the state: sums beyond wrap around.
    """

    rank: int = 1
    activation: Activation = Activation.NONE

    name: ClassVar[str] = "Svdf"
    tflite: ClassVar[tuple[str, ...]] = ("SVDF",)
    tflite_options: ClassVar[str | None] = "SVDFOptions"
    tflite_states: ClassVar[tuple[int, ...]] = (_STATE,)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        x, features, times, bias, state = (*source.inputs, None, None)[:5]
        if bias is not None and bias.is_const and not bias.const.any():
            bias = None
        return cls(source.int_option("Rank"), fused_activation(source)), (x, features, times, bias, state)

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {
            "Rank": self.rank,
            "FusedActivationFunction": ACTIVATION.index(self.activation.value),
            "AsymmetricQuantizeInputs": False,
        }
        x, features, times, bias, state = (node.optional_input(i) for i in range(5))
        if bias is None:
            # The reference interpreter does not expect its absence.
            units = node.outputs[0].shape[1]
            dtype = DType.INT32 if is_quantized(node) else DType.FLOAT32
            scale = self._bias_scale(node)
            quant = None if scale is None else QuantParams.per_tensor(scale, 0)
            bias = Value(f"{node.name}/bias", TensorType(dtype, (units,), quant), np.zeros(units, dtype.numpy))
        return TFLiteForm(self.tflite[0], (x, features, times, bias, state), self.tflite_options, options, version=3)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((1, _STATE),)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        x, features, times, state = (node.input(i) for i in (0, 1, 2, _STATE))
        if any(len(v.shape) != 2 for v in (x, features, times, state)):
            raise VerifyError("input, weights and state must have 2 dimensions")
        (batch, depth), (count, width), (rows, steps) = x.shape, features.shape, times.shape
        if width != depth or rows != count:
            found = f"{list(features.shape)} and {list(times.shape)}"
            raise VerifyError(f"weights {found} do not fit an input {list(x.shape)}")
        if self.rank < 1 or count % self.rank:
            raise VerifyError(f"{count} features do not divide into units of {self.rank}")
        if state.shape != (batch, count * steps):
            raise VerifyError(f"the state is {list(state.shape)}, not {[batch, count * steps]}")
        bias = node.optional_input(3)
        if bias is not None and bias.type.elements != count // self.rank:
            raise VerifyError(f"{bias.type.elements} biases for {count // self.rank} outputs")
        return (x.type.dtype, (batch, count // self.rank)), (state.type.dtype, state.shape)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """all tensors are float32, or input, feature weights and output quantized int8, state and time weights int16 \
or int8, the bias int32
        """
        x, features, times, bias, state = (node.optional_input(i) for i in range(5))
        assert x is not None and features is not None and times is not None and state is not None
        if not is_quantized(node):
            odd = next((v for v in (*node.inputs, *node.outputs) if v and v.type.dtype is not DType.FLOAT32), None)
            return None if odd is None else f"{short(odd)} is {odd.type.dtype}"
        kinds: list[tuple[Value, tuple[DType, ...]]] = [(v, (DType.INT8,)) for v in (x, features, node.outputs[0])]
        kinds += [(state, tuple(_FUNCTIONS)), (times, (state.type.dtype,))]
        for value, allowed in kinds:
            if value.type.dtype not in allowed or value.type.quant is None or not value.type.quant.is_per_tensor:
                return f"{short(value)} is {value.type}"
        if bias is not None and bias.type.dtype is not DType.INT32:
            return f"{short(bias)} is {bias.type.dtype}"
        return None

    @constraint
    def symmetric(self, node: Node) -> str | None:
        """weights and int16 state of an int8 input have zero point 0"""
        state = node.input(_STATE)
        kept = (state,) if state.type.dtype is DType.INT16 else ()
        for value in (node.input(1), node.input(2), *kept) if is_quantized(node) else ():
            if value.type.quant is not None and value.type.quant.zero_points[0]:
                return f"{short(value)} has {value.type.quant.zero_points[0]}"
        return None

    @constraint
    def constant_weights(self, node: Node) -> str | None:
        """weights and bias are constants"""
        return not_constant(node.input(1), node.input(2), node.optional_input(3))

    @device_constraint
    def no_activation(self, node: Node) -> str | None:
        """the activation of an int8 layer is none, or a ReLU that the output's lowest value is the zero of"""
        return self._odd_activation(node)

    def _odd_activation(self, node: Node) -> str | None:
        if not is_quantized(node) or self.activation.bounds(node.outputs[0].type) == DType.INT8.limits:
            return None
        return f"it is {self.activation.value}"

    @constraint
    def matching_bias(self, node: Node) -> str | None:
        """the scale of an int32 bias is state scale times time weight scale, within 0.00001"""
        bias, wanted = node.optional_input(3), self._bias_scale(node)
        if wanted is None or bias is None or bias.type.quant is None or abs(bias.type.quant.scale - wanted) < 1e-5:
            return None
        return f"{bias.type.quant.scale:.6g}, not {wanted:.6g}"

    def _bias_scale(self, node: Node) -> float | None:
        """None for a layer in float."""
        times, state = node.input(2).type.quant, node.input(_STATE).type.quant
        return None if times is None or state is None else times.scale * state.scale

    def macs(self, node: Node) -> int:
        batch = node.input(0).shape[0]
        return batch * (node.input(1).type.elements + node.input(2).type.elements)

    def _factors(self, node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of what enters the state, and of the output."""
        x, features, times, state, result = (
            v.type.quant for v in (node.input(0), node.input(1), node.input(2), node.input(_STATE), node.outputs[0])
        )
        assert x and features and times and state and result
        # The reference divides and multiplies in single precision.
        inner = np.float32(x.scale) * np.float32(features.scale) / np.float32(state.scale)
        outer = np.float32(state.scale) * np.float32(times.scale) / np.float32(result.scale)
        return arith.quantize_multiplier(float(inner)), arith.quantize_multiplier(float(outer))

    @staticmethod
    def _state_offset(node: Node) -> int:
        quant = node.input(_STATE).type.quant
        assert quant is not None
        return quant.zero_point

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, features, times, bias, state = inputs
        assert x is not None and features is not None and times is not None and state is not None
        samples, batch = len(state), node.input(0).shape[0]
        count, steps = node.input(2).shape
        x = np.broadcast_to(x, (samples, *x.shape[1:])) if len(x) != samples else x
        history = np.broadcast_to(state, (len(x), *state.shape[1:])).reshape(len(x), batch, count, steps)
        if not is_quantized(node):
            return self._evaluate_float(node, x, features, times, bias, history)
        quant, result = node.input(0).type.quant, node.outputs[0].type.quant
        assert quant is not None and result is not None
        inner, outer = self._factors(node)
        sums = (x.astype(np.int64) - quant.zero_point) @ features[0].astype(np.int64).T
        low, high = node.input(_STATE).type.dtype.limits
        kind, offset = node.input(_STATE).type.dtype.numpy, self._state_offset(node)
        new = np.clip(arith.multiply_by_quantized_multiplier(arith.wrap32(sums), *inner), low, high)
        new = (new + offset).astype(kind)
        left = np.concatenate([history[..., 1:], new[..., np.newaxis]], axis=-1)
        totals = _units((left.astype(np.int64) - offset) * times[0].astype(np.int64), self.rank)
        if bias is not None:
            totals = totals + bias[0].astype(np.int64).reshape(-1)
        scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(totals), *outer)
        bounds = self.activation.bounds(node.outputs[0].type)
        out = np.clip(arith.wrap32(scaled + result.zero_point), *bounds).astype(np.int8)
        return [out, left.reshape(len(x), batch, -1)]

    def _evaluate_float(
        self, node: Node, x: Array, features: Array, times: Array, bias: Array | None, history: Array
    ) -> list[Array]:
        dtype = computed_in(node.outputs[0].type.dtype)
        new = x.astype(dtype) @ features[0].astype(dtype).T
        left = np.concatenate([history[..., 1:].astype(dtype), new[..., np.newaxis]], axis=-1)
        totals = _units(left * times[0].astype(dtype), self.rank)
        if bias is not None:
            totals = totals + bias[0].astype(dtype).reshape(-1)
        out = clamped(totals, self.activation, node.outputs[0].type.dtype)
        return [out, left.astype(np.float32).reshape(len(x), node.input(0).shape[0], -1)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        (batch, depth), (count, steps) = node.input(0).shape, node.input(2).shape
        carry = carried(node, 1, _STATE)
        if not is_quantized(node):
            sizes = ints(batches=batch, depth=depth, rank=self.rank, units=count // self.rank, steps=steps)
            params = Struct("mg_svdf_f32_params", (*sizes, *clamp_fields(self.activation)))
            args = (params, Input(0), Input(1), Input(2), bias_argument(node, 3), Output(1), Output(0))
            return carry, Call("mg_svdf_f32", args)
        quant, result = node.input(0).type.quant, node.outputs[0].type.quant
        assert quant is not None and result is not None
        state = node.input(_STATE).type.dtype
        low, high = state.limits
        (m1, s1), (m2, s2) = self._factors(node)
        out_low, out_high = self.activation.bounds(node.outputs[0].type)
        params = Struct(
            "cmsis_nn_svdf_params",
            (
                # The kernel subtracts the input's offset.
                *ints(rank=self.rank, input_offset=quant.zero_point, output_offset=result.zero_point),
                ("input_activation", Struct("cmsis_nn_activation", ints(min=low, max=high))),
                ("output_activation", Struct("cmsis_nn_activation", ints(min=out_low, max=out_high))),
            ),
        )
        args = (
            *((Context(),) if state is DType.INT8 else ()),
            Context(),
            Context(),
            params,
            Struct("cmsis_nn_per_tensor_quant_params", ints(multiplier=m1, shift=s1)),
            Struct("cmsis_nn_per_tensor_quant_params", ints(multiplier=m2, shift=s2)),
            _dims(n=batch, h=depth),
            Input(0),
            _dims(n=batch, h=count * steps),
            Output(1),
            _dims(n=count, h=depth),
            Input(1),
            _dims(n=count, h=steps),
            Input(2),
            _dims(n=count // self.rank),
            bias_argument(node, 3),
            _dims(n=batch, h=count // self.rank),
            Output(0),
        )
        if self._state_offset(node):
            # CMSIS-NN's function knows no zero point of the state.
            return carry, Call("mg_svdf_s8", (*args[3:], Int(self._state_offset(node))))
        return carry, Call(_FUNCTIONS[state], args)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            batch: int = 1,
            depth: int = 10,
            units: int = 6,
            rank: int = 2,
            steps: int = 4,
            *,
            zero_points: tuple[int, int] = (3, -5),
            activation: Activation = Activation.NONE,
            bias: int | None = 0,
            state: DType = DType.INT16,
            gain: float = 1.0,
            state_offset: int = 0,
        ) -> Sample:
            count = units * rank
            kind = sampling.int8((batch, depth), 0.05, zero_points[0])
            features = sampling.weights(id, (count, depth), None, 0.02)
            time_type = TensorType(state, (count, steps), QuantParams.per_tensor(0.004, 0))
            high = 127 if state is DType.INT8 else 2000
            times = sampling.rng("times", id).integers(-high, high + 1, (count, steps)).astype(state.numpy)
            kept_scale = 4.0 * math.sqrt(depth) / (2000 if state is DType.INT16 else 40)
            kept = TensorType(state, (batch, count * steps), QuantParams.per_tensor(kept_scale, state_offset))
            offsets = None
            if bias is not None:
                values = sampling.rng("bias", id).integers(-3000, 3000, units, dtype=np.int32) + np.int32(bias)
                offsets = sampling.constant("bias", values, QuantParams.per_tensor(kept_scale * 0.004, 0))
            scale = kept_scale * 0.004 * high * 25.0 * math.sqrt(rank * steps) / gain
            if state is DType.INT16:
                scale *= 20.0
            out = TensorType(DType.INT8, (batch, units), QuantParams.per_tensor(scale, zero_points[1]))
            weights = Value("times", time_type, times)
            return sampling.single(cls(rank, activation), id, [kind, features, weights, offsets, kept], [out, kept])

        yield make("plain")
        yield make("one", depth=1, units=1, rank=1, steps=1)
        yield make("batch", batch=3, depth=7, units=5)
        yield make("no_bias", bias=None, depth=16, units=8, rank=1, steps=9)
        yield make("relu", activation=Activation.RELU, zero_points=(-128, -128))
        yield make("saturates", gain=60.0, bias=3000)
        yield make("int8_state", state=DType.INT8)
        yield make("int8_state_batch", batch=2, depth=5, units=4, rank=3, state=DType.INT8, bias=None)
        yield make("int8_state_offset", batch=2, state=DType.INT8, state_offset=-50)

        def floats(id: str, batch: int, depth: int, units: int, rank: int, steps: int, bias: bool = True) -> Sample:
            count = units * rank
            return sampling.single(
                cls(rank, Activation.RELU if bias else Activation.NONE),
                id,
                [
                    sampling.float32((batch, depth)),
                    sampling.float_weights(id, (count, depth), 0.3, "features"),
                    sampling.float_weights(id, (count, steps), 0.3, "times"),
                    sampling.float_weights(id, (units,), 0.3, "bias") if bias else None,
                    sampling.float32((batch, count * steps)),
                ],
                [sampling.float32((batch, units)), sampling.float32((batch, count * steps))],
            )

        yield floats("f32", 1, 9, 4, 2, 5)
        yield floats("f32_batch_no_bias", 3, 4, 3, 1, 2, bias=False)


def _units(products: NDArray[Any], rank: int) -> NDArray[Any]:
    """[…, features, steps] summed over steps and over the ``rank`` features of each unit."""
    sums = products.sum(axis=-1)
    grouped: NDArray[Any] = sums.reshape(*sums.shape[:-1], -1, rank).sum(axis=-1)
    return grouped


def _dims(n: int, h: int = 1) -> Struct:
    return Struct("cmsis_nn_dims", ints(n=n, h=h, w=1, c=1))
