"""CMSIS-NN source trees: what is recognized, what is refused, which files a project gets."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen import cli, resources
from microgen.codegen import api_headers, cmsis_nn, cmsis_nn_header, cmsis_nn_scratch, kernels
from microgen.codegen.cmsis_nn_calls import Linked, weight_sums
from microgen.codegen.cmsis_nn_scratch import Window
from microgen.errors import InputError
from microgen.exporters.tflite import save
from microgen.ops.base import Sample, op_of
from microgen.ops.call import Call, Isa, Target
from microgen.ops.conv2d import Conv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.max_pool2d import MaxPool2D

REVISIONS = {(4, 0): "11.2.0", (4, 1): "11.3.0", (5, 0): "12.4.0", (6, 0): "16.0.0", (7, 0): "18.0.0"}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_tree(root: Path, number: tuple[int, int] = (7, 0), *, lacking: str = "") -> Path:
    """A tree in CMSIS-NN's form: the functions that tell versions apart and a few that networks call."""
    version = next(v for v in cmsis_nn.VERSIONS if v.number == number)
    counts = {name: count for name, count in version.parameters.items() if count} | {
        "arm_convolve_wrapper_s8": 11,
        "arm_convolve_wrapper_s8_get_buffer_size": 4,
        "arm_max_pool_s8": 7,
        "arm_fully_connected_s8": 11,
        "arm_fully_connected_s8_get_buffer_size": 1,
    }
    lines = ["#include <stdint.h>", '#include "arm_nn_types.h"', f"/* $Revision:    V.{REVISIONS[number]} */"]
    for name, count in counts.items():
        parameters = ",\n        ".join(f"int p{i}" for i in range(count))
        lines.append(f"int32_t {name}({parameters});")
        if name == lacking:
            continue
        body = "{ return helper_table[p0] + arm_nn_helper(p0); }" if name == "arm_max_pool_s8" else "{ return p0; }"
        text = f'#include "arm_nnfunctions.h"\n/* {name}( in a comment */\nint32_t {name}({parameters})\n{body}\n'
        write(root / "Source" / "Group" / f"{name}.c", text)
    write(root / "Include" / "arm_nnfunctions.h", "\n".join(lines))
    write(
        root / "Include" / "arm_nn_types.h", '#include "Internal/compiler.h"\ntypedef struct { int x; } cmsis_nn_tile;'
    )
    write(root / "Include" / "arm_nn_math_types.h", "typedef enum { A } arm_cmsis_nn_status;")
    write(root / "Include" / "Internal" / "compiler.h", '#include "cmsis_compiler.h"')
    write(root / "Include" / "unused.h", "")
    write(root / "Source" / "Group" / "table.c", "const int32_t helper_table[2] = {1, 2};")
    write(root / "Source" / "Group" / "helper.c", "static int arm_local(int a)\n{ return a; }\n"
          "int32_t arm_nn_helper(int a)\n{ return arm_local(a); }")  # fmt: skip
    write(root / "Source" / "Group" / "other.c", "static int arm_local(int a)\n{ return a; }\n"
          "int32_t arm_other(int a)\n{ return arm_local(a); }")  # fmt: skip
    write(root / "LICENSE.txt", "the licence")
    return root


@pytest.mark.parametrize("number", REVISIONS)
def test_versions_are_recognized(number: tuple[int, int], tmp_path: Path) -> None:
    tree = cmsis_nn.load(make_tree(tmp_path, number))
    assert tree.version.number == number
    assert str(tree.version) == f"v{number[0]}.{number[1]}"
    assert tree.functions["arm_convolve_wrapper_s8"] == 11
    assert tree.has("arm_vector_sum_s8") is (number >= (5, 0))


def test_only_what_is_needed_is_taken(tmp_path: Path) -> None:
    tree = cmsis_nn.load(make_tree(tmp_path))
    assert set(tree.files(["arm_max_pool_s8"])) == {
        "cmsis_nn/Include/Internal/compiler.h",
        "cmsis_nn/Include/arm_nn_types.h",
        "cmsis_nn/Include/arm_nnfunctions.h",
        "cmsis_nn/LICENSE.txt",
        "cmsis_nn/Source/Group/arm_max_pool_s8.c",
        "cmsis_nn/Source/Group/helper.c",
        "cmsis_nn/Source/Group/table.c",
        "cmsis_nn/core/cmsis_compiler.h",
    }


