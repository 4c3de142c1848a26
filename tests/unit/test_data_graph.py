"""Steps as operators: the bytes that the host's steps and quantization give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.arrays import fit_array
from microgen.data import Affine, Color, Crop, Normalize, Pad, PadTo, Pipeline, Resize, Rotate, Scale
from microgen.data.graph import prepend_pixels, to_graph
from microgen.errors import InputError, UnsupportedError
from microgen.mindir import DType, Graph, QuantParams, TensorType
from microgen.passes import optimize
from microgen.runtime import Session

INT8 = QuantParams.per_tensor(0.0173, -14)
TARGETS = st.sampled_from(
    [(DType.INT8, INT8), (DType.UINT8, QuantParams.per_tensor(1 / 128, 128)), (DType.FLOAT32, None)]
)


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[tuple[int, int, int], tuple[Any, ...]]:
    """(height, width, channels) and steps that a device has."""
    height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    channels = draw(st.sampled_from([1, 3]))
    rows, columns, made = height, width, []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["resize", "crop", "pad", "edge", "pad_to", "color"]))
        more = [draw(st.integers(0, 4)) for _ in range(4)]
        if kind == "resize":
            rows, columns = draw(st.integers(1, 14)), draw(st.integers(1, 14))
            made.append(Resize(rows, columns, "nearest"))
        elif kind == "crop":
            rows, columns = draw(st.integers(1, rows)), draw(st.integers(1, columns))
            made.append(Crop(rows, columns))
        elif kind == "color":
            made.append(Color("gray" if channels == 1 else draw(st.sampled_from(["bgr", "rgb"]))))
        elif kind == "pad_to":
            rows, columns = rows + more[0], columns + more[1]
            made.append(PadTo(rows, columns, (float(more[2]),)))
        else:
            rows, columns = rows + more[0] + more[1], columns + more[2] + more[3]
            mode = {"pad": "constant", "edge": draw(st.sampled_from(["edge", "reflect"]))}[kind]
            made.append(Pad(*more, value=(200.0 if kind == "pad" else 0.0,), mode=mode))
    mean = tuple(draw(st.floats(-1, 1)) for _ in range(channels))
    tail = draw(st.sampled_from([(), (Scale(1 / 255, -0.5),), (Normalize(mean, (0.3,), 1 / 255), Scale(2.0))]))
    return (height, width, channels), (*made, *tail)


@settings(max_examples=80, deadline=None)
@given(pipelines(), TARGETS, st.integers(0, 9))
def test_bytes_are_the_hosts(made: Any, target: Any, seed: int) -> None:
    shape, steps = made
    pixels = np.random.default_rng(seed).integers(0, 256, (3, *shape)).astype(np.uint8)
    host = np.stack([Pipeline(steps)(p) for p in pixels]).astype(np.float32)[:, None]
    kind = TensorType(target[0], host.shape[1:], target[1])
    if host.shape[2] in (1, 3) and host.shape[4] not in (1, 3):
        return
    expected = fit_array(host, "x", kind, "test")
    graph = to_graph(Pipeline(steps), *shape[:2], kind)
    for g in (graph, optimize(graph)):
        np.testing.assert_array_equal(Session(g).run([pixels[:, None]])[0], expected)


def test_channels_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 1, 6, 8, 3)).astype(np.uint8)
    pipeline = Pipeline((Crop(5, 7), Scale(0.01)))
    (found,) = Session(to_graph(pipeline, 6, 8, TensorType(DType.FLOAT32, (1, 3, 5, 7)))).run([pixels])
    np.testing.assert_array_equal(found[0, 0], np.moveaxis(pipeline(pixels[0, 0]), 2, 0))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Resize(4, 4),), "is computed on the host only"),
        ((Color("gray"),), "is computed on the host only"),
        ((Rotate(90),), "Rotate"),
        ((Affine((1, 0, 0, 0, 1, 0)),), "Affine"),
        ((Pad(1, value=(1.0, 2.0, 3.0)),), "a device pads with one value"),
        ((Pad(1, value=(0.5,)),), "a device pads with one value"),
        ((Scale(2.0), Crop(4, 4)), "stand before scale and normalize"),
    ],
)
def test_what_a_device_does_not_do(steps: Any, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        to_graph(Pipeline(steps), 4, 4, TensorType(DType.FLOAT32, (1, 4, 4, 3)))


def test_shapes_that_do_not_fit() -> None:
    image = TensorType(DType.FLOAT32, (1, 4, 4, 3))
    for steps, height, target, message in (
        ((Crop(3, 3),), 4, image, r"the steps give \[3, 3, 3\], the model's input is \[1, 4, 4, 3\]"),
        ((), 0, image, "must be 1 to 8192 a side"),
        ((), 4, TensorType(DType.FLOAT32, (1, 5)), "is no image"),
        ((PadTo(3, 3),), 4, image, "are more than 3×3"),
        ((Crop(9, 9),), 4, image, "is not within an image"),
    ):
        with pytest.raises(InputError, match=message):
            to_graph(Pipeline(steps), height, 4, target)
    both = [TensorType(DType.FLOAT32, (1, 4, 4, 3))] * 2
    with pytest.raises(UnsupportedError, match="the model has 2"):
        prepend_pixels(Pipeline(()), _graph(both), 4, 4)


def _graph(types: list[TensorType]) -> Graph:
    from microgen.mindir import Value

    values = [Value(f"in{i}", t) for i, t in enumerate(types)]
    return Graph("net", values, values, [])
