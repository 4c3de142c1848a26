"""No model on any board takes noticeably more instructions or code than recorded in ``benchmarks/recorded.json``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.record import BOARDS, LIMIT, MODELS, Record, Recorded, grown, load, measure

UPDATE = "If it is intended: .venv/bin/python benchmarks/run.py --record"


@pytest.mark.cross
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_nothing_grew(model: str, board: str, testdata: Path) -> None:
    recorded = load()
    figures, now = measure(model, board)
    assert now.instructions > 0 and now.code > 0
    if figures.compiler != recorded.compiler:
        pytest.skip(f"the figures are of another compiler: {recorded.compiler}; this is {figures.compiler}")
    problems = grown(recorded.figures[model][board], now)
    assert not problems, f"{model} on {board}: {'; '.join(problems)}. {UPDATE}"


BASE = Record(instructions=1000, code=5000, const=7, arena=8, static=0, stack=9)


@pytest.mark.parametrize(
    ("change", "words"),
    [({}, []), ({"instructions": 1020}, []), ({"instructions": 1021}, ["instructions: 1,000 recorded, 1,021 now"]),
     ({"code": 5100}, []), ({"code": 5101}, ["code: 5,000 recorded, 5,101 now"]), ({"code": 1, "instructions": 1}, []),
     ({"code": 6000, "instructions": 2000}, ["instructions", "(+20.0 %)"])],
)  # fmt: skip
def test_growth_is_noticed_beyond_the_limit(change: dict[str, int], words: list[str]) -> None:
    assert LIMIT == 2.0
    problems = grown(BASE, replace(BASE, **change))
    assert bool(problems) == bool(words)
    assert all(word in "; ".join(problems) for word in words)


def test_the_recorded_figures_are_complete(tmp_path: Path) -> None:
    recorded = load()
    assert recorded.figures.keys() == MODELS.keys()
    assert all(boards.keys() == BOARDS.keys() for boards in recorded.figures.values())
    recorded.save(tmp_path / "again.json")
    again = load(tmp_path / "again.json")
    assert isinstance(again, Recorded) and again == recorded
