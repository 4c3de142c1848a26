"""Drawn one-node graphs in the emulator: the kernels of every instruction set give the results of the NumPy path.

All graphs of an operator are drawn first and streamed together, so that an emulator starts once for hundreds of them.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from microgen.codegen import kernels
from microgen.mindir.text import to_text
from microgen.ops.base import Op, Sample
from microgen.ops.call import Isa
from microgen.resources import runtime_c_dir
from tests.support.strategies_shapes import BY_OPERATOR
from tests.support.stream import Library, Program
from tests.support.stream_targets import (
    BOARDS,
    assert_none,
    build,
    check_operator,
    findings,
    has_flavour,
    operators_with,
    runtime_program,
)

pytestmark = pytest.mark.cross

#: Graphs of an operator with kernels for the board's instruction set, and of others.
GRAPHS, PLAIN_GRAPHS = 160, 60
HELIUM = "mps3-an547"
FEWEST_FOR_A_BOARD = 2_000


@functools.cache
def drawn(name: str, count: int) -> tuple[Sample, ...]:
    """``count`` graphs of an operator, the same in every run."""
    samples: list[Sample] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(BY_OPERATOR[name])
    def collect(sample: Sample) -> None:
        samples.append(dataclasses.replace(sample, id=f"{len(samples)}"))

    collect()
    return tuple(samples)


@dataclasses.dataclass(frozen=True)
class WithoutAssembly(Library):
    """The kernels as compilers see them that do not take the assembly of ``mg_mve.h``."""

    def write_header(self, folder: Path) -> None:
        super().write_header(folder)
        header = folder / kernels.GENERATED_HEADER
        header.write_text("#define MG_MVE_ASM 0\n" + header.read_text())


@pytest.fixture(scope="module", params=BOARDS)
def program(
    request: pytest.FixtureRequest, arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    return runtime_program(request.param, tmp_path_factory)


def test_a_board_runs_enough_graphs() -> None:
    assert PLAIN_GRAPHS * len(BY_OPERATOR) >= FEWEST_FOR_A_BOARD


@pytest.mark.parametrize("name", BY_OPERATOR)
def test_kernels_equal_numpy(program: Program, name: str) -> None:
    few = drawn(name, PLAIN_GRAPHS)
    isa = program.target.isa
    samples = drawn(name, GRAPHS) if isa is not Isa.PORTABLE and any(has_flavour(s, isa) for s in few) else few
    assert len(samples) >= PLAIN_GRAPHS
    wrong = findings(program, samples)
    for sample in samples:
        if wrong and wrong[0].startswith(f"{sample.graph.nodes[0].op.name} {sample.id} "):
            wrong.insert(0, to_text(sample.graph))
    assert_none(wrong)


@pytest.fixture(scope="module")
def without_assembly(arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return build(HELIUM, WithoutAssembly(runtime_c_dir(), Isa.MVE), tmp_path_factory.mktemp("intrinsics"))


@pytest.mark.parametrize("operator", operators_with("mg_mve.h"), ids=lambda operator: operator.name)
def test_intrinsics_equal_assembly(without_assembly: Program, operator: type[Op]) -> None:
    check_operator(without_assembly, operator)
