"""How results of host and device are compared: bytes, floats within a tolerance, what lies behind floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microgen.mindir import DType, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.dequantize import Dequantize
from microgen.ops.quantize import Quantize
from microgen.passes import optimize
from microgen.verification import Verdict, _first_difference, _Layer, behind_floats, sample_inputs


def layer(host: Any, device: Any, *, rounded: bool = False) -> _Layer:
    """One result of one sample and one invocation."""
    return _Layer(0, None, np.array([host]), np.array([[device]], np.array([host]).dtype), rounded)


F32 = np.float32


def test_integers_are_compared_byte_for_byte() -> None:
    same, other = layer(np.int8([1, 2]), np.int8([1, 2])), layer(np.int8([1, 2]), np.int8([1, 3]))
    assert same.is_exact and _first_difference([same], 0) is None
    found = _first_difference([same, other], 5)
    assert found is not None
    assert (found.sample, found.element, found.host, found.device, found.differing) == (5, (1,), "2", "3", 1)
    assert str(found).endswith("1 elements of this layer differ in this run")


@pytest.mark.parametrize(("device", "good"), [(3, True), (1, True), (4, False), (0, False)])
def test_integersbehind_floats_may_be_a_step_off(device: int, good: bool) -> None:
    result = layer(np.int8([2]), np.int8([device]), rounded=True)
    assert (_first_difference([result], 0) is None) == good
    assert not result.is_exact


@pytest.mark.parametrize(
    ("device", "good"), [(1.0, True), (1.0009, True), (0.9991, True), (1.0011, False), (np.nan, False), (np.inf, False)]
)
def test_floats_are_compared_relative_to_the_largest_of_their_layer(device: float, good: bool) -> None:
    result = layer(F32([1.0, -100.0]), F32([device, -100.0]))
    found = _first_difference([result], 0)
    assert (found is None) == good
    if found is not None:
        assert "by more than 0.001" in str(found)


def test_what_is_no_number_equals_its_like() -> None:
    specials = F32([np.nan, np.inf, -np.inf, 0.0])
    assert _first_difference([layer(specials, F32([np.nan, np.inf, -np.inf, -0.0]))], 0) is None
    assert _first_difference([layer(specials, F32([np.nan, -np.inf, -np.inf, 0.0]))], 0) is not None


def test_zeros_leave_no_room() -> None:
    assert _first_difference([layer(F32([0.0]), F32([1e-30]))], 0) is not None


def test_what_liesbehind_floats() -> None:
    source = Value("x", TensorType(DType.FLOAT32, (4,)))
    quant = QuantParams.per_tensor(0.1, 0)
    (first,) = sampling.single(Quantize(), "q", [source], quant).graph.nodes
    graph = sampling.single(Quantize(), "q", [source], quant).graph
    assert behind_floats(graph) == set(graph.outputs)
    assert first.output.type.quant == quant
    whole = sampling.single(Dequantize(), "d", [sampling.int8((4,))], None).graph
    assert behind_floats(optimize(whole)) == set()


def test_verdicts_in_words() -> None:
    assert Verdict("b", 1, 1, None).agreement == "bit-exact"
    near = Verdict("b", 1, 1, None, exact=False)
    assert (near.agrees, near.bit_exact, near.agreement) == (True, False, "agrees within 1e-05")
    found = _first_difference([layer(np.int8([1]), np.int8([2]))], 0)
    assert not Verdict("b", 1, 1, found, exact=False).agrees


def test_edge_inputs_of_floats_are_moderate() -> None:
    (made,) = sample_inputs([TensorType(DType.FLOAT32, (2, 3))], 5)
    assert made.shape == (8, 2, 3) and made.dtype == np.float32
    assert made[:3, 0, 0].tolist() == [-4.0, 4.0, 0.0] and np.abs(made).max() < 20
