"""Messages that left the reader without the next step, or pointed to a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite

from microgen.arrays import read_inputs
from microgen.cli import main
from microgen.errors import InputError, MicrogenError, UnsupportedError
from microgen.frontends.tflite import load
from microgen.mindir import DType, QuantParams, TensorType
from tests.support.tflite_file import add_relu, write

IMAGE = TensorType(DType.INT8, (1, 4, 4, 3), QuantParams.per_tensor(0.5, 0))


def read(path: Path, array: np.ndarray) -> np.ndarray:
    np.save(path / "x.npy", array)
    (result,) = read_inputs(path / "x.npy", [("image", IMAGE)])
    return result


@pytest.mark.parametrize("shape", [(4, 4, 3), (1, 4, 4, 3), (1, 1, 4, 4, 3)])
def test_one_sample_with_or_without_the_batch(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert read(tmp_path, np.full(shape, 7, np.int8)).shape == (1, 1, 4, 4, 3)


def test_wrong_shape_is_told_without_the_batch_of_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shape is \[2, 5, 4, 3\], not \[samples, 4, 4, 3\]"):
        read(tmp_path, np.zeros((2, 5, 4, 3), np.int8))


def test_no_samples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no samples"):
        read(tmp_path, np.zeros((0, 4, 4, 3), np.int8))


def test_pixels_for_an_int8_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"values 0\.\.200 do not fit into int8") as error:
        read(tmp_path, np.linspace(0, 200, 48).astype(np.uint8).reshape(1, 4, 4, 3))
    assert "float" in error.value.hint


def half_quantized_model(operator: int) -> bytes:
    """``add_relu`` with a float image and ``operator`` in place of RELU."""
    model = add_relu()
    model["OperatorCodes"][1] = {"BuiltinCode": operator}
    model["Subgraphs"][0]["Tensors"][0] |= {"Type": tflite.TensorType.FLOAT32, "Quantization": {}}
    return write(model)


def test_an_unknown_operator_lists_the_known_ones() -> None:
    model = add_relu()
    model["OperatorCodes"][1] = {"BuiltinCode": tflite.BuiltinOperator.CONV_3D}
    with pytest.raises(UnsupportedError) as error:
        load(write(model))
    assert "CONV_2D" in error.value.hint and "Quantize the whole model" not in error.value.hint


def test_a_half_quantized_model_is_told_to_quantize() -> None:
    with pytest.raises(MicrogenError) as error:
        load(half_quantized_model(tflite.BuiltinOperator.RELU))
    assert error.value.hint.startswith("Quantize the whole model") and "CONV_2D" not in error.value.hint


def test_both() -> None:
    with pytest.raises(UnsupportedError) as error:
        load(half_quantized_model(tflite.BuiltinOperator.CONV_3D))
    assert "Quantize the whole model" in error.value.hint and "CONV_2D" in error.value.hint


def test_usage_errors_name_the_command_and_end_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", "model.tflite"])
    text = capsys.readouterr().err
    assert ".." not in text
    assert "microgen compile --help" in text
