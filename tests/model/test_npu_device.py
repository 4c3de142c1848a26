"""Networks with parts for an Ethos-U: the generated code on the emulated core, the NPU simulated beside it.

The host computes every layer with the reference kernels, so that the NPU's results are compared with those.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_graph, compile_model, compile_models
from microgen.device import input_blob, run_firmware
from microgen.errors import BuildError, DeviceFault
from microgen.npu import NpuTarget
from microgen.npu.cosimulation import simulated_npu
from microgen.npu.operator import EthosU
from microgen.plan.model import COPY
from microgen.project import write_project
from microgen.target.emulator import run_elf
from microgen.target.toolchain import build_project
from microgen.verification import sample_inputs, verify_board
from tests.support.command import Run
from tests.support.npu_networks import alternating, need_vela

BOARD = "mps3-an547"
U55, U65 = "ethos-u55-128", "ethos-u65-256"
SRAM_ONLY = ("config=Arm/vela.ini", "memory-mode=Sram_Only", "system-config=Ethos_U65_Embedded")

#: RAM on the NPU: Vela's own, as the planner puts inputs and outputs into it.
ARENAS = {
    "ad_autoencoder_int8": 768,
    "hello_world_int8": 32,
    "ic_resnet8_int8": 51_840,
    "kws_dscnn_int8": 22_192,
    "micro_speech_int8": 5_968,
    "vww_mobilenet_int8": 74_480,
}


@pytest.fixture(autouse=True)
def _vela() -> None:
    need_vela()


def options(accelerator: str = U55, /, *settings: str, **others: object) -> Options:
    return Options(npu=NpuTarget(accelerator, settings), **others)  # type: ignore[arg-type]


def alternating_network(board: str = BOARD, chosen: Options | None = None) -> Compiled:
    return compile_graph(
        alternating(), load_board(board), chosen or options(name="net"), model_file="net.tflite", sha256="0" * 64
    )


@pytest.mark.cross
@pytest.mark.parametrize("name", ARENAS)
def test_published_models(name: str, testdata: Path) -> None:
    compiled = compile_model(testdata / "models" / f"{name}.tflite", load_board(BOARD), options())
    assert compiled.plan.arena_bytes == ARENAS[name]
    assert not any(call.function == COPY for step in compiled.plan.steps for call in step.calls)
    verdict = verify_board(compiled, samples=0 if "vww" in name or "ic_" in name else 2)
    assert verdict.bit_exact, verdict


@pytest.mark.cross
@pytest.mark.parametrize(
    ("name", "settings", "fast"), [(U65, (), True), (U65, SRAM_ONLY, False), (U55, ("optimise=Size",), False)]
)
def test_memory_modes(name: str, settings: tuple[str, ...], fast: bool, testdata: Path) -> None:
    """Vela's default for the U65 is a fast memory of the NPU's own, which the arena has then as well."""
    model = testdata / "models" / "kws_dscnn_int8.tflite"
    compiled = compile_model(model, load_board(BOARD), options(name, *settings))
    (part,) = [node.op for node in compiled.graph.nodes if isinstance(node.op, EthosU)]
    assert bool(part.compiled.fast_scratch_size) == fast
    verdict = verify_board(compiled, samples=1)
    assert verdict.bit_exact, verdict


@pytest.mark.cross
def test_core_and_npu_take_turns() -> None:
    """Several runs of the NPU with layers of the core between them; inputs that are needed later are copied."""
    compiled = alternating_network()
    kinds = ["npu" if isinstance(node.op, EthosU) else node.op.name for node in compiled.graph.nodes]
    assert kinds == ["Transpose", "npu", "Logistic", "npu", "Tanh", "Transpose", "npu"]
    assert any(call.function == COPY for step in compiled.plan.steps for call in step.calls)
    verdict = verify_board(compiled, samples=3)
    assert verdict.bit_exact and verdict.layers == 7, verdict


@pytest.mark.cross
def test_several_networks_share_an_arena(testdata: Path) -> None:
    models = [testdata / "models" / f"{name}.tflite" for name in ("kws_dscnn_int8", "ad_autoencoder_int8")]
    for compiled in compile_models(models, load_board(BOARD), options(share_arena=True)):
        verdict = verify_board(compiled, samples=0)
        assert verdict.bit_exact, verdict


@pytest.mark.cross
def test_a_failing_driver_ends_the_network(tmp_path: Path) -> None:
    compiled = alternating_network()
    write_project(compiled.files, tmp_path / "project")
    elf = build_project(tmp_path / "project").elf
    inputs = [a[:1] for a in sample_inputs([v.type for v in compiled.graph.inputs], 0)]
    files = tmp_path / "files"
    files.mkdir()
    (files / "input.bin").write_bytes(input_blob(inputs, repeat=1, poison=False))
    alone = run_elf(compiled.board, elf, files=files)
    assert alone.exit_code == 3
    assert "no simulated NPU" in alone.console and "invoke: the NPU's driver has failed" in alone.console
    with simulated_npu(files):
        assert run_elf(compiled.board, elf, files=files).exit_code == 0
    assert not (files / "npu_request").exists()


@pytest.mark.cross
def test_a_damaged_stream_is_named(tmp_path: Path) -> None:
    compiled = alternating_network()
    files = dict(compiled.files)
    text = files["net_weights.c"].decode()
    assert text.count("67, 79, 80, 49") == 3  # COP1
    files["net_weights.c"] = text.replace("67, 79, 80, 49", "67, 79, 80, 50").encode()
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    inputs = [a[:1] for a in sample_inputs([v.type for v in compiled.graph.inputs], 0)]
    with pytest.raises(DeviceFault, match=r"simulated NPU stopped.*does not start with COP1"):
        run_firmware(compiled.board, build_project(tmp_path).elf, inputs, [v.type for v in compiled.graph.outputs])


@pytest.mark.cross
def test_what_verify_would_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that computes something else is found: the host does not look at it."""
    original = EthosU.lower

    def other(self: EthosU, *arguments: object) -> object:
        weights = np.frombuffer(self.compiled.weights, np.uint8).copy()
        weights[:10] ^= 0x10  # the first channel's bias and scale
        changed = dataclasses.replace(self.compiled, weights=weights.tobytes())
        return original(dataclasses.replace(self, compiled=changed), *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(EthosU, "lower", other)
    verdict = verify_board(alternating_network(), samples=1)
    assert verdict.difference is not None and verdict.difference.op == "EthosU"


@pytest.mark.cross
def test_firmware_for_a_board_needs_the_driver(tmp_path: Path) -> None:
    board = "alif-ensemble-e7"
    for kind in ("make", "cmake"):
        chosen = options("ethos-u55-256", name="net", projects=(kind,))
        write_project(alternating_network(board, chosen).files, tmp_path / kind)
        with pytest.raises(BuildError, match="ETHOSU_DRIVER"):
            build_project(tmp_path / kind)
    # What the emulator has in place of the driver has its functions.
    write_project(alternating_network().files, tmp_path / "emulated")
    objects = build_project(tmp_path / "emulated").objects
    driver = [str(path.resolve()) for path in objects if path.stem in ("ethosu_driver", "semihosting")]
    assert build_project(tmp_path / "make", variables={"ETHOSU_DRIVER": " ".join(driver)}).elf.is_file()


@pytest.mark.cross
def test_commands(microgen: Run, testdata: Path, tmp_path: Path) -> None:
    model, npu = testdata / "models" / "micro_speech_int8.tflite", ("--board", BOARD, "--npu", U55)
    project = tmp_path / "project"
    outcome = microgen("compile", model, *npu, "--json", "-", "-o", project)
    assert outcome.code == 0
    (part,) = json.loads(outcome.out)["networks"][0]["npu"]["parts"]
    assert part["layers"] == ["Relu", "add_1", "labels_softmax"]
    manifest = json.loads((project / "manifest.json").read_text())
    assert manifest["options"]["npu"] == U55
    assert "MICRO_SPEECH_INT8_ERROR_NPU" in (project / "README.md").read_text()
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 1960), np.int8))
    assert microgen("run", project, "--input", tmp_path / "x.npy").code == 0
    outcome = microgen("bench", model, *npu, "--json", "-")
    (result,) = json.loads(outcome.out)["results"]
    assert result["bit_exact"] and [layer["npu_cycles"] for layer in result["layers"]] == [None, part["cycles"]]
    outcome = microgen("inspect", model, "--npu", U55, "--json", "-")
    found = json.loads(outcome.out)["npu"]
    assert found["parts"] == [part] and found["refusals"][0]["name"] == "Reshape_2"
    outcome = microgen("compare", model, "--npu", U55, "--paths", f"qemu:{BOARD},c,npu", "--samples", 1)
    assert outcome.code == 0, outcome.err
    page = tmp_path / "page.html"
    assert microgen("report", model, *npu, "--samples", 1, "-o", page, "--json", tmp_path / "page.json").code == 0
    assert "NPU cycles (Vela's estimate)" in page.read_text()
    outcome = microgen("compile", model, "--board", BOARD, "--npu", "ethos-u99", "-o", tmp_path / "no")
    assert outcome.code == 2 and "ethos-u65-512" in outcome.err
    outcome = microgen("verify", model, "--board", BOARD, "--npu-option", "optimise=Size")
    assert outcome.code == 2 and "needs --npu" in outcome.err