def test_cmsis_core_beside_the_tree_comes_before_the_stand_in(tmp_path: Path) -> None:
    tree = cmsis_nn.load(make_tree(tmp_path / "CMSIS-NN"))
    core = tmp_path / "Core" / "Include"
    write(core / "cmsis_compiler.h", '#include "cmsis_gcc.h"\n#include "../outside.h"\n')
    write(core / "cmsis_gcc.h", "/* the real one */")
    write(tmp_path / "Core" / "outside.h", "")
    files = tree.files(["arm_convolve_s8"])
    assert files["cmsis_nn/core/cmsis_gcc.h"] == b"/* the real one */"
    assert b"cmsis_gcc.h" in files["cmsis_nn/core/cmsis_compiler.h"]
    assert not any("outside" in path for path in files)


def test_a_partial_tree_serves_what_it_defines(tmp_path: Path) -> None:
    tree = cmsis_nn.load(make_tree(tmp_path, lacking="arm_max_pool_s8"))
    node, call = lowered(next(iter(MaxPool2D.samples())))
    assert Linked(tree).bind(node, call, Isa.DSP) is call


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        cmsis_nn.load(folder)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value.what


def test_what_is_no_tree_is_refused(tmp_path: Path) -> None:
    assert "no folder" in refused(tmp_path / "missing")
    write(tmp_path / "file", "")
    assert "no folder" in refused(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "no Include/arm_nnfunctions.h" in refused(tmp_path / "empty")
    write(tmp_path / "headers" / "Include" / "arm_nnfunctions.h", "")
    assert "no Source/" in refused(tmp_path / "headers")
    (tmp_path / "headers" / "Source").mkdir()
    assert "no $Revision" in refused(tmp_path / "headers")


def test_other_versions_are_refused(tmp_path: Path) -> None:
    header = make_tree(tmp_path / "newer") / "Include" / "arm_nnfunctions.h"
    header.write_text(header.read_text().replace("V.18.0.0", "V.19.1.0"))
    assert "V.19.1.0 is not known" in refused(tmp_path / "newer")
    header = make_tree(tmp_path / "between", (5, 0)) / "Include" / "arm_nnfunctions.h"
    header.write_text(header.read_text().replace("V.12.4.0", "V.16.0.0"))
    assert "arm_vector_sum_s8 has 4 parameters" in refused(tmp_path / "between")


def test_the_command_line_refuses_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(save(convolution("3x3").graph))
    base = ["compile", str(model), "--board", "mps2-an386", "-o", str(tmp_path / "out"), "--cmsis-nn"]
    for arguments, word in (
        ([*base, str(tmp_path)], "no CMSIS-NN tree"),
        ([*base, str(make_tree(tmp_path / "tree")), "--kernels", "portable"], "--kernels portable"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
        assert word in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_project_names_the_library(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(save(convolution("3x3").graph))
    tree = make_tree(tmp_path / "tree")
    out = tmp_path / "out"
    cli_arguments = ["compile", str(model), "--board", "mps2-an386", "-o", str(out), "--cmsis-nn", str(tree)]
    cli.main([*cli_arguments, "--project", "make,iar"])
    assert json.loads((out / "manifest.json").read_text())["options"]["cmsis_nn"] == "v7.0"
    source = "cmsis_nn/Source/Group/arm_convolve_wrapper_s8.c"
    assert (out / source).is_file()
    assert source in (out / "Makefile").read_text()
    assert source.replace("/", "\\") in (out / "iar" / "m.ewp").read_text()
    code = (out / "m.c").read_text()
    assert "arm_convolve_wrapper_s8_get_buffer_size(" in code
    assert "M_ERROR_SCRATCH" in code
    assert not any("convolve" in path.name for path in (out / "runtime").iterdir())


def test_adapters_by_version(tmp_path: Path) -> None:
    wanted = {
        (4, 0): {"arm_convolve_s8", "arm_convolve_1_x_n_s8_get_buffer_size"},
        (5, 0): {"arm_convolve_s8", "arm_convolve_1_x_n_s8_get_buffer_size", "arm_vector_sum_s8"},
        (6, 0): {"arm_convolve_s8", "arm_vector_sum_s8"},
        (7, 0): set(),
    }
    for number, names in wanted.items():
        tree = cmsis_nn.load(make_tree(tmp_path / str(number[0]), number))
        adapters = cmsis_nn_header.adapters(tree)
        assert {adapter.function for adapter in adapters} == names
        for adapter in adapters:
            assert tree.functions[adapter.function] == len(adapter.kept)
            assert f"({adapter.function})(" in adapter.text


def test_types_that_a_version_lacks_are_added(tmp_path: Path) -> None:
    text = cmsis_nn_header.types_header(cmsis_nn.load(make_tree(tmp_path)), resources.runtime_c_dir())
    assert "} cmsis_nn_dims;" in text
    assert "} cmsis_nn_tile;" not in text


def convolution(id: str) -> Sample:
    return next(sample for sample in Conv2D.samples() if sample.id == id)


def lowered(sample: Sample) -> tuple[object, Call]:
    (node,) = sample.graph.nodes
    (call,) = op_of(node).lower(node, Target())
    return node, call


def window(**changes: object) -> Window:
    values: dict[str, object] = {
        "batch": 1, "size": (8, 8), "channels": 5, "filter_channels": 5, "kernel": (3, 3), "stride": (1, 1),
        "padding": (1, 1), "dilation": (1, 1), "output_width": 8, "output_channels": 7,
    }  # fmt: skip
    return Window(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "isa", "size"),
    [
        ((4, 1), Isa.DSP, 4 * 45),
        ((5, 0), Isa.DSP, 4 * 48),
        ((7, 0), Isa.PORTABLE, 4 * 48),
        ((5, 0), Isa.MVE, 4 * 48),
        ((7, 0), Isa.MVE, 4 * 48),
    ],
)
def test_scratch_of_a_convolution(version: tuple[int, int], isa: Isa, size: int) -> None:
    assert cmsis_nn_scratch.convolve_wrapper(window(), version, isa) == size


def test_scratch_of_a_pointwise_convolution_and_of_depthwise_ones() -> None:
    assert cmsis_nn_scratch.convolve_wrapper(window(kernel=(1, 1), padding=(0, 0)), (7, 0), Isa.MVE) == 0
    same = window(output_channels=5)
    assert cmsis_nn_scratch.depthwise_wrapper(same, (4, 0), Isa.DSP) == 5 * 9 * 2
    assert cmsis_nn_scratch.depthwise_wrapper(same, (7, 0), Isa.DSP) == 0
    assert cmsis_nn_scratch.depthwise_wrapper(same, (7, 0), Isa.MVE) == 4 * 124 * 9


def test_weight_sums_by_version() -> None:
    sample = next(s for s in FullyConnected.samples() if s.graph.nodes[0].optional_input(2) is not None)
    (node,) = sample.graph.nodes
    weights, bias = node.input(1).const.astype(np.int64), node.input(2).const.astype(np.int64).reshape(-1)
    assert weight_sums(node, 5, 0, (6, 0)).tolist() == weights.sum(axis=1).tolist()
    wanted = (weights + 3).sum(axis=1) * 5 + bias
    assert weight_sums(node, 5, 3, (7, 0)).tolist() == wanted.astype(np.uint32).view(np.int32).tolist()


def test_the_page_of_functions_is_up_to_date(repository: Path) -> None:
    text = (repository / "docs" / "cmsis-nn.md").read_text(encoding="utf-8")
    table = text.split("<!-- functions: begin -->\n")[1].split("<!-- functions: end -->")[0]
    assert table == api_headers.api_table(resources.runtime_c_dir()), "run tools/update_cmsis_nn_doc.py"


def test_sources_for_cmsis_nn_compile_against_the_kernels(host_gcc: str, tmp_path: Path) -> None:
    """CMSIS-NN's header names, in any order, give the prototypes of all functions and the link names with prefix."""
    for name, text in api_headers.api_headers(resources.runtime_c_dir()).items():
        write(tmp_path / name, text)
    names = [name for name in api_headers.INT8_API if name in kernels.functions(resources.runtime_c_dir())]
    uses = "\n".join(f"    (void (*)(void)){name}," for name in names)
    headers = '#include "arm_nnsupportfunctions.h"\n#include "arm_nn_types.h"\n#include "arm_nnfunctions.h"\n'
    write(tmp_path / "user.c", f"{headers}void (*const used[])(void) = {{\n{uses}\n}};\n")
    command = [host_gcc, "-std=c11", "-Wall", "-Werror", f"-I{tmp_path}", f"-I{resources.runtime_c_dir()}", "-c"]
    subprocess.run([*command, str(tmp_path / "user.c"), "-o", str(tmp_path / "user.o")], check=True)
    symbols = subprocess.run(["nm", str(tmp_path / "user.o")], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r" U (\w+)", symbols)) == {f"mg_{name}" for name in names}
