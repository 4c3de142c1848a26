"""What the published int8 models may take at most, on each core.

Instructions on M4F and M55 and code are set beside TensorFlow Lite Micro with CMSIS-NN and direct calls of
CMSIS-NN's kernels, compiled by the same compiler with its default optimization; on the M3 beside the same in
portable C.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.record import BOARDS, Record, measure

MODELS = ("AD", "KWS", "IC", "VWW")
THIN = {  # code of the kernels that a network needs, without wrappers
    "M4F": {"AD": 5_252, "KWS": 19_552, "IC": 19_352, "VWW": 22_120},
    "M55": {"AD": 3_136, "KWS": 12_912, "IC": 11_952, "VWW": 15_552},
}
INSTRUCTIONS = {
    "M3": {"AD": 955_957, "KWS": 10_532_721, "IC": 41_846_068, "VWW": 31_959_326},
    "M4F": {"AD": 580_000, "KWS": 7_700_000, "IC": 29_900_000, "VWW": 24_100_000},
    "M55": {"AD": 160_000, "KWS": 2_000_000, "IC": 5_200_000, "VWW": 6_900_000},
}
CODE = {core: {model: size * 110 // 100 for model, size in sizes.items()} for core, sizes in THIN.items()}
RAM = {"M4F": {"AD": 1_000, "KWS": 16_300, "IC": 50_100, "VWW": 55_700}}
CONSTANTS = {
    core: {
        "AD": 271_336 * 103 // 100,
        "KWS": 29_384 * 103 // 100,
        "IC": 82_092 * 103 // 100,
        "VWW": 241_940 * 103 // 100,
    }
    for core in BOARDS
}
STACK = {core: dict.fromkeys(MODELS, 1023) for core in BOARDS}


def exceeded(model: str, core: str, record: Record) -> list[str]:
    """The limits that the figures are above, in words."""
    figures = (
        ("instructions", record.instructions, INSTRUCTIONS),
        ("code", record.code, CODE),
        ("constants", record.const, CONSTANTS),
        ("RAM", record.arena + record.static, RAM),
        ("stack", record.stack, STACK),
    )
    found = []
    for name, value, limits in figures:
        limit = limits.get(core, {}).get(model)
        if limit is not None and value > limit:
            found.append(f"{name} {value:,}, at most {limit:,}")
    return found


@pytest.mark.cross
@pytest.mark.parametrize("core", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_limits(model: str, core: str, testdata: Path) -> None:
    """Memory with every compiler; instructions and code, which the limits count with GCC 12, with that one."""
    figures, record = measure(model, core)
    found = exceeded(model, core, record)
    comparable = same_compiler(figures.compiler)
    if not comparable:
        found = [text for text in found if text.split()[0] not in ("instructions", "code")]
    assert not found, f"{model} on {core}: {'; '.join(found)}"
    if not comparable:
        pytest.skip(f"memory is within its limits; instructions and code have limits with GCC 12: {figures.compiler}")


def same_compiler(version: str) -> bool:
    """Whether a compiler's version line is one of GCC 12, with which the limits were measured."""
    return re.search(r"\) 12\.\d+\.\d+", version) is not None


def test_the_limits_compiler_is_recognized() -> None:
    assert same_compiler("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205")
    assert not same_compiler("arm-none-eabi-gcc (15:14.2.rel1-1) 14.2.1 20241119")


def test_every_limit_can_be_exceeded() -> None:
    most = Record(10**9, 10**9, 10**9, 10**9, 0, 10**9)
    assert len(exceeded("AD", "M4F", most)) == 5
    assert [text.split()[0] for text in exceeded("VWW", "M3", most)] == ["instructions", "constants", "stack"]
    assert exceeded("KWS", "M55", Record(2_000_000, 14_203, 30_265, 10**9, 0, 1023)) == []
    assert len(exceeded("KWS", "M55", Record(2_000_001, 14_204, 30_266, 0, 0, 1024))) == 4
