"""Builds of generated projects with the include layout of Zephyr, of the Arduino IDE and of a CMSIS pack.

The real tools are not there: ``zephyr_stub/`` and ``arduino_stub/`` stand in for them. Compiler and emulator are real;
start-up code and linker script are those of the generated application for the emulated board.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from microgen.boards import Board
from microgen.target.emulator import run_elf

SUPPORT = Path(__file__).resolve().parent
GCC, GXX, AR = "arm-none-eabi-gcc", "arm-none-eabi-g++", "arm-none-eabi-ar"
_LINK = ("-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings")
_C_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")


def run(command: Sequence[str | Path], folder: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints; the test fails with it when the command does."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words[:6])} …\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def play(board: Board, elf: Path, folder: Path) -> str:
    """What the firmware prints in the emulator until its ``main`` returns 0."""
    folder.mkdir()
    result = run_elf(board, elf, files=folder)
    assert result.exit_code == 0, result.console
    return result.console


def _platform(project: Path) -> list[Path]:
    return [project / "emulator" / "startup.c", project / "emulator" / "semihosting.c"]


def board_symbols(board: Board) -> dict[str, str]:
    """What a board of Zephyr's with this core selects."""
    core = board.core
    facts = {
        "CPU_CORTEX_M3": core.arch == "armv7-m",
        "CPU_CORTEX_M4": core.name.startswith("cortex-m4"),
        "CPU_CORTEX_M7": core.name.startswith("cortex-m7"),
        "ARMV8_M_DSP": core.arch.startswith("armv8") and core.isa != "portable",
        "ARMV8_1_M_MVEI": core.isa == "mve",
        "CPU_HAS_FPU": core.fpu != "none",
    }
    return {f"STUB_{name}": "y" if value else "n" for name, value in facts.items()}


def zephyr_build(
    project: Path, board: Board, build: Path, configuration: str = "", target: str = "zephyr_final"
) -> tuple[Path, str]:
    """Builds the sample of a generated module, with more lines of configuration; (firmware, what CMake printed)."""
    stub = SUPPORT / "zephyr_stub"
    build.mkdir()
    extra = build / "extra.conf"
    extra.write_text(configuration, encoding="utf-8")
    sources = [*_platform(project), stub / "printk.c"]
    definitions = {
        "Zephyr_DIR": stub / "share" / "zephyr-package" / "cmake",
        "STUB_PYTHON": sys.executable,
        "STUB_FLAGS": ";".join(board.core.gcc_flags),
        "STUB_SOURCES": ";".join(map(str, sources)),
        "STUB_INCLUDES": f"{project / 'emulator'};{stub / 'include'}",
        "STUB_LINKER_SCRIPT": project / "emulator" / "linker.ld",
        "EXTRA_CONF_FILE": extra,
    }
    options = [f"-D{name}={value}" for name, value in definitions.items()]
    sample = project / "zephyr" / "samples" / "selftest"
    said = run(
        ["cmake", "-G", "Ninja", "-S", sample, "-B", build, *options], env={**os.environ, **board_symbols(board)}
    )
    run(["ninja", "-C", build, target])
    return build / "zephyr.elf", said


def compile_all(sources: Iterable[Path], flags: Sequence[str | Path], build: Path) -> list[Path]:
    """Compiles C and C++ sources, several at once; their objects, named after the sources so that scripts find them."""
    build.mkdir(parents=True, exist_ok=True)
    waiting: list[tuple[subprocess.Popen[str], Path]] = []
    objects = []
    for source in sources:
        target = build / f"{source.stem}.o"
        assert target not in objects, f"two sources are called {source.stem}"
        objects.append(target)
        cpp = source.suffix == ".cpp"
        language = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti"] if cpp else ["-std=gnu11"]
        warnings = ("-Wall", "-Wextra", "-Werror") if cpp else () if "cmsis_nn" in source.parts else _C_WARNINGS
        command = [GXX if cpp else GCC, *language, *warnings, *flags, "-c", source, "-o", target]
        words = [str(word) for word in command]
        waiting.append((subprocess.Popen(words, stderr=subprocess.PIPE, text=True), source))
        if len(waiting) == 4:
            _finish(*waiting.pop(0))
    for process, source in waiting:
        _finish(process, source)
    return objects


