"""The program that runs streamed cases, on the host under sanitizers and in the emulator, built from the kernels.

The table of functions that it calls by number is generated from the scanned kernels: nothing lists them.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import os
import struct
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen import resources
from microgen.boards import Board
from microgen.codegen import kernels
from microgen.codegen.environment import make_renderer
from microgen.errors import DeviceFault
from microgen.ops.call import Isa, Target
from microgen.placement import make_placement
from microgen.target.emulator import run_elf
from tests.support.stream_abi import ARM, HOST, Abi, Structs, layout, size_and_alignment
from tests.support.stream_cases import Buffer, Case
from tests.support.stream_maker import CaseMaker

FIRMWARE = Path(__file__).parents[1] / "firmware"
EMULATOR = resources.templates_dir() / "emulator"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Werror")
SANITIZERS = ("-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
_MAGIC = 0x3153474D
_CONTENT, _BEFORE, _BEHIND, _RETURN, _TOO_LARGE, _DONE = range(1, 7)
_FINDING = struct.Struct("<6I8s")
_MAX_CRASHES = 5
_STACK_SIZE = 16384


class StreamError(AssertionError):
    """The harness itself went wrong: it did not build, or it did not understand its stream."""


#: Calls the driver of an NPU, which only firmware has: tests/model/test_npu_device.py.
CALLING_OTHERS = frozenset({"mg_ethos_u_invoke"})


@dataclass(frozen=True)
class Library:
    """The kernels of a folder, in the flavour for an instruction set."""

    folder: Path
    isa: Isa = Isa.PORTABLE

    @property
    def functions(self) -> dict[str, kernels.Function]:
        return {name: f for name, f in kernels.functions(self.folder).items() if name not in CALLING_OTHERS}

    @property
    def structs(self) -> Structs:
        return kernels.structs(self.folder)

    @property
    def includes(self) -> list[Path]:
        return [self.folder]

    @property
    def target(self) -> Target:
        return Target(self.isa)

    def sources(self) -> list[Path]:
        files = kernels.needed_files(self.folder, self.functions, self.isa)
        return [self.folder / file for file in files if file.endswith(".c")]

    def write_header(self, folder: Path) -> None:
        (folder / kernels.GENERATED_HEADER).write_text(kernels.nn_header(self.folder, self.functions, isa=self.isa))

    def thunks(self, abi: Abi) -> str:
        """C source: one function for each kernel, a table of them, and proof that structs lie as ``abi`` says."""
        headers = sorted(path.name for path in self.folder.glob("*.h"))
        lines = [f'#include "{name}"' for name in (kernels.GENERATED_HEADER, *headers, "stream.h")]
        for name in self.structs:
            size, _ = size_and_alignment(name, self.structs, abi)
            lines.append(f'_Static_assert(sizeof({name}) == {size}, "size of {name}");')
            for field, offset, _, _ in layout(name, self.structs, abi):
                place = f"{name}.{field.name}"
                lines.append(f'_Static_assert(offsetof({name}, {field.name}) == {offset}, "place of {place}");')
        for function in self.functions.values():
            arguments = ", ".join(
                _decoded(p.ctype, f"arguments[{i}]", self.structs) for i, p in enumerate(function.parameters)
            )
            call = f"{function.name}({arguments})"
            body = f"{call}; return 0" if function.returns == "void" else f"return (int32_t){call}"
            unused = "" if function.parameters else "(void)arguments; "
            head = f"static int32_t call_{function.name}(const stream_word *arguments)"
            lines.append(f"{head} {{ {unused}{body}; }}")
        table = ", ".join(f"call_{name}" for name in self.functions)
        lines.append(f"const stream_thunk stream_thunks[] = {{{table}}};")
        lines.append("const uint32_t stream_thunk_count = sizeof stream_thunks / sizeof stream_thunks[0];")
        return "\n".join(lines) + "\n"


def _decoded(ctype: str, argument: str, structs: Structs) -> str:
    if ctype.endswith("*"):
        return f"{argument}.pointer"
    if ctype in structs:
        return f"*(const {ctype} *){argument}.pointer"
    return f"{argument}.f32" if ctype == "float" else f"({ctype}){argument}.i32"


class Program(ABC):
    """A built program that runs streamed cases."""

    def __init__(self, library: Library, abi: Abi) -> None:
        self.target = library.target
        self.cases = CaseMaker(library.functions, library.structs, abi)
        self._numbers = {name: number for number, name in enumerate(library.functions)}

    @abstractmethod
    def _execute(self, folder: Path) -> str:
        """Runs the cases in ``folder``; what it printed when it crashed, an empty text otherwise."""

    def run(self, cases: Iterable[Case]) -> list[str]:
        """Everything that is not as it should be: one line for each finding; none of ``cases`` is left out unless
        too many crash.
        """
        rest = list(cases)
        messages: list[str] = []
        for _ in range(_MAX_CRASHES):
            with tempfile.TemporaryDirectory(prefix="stream-") as name:
                folder = Path(name)
                stream = b"".join(case.encoded(self._numbers) for case in rest)
                (folder / "cases.bin").write_bytes(struct.pack("<I", _MAGIC) + stream)
                (folder / "progress.bin").write_bytes(b"")
                crash = self._execute(folder)
                found = list(_FINDING.iter_unpack((folder / "results.bin").read_bytes()))
                progress = (folder / "progress.bin").read_bytes()
            done = [number for number, _, kind, *_ in found if kind == _DONE]
            messages += [_message(rest, *finding) for finding in found if finding[2] != _DONE]
            if not crash:
                if done != [len(rest)]:
                    raise StreamError(f"{done} of {len(rest)} cases ran")
                return messages
            if len(progress) != 4:
                raise StreamError(f"crash before the first case: {crash}")
            (at,) = struct.unpack("<I", progress)
            messages.append(f"{rest[at].label}: crash: {crash}")
            rest = rest[at + 1 :]
        return [*messages, f"{len(rest)} cases were not run after {_MAX_CRASHES} crashes"]


def _message(
    cases: Sequence[Case], number: int, run: int, kind: int, index: int, offset: int, count: int, found: bytes
) -> str:
    case = cases[number]
    start = f"{case.label}, pass {run}: "
    if kind == _TOO_LARGE:
        return start + "does not fit into the test program's memory"
    if kind == _RETURN:
        call = case.calls[index]
        return (
            f"{start}{call.function} returned {int.from_bytes(found[:4], 'little', signed=True)}, not {call.expected}"
        )
    buffer = case.buffers[index]
    if kind in (_BEFORE, _BEHIND):
        place = f"{32 - offset} bytes before" if kind == _BEFORE else f"{offset} bytes behind the end of"
        return f"{start}{count} bytes were written from {place} {buffer.label} ({buffer.size} bytes)"
    return f"{start}{_difference(buffer, offset, count, found)}"


def _difference(buffer: Buffer, offset: int, count: int, found: bytes) -> str:
    element = offset // buffer.dtype.itemsize
    within = element * buffer.dtype.itemsize % 8
    value = np.frombuffer(found[within : within + buffer.dtype.itemsize], buffer.dtype)[0]
    wanted = buffer.expected if buffer.expected is not None else buffer.initial
    text = f"{buffer.label}[{element}] is {value}"
    if wanted is not None:
        at = element * buffer.dtype.itemsize
        text += f", not {np.frombuffer(wanted[at : at + buffer.dtype.itemsize], buffer.dtype)[0]}"
    if buffer.expected is None:
        text += "; it must not change"
    return f"{text} ({count} bytes differ)"


class HostProgram(Program):
    """On the host."""

    def __init__(self, library: Library, program: Path) -> None:
        super().__init__(library, HOST)
        self._program = program

    def _execute(self, folder: Path) -> str:
        command = [str(self._program), "cases.bin", "results.bin", "progress.bin"]
        options = "detect_leaks=0:detect_stack_use_after_return=1:color=never"
        environment = {**os.environ, "ASAN_OPTIONS": options, "UBSAN_OPTIONS": "print_stacktrace=1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode == 4:
            raise StreamError(done.stderr)
        return f"exit code {done.returncode}\n{done.stderr[:1500]}" if done.returncode else ""


class DeviceProgram(Program):
    """In the emulator."""

    def __init__(self, library: Library, board: Board, elf: Path, options: Sequence[str] = ()) -> None:
        """``options`` are the emulator's."""
        super().__init__(library, ARM)
        self._board = board
        self._elf = elf
        self._options = options

    def _execute(self, folder: Path) -> str:
        try:
            result = run_elf(self._board, self._elf, files=folder, timeout=120.0, options=self._options)
        except DeviceFault as fault:
            return str(fault)
        if result.exit_code:
            raise StreamError(result.console)
        return ""


