"""MindSpore Lite's C interface: published values and layouts, misuse, hostile names; all compiled by the host's gcc."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from microgen.codegen import apis
from microgen.codegen.apis import mindspore
from microgen.codegen.literals import C_TYPES
from microgen.errors import UsageError
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, TensorType, Value
from tests.support.codegen import (
    SANITIZERS,
    WARNINGS,
    evaluate,
    model_sources,
    pattern,
    probe_graph,
    project,
    use_probe_kernels,
    write,
)
from tests.support.networks import OPS

PROGRAMS = Path(__file__).parents[1] / "data" / "mindspore_lite"

#: Values of include/c_api/{types,status,data_type,format}_c.h in the repository mindspore-ai/mindspore-lite, July 2025.
#: Files of earlier releases have the same, without the statuses -10 to -12.
PUBLISHED = {
    "kMSModelTypeMindIR": 0,
    "kMSModelTypeInvalid": 0xFFFFFFFF,
    "kMSDeviceTypeCPU": 0,
    "kMSDeviceTypeGPU": 1,
    "kMSDeviceTypeKirinNPU": 2,
    "kMSDeviceTypeInvalid": 100,
    "kMSCompCodeCore": 0,
    "kMSCompCodeMD": 0x10000000,
    "kMSCompCodeME": 0x20000000,
    "kMSCompCodeMC": 0x30000000,
    "kMSCompCodeLite": 0xF0000000,
    "kMSStatusSuccess": 0,
    "kMSStatusCoreFailed": 1,
    "kMSDataTypeUnknown": 0,
    "kMSDataTypeObjectTypeString": 12,
    "kMSDataTypeObjectTypeList": 13,
    "kMSDataTypeObjectTypeTuple": 14,
    "kMSDataTypeObjectTypeTensor": 17,
    "kMSDataTypeNumberTypeBegin": 29,
    "kMSDataTypeNumberTypeBool": 30,
    "kMSDataTypeNumberTypeInt8": 32,
    "kMSDataTypeNumberTypeInt16": 33,
    "kMSDataTypeNumberTypeInt32": 34,
    "kMSDataTypeNumberTypeInt64": 35,
    "kMSDataTypeNumberTypeUInt8": 37,
    "kMSDataTypeNumberTypeUInt16": 38,
    "kMSDataTypeNumberTypeUInt32": 39,
    "kMSDataTypeNumberTypeUInt64": 40,
    "kMSDataTypeNumberTypeFloat16": 42,
    "kMSDataTypeNumberTypeFloat32": 43,
    "kMSDataTypeNumberTypeFloat64": 44,
    "kMSDataTypeNumberTypeEnd": 46,
    "kMSDataTypeInvalid": 0x7FFFFFFF,
    "kMSFormatNCHW": 0,
    "kMSFormatNHWC": 1,
    "kMSFormatNHWC4": 2,
    "kMSFormatHWKC": 3,
    "kMSFormatHWCK": 4,
    "kMSFormatKCHW": 5,
    "kMSFormatCKHW": 6,
    "kMSFormatKHWC": 7,
    "kMSFormatCHWK": 8,
    "kMSFormatHW": 9,
    "kMSFormatHW4": 10,
    "kMSFormatNC": 11,
    "kMSFormatNC4": 12,
    "kMSFormatNC4HW4": 13,
    "kMSFormatNCDHW": 15,
    "kMSFormatNWC": 16,
    "kMSFormatNCW": 17,
    "MS_MAX_SHAPE_NUM": 32,
}
#: kMSStatusLite… is kMSCompCodeLite | (0x0FFFFFFF & number).
STATUSES = {
    "Error": -1,
    "Nullptr": -2,
    "ParamInvalid": -3,
    "NoChange": -4,
    "SuccessExit": -5,
    "MemoryFailed": -6,
    "NotSupport": -7,
    "ThreadPoolError": -8,
    "UninitializedObj": -9,
    "FileError": -10,
    "ServiceDeny": -11,
    "ModelRebuild": -12,
    "OutOfTensorRange": -100,
    "InputTensorError": -101,
    "ReentrantError": -102,
    "GraphFileError": -200,
    "NotFindOp": -300,
    "InvalidOpName": -301,
    "InvalidOpAttr": -302,
    "OpExecuteFailure": -303,
    "FormatError": -400,
    "InferError": -500,
    "InferInvalid": -501,
    "InputParamInvalid": -600,
}
#: sizeof and offsetof, as the published definitions give them on any machine.
LAYOUTS = {
    "sizeof(MSStatus)": "4",
    "sizeof(MSDataType)": "4",
    "sizeof(MSModelType)": "4",
    "sizeof(MSModelHandle)": "sizeof(void *)",
    "sizeof(MSTensorHandleArray)": "sizeof(size_t) + sizeof(void *)",
    "offsetof(MSTensorHandleArray, handle_num)": "0",
    "offsetof(MSTensorHandleArray, handle_list)": "sizeof(size_t)",
    "sizeof(MSShapeInfo)": "8 + 32 * 8",
    "offsetof(MSShapeInfo, shape_num)": "0",
    "offsetof(MSShapeInfo, shape)": "8",
    "sizeof(MSCallBackParamC)": "2 * sizeof(char *)",
    "offsetof(MSCallBackParamC, node_name)": "0",
    "offsetof(MSCallBackParamC, node_type)": "sizeof(char *)",
}


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A generated project of the network ``net``: input x, outputs out and sums."""
    use_probe_kernels(monkeypatch, tmp_path / "kernels")
    return write(project(probe_graph(), api="mindspore", projects=()), tmp_path / "net")


