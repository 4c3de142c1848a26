"""Damaged model files end in a typed error or in a result: never in a traceback, a hang or without memory.

Every case is a file and a seed (``tests.support.mutate``); it is read, optimized, computed once and, one in seven, made
into C, within a gigabyte and five seconds. A failure names file and seed: ``python -m tests.support.mutation_runs``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from microgen.exporters import tflite as exporter
from tests.support import control_flow, mutation_runs, tflite_cases
from tests.support.mutation_runs import Case

DATA = Path(__file__).parents[1] / "data"


def of_file(path: Path, small: int, large: int) -> Iterator[Case]:
    """``small`` cases of a file below 64 KB, ``large`` ones of any other."""
    data = path.read_bytes()
    for number in range(small if len(data) < 1 << 16 else large):
        yield Case(path.name, data, f"{path.name}:{number}")


def single_operators(number: int) -> Iterator[Case]:
    """``number`` cases of every file of one operator."""
    for case in tflite_cases.cases():
        for kind in ("int8", "float32"):
            name, (data, _) = f"{case.name}_{case.form}_{kind}.tflite", tflite_cases.build(case, kind)
            yield from (Case(name, data, f"{name}:{i}") for i in range(number))


def failures(cases: list[Case]) -> list[str]:
    """What went wrong, one line each."""
    mutation_runs.outcome(cases[0])
    results = [(case.seed, text) for case, text in mutation_runs.run(cases)]
    assert len(results) == len(cases)
    assert {text for _, text in results} >= {"ok", "typed"}, "some damage must be of no effect, some must be found"
    return [f"{seed}: {text}" for seed, text in results if text not in ("ok", "typed")]


def test_the_published_models(testdata: Path) -> None:
    paths = sorted((testdata / "models").glob("*.tflite"))
    cases = [case for path in paths for case in of_file(path, 400, 8)]
    assert len(cases) > 2000
    assert failures(cases) == []


def test_files_with_states_loops_and_16_bits() -> None:
    found = importlib.util.find_spec("pymicro_wakeword")
    assert found is not None and found.submodule_search_locations
    wake_word = Path(found.submodule_search_locations[0]) / "models" / "hey_jarvis.tflite"
    cases = [case for path in [*sorted(DATA.rglob("*.tflite")), wake_word] for case in of_file(path, 15, 10)]
    for name, make in control_flow.MODELS.items():
        data = exporter.save(make())
        cases += [Case(f"{name}.tflite", data, f"{name}:{number}") for number in range(25)]
    assert failures(cases) == []


def test_files_of_one_operator() -> None:
    cases = list(single_operators(8))
    assert len(cases) > 1250
    assert failures(cases) == []


def test_onnx_and_mindir_files_whose_bytes_are_changed() -> None:
    paths = [DATA / "torch" / "lenet.onnx", DATA / "torch" / "squeeze.onnx", DATA / "mindspore" / "mlp.mindir"]
    assert failures([case for path in paths for case in of_file(path, 100, 30)]) == []


@pytest.mark.oracle
def test_what_still_computes_integers_computes_those_of_the_interpreter(testdata: Path) -> None:
    """Where the interpreter, which trusts its files, neither refuses nor breaks down."""
    names = ("hello_world_int8", "micro_speech_int8")
    cases = [case for name in names for case in of_file(testdata / "models" / f"{name}.tflite", 60, 0)]
    cases += [case for case in single_operators(2) if "_int8" in case.name]
    mutation_runs.compared(cases[0])
    results = list(mutation_runs.run(cases, mutation_runs.compared))
    agreed = sum(text == "same" for _, text in results)
    assert agreed > 30
    assert [f"{case.seed}: {text}" for case, text in results if " in the interpreter" in text] == []
