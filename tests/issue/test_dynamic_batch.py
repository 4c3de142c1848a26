"""A model exported with an unknown batch computes shapes at run time (Flatten, Reshape, Dense on more dimensions).

Every such model was refused for SHAPE, STRIDED_SLICE, PACK, GATHER and REDUCE_PROD.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tflite

from microgen.errors import InputError, UnsupportedError, VerifyError
from microgen.frontends.tflite import load
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.oracle import run
from tests.support.tflite_file import ints, operator, tensor, write


def integers(name: str, shape: tuple[int, ...], **fields: Any) -> dict[str, Any]:
    return {"Name": name, "Shape": ints(*shape), "Type": tflite.TensorType.INT32, "Buffer": 0} | fields


def file(names: list[str], buffers: list[np.ndarray], subgraph: dict[str, Any]) -> bytes:
    codes = [{"BuiltinCode": (c := getattr(tflite.BuiltinOperator, n)), "DeprecatedBuiltinCode": c} for n in names]
    data = [{}, *({"Data": b.view(np.uint8)} for b in buffers)]
    return write({"Version": 3, "OperatorCodes": codes, "Buffers": data, "Subgraphs": [subgraph]})


def options(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"BuiltinOptionsType": getattr(tflite.BuiltinOptions, name), "BuiltinOptions": (name, fields)}


def activation(name: str, shape: tuple[int, ...], signature: tuple[int, ...]) -> dict[str, Any]:
    return tensor(name, shape, ShapeSignature=ints(*signature))


def flatten(begin: int = 0, declared: tuple[int, int] = (1, 1), **slice_options: Any) -> bytes:
    """RELU, then [batch, -1] from the batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE, as Keras's Flatten is converted."""
    tensors = [
        activation("image", (1, 2, 3), (-1, 2, 3)),
        activation("relu", (1, 2, 3), (-1, 2, 3)),
        integers("shape", (3,)),
        integers("begin", (1,), Buffer=1),
        integers("end", (1,), Buffer=2),
        integers("batch", ()),
        integers("rest", (), Buffer=3),
        integers("target", (2,)),
        activation("flat", declared, (-1, -1)),
    ]
    operators = [
        operator(0, (0,), (1,)),
        operator(1, (1,), (2,)),
        operator(2, (2, 3, 4, 4), (5,), **options("StridedSliceOptions", {"ShrinkAxisMask": 1} | slice_options)),
        operator(3, (5, 6), (7,), **options("PackOptions", {"ValuesCount": 2})),
        operator(4, (1, 7), (8,)),
    ]
    names = ["RELU", "SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE"]
    graph = {"Tensors": tensors, "Inputs": ints(0), "Outputs": ints(8), "Operators": operators}
    return file(names, [ints(begin), ints(1), ints(-1)], graph)


def rows() -> bytes:
    """[1, 2, 3] to [2, 3] by GATHER, REDUCE_PROD and PACK, and back by CONCATENATION, as Dense on 3-D is converted."""
    tensors = [
        activation("image", (1, 2, 3), (-1, 2, 3)),
        integers("shape", (3,)),
        integers("first two", (2,), Buffer=1),
        integers("last", (1,), Buffer=2),
        integers("outer", (2,)),
        integers("inner", (1,)),
        integers("axis", (1,), Buffer=3),
        integers("rows", ()),
        integers("columns", ()),
        integers("target", (2,)),
        activation("matrix", (1, 1), (-1, -1)),
        activation("relu", (1, 1), (-1, -1)),
        integers("back", (3,)),
        activation("result", (1, 2, 3), (-1, 2, 3)),
    ]
    operators = [
        operator(0, (0,), (1,)),
        operator(1, (1, 2), (4,)),
        operator(1, (1, 3), (5,)),
        operator(2, (4, 6), (7,)),
        operator(2, (5, 6), (8,)),
        operator(3, (7, 8), (9,), **options("PackOptions", {"ValuesCount": 2})),
        operator(4, (0, 9), (10,)),
        operator(5, (10,), (11,)),
        operator(6, (4, 5), (12,), **options("ConcatenationOptions", {})),
        operator(4, (11, 12), (13,)),
    ]
    names = ["SHAPE", "GATHER", "REDUCE_PROD", "PACK", "RESHAPE", "RELU", "CONCATENATION"]
    graph = {"Tensors": tensors, "Inputs": ints(0), "Outputs": ints(13), "Operators": operators}
    return file(names, [ints(0, 1), ints(2), ints(0)], graph)


@pytest.mark.parametrize(("model", "shape"), [(flatten(), (1, 6)), (flatten(-3), (1, 6)), (rows(), (1, 2, 3))])
def test_shapes_are_computed_when_the_file_is_read(model: bytes, shape: tuple[int, ...]) -> None:
    graph = load(model)
    assert {n.op.name for n in graph.nodes} == {"Relu", "Reshape"}
    assert graph.outputs[0].shape == shape


def test_dense_rows() -> None:
    by_name = {v.name: v.shape for v in load(rows()).values()}
    assert by_name["matrix"] == by_name["relu"] == (2, 3)


@pytest.mark.oracle
def test_equal_to_the_oracle() -> None:
    x = np.arange(-4, 8, 2, dtype=np.int8).reshape(1, 1, 2, 3)
    graph = load(flatten())
    optimize(graph)
    (y,) = Session(graph).run([x])
    np.testing.assert_array_equal(y[0].reshape(-1), run(flatten(declared=(1, 6)), [x[0]]).outputs[0].reshape(-1))


def test_a_shape_as_output() -> None:
    """The shape itself may be asked for."""
    tensors = [activation("image", (1, 2, 3), (-1, 2, 3)), integers("shape", (3,))]
    graph = {"Tensors": tensors, "Inputs": ints(0), "Outputs": ints(1), "Operators": [operator(0, (0,), (1,))]}
    assert load(file(["SHAPE"], [], graph)).outputs[0].const.tolist() == [1, 2, 3]


@pytest.mark.parametrize("model", [flatten(3), flatten(-4)])
def test_nonsense_is_refused(model: bytes) -> None:
    with pytest.raises(UnsupportedError, match="STRIDED_SLICE"):
        load(model)


def test_another_shape_than_computed() -> None:
    """With a new axis in place of the batch, the target has three dimensions in place of two."""
    with pytest.raises(VerifyError, match="Reshape"):
        load(flatten(NewAxisMask=1))


def test_declared_shape_that_contradicts() -> None:
    """Without an unknown dimension the declared shape is a statement, and must be right."""
    model = flatten()
    static = model.replace(np.array([-1, -1], "<i4").tobytes(), np.array([1, 1], "<i4").tobytes())
    assert static != model
    with pytest.raises((InputError, UnsupportedError)):
        load(static)
