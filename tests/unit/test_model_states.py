"""Models that keep tensors between samples, on every exact path and through every way of calling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.exporters import tflite
from microgen.mindir import Array
from microgen.runtime import Session
from tests.support.command import Run
from tests.unit.test_states import accumulator, stream, window


def samples() -> tuple[Array, Array]:
    """A stream, and what the network makes of it."""
    (x,) = stream(accumulator(), 12)
    quiet = np.clip(x, -9, 9)
    return quiet, Session(accumulator()).run([quiet])[0]


@pytest.mark.parametrize("device", ["reference", "c", "gpu"])
def test_the_stream_goes_on_with_the_next_call(device: str) -> None:
    x, expected = samples()
    with Model(accumulator()).build(Context((device,))) as model:
        parts = [model.predict([x[:5]])[0], model.predict([x[5:6]])[0], model.predict([x[6:]])[0]]
        assert np.array_equal(np.concatenate(parts), expected)
        model.reset()
        assert np.array_equal(model.predict([x])[0], expected)
        assert model.predict([x[:0]])[0].shape == (0, 4)


def test_hooks_see_every_sample() -> None:
    x, expected = samples()
    seen: list[Array] = []
    model = Model(accumulator()).build()
    model.predict([x], after=lambda node, outputs: seen.append(np.array(outputs[0])))
    assert np.array_equal(np.concatenate(seen), expected)


def test_futures_and_pipelines_keep_the_order() -> None:
    x, expected = samples()
    with Model(accumulator()).build(Context(threads=4)) as model:
        futures = [model.predict_async([x[i : i + 1]]) for i in range(len(x))]
        assert np.array_equal(np.concatenate([f.result()[0] for f in futures]), expected)
        model.reset()
        with model.pipeline(4) as pipeline:
            futures = [pipeline.submit([x[i : i + 1]]) for i in range(len(x))]
            assert np.array_equal(np.concatenate([f.result()[0] for f in futures]), expected)


def test_a_failed_sample_leaves_nothing() -> None:
    x, expected = samples()
    model = Model(accumulator()).build()
    model.predict([x[:3]])

    def fail(node: object, outputs: object) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        model.predict([x[3:5]], after=fail)
    assert np.array_equal(model.predict([x[3:]])[0], expected[3:])


@pytest.mark.cross
def test_paths_are_compared_over_a_stream(microgen: Run, tmp_path: Path, arm_gcc: str, qemu_arm: str) -> None:
    model, inputs = tmp_path / "window.tflite", tmp_path / "x.npy"
    model.write_bytes(tflite.save(window()))
    (x,) = stream(window(), 6)
    np.save(inputs, x)
    done = microgen("compare", model, "--paths", "c,gpu,qemu:mps2-an386", "--input", inputs)
    assert done.code == 0, done.out + done.err
