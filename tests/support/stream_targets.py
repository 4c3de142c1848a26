"""Where tests run streamed cases: built programs, shared by all workers of one test run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import load_board
from microgen.codegen import kernels
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.call import Isa, Target
from microgen.ops.registry import operators
from tests.support import armv6m
from tests.support.stream import Library, Program, build_device, build_host
from tests.support.stream_inputs import inputs_for

HOST = "host"
#: The DSP flavour on the host, over plain C definitions of its instructions.
HOST_DSP = "host-dsp"
HOSTS = (HOST, HOST_DSP)
#: A core without an FPU on which an access that is not aligned faults, one with the DSP extension, one with Helium. A
#: Cortex-M3 would run the first one's kernels; whole networks do (tests/model/test_device.py).
BOARDS = (armv6m.BOARD.name, "mps2-an386", "mps3-an547")


def compiled_samples(operator: type[Op]) -> list[Sample]:
    """The samples that the generated C can compute; the host runtime computes more."""
    samples = list(operator.samples())
    assert samples, f"{operator.name} has no samples"
    nodes = [(sample, sample.graph.nodes[0]) for sample in samples]
    return [sample for sample, node in nodes if not list(op_of(node).problems(node, device=True))]


#: Operators that have code.
COMPUTING = tuple(operator for operator in operators() if not operator.is_view and compiled_samples(operator))

_SHOWN = 12


def kernel_files(sample: Sample, isa: Isa) -> frozenset[str]:
    """The files of the kernels that a sample runs on, in the flavour for an instruction set."""
    (node,) = sample.graph.nodes
    names = [call.function for call in op_of(node).lower(node, Target(isa))]
    return frozenset(kernels.needed_files(resources.runtime_c_dir(), names, isa))


def has_flavour(sample: Sample, isa: Isa) -> bool:
    """Whether the kernels that a sample runs on have code for an instruction set."""
    return kernel_files(sample, isa) != kernel_files(sample, Isa.PORTABLE)


def isa_of(target: str) -> Isa:
    """The flavour of the kernels that a program consists of."""
    hosts = {HOST: Isa.PORTABLE, HOST_DSP: Isa.DSP, armv6m.BOARD.name: Isa.PORTABLE}
    return hosts[target] if target in hosts else Isa(load_board(target).core.isa)


#: Where the host runs operators: one that has no kernels for the DSP extension would run the same code twice.
ON_HOSTS = [(HOST, operator) for operator in COMPUTING] + [
    (HOST_DSP, operator)
    for operator in COMPUTING
    if any(has_flavour(sample, Isa.DSP) for sample in compiled_samples(operator))
]


def operators_with(header: str) -> list[type[Op]]:
    """The operators some of whose Helium kernels include a header."""
    return [o for o in COMPUTING if any(header in kernel_files(sample, Isa.MVE) for sample in compiled_samples(o))]


def build(target: str, library: Library, folder: Path) -> Program:
    """The program for the host or a board, in ``folder``."""
    if target == HOST:
        return build_host(library, folder, "gcc")
    if target == HOST_DSP:
        return build_host(library, folder, "gcc", "-DMG_EMULATE_DSP")
    if target == armv6m.BOARD.name:
        return armv6m.build_armv6m(library, folder)
    return build_device(library, load_board(target), folder, "arm-none-eabi-gcc")


def runtime_program(target: str, factory: pytest.TempPathFactory) -> Program:
    """The program with the kernels of ``runtime_c/``, built once for the whole test run."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    return build(target, Library(resources.runtime_c_dir(), isa_of(target)), root / f"stream-{target}")


def findings(program: Program, samples: Sequence[Sample]) -> list[str]:
    """What is wrong with the kernels on these one-node graphs."""
    cases = [c for sample in samples for c in program.cases.of_sample(sample, inputs_for(sample.graph), program.target)]
    assert len(cases) >= len(samples)
    return program.run(cases)


def check_operator(program: Program, operator: type[Op]) -> None:
    """Fails unless every sample of an operator gives the results of the NumPy path, and nothing else happens."""
    assert_none(findings(program, compiled_samples(operator)))


def assert_none(found: Sequence[str]) -> None:
    """Fails with the first few of the findings."""
    assert not found, "\n".join([f"{len(found)} findings", *found[:_SHOWN]])