def _finish(process: subprocess.Popen[str], source: Path) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, f"{source.name}: {errors[-6000:]}"


_FUNCTION = re.compile(r"^((?:[A-Za-z_]\w*[ *]+)+[A-Za-z_]\w*\([^;{}]*\)) \{$", re.MULTILINE)


def sketch_source(sketch: Path) -> str:
    """The C++ that the IDE makes of the ``.ino`` files of a sketch: the one named like its folder first."""
    main = sketch / f"{sketch.name}.ino"
    files = [main, *sorted(set(sketch.glob("*.ino")) - {main})]
    text = "\n".join(f'#line 1 "{path.name}"\n{path.read_text(encoding="utf-8")}' for path in files)
    prototypes = "".join(f"{head};\n" for head in _FUNCTION.findall(text))
    return f"#include <Arduino.h>\n{prototypes}{text}"


def arduino_build(library: Path, project: Path, board: Board, build: Path, sketch: str = "SelfTest") -> Path:
    """Builds an example of an Arduino library by the IDE's rules; the firmware."""
    core = SUPPORT / "arduino_stub" / "core"
    properties = dict(
        line.split("=", 1) for line in (library / "library.properties").read_text(encoding="utf-8").splitlines()
    )
    build.mkdir()
    own = build / "sketch"
    shutil.copytree(library / "examples" / sketch, own)
    generated = own / f"{sketch}.ino.cpp"
    generated.write_text(sketch_source(library / "examples" / sketch), encoding="utf-8")
    flags = [*board.core.gcc_flags, "-Os", "-ffunction-sections", "-fdata-sections", f"-I{core}"]
    in_library = [path for path in sorted((library / "src").rglob("*")) if path.suffix in (".c", ".cpp")]
    objects = compile_all(in_library, [*flags, f"-I{library / 'src'}"], build / "library")
    if properties["dot_a_linkage"] == "true":
        archive = build / f"{properties['name']}.a"
        run([AR, "rcs", archive, *objects])
        objects = [archive]
    program = compile_all(
        [generated, *sorted(own.glob("*.c"))],
        [*flags, f"-I{library / 'src'}"],
        build / "program",
    )
    board_objects = compile_all(
        [*_platform(project), core / "main.cpp"], [*flags, f"-I{project / 'emulator'}"], build / "core"
    )
    elf = build / "sketch.elf"
    script = project / "emulator" / "linker.ld"
    run([GCC, *board.core.gcc_flags, *_LINK, "-T", script, *program, *objects, *board_objects, "-lm", "-o", elf])
    return elf


_MAIN = """
#include "semihosting.h"
#include "@_selftest.h"
static void say(const char *line)
{
    semihost_puts(line);
    semihost_puts("\\n");
}
int main(void)
{
    return @_selftest(say);
}
"""


def component_build(
    sources: Sequence[Path], includes: Sequence[Path], project: Path, name: str, board: Board, build: Path
) -> Path:
    """Links sources with the self-test ``name``_selftest among them into a program that prints its result."""
    build.mkdir()
    (build / "main.c").write_text(_MAIN.replace("@", name), encoding="utf-8")
    flags = [*board.core.gcc_flags, "-O2", *(f"-I{folder}" for folder in includes)]
    objects = compile_all(sources, flags, build / "component")
    emulator = project / "emulator"
    objects += compile_all([*_platform(project), build / "main.c"], [*flags, f"-I{emulator}"], build / "board")
    elf = build / "component.elf"
    run([GCC, *board.core.gcc_flags, *_LINK, "-T", emulator / "linker.ld", *objects, "-lm", "-o", elf])
    return elf
