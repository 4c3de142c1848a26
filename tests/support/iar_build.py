"""Builds a project of IAR Embedded Workbench with GCC: its files as IAR's compiler sees them, its .icf translated.

Every file goes through GCC's preprocessor with ``__ICCARM__`` and without ``__GNUC__``. What comes out must have no
extension of GCC's outside of the compiler's own headers; IAR's keywords and pragmas are then turned into GCC's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from microgen.boards import Board
from tests.support.iar import IarConfiguration, IarProject, cpu_flags
from tests.support.iar_linker import gnu_script, parse

STANDIN = Path(__file__).parent / "iar_standin"
GCC = "arm-none-eabi-gcc"
AS_IAR = ("-D__ICCARM__=1", "-D__VER__=9040001", "-D__ICCARM_V8=1", f"-isystem{STANDIN}")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")

_MARKER = re.compile(r'# \d+ "(.*)"((?: \d)*)')
_EXTENSIONS = re.compile(
    r"\b(?:__attribute__|__attribute|__asm__|__asm|asm|__extension__|__typeof__|typeof|__builtin_\w+)\b|\(\{"
)
_LOCATION = re.compile(r'#pragma location ?= ?("[^"]+")')
_OTHER_PRAGMA = re.compile(r'#pragma (?:language ?= ?extended|section ?= ?"CSTACK")')
_KEYWORDS = {"__root": "__attribute__((used))", "__weak": "__attribute__((weak))", "__no_init": ""}


def iar_text(preprocessed: str) -> str:
    """Preprocessed C of IAR's as GCC's. AssertionError where it holds something that IAR's compiler does not know."""
    lines, system, location = [], False, ""
    for line in preprocessed.splitlines():
        if marker := _MARKER.fullmatch(line):
            system = "3" in marker[2].split()
            lines.append(line)
            continue
        if system or not line.strip():
            lines.append(line)
            continue
        foreign = _EXTENSIONS.search(line)
        assert foreign is None, f"GCC only: {line.strip()}"
        if pragma := _LOCATION.fullmatch(line.strip()):
            location = f"__attribute__((section({pragma[1]}))) "
            continue
        if line.lstrip().startswith("#"):
            assert _OTHER_PRAGMA.fullmatch(line.strip()), line
            continue
        line = re.sub(r'__section_end\("(\w+)"\)', r"((void *)__iar_\1_end)", line)
        for keyword, meaning in _KEYWORDS.items():
            line = re.sub(rf"\b{keyword}\b", meaning, line)
        lines.append(location + line.lstrip() if location else line)
        location = ""
    return "extern char __iar_CSTACK_end[];\n" + "\n".join(lines) + "\n"


def compile_as_iar(source: Path, folder: Path, flags: Sequence[str], *, gnu: bool = False, strict: bool = True) -> Path:
    """The object of one source file in ``folder``; with ``gnu`` ``__GNUC__`` is defined, too. Not ``strict``: with
    enumerators that no int holds, which C forbids and IAR's extended C allows.
    """
    output = folder / f"{source.stem}.o"
    compiler = [] if gnu else ["-U__GNUC__"]
    text = _run([GCC, *flags, *AS_IAR, *compiler, "-std=c11", "-E", str(source)])
    translated = output.with_suffix(".i")
    translated.write_text(iar_text(text))
    warnings = [*WARNINGS, *(["-pedantic-errors"] if strict else [])]
    command = [GCC, *flags, *warnings, "-ffunction-sections", "-fdata-sections"]
    _run([*command, "-c", "-o", str(output), str(translated)])
    return output


def build_configuration(project: IarProject, configuration: IarConfiguration, folder: Path) -> Path:
    """The firmware of one configuration, in ``folder``."""
    folder.mkdir(parents=True)
    flags = project.compiler_flags(configuration)
    api = project.sources(configuration.name, "API")

    def compiled(source: Path) -> Path:
        return compile_as_iar(source, folder, flags, strict=source not in api)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, project.sources(configuration.name)))
    debug = configuration.number("General", "GenLowLevelInterface") == 1
    hard = configuration.number("General", "FPU2") or configuration.number("General", "NEON")
    library = folder / "iar_library.o"
    defines = [*(["-DSEMIHOSTED"] if debug else []), *(["-DHAS_FPU"] if hard else [])]
    # Copying loops must not become calls of library functions, which may not be in their place yet.
    plain = ["-Os", "-fno-tree-loop-distribute-patterns"]
    _run([GCC, *cpu_flags(configuration), *plain, *defines, "-c", "-o", str(library), str(STANDIN / "library.c")])
    script = folder / "translated.ld"
    script.write_text(gnu_script(parse(project.linker_file(configuration).read_text())))
    (output,) = configuration.states("ILINK", "IlinkOutputFile")
    firmware = folder / output
    link = [
        *cpu_flags(configuration),
        "-nostartfiles",
        "-Wl,--gc-sections",
        "-Wl,--orphan-handling=warn",
        "-T",
        str(script),
    ]
    _run([GCC, *link, "-o", str(firmware), *map(str, objects), str(library), "-lm"])
    return firmware


def run_debug(board: Board, firmware: Path) -> tuple[int, str]:
    """Exit code and output of a firmware with semihosting, in QEMU."""
    command = [*_qemu(board, firmware), "-monitor", "none", "-semihosting-config", "enable=on,target=native"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def run_release(board: Board, firmware: Path, symbol: str, seconds: float = 60.0) -> int:
    """The first value other than zero of a variable of a firmware that never ends, in QEMU; 0 after ``seconds``."""
    symbols = _run(["arm-none-eabi-nm", str(firmware)])
    match = re.search(rf"^([0-9a-f]+) \w {symbol}$", symbols, re.MULTILINE)
    assert match is not None, symbol
    command = [*_qemu(board, firmware), "-monitor", "none", "-qmp", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(name: str, **arguments: str) -> str:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                if "return" in (answer := json.loads(line)):
                    return str(answer["return"])
            raise AssertionError("QEMU ended")

        ask("qmp_capabilities")
        value, end = 0, time.monotonic() + seconds
        while value == 0 and time.monotonic() < end:
            time.sleep(0.02)
            shown = ask("human-monitor-command", **{"command-line": f"xp /1dw 0x{match[1]}"})
            value = int(shown.rpartition(":")[2])
        ask("quit")
    return value


def _qemu(board: Board, firmware: Path) -> list[str]:
    emulator = board.emulator
    assert emulator is not None
    cpu = ["-cpu", emulator.cpu] if emulator.cpu else []
    plain = ["-display", "none", "-serial", "none"]
    return ["qemu-system-arm", "-machine", emulator.machine, *cpu, *plain, "-kernel", str(firmware)]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-4000:]}"
    return done.stdout
