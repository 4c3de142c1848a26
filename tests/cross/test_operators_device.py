"""Every operator's C kernels in the emulator, on every kind of core, give the results of the NumPy path.

Every sample that has C runs on every board: a Cortex-M0, an M4 and an M55.
"""

from __future__ import annotations

import pytest

from microgen.ops.base import Op
from tests.support.stream import Program
from tests.support.stream_targets import BOARDS, COMPUTING, check_operator, runtime_program

pytestmark = pytest.mark.cross


@pytest.fixture(scope="module")
def program(
    request: pytest.FixtureRequest, arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    return runtime_program(request.param, tmp_path_factory)


@pytest.mark.parametrize(
    ("program", "operator"),
    [pytest.param(board, operator, id=f"{board}-{operator.name}") for board in BOARDS for operator in COMPUTING],
    indirect=["program"],
)
def test_kernels_equal_numpy(program: Program, operator: type[Op]) -> None:
    check_operator(program, operator)
