"""What the scanner says of the kernels, and that compilers agree with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from microgen.codegen import kernels
from microgen.codegen.kernels import Field, KernelSourceError, Parameter
from microgen.cores import CORES
from microgen.ops.call import Isa
from microgen.resources import runtime_c_dir

RUNTIME = runtime_c_dir()
CONDITION = re.compile(r"^[ \t]*#[ \t]*if", re.MULTILINE)
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wmissing-prototypes", "-pedantic", "-Werror", "-O2")
# What a kernel may take from a C library.
LIBC_HEADERS = {"math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
# What the headers of flavours take from compilers: the instructions of their instruction set.
INTRINSICS = {
    "mg_support.h": {"intrinsics.h"},
    "mg_dsp.h": {"arm_acle.h", "intrinsics.h"},
    "mg_mve.h": {"arm_mve.h"},
    "mg_dots_s16_mve.c": {"arm_mve.h"},
}
CAPTURE: Any = {"capture_output": True, "text": True, "check": True}
LIBC_SYMBOLS = {"memcpy", "memset", "roundf"}


def folder(tmp_path: Path, **files: str) -> Path:
    """A kernel folder; ``a_c="..."`` makes a.c."""
    for name, text in files.items():
        (tmp_path / re.sub(r"_([ch])$", r".\1", name)).write_text(text)
    return tmp_path


def test_a_cmsis_nn_function_is_read_with_its_types() -> None:
    function = kernels.functions(RUNTIME)["arm_fully_connected_s8_get_buffer_size"]
    assert function.returns == "int32_t"
    assert function.parameters == (Parameter("const cmsis_nn_dims *", "filter_dims"),)
    assert function.file == "arm_fully_connected_s8.c"
    convolve = kernels.functions(RUNTIME)["arm_convolve_s8"]
    assert len(convolve.parameters) == 12  # version 7's form, with upscale_dims
    assert convolve.parameters[9] == Parameter("const cmsis_nn_dims *", "upscale_dims")


def test_qualifiers_of_a_parameter_itself_are_dropped() -> None:
    row = kernels.functions(RUNTIME)["mg_conv_row_s8"]
    assert [p.ctype for p in row.parameters] == [
        "const mg_conv_row_s8_params *",
        "const int8_t *const *",
        "mg_range",
        "int8_t *",
    ]
    add = kernels.functions(RUNTIME)["arm_elementwise_add_s8"]
    assert add.parameters[2] == Parameter("int32_t", "input_1_offset")


def test_every_source_defines_a_function_and_every_function_has_a_known_prefix() -> None:
    functions = kernels.functions(RUNTIME)
    flavours = {p.name for p in RUNTIME.glob("*_dsp.c")} | {p.name for p in RUNTIME.glob("*_mve.c")}
    assert {f.file for f in functions.values()} == {p.name for p in RUNTIME.glob("*.c")} - flavours
    assert all(name.startswith(("arm_", "mg_")) for name in functions)
    assert list(functions) == sorted(functions)


def test_needed_files_are_the_transitive_closure() -> None:
    files = kernels.needed_files(RUNTIME, ["arm_convolve_wrapper_s8"])
    assert {"arm_convolve_s8.c", "mg_conv_row_s8.c", "mg_dot_s8.h", "mg_nn_types.h", "mg_scratch.h"} <= set(files)
    assert not {"arm_softmax_s8.c", "mg_fixed_point.h", "microgen_nn.h"} & set(files)
    with pytest.raises(KeyError):
        kernels.needed_files(RUNTIME, ["arm_convolve_s9"])


def test_the_header_declares_what_the_files_define_and_no_more() -> None:
    text = kernels.nn_header(RUNTIME, ["mg_mean_s8", "arm_softmax_s8"], banner="/* banner */")
    assert text.startswith("/* banner */\n#ifndef MICROGEN_NN_H\n")
    assert "#define arm_softmax_s8 mg_arm_softmax_s8\n" in text
    assert '#include "mg_mean_s8.h"' in text
    assert "mg_arm_convolve" not in text
    assert "restrict" not in text  # so that C++ can read it
    assert max(len(line) for line in text.splitlines()) <= 100


def test_structs_keep_the_order_of_the_fields() -> None:
    structs = kernels.structs(RUNTIME / "mg_nn_types.h")
    assert structs["cmsis_nn_conv_params"] == (
        Field("int32_t", "input_offset"),
        Field("int32_t", "output_offset"),
        Field("cmsis_nn_tile", "stride"),
        Field("cmsis_nn_tile", "padding"),
        Field("cmsis_nn_tile", "dilation"),
        Field("cmsis_nn_activation", "activation"),
    )
    everywhere = kernels.structs(RUNTIME)
    assert everywhere["cmsis_nn_dims"] == structs["cmsis_nn_dims"]
    assert everywhere["mg_add_s8_params"][1] == Field("int32_t", "dims", 6)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("int global;", "unknown form"),
        ("int f(int a[3])\n{\n}", "unknown form of parameter"),
        ("int f(int (*g)(int))\n{\n}", "unknown form"),
        ("int f(int)\n{\n}", "unknown form of parameter"),
        ("int f(int a)\n{\n", "not closed"),
        ("struct s\n{\n    int a;\n};", "unknown form"),
        ("typedef struct\n{\n    int a : 3;\n} s;", "unknown form of field"),
        ("typedef struct\n{\n    int a, b;\n} s;", "unknown form of field"),
        ('#include "absent.h"\n', "absent.h"),
        ("int f(int a)\n{\n    return a;\n}\nint f(int b)\n{\n    return b;\n}", "also defined"),
        ("int f(int a);\n", "unknown form"),
        ("int f", "after the last definition"),
    ],
)
def test_an_unknown_form_is_refused_by_file_and_text(tmp_path: Path, source: str, part: str) -> None:
    with pytest.raises(KernelSourceError, match=part) as error:
        kernels.functions(folder(tmp_path, bad_c=source))
    assert "bad.c" in str(error.value)


def test_comments_strings_macros_and_static_functions_do_not_count(tmp_path: Path) -> None:
    made = folder(
        tmp_path,
        a_c='/* int f(int a) { */\n#define BRACE {\nstatic const char *s = "}";\n'
        "static int local(void)\n{\n    return 0;\n}\n// b(\nvoid *a(void)\n{\n    return 0;\n}\n",
        b_c="int b(int x)\n{\n    return x;\n}\n",
        unused_h="#define CALLS_B b(1)\n",
        user_c='#include "unused.h"\nint user(int x)\n{\n    return x;\n}\n',
    )
    assert [(f.name, f.returns) for f in kernels.functions(made).values()] == [
        ("a", "void *"),
        ("b", "int"),
        ("user", "int"),
    ]
    assert kernels.needed_files(made, ["a"]) == ("a.c",)
    assert kernels.needed_files(made, ["user"]) == ("b.c", "unused.h", "user.c")  # through the macro


def test_kernels_include_nothing_beyond_the_allowed_headers() -> None:
    for path in RUNTIME.iterdir():
        text = path.read_text(encoding="utf-8")
        allowed = LIBC_HEADERS | INTRINSICS.get(path.name, set())
        assert set(re.findall(r"#include <([^>]+)>", text)) <= allowed, path.name
        if path.suffix == ".c":
            assert re.search(r"#include\s+(\S+)", text).group(1) == '"microgen_nn.h"', path.name  # type: ignore[union-attr]


def test_scratch_sizes_have_one_source(tmp_path: Path, host_compilers: list[str]) -> None:
    """The macros are constant expressions and *_get_buffer_size returns their values."""
    (tmp_path / "microgen_nn.h").write_text(kernels.nn_header(RUNTIME, kernels.functions(RUNTIME)))
    (tmp_path / "main.c").write_text(
        '#include "microgen_nn.h"\n#include "mg_scratch.h"\n'
        '_Static_assert(MG_CONVOLVE_1X1_S8_SCRATCH(8) == 0 && MG_CONVOLVE_S8_SCRATCH(3, 2, 8) == 216, "");\n'
        '_Static_assert(MG_AVGPOOL_S8_SCRATCH(64) == 256, "");\n'
        "int main(void)\n{\n    const cmsis_nn_dims in = {1, 5, 5, 8};\n"
        "    const cmsis_nn_dims filter = {8, 3, 2, 8};\n"
        "    return arm_convolve_s8_get_buffer_size(&in, &filter) == 216 &&\n"
        "           arm_depthwise_conv_s8_opt_get_buffer_size(&in, &filter) == 0 &&\n"
        "           arm_avgpool_s8_get_buffer_size(3, 64) == 256 ? 0 : 1;\n}\n"
    )
    names = ("arm_convolve_s8", "arm_depthwise_conv_s8_opt", "arm_avgpool_s8")
    sources = [str(RUNTIME / f) for f in kernels.needed_files(RUNTIME, names) if f.endswith(".c")]
    program = tmp_path / "program"
    command = [host_compilers[0], *FLAGS, f"-I{tmp_path}", f"-I{RUNTIME}", str(tmp_path / "main.c"), *sources]
    subprocess.run([*command, "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


@pytest.fixture(scope="module")
def host_compilers() -> list[str]:
    found = [name for name in ("gcc", "clang", "clang-16", "clang-19") if shutil.which(name)]
    if not found:
        pytest.skip("no host C compiler is installed")
    return found


@pytest.mark.parametrize(
    "name",
    [
        "arm_convolve_wrapper_s8",
        "arm_depthwise_conv_wrapper_s8",
        "arm_fully_connected_wrapper_s8",
        "arm_avgpool_s8",
        "arm_softmax_s8",
        "mg_add_s8",
        "mg_quantize_f32_s8",
    ],
)
def test_the_needed_files_alone_compile_and_leave_only_libc_open(
    tmp_path: Path, host_compilers: list[str], name: str
) -> None:
    for file in kernels.needed_files(RUNTIME, [name]):
        shutil.copy(RUNTIME / file, tmp_path / file)
    (tmp_path / "microgen_nn.h").write_text(kernels.nn_header(RUNTIME, [name]))
    sources = sorted(path.name for path in tmp_path.glob("*.c"))
    subprocess.run([host_compilers[0], *FLAGS, "-c", *sources], cwd=tmp_path, check=True)
    listing = subprocess.run(
        ["nm", *sorted(path.name for path in tmp_path.glob("*.o"))], cwd=tmp_path, check=True, capture_output=True
    ).stdout.decode()
    defined = set(re.findall(r" [TR] (\w+)", listing))
    undefined = set(re.findall(r" U (\w+)", listing))
    assert (f"mg_{name}" if name.startswith("arm_") else name) in defined
    assert not any(symbol.startswith("arm_") for symbol in defined | undefined)
    assert undefined - defined <= LIBC_SYMBOLS
    assert not re.search(r" [BbDdC] ", listing), "a kernel has a mutable global"


@pytest.mark.parametrize("isa", list(Isa))
def test_every_flavour_defines_every_function_once(arm_gcc: str, tmp_path: Path, isa: Isa) -> None:
    """For its core and for one that lacks the instruction set: which file serves is each file's own word.

    A file without a condition defines its functions wherever it is compiled.
    """
    functions = kernels.functions(RUNTIME)
    (tmp_path / "microgen_nn.h").write_text(kernels.nn_header(RUNTIME, functions, isa=isa))
    needed = [f for f in kernels.needed_files(RUNTIME, functions, isa) if f.endswith(".c")]
    sources = [file for file in needed if CONDITION.search((RUNTIME / file).read_text())]
    expected = {n if n.startswith("mg_") else f"mg_{n}" for n, f in functions.items() if f.file in sources}
    assert len(expected) > 6
    for core in ("cortex-m3", "cortex-m4f", "cortex-m55"):
        command = [arm_gcc, *CORES[core].gcc_flags, *FLAGS, "-nostdlib", "-r", f"-I{tmp_path}", f"-I{RUNTIME}"]
        whole = tmp_path / f"{core}.o"
        subprocess.run([*command, "-o", str(whole), *(str(RUNTIME / f) for f in sources)], check=True)
        table = subprocess.run([arm_gcc.replace("gcc", "nm"), "-g", "--defined-only", str(whole)], **CAPTURE)
        names = [line.split()[-1] for line in table.stdout.splitlines()]
        assert len(names) == len(set(names)) and expected <= set(names)


def test_flavours_must_agree(tmp_path: Path) -> None:
    made = folder(tmp_path, k_c="void k(int32_t a) { (void)a; }", k_dsp_c="void k(int32_t a) { (void)a; }")
    assert kernels.needed_files(made, ["k"]) == ("k.c",)
    assert kernels.needed_files(made, ["k"], Isa.DSP) == ("k.c", "k_dsp.c")
    assert kernels.needed_files(made, ["k"], Isa.MVE) == ("k.c",)


@pytest.mark.parametrize("text", ["void k(int8_t a) { (void)a; }", "void other(int32_t a) { (void)a; }"])
def test_a_flavour_with_another_signature_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(kernels.KernelSourceError, match="not declared"):
        kernels.functions(folder(tmp_path, k_c="void k(int32_t a) { (void)a; }", k_dsp_c=text))


def test_a_flavour_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(kernels.KernelSourceError, match=r"no k\.c"):
        kernels.functions(folder(tmp_path, k_mve_c="void k(int32_t a) { (void)a; }"))