def includes(folder: Path) -> list[str]:
    return [f"-I{folder / part}" for part in ("mindspore", "mindspore/include", ".", "runtime")]


def built(folder: Path, program: Path, target: Path, *defines: str) -> Path:
    """The project in ``folder`` with ``program`` as its application, compiled for the host with sanitizers."""
    interface = sorted((folder / "mindspore" / "src").glob("*.c"))
    sources: list[str | Path] = [*model_sources(folder), *interface, program]
    compiled(["gcc", *WARNINGS, *SANITIZERS, *defines, *includes(folder), "-o", target / "program", *sources, "-lm"])
    return target / "program"


def compiled(command: Sequence[str | Path]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "compiler",
    [
        ["gcc", "-std=c11"],
        ["g++", "-std=c++11"],
        ["clang", "-std=c11"],
        pytest.param(["arm-none-eabi-gcc", "-std=c11", "-mcpu=cortex-m4"], marks=pytest.mark.cross),
        pytest.param(["arm-none-eabi-g++", "-std=c++11", "-mcpu=cortex-m4"], marks=pytest.mark.cross),
    ],
    ids=lambda command: command[0],
)
def test_published_values_layouts_and_prototypes(compiler: list[str], net: Path, tmp_path: Path) -> None:
    values = PUBLISHED | {f"kMSStatusLite{name}": 0xF0000000 | (0x0FFFFFFF & n) for name, n in STATUSES.items()}
    word = "static_assert" if "c++" in compiler[1] else "_Static_assert"
    lines = [
        '#include "prototypes.h"',
        '#include "include/c_api/types_c.h"',
        '#include "include/model_handle.h"',
        '#include "src/tensor.h"',
        *(f'{word}((long long){name} == {value}LL, "{name}");' for name, value in values.items()),
        *(f'{word}({what} == {size}, "{what}");' for what, size in LAYOUTS.items()),
        "MSModelHandle *first = &model0;",
    ]
    source = tmp_path / ("values.cc" if "c++" in compiler[1] else "values.c")
    source.write_text("\n".join(lines) + "\n")
    warnings = [flag for flag in WARNINGS if not flag.startswith("-std")]
    compiled([*compiler, *warnings, *includes(net), f"-I{PROGRAMS}", "-c", source, "-o", tmp_path / "values.o"])


def test_every_published_enumerator_is_there(net: Path) -> None:
    known = {*PUBLISHED, *(f"kMSStatusLite{name}" for name in STATUSES)} - {"MS_MAX_SHAPE_NUM"}
    headers = [path.read_text() for path in sorted((net / "mindspore" / "include" / "c_api").glob("*.h"))]
    assert {name for text in headers for name in re.findall(r"^    (kMS\w+) = ", text, re.MULTILINE)} == known


@pytest.mark.parametrize("in_place", [False, True], ids=["kept", "in-place"])
@pytest.mark.parametrize("clone_bytes", [0, 9])
def test_misuse_is_told(clone_bytes: int, in_place: bool, net: Path, tmp_path: Path) -> None:
    chosen = [f"-DMICROGEN_MS_CLONE_BYTES={clone_bytes}", f"-DIN_PLACE={int(in_place)}"]
    chosen += ["-DMICROGEN_MS_INPUTS_IN_PLACE"] if in_place else []
    program = built(net, PROGRAMS / "misuse.c", tmp_path, *chosen)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "0 failures\n"


def test_the_program_can_bring_its_memory_along(net: Path, tmp_path: Path) -> None:
    """-D<PROJECT>_MS_DEFAULT_WORKSPACE: MSModelBuild without MSModelSetWorkspace, as Micro has it off Cortex-M."""
    (tmp_path / "main.c").write_text(
        """
        #include "model_handle.h"
        int main(void)
        {
            MSTensorHandleArray outputs = MSModelGetOutputs(model0);
            if (MSModelBuild(model0, NULL, 0, kMSModelTypeMindIR, NULL) != kMSStatusSuccess) {
                return 1;
            }
            int8_t *x = MSTensorGetMutableData(MSModelGetInputByTensorName(model0, "x"));
            for (int i = 0; i < 9; i++) {
                x[i] = (int8_t)i;
            }
            return MSModelPredict(model0, MSModelGetInputs(model0), &outputs, NULL, NULL) != kMSStatusSuccess;
        }
        """
    )
    program = built(net, tmp_path / "main.c", tmp_path, "-DNET_MS_DEFAULT_WORKSPACE")
    assert subprocess.run([program], check=False).returncode == 0


