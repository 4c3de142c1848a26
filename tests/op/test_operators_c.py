"""Every operator's C kernels on the host, under sanitizers, give the bytes of the NumPy path."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from microgen import resources
from microgen.cores import CORES
from microgen.ops.base import Op
from microgen.ops.call import Isa
from microgen.ops.registry import operators
from tests.support.stream import WARNINGS, Library, Program
from tests.support.stream_abi import HOST as HOST_ABI
from tests.support.stream_targets import COMPUTING, ON_HOSTS, check_operator, compiled_samples, runtime_program

# The firmware for the emulated M0, M4F and M55 is built with all of the optimizer's warnings; other cores get the
# parser's. One core stands for those that the kernels' source cannot tell from it: without SAT, without DSP, without
# FMA, with double precision and with the integers of Helium alone.
CORE_NAMES = ["cortex-m23", "cortex-m3", "cortex-m4", "cortex-m7dp", "cortex-m55-mveint-nofp"]
#: What shows that a kernel is not the same code for every instruction set.
FLAVOURED = re.compile(r"MG_(DSP|MVE|ISA|EMULATE)|mg_(dsp|dsp_patch|mve)\.h")


def flavours(core: str) -> list[str]:
    """The core's own, which holds the plain kernels as well, and plain C alone on the first core of each kind."""
    isa = CORES[core].isa
    first = next(name for name in CORE_NAMES if CORES[name].isa == isa)
    return sorted({isa, "portable"} if core == first else {isa})


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(request.param, tmp_path_factory)


@pytest.mark.parametrize(
    ("program", "operator"),
    [pytest.param(host, operator, id=f"{host}-{operator.name}") for host, operator in ON_HOSTS],
    indirect=["program"],
)
def test_kernels_equal_numpy(program: Program, operator: type[Op]) -> None:
    check_operator(program, operator)


#: Operators that are constants when code is generated, or refused: nothing of them is computed in C.
WITHOUT_C = {"OneHot", "ScatterElements", "ScatterND", "TopK"}
#: Of an operator's samples at most so many are of types that only the host runtime knows.
MOST_LEFT_OUT = 4


def test_little_is_left_out() -> None:
    """What no test here or in tests/cross/test_operators_device.py runs has a reason: the operator says it."""
    assert {o.name for o in operators() if not o.is_view and o not in COMPUTING} == WITHOUT_C
    for operator in COMPUTING:
        left_out = {sample.id for sample in operator.samples()} - {sample.id for sample in compiled_samples(operator)}
        assert len(left_out) <= MOST_LEFT_OUT, f"{operator.name}: {sorted(left_out)}"


def _compiles(folder: Path, *command: str, isa: Isa = Isa.PORTABLE) -> None:
    """Plain C has every kernel; of a flavour only what differs from that is compiled."""
    library = Library(resources.runtime_c_dir(), isa)
    library.write_header(folder)
    sources = library.sources()
    if isa is not Isa.PORTABLE:
        plain = set(Library(library.folder).sources())
        sources = [path for path in sources if path not in plain or FLAVOURED.search(path.read_text())]
    includes = [f"-I{folder}", f"-I{library.folder}"]
    done = subprocess.run(
        [*command, *WARNINGS, "-Wmissing-prototypes", *includes, *map(str, sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:4000]


@pytest.mark.cross
@pytest.mark.parametrize(("core", "isa"), [(core, isa) for core in CORE_NAMES for isa in flavours(core)])
def test_kernels_compile_for_every_core(arm_gcc: str, tmp_path: Path, core: str, isa: str) -> None:
    _compiles(tmp_path, arm_gcc, *CORES[core].gcc_flags, "-fsyntax-only", "-pedantic-errors", isa=Isa(isa))


@pytest.mark.parametrize("isa", [Isa.PORTABLE, Isa.DSP])
def test_kernels_compile_with_clang(clang: str, tmp_path: Path, isa: Isa) -> None:
    _compiles(tmp_path, clang, "-fsyntax-only", "-pedantic-errors", "-DMG_EMULATE_DSP", isa=isa)


@pytest.mark.parametrize("isa", [Isa.PORTABLE, Isa.DSP])
def test_kernels_are_strict_c11(host_gcc: str, tmp_path: Path, isa: Isa) -> None:
    flags = ["-fsyntax-only", "-pedantic-errors", "-Wshadow", "-Wstrict-prototypes", "-DMG_EMULATE_DSP"]
    _compiles(tmp_path, host_gcc, *flags, isa=isa)


@pytest.mark.parametrize("compiler", ["host_gcc", "clang"])
def test_every_public_header_is_self_contained(request: pytest.FixtureRequest, tmp_path: Path, compiler: str) -> None:
    library = Library(resources.runtime_c_dir())
    library.write_header(tmp_path)
    for header in sorted(library.folder.glob("*.h")):
        source = tmp_path / "only.c"
        source.write_text(f'#include "{header.name}"\ntypedef int not_empty;\n')
        command = [request.getfixturevalue(compiler), *WARNINGS, "-fsyntax-only", f"-I{tmp_path}"]
        command += [f"-I{library.folder}", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{header.name}: {done.stderr}"


def test_structs_are_laid_out_for_the_host() -> None:
    """The program checks them when it is built; this shows that there is something to check."""
    library = Library(resources.runtime_c_dir())
    text = library.thunks(HOST_ABI)
    assert text.count("_Static_assert(sizeof(") == len(library.structs) > 20
    assert all(f"call_{name}" in text for name in library.functions)
