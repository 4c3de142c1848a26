"""Every operator's C kernels in the emulator, on every kind of core, give the bytes of the NumPy path."""

from __future__ import annotations

import pytest

from microgen.ops.base import Op
from tests.support.stream import Program
from tests.support.stream_targets import BOARDS, COMPUTING, check_operator, runtime_program

pytestmark = pytest.mark.cross


@pytest.fixture(scope="module", params=BOARDS)
def program(
    request: pytest.FixtureRequest, arm_gcc: str, qemu_arm: str, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    return runtime_program(request.param, tmp_path_factory)


@pytest.mark.parametrize("operator", COMPUTING, ids=lambda operator: operator.name)
def test_kernels_equal_numpy(program: Program, operator: type[Op]) -> None:
    check_operator(program, operator)
