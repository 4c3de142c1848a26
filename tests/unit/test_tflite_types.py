"""Element types: what TensorFlow Lite Micro's interpreter computes, microgen compiles, or says here why not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from microgen.compiler import device_problems
from microgen.errors import MicrogenError
from microgen.frontends import tflite_moves
from microgen.frontends.tflite import load
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support import oracle
from tests.support.tflite_cases import TYPES, Case, build, cases
from tests.support.tolerance import assert_close

#: Operators that compute with numbers: of narrow integers without quantization parameters the interpreter does so with
#: parameters of 0, as if the scale were 1, or it ends the process. Models have them nowhere; nobody is asked.
ARITHMETIC = (
    "ABS|ADD|ADD_N|SUB|MUL|DIV|MAXIMUM|MINIMUM|SQUARED_DIFFERENCE|RELU6?|ELU|HARD_SWISH|TANH|LEAKY_RELU|PRELU|CUMSUM|"
    "(AVERAGE|MAX)_POOL_2D|BATCH_MATMUL|L2_NORMALIZATION|(LOG_)?SOFTMAX|MEAN|SUM|REDUCE_M..|RESIZE_BILINEAR|RSQRT|"
    "LOGISTIC|(NOT_)?EQUAL|(LESS|GREATER)(_EQUAL)?"
)
#: Patterns of "operator form: type" that the interpreter takes and microgen refuses, with the reason.
GAPS = {
    r"(DE)?QUANTIZE .*: (plain .*|u?int32)": "no quantization parameters say what the numbers are",
    r"QUANTIZE to (plain .*|u?int32): .*": "the same, of the result",
    r"LOGICAL_(AND|OR) .*: (?!bool).*": "bytes of numbers are read as truth values",
    r"GREATER : int16": "the interpreter's scales are 0: nothing is ever greater",
    r"PADV2 : .*": "the value to pad with is known when a model is compiled",
}
#: Results that differ, with the reason.
DIFFERENT = {
    r"DIV : int8": "the interpreter shifts by 31 bits and more for small quotients",
}


def declared(table: dict[str, str], name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in table)


def refusal(model: bytes) -> str | None:
    """Why microgen does not compile a model."""
    try:
        problems = device_problems(load(model))
    except MicrogenError as error:
        return str(error)
    return problems[0] if problems else None


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted({case.name for case in cases()}))
def test_what_the_interpreter_takes_is_compiled(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    taken = 0
    wrong: list[str] = []
    kinds = [kind for kind in TYPES if " " not in kind or not re.fullmatch(ARITHMETIC, name)]
    for case, kind in ((c, kind) for c in cases() if c.name == name for kind in kinds):
        what = f"{case.name} {case.form}: {kind}"
        found = _compared(case, kind, what, declared(DIFFERENT, what))
        taken += found is not None
        if found is not None and bool(found) != declared(GAPS, what):
            wrong.append(f"{what}: {found or 'is declared as a gap'}")
    assert taken, "the interpreter does not take it in any type"
    assert not wrong, "\n".join(wrong)


def _compared(case: Case, kind: str, what: str, differs: bool) -> str | None:
    """None where the interpreter refuses, why microgen does, or "" where both give the same."""
    model, inputs = build(case, kind)
    try:
        expected = oracle.run(model, inputs).outputs
    except oracle.OracleRefused:
        return None
    if (why := refusal(model)) is not None:
        return why
    for ours, theirs in zip(Session(load(model)).run([x[np.newaxis] for x in inputs]), expected, strict=True):
        if not differs:
            assert_close(ours[0], theirs, inputs, what)
    return ""


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(tflite_moves.OPERATORS & {case.name for case in cases()}))
def test_bytes_are_copied_whatever_their_scales(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for case in (c for c in cases() if c.name == name):
        model, inputs = build(case, "int8", (0.065, -7))
        try:
            expected = oracle.run(model, inputs).outputs
        except oracle.OracleRefused:
            continue
        assert refusal(model) is None
        graph = load(model)
        optimize(graph)
        for value, ours, theirs in zip(
            graph.outputs, Session(graph).run([x[np.newaxis] for x in inputs]), expected, strict=True
        ):
            assert np.array_equal(ours[0], theirs)
            assert value.type.quant is not None and value.type.quant.zero_point == -7


def test_shapes_that_are_computed_at_run_time_are_refused_as_such() -> None:
    model, _ = build(Case("BROADCAST_ARGS", ((2,), (2,)), ((2,),)), "int32")
    assert "computes with shapes that are only known at run time" in str(refusal(model))
