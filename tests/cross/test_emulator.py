"""Firmware in the emulator on every board: files, exit codes, each kind of fault, hangs, instruction counts."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import Board, Region, all_boards, load_board
from microgen.codegen.environment import make_renderer
from microgen.errors import BuildError, DeviceFault, DoesNotFit, InputError, ToolMissing, UsageError
from microgen.placement import make_placement
from microgen.target import counting, toolchain
from microgen.target.elf import Elf
from microgen.target.emulator import RunResult, run_elf

pytestmark = pytest.mark.cross

STACK_SIZE = 8192
SMALL = 32 * 1024
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
BOARDS = [board for board in all_boards() if board.emulator is not None]
SOURCE = Path(__file__).with_name("firmware.c")


def stack_size(board: Board) -> int:
    return STACK_SIZE if board.region_for("stack").size >= SMALL else 1024


def sizes(board: Board) -> dict[str, int]:
    """Of the firmware's buffers."""
    return {"BLOCK": min(100_000, board.region_for("data").size // 4), "ARENA": min(4096, stack_size(board))}


def has_fault_registers(board: Board) -> bool:
    """ARMv6-M has neither them nor a fence."""
    return board.core.arch != "armv6-m"


def linker_script(board: Board, placement: dict[str, str] | None = None) -> str:
    variables = {"board": board, "placement": make_placement(board, placement), "stack_size": stack_size(board)}
    return make_renderer()("gcc/linker.ld.j2", variables).decode()


def build(board: Board, folder: Path, *options: str, source: Path = SOURCE) -> Path:
    emulator = resources.templates_dir() / "emulator"
    (folder / "linker.ld").write_text(linker_script(board))
    sources = [source, *(emulator / f"{name}.c" for name in ("startup", "semihosting", "stack_paint"))]
    command = ["arm-none-eabi-gcc", *board.core.gcc_flags, *WARNINGS, "-O2", "-ffunction-sections"]
    command += ["-fdata-sections", f"-I{emulator}", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
    command += [f"-D{name}={size}u" for name, size in sizes(board).items()]
    command += ["-T", str(folder / "linker.ld"), *map(str, sources), *options, "-o", str(folder / "firmware.elf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "firmware.elf"


@pytest.fixture(scope="module", params=BOARDS, ids=lambda board: board.name)
def board(request: pytest.FixtureRequest) -> Board:
    chosen: Board = request.param
    return chosen


@pytest.fixture(scope="module")
def elf(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(board, tmp_path_factory.mktemp(board.name))


def run(board: Board, elf: Path, folder: Path, *args: str, timeout: float = 20.0) -> RunResult:
    return run_elf(board, elf, files=folder, timeout=timeout, args=args)


def fault(board: Board, elf: Path, folder: Path, *args: str, timeout: float = 20.0) -> str:
    with pytest.raises(DeviceFault) as caught:
        run(board, elf, folder, *args, timeout=timeout)
    return str(caught.value)


def test_firmware_reads_and_writes_files_of_its_folder(board: Board, elf: Path, tmp_path: Path) -> None:
    content = bytes(i * 7 % 251 for i in range(sizes(board)["BLOCK"]))
    (tmp_path / "in.bin").write_bytes(content)
    result = run(board, elf, tmp_path, "copy")
    assert (result.exit_code, result.console) == (0, "copied\n")
    assert (tmp_path / "out.bin").read_bytes() == bytes(value ^ 0xFF for value in content)
    assert result.seconds < 5


def test_exit_code_and_arguments(board: Board, elf: Path, tmp_path: Path) -> None:
    assert run(board, elf, tmp_path, "exit", "37").exit_code == 37
    assert run(board, elf, tmp_path, "a,b").exit_code == 8


@pytest.mark.parametrize("region", ["lowest", "highest"])
def test_declared_memory_works_to_its_ends_and_nothing_around_it(
    board: Board, elf: Path, tmp_path: Path, region: str
) -> None:
    for memory in board.memory:
        end = memory.end - 4 if region == "highest" else memory.origin + 64
        assert run(board, elf, tmp_path, "load", f"{end:x}").exit_code == 0
    outside = [m.end for m in board.memory] if region == "highest" else [m.origin - 4 for m in board.memory if m.origin]
    for address in outside:
        message = fault(board, elf, tmp_path, "load", f"{address:x}")
        assert "in load_from" in message and "called from main+" in message
        if has_fault_registers(board):
            assert "MemManage fault: access outside of the board's memory" in message
            assert f"at {address:#010x}" in message
        else:
            assert "HardFault" in message


def test_write_to_flash_and_to_nowhere(board: Board, elf: Path, tmp_path: Path) -> None:
    assert "in store_to" in fault(board, elf, tmp_path, "store", "70000000")
    if has_fault_registers(board):
        assert "at 0x70000000 in store_to" in fault(board, elf, tmp_path, "store", "70000000")
        assert "in store_to" in fault(board, elf, tmp_path, "store", f"{board.region_for('weights').origin + 64:x}")


def test_wild_jumps(board: Board, elf: Path, tmp_path: Path) -> None:
    ram = board.region_for("arena")
    if not has_fault_registers(board):
        assert "HardFault in undefined_instruction" in fault(board, elf, tmp_path, "undefined")
        code = Elf(elf).function("spin_known").address
        assert "HardFault" in fault(board, elf, tmp_path, "call", f"{code:x}")
        return
    assert "UsageFault: undefined instruction in undefined_instruction" in fault(board, elf, tmp_path, "undefined")
    assert "called from call_pointer" in fault(board, elf, tmp_path, "call", f"{ram.origin + 4097:x}")
    assert "execution of memory that holds no code" in fault(board, elf, tmp_path, "call", f"{ram.origin + 4097:x}")
    code = Elf(elf).function("spin_known").address
    assert "bad pointer" in fault(board, elf, tmp_path, "call", f"{code:x}")


def test_division_by_zero(board: Board, elf: Path, tmp_path: Path) -> None:
    if not has_fault_registers(board):
        # It has no division: the compiler's function returns something.
        assert run(board, elf, tmp_path, "divide").exit_code >= 0
        return
    assert "UsageFault: division by zero in divide" in fault(board, elf, tmp_path, "divide")


def test_stack_overflow_names_the_recursion(board: Board, elf: Path, tmp_path: Path) -> None:
    message = fault(board, elf, tmp_path, "overflow")
    assert re.search("stack overflow,? in overflow_stack", message) and "__stack_size" in message


def test_hang_names_the_function(board: Board, elf: Path, tmp_path: Path) -> None:
    message = fault(board, elf, tmp_path, "hang", timeout=0.7)
    assert "did not end within 0.7 s: it hangs in hang_forever" in message


def test_stack_paint(board: Board, elf: Path, tmp_path: Path) -> None:
    assert run(board, elf, tmp_path, "stack").exit_code == 0


def test_instructions_are_counted_exactly(board: Board, elf: Path, tmp_path: Path) -> None:
    known = [2 + 3 * rounds + 1 for rounds in (5, 100, 200, 1000, 2000)]
    assert counting.count_invocations(board, elf, tmp_path, "spin_known", args=["count"]) == known
    calls, twice = counting.count_calls_in(board, elf, tmp_path, "spin_twice", args=["count"])
    assert [call.callee for call in calls] == ["spin_known", "spin_known"]
    code = Elf(elf).function("spin_twice")
    for figures, first, second in zip(twice, known[1::2], known[2::2], strict=True):
        assert len(figures) == 3 and figures[0] < 8
        assert first < figures[1] < first + 8 and second < figures[2] < second + 8
        # every instruction of spin_twice runs once, none is conditional; its literals are none
        total = sum(figures) - first - second
        assert code.size // 4 <= total <= code.size // 2


def test_tail_calls(board: Board, elf: Path, tmp_path: Path) -> None:
    calls, figures = counting.count_calls_in(board, elf, tmp_path, "spin_tail", args=["tail"])
    if not has_fault_registers(board):
        # A branch does not reach far on ARMv6-M, so that the compiler calls.
        assert [(call.callee, call.is_tail) for call in calls] == [("spin_known", False)]
        return
    assert [(call.callee, call.is_tail) for call in calls] == [("spin_known", True)]
    assert figures == [[1, 1 + 33], [1, 1 + 36]]
    with pytest.raises(InputError, match="entered again"):
        counting.count_invocations(board, elf, tmp_path, "spin_known", args=["tail"])


def test_counts_repeat(board: Board, elf: Path, tmp_path: Path) -> None:
    runs = [counting.count_invocations(board, elf, tmp_path, "spin_twice", args=["count"]) for _ in range(2)]
    assert runs[0] == runs[1]


def test_function_that_is_never_called(board: Board, elf: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceFault, match="spin_twice was never called"):
        counting.count_invocations(board, elf, tmp_path, "spin_twice", args=["exit", "37"])
    with pytest.raises(InputError, match="no function 'absent'"):
        counting.count_invocations(board, elf, tmp_path, "absent", args=["count"])


def test_symbols_and_memory_use(board: Board, elf: Path) -> None:
    image = Elf(elf)
    main = image.function("main")
    assert image.symbolize(main.address) == "main"
    assert image.symbolize((main.address + 2) | 1) == "main+0x2"
    assert image.symbolize(0xDEADBEEE) == ""
    stack = board.region_for("stack")
    assert image.symbol("__stack_limit").address == stack.origin
    assert image.symbol("__stack_top").address == stack.origin + stack_size(board)
    use = image.memory_use(board)
    assert use[stack.name][".stack"] == stack_size(board)
    assert use[board.region_for("arena").name][".arena"] == sizes(board)["ARENA"]
    code = use[board.region_for("code").name]
    assert code[".data"] >= 4 and code[".text"] > 500 and ".bss" not in code


def test_memory_in_odd_sizes_is_fenced_exactly(board: Board, tmp_path: Path) -> None:
    if not has_fault_registers(board):
        return  # it has no fence: what its machine has is tested above
    stack = board.region_for("stack")
    odd = stack.size * 7 // 8 + 32 if stack.size < 1 << 18 else 224 * 1024 + 32
    small = Region(stack.name, "ram", stack.origin, odd, stack.roles)
    chip = dataclasses.replace(board, memory=(board.region_for("code"), small))
    elf = build(chip, tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    assert run(chip, elf, files, "load", f"{small.end - 4:x}").exit_code == 0
    assert "outside" in fault(chip, elf, files, "load", f"{small.end:x}")


PLACED = """
#include "semihosting.h"
int main(void);
extern const unsigned char net_weights[4];
__attribute__((section(".bss.mg_arena"))) static unsigned char arena[64];
int main(void) { arena[1] = net_weights[1]; return net_weights[0] + arena[1] + arena[63] == 7 ? 0 : 1; }
"""


@pytest.mark.parametrize("weights", ["itcm", "sram"])
def test_weights_and_arena_can_be_placed(tmp_path: Path, weights: str) -> None:
    board = load_board("mps3-an547")
    (tmp_path / "net_weights.c").write_text(
        "extern const unsigned char net_weights[4]; const unsigned char net_weights[4] = {3, 4, 5, 6};\n"
    )
    (tmp_path / "main.c").write_text(PLACED)
    script = linker_script(board, {"weights": weights, "arena": "sram"})
    emulator = resources.templates_dir() / "emulator"
    (tmp_path / "linker.ld").write_text(script)
    options = [*board.core.gcc_flags, *WARNINGS, "-O1", f"-I{emulator}"]
    sources = [tmp_path / "main.c", tmp_path / "net_weights.c", emulator / "startup.c", emulator / "semihosting.c"]
    objects = []
    for source in sources:
        objects.append(str(tmp_path / f"{source.stem}.o"))
        subprocess.run(["arm-none-eabi-gcc", *options, "-c", str(source), "-o", objects[-1]], check=True)
    elf = tmp_path / "firmware.elf"
    link = ["-nostartfiles", "-Wl,--fatal-warnings", "-T", str(tmp_path / "linker.ld"), *objects, "-o", str(elf)]
    subprocess.run(["arm-none-eabi-gcc", *board.core.gcc_flags, *link], check=True)
    use = Elf(elf).memory_use(board)
    assert use["sram"][".arena"] == 64 and ".weights" in use[weights]
    assert ".weights" in use["itcm"]  # where RAM's content is stored until startup copies it
    files = tmp_path / "files"
    files.mkdir()
    assert run(board, elf, files).exit_code == 0


def test_stack_size_is_set_at_link_time(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    elf = build(board, tmp_path, "-Wl,--defsym=__stack_size=2048")
    assert Elf(elf).memory_use(board)["ram"][".stack"] == 2048
    with pytest.raises(AssertionError, match="stack: __stack_size must be a multiple of 8"):
        build(board, tmp_path, "-Wl,--defsym=__stack_size=100")
    with pytest.raises(AssertionError, match="overflowed by"):
        build(board, tmp_path, "-Wl,--defsym=__stack_size=0x500000")


def test_lock_up_is_reported(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    source = tmp_path / "lockup.c"
    source.write_text(
        "void Reset_Handler(void);\n"
        '__attribute__((section(".vectors"), used)) static const unsigned vectors[4] = {0x20001000u, 0, 0, 0};\n'
        "void Reset_Handler(void) { for (;;) { } }\n"
    )
    elf = tmp_path / "lockup.elf"
    flags = [*board.core.gcc_flags, "-nostdlib", "-T", str(tmp_path / "linker.ld")]
    (tmp_path / "linker.ld").write_text(linker_script(board))
    subprocess.run(["arm-none-eabi-gcc", *flags, str(source), "-o", str(elf)], check=True)
    files = tmp_path / "files"
    files.mkdir()
    assert "locked up" in fault(board, elf, files)


def test_runs_only_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path(), tmp_path / "missing", Path("/")):
        with pytest.raises(UsageError, match="folder of its own"):
            run_elf(BOARDS[0], tmp_path / "x.elf", files=folder)


def test_missing_emulators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "files"
    files.mkdir()
    elf = build(BOARDS[0], tmp_path)
    unknown = dataclasses.replace(BOARDS[0], emulator=dataclasses.replace(BOARDS[0].emulator, machine="mps9"))
    with pytest.raises(ToolMissing, match="cannot play board"):
        run_elf(unknown, elf, files=files)
    with pytest.raises(UsageError, match="has no emulator"):
        run_elf(dataclasses.replace(BOARDS[0], emulator=None), elf, files=files)
    monkeypatch.setenv("PATH", str(files))
    with pytest.raises(ToolMissing, match="apt install qemu-system-arm"):
        run_elf(BOARDS[0], elf, files=files)


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF" + bytes(100)])
def test_files_that_are_no_firmware(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "firmware.elf").write_bytes(content)
    files = tmp_path / "files"
    files.mkdir()
    with pytest.raises(InputError, match="is no firmware"):
        run_elf(BOARDS[0], tmp_path / "firmware.elf", files=files)
    with pytest.raises(InputError, match="cannot be read"):
        run_elf(BOARDS[0], tmp_path / "missing.elf", files=files)
    with pytest.raises(InputError, match="is no"):
        Elf(tmp_path / "firmware.elf")


MAKEFILE = """
all: build/net.elf
build/%.o: %.c
\t@mkdir -p $(dir $@)
\tarm-none-eabi-gcc @FLAGS@ -std=c11 -O2 -ffunction-sections -fdata-sections $(EXTRA) -c $< -o $@
build/net.elf: build/net.o build/net_weights.o build/emulator/main.o
\tarm-none-eabi-gcc @FLAGS@ -nostartfiles -Wl,--gc-sections -T linker.ld $^ -o $@
"""
NET = """
#include <string.h>
extern const unsigned char net_weights[1000];
static unsigned calls;
__attribute__((noinline)) int net_invoke(void *p);
int net_invoke(void *p) { memcpy(p, net_weights, 1000); return (int)++calls; }
int net_init(void *p); int net_init(void *p) { calls = p != 0; return 0; }
void *net_input(void *p); void *net_input(void *p) { return p; }
void *net_output(void *p); void *net_output(void *p) { return p; }
int unused(int x); int unused(int x) { return x / 3 + 7; }
"""
MAIN = """
#include <string.h>
int net_invoke(void *p);
static char buffer[BYTES];
static const char text[] = "not the model's";
void Reset_Handler(void);
void *vectors __attribute__((section(".vectors"), used)) = Reset_Handler;
void Reset_Handler(void) { memset(buffer, text[3], sizeof buffer); net_invoke(buffer); for (;;) { } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    board = load_board("mps2-an386")
    (tmp_path / "emulator").mkdir()
    (tmp_path / "Makefile").write_text(MAKEFILE.replace("@FLAGS@", " ".join(board.core.gcc_flags)))
    (tmp_path / "net.c").write_text(NET)
    (tmp_path / "net_weights.c").write_text("extern const unsigned char net_weights[1000];"
                                            "const unsigned char net_weights[1000] = {1};\n")  # fmt: skip
    (tmp_path / "emulator/main.c").write_text(MAIN.replace("BYTES", "2000"))
    (tmp_path / "linker.ld").write_text(linker_script(board))
    return tmp_path


def test_build_and_measure_a_project(project: Path) -> None:
    board = load_board("mps2-an386")
    result = toolchain.build_project(project)
    assert result.elf == project / "build/net.elf"
    assert [path.name for path in toolchain.model_objects(result)] == ["net.o", "net_weights.o"]
    report = toolchain.measure_model(board, toolchain.model_objects(result), "net")
    elf = toolchain.link_model(board, toolchain.model_objects(result), ["net_invoke"], project / "alone.elf")
    names = {symbol.name for symbol in elf.functions}
    assert {"net_invoke", "memcpy"} <= names and not names & {"unused", "memset", "Reset_Handler", "net_init"}
    assert report.const == 1000 and report.static == 4
    code = sum(elf.function(name).size for name in ("net_invoke", "memcpy"))
    assert code < report.code < code + 64  # the three small functions, literals and padding


def test_build_errors_carry_the_compilers_words(project: Path) -> None:
    (project / "net.c").write_text("int x = nothing;\n")
    with pytest.raises(BuildError, match=r"net\.c:1:9: error: 'nothing' undeclared"):
        toolchain.build_project(project)
    (project / "net.c").write_text(NET)
    (project / "emulator/main.c").write_text(MAIN.replace("BYTES", "0x500000"))
    with pytest.raises(DoesNotFit, match=r"[0-9,]+ bytes too many for ram"):
        toolchain.build_project(project, variables={"EXTRA": "-DBYTES=2"}, jobs=1)
    (project / "Makefile").unlink()
    with pytest.raises(InputError, match="no Makefile"):
        toolchain.build_project(project)


def test_missing_toolchain(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(ToolMissing, match="make is not installed"):
        toolchain.build_project(project)
    with pytest.raises(ToolMissing, match="apt install gcc-arm-none-eabi"):
        toolchain.find_tool("arm-none-eabi-gcc")
    with pytest.raises(ToolMissing, match="C compiler for this computer"):
        counting._host_compiler()


@pytest.mark.parametrize(
    ("line", "api"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)", 1),
        ("QEMU emulator version 8.2.2", 1),
        ("QEMU emulator version 9.0.0", 2),
        ("QEMU emulator version 10.0.2 (Debian)", 2),
    ],
)
def test_plugin_api_follows_the_version(line: str, api: int) -> None:
    assert counting.plugin_api(line) == api


def test_both_plugin_generations_compile(tmp_path: Path) -> None:
    source = Path(counting.__file__).with_name("count_plugin.c")
    for api in (1, 2):
        flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-DMICROGEN_PLUGIN_API={api}"]
        command = [counting._host_compiler(), *flags, str(source), "-o", str(tmp_path / f"{api}.so")]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
