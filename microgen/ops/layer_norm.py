"""LayerNorm: normalization over the last dimensions, with a scale and a shift for each element."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import layer_norm_int8, sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Arg, Call, Const, FieldValue, Float, Input, Null, Output, Struct, Target, ints
from microgen.ops.constraints import device_arithmetic, is_quantized, not_constant, quantized_or_float, short
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm


@dataclass(frozen=True)
class LayerNorm(Op):
    """``(x - mean) / √(variance + epsilon) · gamma + beta`` over the last ``axes`` dimensions.

    Inputs: x, gamma or None, beta or None; gamma and beta broadcast to those dimensions and are float32 constants in
    int8 too. The variance is that of the elements themselves (divided by their number).

    int8, for a row of N elements q with input scale S and output scale T and zero point Z, in integers throughout:

    1. ``s = Σq``, ``d = N·q - s``, ``D = (N·Σq² - s²)·2^f + e``, at least 2^f, in 64 bits. ``e`` is
       ``N²·epsilon/S²·2^f`` as an integer of 31 significant bits, f as large as D permits. Then the normalized value is
       ``d·2^(f/2) / √D``.
    2. ``D·2^k``, k even, in [2^60, 2^62); ``root`` is the integer part of its square root and ``inverse`` that of
       ``(2^61 - 1) / root``, so that ``1/√D ≈ inverse · 2^(k/2 - 61)``.
    3. ``y = d · inverse``, rounded to 20 fractional bits.
    4. ``y · g + b``, where ``g`` is gamma/T in an int32 with 20 fractional bits, or fewer where the largest needs it,
       and ``b`` likewise beta/T, shifted to the bits of the product; rounded to an integer, plus Z, clamped.

    Roundings add half and shift right. The result is that of real arithmetic but for the last rounding, nearly always.
    """

    axes: int = 1
    epsilon: float = 1e-5

    name: ClassVar[str] = "LayerNorm"
    onnx: ClassVar[tuple[str, ...]] = ("LayerNormalization",)

    def to_tflite(self, node: Node) -> TFLiteForm:
        raise VerifyError("TensorFlow Lite has no layer normalization", where=node.label)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        rank = len(source.input(0).shape)
        axis = source.integer("axis", -1)
        if not -rank <= axis < rank:
            raise VerifyError(f"axis {axis} is outside of the input's {rank} dimensions")
        operands = (source.input(0), source.optional(1), source.optional(2))
        return cls(rank - axis % rank, source.number("epsilon", 1e-5)), operands

    def to_onnx(self, node: Node) -> OnnxForm:
        if node.optional_input(1) is None:
            raise VerifyError("ONNX's layer normalization needs a scale", where=node.label)
        operands = node.inputs if node.optional_input(2) is not None else node.inputs[:2]
        return OnnxForm("LayerNormalization", operands, {"axis": -self.axes, "epsilon": self.epsilon})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if not 1 <= self.axes <= len(source.shape):
            raise VerifyError(f"{self.axes} dimensions to normalize over of {len(source.shape)}")
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0.0):
            raise VerifyError(f"epsilon must be finite and not negative, not {self.epsilon!r}")
        wanted = source.shape[-self.axes :]
        for index, label in ((1, "gamma"), (2, "beta")):
            value = node.optional_input(index)
            if value is None:
                continue
            sizes = (1,) * (len(wanted) - len(value.shape)) + value.shape
            if len(sizes) != len(wanted) or any(s not in (1, w) for s, w in zip(sizes, wanted, strict=True)):
                raise VerifyError(f"{label} of shape {list(value.shape)} does not broadcast to {list(wanted)}")
        return ((source.type.dtype, source.shape),)

    @constraint
    def same_kind(self, node: Node) -> str | None:
        """input and output are both int8 with per-tensor quantization parameters, or both float"""
        return quantized_or_float(node, (node.input(0), node.output))

    @constraint
    def float_parameters(self, node: Node) -> str | None:
        """gamma and beta are float32 in int8 and of the input's type in float"""
        wanted = DType.FLOAT32 if is_quantized(node) else node.input(0).type.dtype
        for value in (node.optional_input(1), node.optional_input(2)):
            if value is not None and value.type.dtype is not wanted:
                return f"{short(value)} is {value.type.dtype}"
        return None

    @constraint
    def constant_int8_parameters(self, node: Node) -> str | None:
        """gamma and beta are constants in int8"""
        return not_constant(node.optional_input(1), node.optional_input(2)) if is_quantized(node) else None

    @constraint
    def representable(self, node: Node) -> str | None:
        """in int8, at most 2^20 elements are normalized, gamma and beta are below 2^20 output steps and epsilon is
        below 2^15 times the square of the input's scale
        """
        if not is_quantized(node) or self.same_kind(node) or self.constant_int8_parameters(node):
            return None
        if self.count(node) > layer_norm_int8.MOST:
            return f"there are {self.count(node)}"
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        for index, label in ((1, "gamma"), (2, "beta")):
            value = node.optional_input(index)
            peak = np.abs(value.const).max() if value is not None else 1.0 if index == 1 else 0.0
            steps = float(peak) / result.scale
            if not steps < 1 << 20:
                return f"{label} reaches {steps:.3g} steps"
        ratio = self.epsilon / source.scale**2
        return None if ratio < 1 << 15 else f"epsilon is {ratio:.3g} times that"

    @device_constraint
    def int8_or_float32(self, node: Node) -> str | None:
        """input and output are quantized int8 or float32"""
        return device_arithmetic(node.input(0), node.output)

    @device_constraint
    def constant_parameters(self, node: Node) -> str | None:
        """gamma and beta are constants"""
        return not_constant(node.optional_input(1), node.optional_input(2))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset((1, 2)))

    def macs(self, node: Node) -> int:
        return 2 * node.output.type.elements

    def count(self, node: Node) -> int:
        """How many elements are normalized together."""
        return math.prod(node.input(0).shape[-self.axes :])

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        rank = len(permutation)
        kept = rank - self.axes
        leading, last = permutation[:kept], permutation[kept:]
        if sorted(leading) != list(range(kept)):
            return None
        turned: Permutation | None = tuple(axis - kept for axis in last)
        if turned == tuple(range(self.axes)):
            turned = None
        present = (node.optional_input(1), node.optional_input(2))
        inputs = (permutation, *(None if value is None else turned for value in present))
        return Permuted(self, inputs[: len(node.inputs)], (permutation,))

    # Meaning ------------------------------------------------------------------------------------------

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        if is_quantized(node):
            return [self._evaluate_int8(node, source)]
        axes = tuple(range(-self.axes, 0))
        # Sums of half-precision numbers are taken in single precision.
        x = source if source.dtype.itemsize >= 4 else source.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            centred = x - x.mean(axis=axes, keepdims=True)
            # What rounding has left of the mean would be large beside a small variance.
            centred = centred - centred.mean(axis=axes, keepdims=True)
            variance = np.square(centred).mean(axis=axes, keepdims=True)
            result = centred / np.sqrt(variance + x.dtype.type(self.epsilon))
        gamma, beta = ((*inputs, None, None)[i] for i in (1, 2))
        rank = len(node.input(0).shape)
        if gamma is not None:
            result = result * gamma.reshape(len(gamma), *(1,) * (rank + 1 - gamma.ndim), *gamma.shape[1:])
        if beta is not None:
            result = result + beta.reshape(len(beta), *(1,) * (rank + 1 - beta.ndim), *beta.shape[1:])
        return [np.asarray(result, source.dtype)]

    def _evaluate_int8(self, node: Node, source: Array) -> Array:
        quant = node.output.type.quant
        assert quant is not None
        size = self.count(node)
        y = layer_norm_int8.normalized(source.reshape(-1, size).astype(np.int64), self._epsilon(node))
        (gamma, gamma_bits), (beta, beta_bits) = self._gamma(node), self._beta(node)
        bits = layer_norm_int8.BITS + gamma_bits
        total = y * gamma + (beta << (bits - beta_bits))
        result = ((total + (1 << (bits - 1))) >> bits) + quant.zero_point
        return np.asarray(np.clip(result, -128, 127), np.int8).reshape(source.shape)

    def _epsilon(self, node: Node) -> tuple[int, int]:
        quant = node.input(0).type.quant
        assert quant is not None
        return layer_norm_int8.epsilon_in_units(self.epsilon, self.count(node), quant.scale)

    def _gamma(self, node: Node) -> tuple[arith.Ints, int]:
        """gamma over the output's scale, one for each element or a single one, and its fractional bits."""
        return self._in_steps(node, node.optional_input(1), 1.0)

    def _beta(self, node: Node) -> tuple[arith.Ints, int]:
        """beta likewise."""
        return self._in_steps(node, node.optional_input(2), 0.0)

    def _in_steps(self, node: Node, value: Value | None, default: float) -> tuple[arith.Ints, int]:
        quant = node.output.type.quant
        assert quant is not None
        data = np.full(1, default)
        if value is not None:
            data = np.broadcast_to(value.const, node.input(0).shape[-self.axes :]).reshape(-1).astype(np.float64)
        return layer_norm_int8.in_steps(data, quant.scale)

    # C ------------------------------------------------------------------------------------------------

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        size = self.count(node)
        rows = node.input(0).type.elements // size
        gamma, beta = node.optional_input(1), node.optional_input(2)
        if not is_quantized(node):
            params = Struct("mg_layer_norm_f32_params", (*ints(rows=rows, size=size), ("epsilon", Float(self.epsilon))))
            args = (params, Input(0), self._whole(node, 1), self._whole(node, 2), Output())
            return (Call("mg_layer_norm_f32", args),)
        quant = node.output.type.quant
        assert quant is not None
        (factors, gamma_bits), (shifts, beta_bits) = self._gamma(node), self._beta(node)
        mantissa, epsilon_shift = self._epsilon(node)
        fields: tuple[tuple[str, FieldValue], ...] = (
            *ints(rows=rows, size=size, spread_bits=layer_norm_int8.spread_bits(size)),
            *ints(epsilon=mantissa, epsilon_shift=epsilon_shift),
            ("gamma", Null() if gamma is None else Const("gamma", factors.astype(np.int32))),
            ("beta", Null() if beta is None else Const("beta", shifts.astype(np.int32))),
            *ints(
                gamma_of_all=int(factors[0]) if gamma is None else 0,
                beta_shift=layer_norm_int8.BITS + gamma_bits - beta_bits,
                output_shift=layer_norm_int8.BITS + gamma_bits,
                output_offset=quant.zero_point,
            ),
        )
        return (Call("mg_layer_norm_s8", (Struct("mg_layer_norm_s8_params", fields), Input(0), Output())),)

    def _whole(self, node: Node, index: int) -> Arg:
        """gamma or beta with one element for each that is normalized; a null pointer where there is none."""
        value = node.optional_input(index)
        if value is None:
            return Null()
        shape = node.input(0).shape[-self.axes :]
        if value.type.elements == math.prod(shape):
            return Input(index)
        return Const(("x", "gamma", "beta")[index], np.ascontiguousarray(np.broadcast_to(value.const, shape)))

    def in_place(self, node: Node) -> tuple[int, ...]:
        # A row is read whole before its first result, and each element once more before its own.
        return (0,) if node.input(0).type.nbytes == node.output.type.nbytes else ()

    # Tests --------------------------------------------------------------------------------------------

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            axes: int = 1,
            *,
            gamma: tuple[int, ...] | None = (),
            beta: tuple[int, ...] | None = (),
            epsilon: float = 1e-5,
            scales: tuple[float, float] = (0.05, 0.03),
            zero_points: tuple[int, int] = (3, -5),
            factor: float = 1.0,
            real: bool = False,
        ) -> Sample:
            whole = shape[-axes:]
            operands: list[TensorType | Value | None] = [
                sampling.float32(shape) if real else sampling.int8(shape, scales[0], zero_points[0])
            ]
            for given, name in ((gamma, "gamma"), (beta, "beta")):
                operands.append(
                    None if given is None else sampling.float_weights(id, given or whole, 0.6 * factor, name)
                )
            output = None if real else QuantParams.per_tensor(scales[1], zero_points[1])
            return sampling.single(cls(axes, epsilon), f"f32_{id}" if real else id, operands, output)

        for real in (False, True):
            yield make("rows", (5, 24), real=real)
            yield make("tokens", (2, 7, 33), real=real)
            yield make("image", (1, 4, 5, 6), 3, real=real)
            yield make("everything", (3, 4, 5), 3, real=real)
            yield make("rank_1", (40,), real=real)
            yield make("two", (6, 2), real=real)
            yield make("plain", (4, 20), gamma=None, beta=None, real=real)
            yield make("no_beta", (4, 20), beta=None, real=real)
            yield make("no_gamma", (4, 20), gamma=None, real=real)
            yield make("one_gamma", (4, 20), gamma=(1,), beta=(1,), real=real)
            yield make("channels", (2, 3, 4, 5), 3, gamma=(3, 1, 1), beta=(5,), real=real)
            yield make("large_epsilon", (4, 20), epsilon=0.5, real=real)
            yield make("small_epsilon", (4, 20), epsilon=1e-12, real=real)
            yield make("wide", (2, 1030), real=real)
        yield make("tiny_epsilon", (4, 20), epsilon=1e-30)
        yield make("fine_input", (4, 20), scales=(1e-4, 0.03))
        yield make("coarse_input", (4, 20), scales=(50.0, 0.03))
        yield make("saturating", (4, 20), scales=(0.05, 0.002))
        yield make("vanishing", (4, 20), scales=(0.05, 0.6))
        yield make("large_factors", (4, 20), factor=900.0, scales=(0.05, 30.0))
        yield make("factors_far_above_1", (4, 20), factor=900.0)
        yield make("small_factors", (4, 20), factor=1e-6, scales=(0.05, 3e-8))
        yield make("zero_points_low", (4, 20), zero_points=(-128, -128))
        yield make("zero_points_high", (4, 20), zero_points=(127, 127))
