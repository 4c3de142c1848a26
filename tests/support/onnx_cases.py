"""The node tests that the package ``onnx`` carries, run through frontend and host runtime, and the table of results."""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from microgen.errors import InputError, MicrogenError, UnsupportedError
from microgen.frontends.onnx import load
from microgen.frontends.options import ImportOptions
from microgen.passes import optimize
from microgen.runtime.session import Session

PASSED, FIXED, REFUSED, WRONG = "passed", "passed with fixed inputs", "refused", "wrong"
# A refusal that fixing inputs answers: shapes and axes that a model takes as inputs.
_FIXABLE = ("must be known at compile time", "has a dimension that is not positive")


@dataclass(frozen=True)
class Outcome:
    """What became of one case; ``reason`` of a refusal, or how a result is wrong."""

    case: str
    operator: str
    kind: str
    reason: str = ""


@functools.cache
def cases() -> tuple[Any, ...]:
    """Every node test of the package."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return tuple(collect_testcases(None))


@functools.cache
def operators() -> dict[str, str]:
    """The operator under test by case; the expanded form of a case is its operator written with others."""
    single = {case.name: case.model.graph.node[0].op_type for case in cases() if len(case.model.graph.node) == 1}
    table = {}
    for case in cases():
        base = re.sub(r"_expanded(_ver\d+)?$", "", case.name)
        table[case.name] = single.get(base) or single.get(case.name) or case.model.graph.node[-1].op_type
    return table


@functools.cache
def outcome(index: int, optimized: bool = False) -> Outcome:
    """Run the case at ``index``. Only typed errors are caught."""
    case = cases()[index]
    inputs, outputs = ([_array(x) for x in part] for part in case.data_sets[0])
    operator = operators()[case.name]
    plain = all(isinstance(x, np.ndarray) or np.isscalar(x) for x in inputs)
    names = [given.name for given in case.model.graph.input]
    # As it is, then with all inputs but the first fixed to the case's values, then with all.
    attempts: list[list[str]] = [[], *([names[1:], names] if plain else [])]
    reason = ""
    for fixed in attempts:
        constants = {name: np.asarray(inputs[names.index(name)]) for name in fixed}
        try:
            found = run(case.model, inputs, ImportOptions(constants=constants), optimized)
        except MicrogenError as error:
            reason = reason or _reason(error)
            if any(text in str(error) for text in _FIXABLE):
                continue
            break
        problem = difference(found, outputs, case.rtol, case.atol)
        if problem:
            return Outcome(case.name, operator, WRONG, problem)
        return Outcome(case.name, operator, FIXED if fixed else PASSED)
    return Outcome(case.name, operator, REFUSED, reason)


def run(
    model: onnx.ModelProto, inputs: Sequence[Any], options: ImportOptions = ImportOptions(), optimized: bool = False
) -> list[np.ndarray]:
    """The outputs of ``model`` for two samples that are both ``inputs``."""
    graph = load(model.SerializeToString(), "model", options)
    if optimized:
        graph = optimize(graph)
    names = [given.name for given in model.graph.input]
    arrays = []
    for value in graph.inputs:
        data = np.asarray(inputs[names.index(value.name)])
        if data.dtype == object:
            raise InputError("the case's input is no tensor")
        arrays.append(np.stack([data, data]))
    with np.errstate(all="ignore"):
        return list(Session(graph).run(arrays))


def difference(found: Sequence[np.ndarray], expected: Sequence[Any], rtol: float, atol: float) -> str:
    """How the results differ from what the case expects; "" when they do not."""
    if len(found) != len(expected):
        return f"{len(found)} outputs, not {len(expected)}"
    for batch, wanted in zip(found, expected, strict=True):
        array = np.asarray(wanted)
        for sample in batch:
            if (sample.dtype, sample.shape) != (array.dtype, array.shape):
                return f"{sample.dtype} {sample.shape}, not {array.dtype} {array.shape}"
            try:
                np.testing.assert_allclose(sample, array, rtol=rtol, atol=atol)
            except AssertionError as error:
                return " ".join(str(error).split())[:300]
    return ""


def _array(data: Any) -> Any:
    """Tensors as arrays; sequences and absent values as they are."""
    return onnx.numpy_helper.to_array(data) if isinstance(data, onnx.TensorProto) else data


def _reason(error: MicrogenError) -> str:
    """The first reason without the layer's name and the numbers of the case."""
    text = error.problems[0] if isinstance(error, UnsupportedError) else error.what
    text = re.sub(r"^.*? \((\w+|model input|model output|initializer)\): ", "", text)
    if " (model input): " in str(error) and "element type" not in text and "input" not in text.split()[0]:
        text = f"input: {text}"
    text = re.sub(r"\[[-\d, ]*\]", "[…]", text)
    text = re.sub(r" \('[^']*'\)", "", text)
    return re.sub(r"tensor '[^']*'", "a tensor", text).rstrip(".")


def table(outcomes: Iterable[Outcome]) -> str:
    """The table of docs/onnx-support.md."""
    by_operator: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_operator[one.operator].append(one)
    total = Counter(one.kind for group in by_operator.values() for one in group)
    count = sum(total.values())
    passed = total[PASSED] + total[FIXED]
    head = (
        f"Package onnx {onnx.__version__}: of {count} cases {passed} pass, {total[FIXED]} of them with inputs fixed; "
    )
    lines = [
        head + f"{total[REFUSED]} are refused.",
        "",
        "| Operator | Cases | Pass | of these with fixed inputs | Refused | Why |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for operator in sorted(by_operator):
        group = by_operator[operator]
        kinds = Counter(one.kind for one in group)
        reasons = Counter(one.reason for one in group if one.kind == REFUSED)
        why = "; ".join(f"{reason} ({times})" for reason, times in sorted(reasons.items(), key=_by_count)[:4])
        if len(reasons) > 4:
            why += "; …"
        why = why.replace("|", "\\|")
        cells = [operator, len(group), kinds[PASSED] + kinds[FIXED], kinds[FIXED] or "", kinds[REFUSED] or "", why]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
