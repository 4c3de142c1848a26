"""ONNX's own tests of operators: each passes within its tolerance or is refused by an error that says why."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnx
import pytest

from tests.support.onnx_cases import FIXED, PASSED, REFUSED, WRONG, Outcome, cases, operators, outcome, table

# The cases in parts, so that they run side by side: by the first letter of the operator.
_PARTS = ("A", "BC", "D", "EFGH", "IJKL", "M", "NOPQ", "R", "S", "TUVWXYZ")
_ROOT = Path(__file__).parent.parent.parent
# Of all cases; the others are text, sequences, training, bfloat16 and narrower types, three spatial dimensions.
_SHARE = 0.7


def _part(letters: str, *, optimized: bool = False) -> list[Outcome]:
    chosen = [i for i, case in enumerate(cases()) if operators()[case.name][0].upper() in letters]
    assert chosen
    return [outcome(i, optimized) for i in chosen]


@pytest.mark.parametrize("letters", _PARTS)
def test_every_case_passes_or_is_refused(letters: str) -> None:
    outcomes = _part(letters)
    assert [one for one in outcomes if one.kind == WRONG] == []
    assert [one for one in outcomes if one.kind == REFUSED and not one.reason] == []


@pytest.mark.parametrize("letters", _PARTS)
def test_passes_keep_the_results(letters: str) -> None:
    plain = {one.case: one.kind for one in _part(letters)}
    optimized = _part(letters, optimized=True)
    assert [one for one in optimized if one.kind == WRONG or (plain[one.case] == PASSED and one.kind != PASSED)] == []


def test_enough_cases_pass() -> None:
    kinds = [outcome(i).kind for i in range(len(cases()))]
    assert kinds.count(PASSED) + kinds.count(FIXED) >= _SHARE * len(kinds)


def test_every_operator_belongs_to_a_part() -> None:
    assert {name[0].upper() for name in operators().values()} <= set("".join(_PARTS))


def test_the_table_is_current() -> None:
    page = (_ROOT / "docs" / "onnx-support.md").read_text(encoding="utf-8")
    if f"Package onnx {onnx.__version__}:" not in page:
        pytest.skip(f"docs/onnx-support.md was written with another version of onnx than {onnx.__version__}")
    spec = importlib.util.spec_from_file_location("update_onnx_doc", _ROOT / "tools" / "update_onnx_doc.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert page == tool.updated(page, table(outcome(i) for i in range(len(cases())))), "run tools/update_onnx_doc.py"