def build_host(library: Library, folder: Path, compiler: str, *flags: str) -> HostProgram:
    """The program for the host in ``folder``, with sanitizers; built once, whoever asks first."""
    program = folder / "stream"
    with _lock(folder):
        if not program.exists():
            objects = _compile(
                library, HOST, folder, [compiler, *WARNINGS, "-O1", *SANITIZERS, *flags], ["stream_host"]
            )
            _check([compiler, *SANITIZERS, *flags, *objects, "-lm", "-o", folder / "linked"])
            (folder / "linked").rename(program)
    return HostProgram(library, program)


def build_device(
    library: Library,
    board: Board,
    folder: Path,
    compiler: str,
    *,
    sources: Sequence[Path] = (EMULATOR / "startup.c",),
    link_options: Sequence[str] = (),
    options: Sequence[str] = (),
) -> DeviceProgram:
    """The firmware for a board in ``folder``; built once, whoever asks first. Cases lie in its largest RAM.

    ``sources`` are the start-up code, ``options`` the emulator's.
    """
    elf = folder / "stream.elf"
    with _lock(folder):
        if not elf.exists():
            largest = max((region for region in board.memory if region.kind == "ram"), key=lambda region: region.size)
            placement = make_placement(board, {"arena": largest.name})
            variables = {"board": board, "placement": placement, "stack_size": _STACK_SIZE}
            (folder / "linker.ld").write_bytes(make_renderer()("gcc/linker.ld.j2", variables))
            command = [compiler, *board.core.gcc_flags, *WARNINGS, "-O2", f"-I{EMULATOR}"]
            extra = [*sources, EMULATOR / "semihosting.c"]
            objects = _compile(library, ARM, folder, command, ["stream_device"], extra)
            link = [compiler, *board.core.gcc_flags, "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
            link += ["-T", str(folder / "linker.ld"), *link_options]
            _check([*link, *objects, "-lm", "-o", folder / "linked"])
            (folder / "linked").rename(elf)
    return DeviceProgram(library, board, elf, options)


def _compile(
    library: Library,
    abi: Abi,
    folder: Path,
    command: Sequence[str],
    platform: Sequence[str],
    extra: Sequence[Path] = (),
) -> list[Path]:
    library.write_header(folder)
    (folder / "thunks.c").write_text(library.thunks(abi))
    own = [FIRMWARE / f"{name}.c" for name in ("stream", *platform)]
    sources = [*library.sources(), folder / "thunks.c", *own, *extra]
    # Relative, so that a compiler cache knows a kernel again that another program has too.
    includes = ["-I.", *(f"-I{path}" for path in library.includes), f"-I{FIRMWARE}"]
    objects = [folder / f"{source.stem}.o" for source in sources]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = zip(sources, objects, strict=True)
        list(pool.map(lambda job: _check([*command, *includes, "-c", job[0], "-o", job[1]], folder), jobs))
    return objects


def _check(command: Sequence[str | Path], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StreamError(done.stderr)


class _lock:  # noqa: N801
    """Lets one process at a time into a folder, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "lock").open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *unused: object) -> None:
        self._file.close()
