"""Path cpu: ONNX Runtime on our export, against the reference path; float models: tests/model/test_paths_agree.py."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.delegates import onnx_runtime
from microgen.errors import ToolMissing, UnsupportedError, UsageError
from microgen.runtime import Session
from microgen.runtime.delegate import find_delegate
from tests.support.command import Run
from tests.support.models import test_batch


class Unwilling(onnx_runtime.OnnxRuntime):
    """A provider that does not start, for it has an option too many."""

    def _where(self, options: object) -> dict[str, object]:
        return {"providers": ["CPUExecutionProvider"], "provider_options": [{"a": "1"}, {"b": "2"}]}


MODELS = ("kws_dscnn_int8", "ad_autoencoder_int8", "hello_world_int8", "ic_resnet8_int8")


@pytest.mark.parametrize("name", MODELS)
def test_int8_models_are_close(name: str, testdata: Path) -> None:
    """Most outputs: steps add up over the layers, and a softmax can make any number of them."""
    model = Model(testdata / "models" / f"{name}.tflite").build(Context(("cpu",)))
    assert {part.delegate.name for part in model.parts} == {"cpu"}
    inputs = test_batch(model.graph, 5)
    (found,), (expected,) = model.predict(inputs), Session(model.graph).run(inputs)
    assert (np.abs(found.astype(int) - expected.astype(int)) <= 4).mean() > 0.8


@pytest.mark.parametrize("name", MODELS)
def test_each_operator_is_within_a_step(name: str, testdata: Path) -> None:
    """Of the reference, on the same inputs."""
    model = Model(testdata / "models" / f"{name}.tflite").build(Context(("cpu",)))
    seen: list[int] = []
    given: list[list[np.ndarray]] = []
    inputs = test_batch(model.graph, 2)

    def before(node, arrays):  # type: ignore[no-untyped-def]
        given.append([np.asarray(a) for a in arrays])

    def after(node, arrays):  # type: ignore[no-untyped-def]
        operands, position = [], 0
        for value in node.inputs:
            if value is None:
                operands.append(None)
                continue
            array = given[-1][position]
            operands.append(array[np.newaxis] if value.is_const else array)
            position += 1
        (expected,) = node.op.evaluate(node, operands)
        seen.append(int(np.abs(arrays[0].astype(int) - expected.astype(int)).max()))

    model.predict(inputs, before=before, after=after)
    assert len(seen) == len(model.graph.nodes) and max(seen) <= 1


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = importlib.import_module

    def without(name: str, package: str | None = None) -> object:
        if name == "onnxruntime":
            raise ImportError(name)
        return import_module(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ToolMissing, match=r"microgen\[cpu\]"):
        find_delegate("cpu")


def test_without_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    ort = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match="without an accelerator"):
        find_delegate("ort")


def test_what_an_accelerator_leaves_to_the_processor_is_said(
    testdata: Path, microgen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure's provider is in every build and takes no operator: its session has it, and runs on the processor."""
    ort = pytest.importorskip("onnxruntime")
    if "AzureExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this onnxruntime has no AzureExecutionProvider")
    monkeypatch.setattr(onnx_runtime, "ACCELERATORS", ("AzureExecutionProvider",))
    outcome = microgen("inspect", testdata / "models" / "hello_world_float.tflite", "--path", "ort")
    assert outcome.code == 0, outcome
    assert "part 0 on ort: AzureExecutionProvider: 0 of 5 ONNX nodes" in outcome.out, outcome.out
    assert "part 0 on ort: CPUExecutionProvider: 5 of 5 ONNX nodes: 3 Gemm" in outcome.out, outcome.out


def test_a_session_that_fails_does_not_go_on_elsewhere(testdata: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Left to itself ONNX Runtime prints that it falls back, and does."""
    pytest.importorskip("onnxruntime")
    model = Model(testdata / "models" / "hello_world_float.tflite").build(Context(("cpu",)))
    (part,) = model.parts
    executable = part.delegate.compile(part.graph, 1)
    with pytest.raises(UnsupportedError, match=r"ONNX Runtime: .*[Ii]nvalid"):
        executable.run([np.zeros((1, 2, 3), np.float32)])
    with pytest.raises(UnsupportedError, match="ONNX Runtime"):
        Unwilling().compile(part.graph, 1)
    assert capfd.readouterr() == ("", "")