def test_hostile_names_stay_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hostile = '"*/ #include </etc/passwd>\n\\??/'
    use_probe_kernels(monkeypatch, tmp_path / "kernels")
    graph = probe_graph(names=(hostile, "w", "a", "b"))
    folder = write(project(graph, api="mindspore", projects=()), tmp_path / "net")
    literal = "".join(f'\\x{byte:02x}""' for byte in hostile.encode())
    (tmp_path / "main.c").write_text(
        f"""
        #include "model_handle.h"
        int main(void)
        {{
            return MSModelGetInputByTensorName(model0, "{literal}") == NULL;
        }}
        """
    )
    assert subprocess.run([built(folder, tmp_path / "main.c", tmp_path)], check=False).returncode == 0


def test_files_group_and_folders(net: Path) -> None:
    found = {path.relative_to(net).as_posix() for path in (net / "mindspore").rglob("*") if path.is_file()}
    assert found == {
        *(f"mindspore/include/c_api/{name}_c.h" for name in ("context", "data_type", "format", "model", "status")),
        *(f"mindspore/include/c_api/{name}_c.h" for name in ("tensor", "types")),
        "mindspore/include/model_handle.h",
        *(
            f"mindspore/src/microgen_ms_{name}.c"
            for name in ("context", "hooks", "model", "networks", "predict", "tensor")
        ),
        "mindspore/src/microgen_ms.h",
        "mindspore/src/microgen_ms_limits.h",
        "mindspore/src/tensor.h",
    }
    text = "".join(path.read_text() for path in (net / "mindspore" / "src").glob("*.c"))
    assert not re.search(r"\b(malloc|calloc|realloc|free|printf)\b *\(", text)


def test_callbacks_see_every_layer(net: Path, tmp_path: Path) -> None:
    graph = probe_graph()
    program = built(net, PROGRAMS / "callbacks.c", tmp_path, "-DNET_HOOKS")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    values = evaluate(graph, [pattern(graph.inputs[0])])
    ids = {DType.INT8: 32, DType.INT16: 33}

    def text(kind: str, value: Value, known: bool) -> str:
        shape = ",".join(map(str, value.shape))
        data = f" {values[value].astype(value.type.dtype.numpy).tobytes().hex()}" if known else ""
        return f" {kind} {value.name} {ids[value.type.dtype]} [{shape}]{data}"

    lines: dict[str, list[str]] = {"before": [], "after": []}
    order = []
    for node in graph.nodes:
        for when in ("before", "after"):
            inputs = "".join(text("in", v, True) for v in node.inputs if v is not None and not v.is_const)
            outputs = "".join(text("out", v, when == "after") for v in node.outputs)
            lines[when].append(f"{when} {node.name} {node.op.name}{inputs}{outputs} 1")
            order.append(lines[when][-1])
    assert done.stdout.splitlines() == [*order, "once", *lines["after"]]


def test_hooks_belong_to_this_interface_and_cost_nothing(net: Path, tmp_path: Path) -> None:
    native = project(probe_graph(), projects=())
    assert b"HOOK" not in native["net.c"] + native["net.h"]
    (tmp_path / "native").mkdir()
    write(native, tmp_path / "native")
    texts = []
    for folder in (tmp_path / "native", net):
        flags = ["-std=c11", "-O2", "-fno-asynchronous-unwind-tables", f"-I{folder / 'runtime'}", f"-I{folder}"]
        compiled(["gcc", *flags, "-S", folder / "net.c", "-o", folder / "net.s"])
        texts.append((folder / "net.s").read_text())
    assert texts[0] == texts[1]


def sum_graph() -> Graph:
    b = GraphBuilder("net")
    vector = TensorType(DType.FLOAT32, (1, 4))
    return b.graph([b.add(OPS.Add(), b.input("a", vector), b.input("b", vector))])


def test_two_inputs_fit_into_the_workspace_that_is_asked_for(tmp_path: Path) -> None:
    folder = write(project(sum_graph(), api="mindspore", projects=()), tmp_path / "net")
    program = built(folder, PROGRAMS / "two_inputs.c", tmp_path)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # The refused one leaves the results as they are.
    assert done.stdout.splitlines() == ["0 11 22 33", "0 11 22 33", "0.5 1.5 2.5 3.5", "0.5 1.5 2.5 3.5"]


def test_ports_of_every_type_have_one_there() -> None:
    assert mindspore._DATA_TYPES.keys() == set(C_TYPES.values())


def test_names_that_are_taken() -> None:
    with pytest.raises(UsageError, match="model_handle"):
        project(sum_graph(), name="Model_Handle", api="mindspore", projects=())
    with pytest.raises(UsageError, match="unknown API 'tensorflow'"):
        apis.select("tensorflow")
    assert list(apis.apis()) == ["native", "mindspore"]
