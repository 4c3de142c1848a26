"""Makes the 16x8 models of tests/data/int16: ``python tools/make_int16_models.py``, with TensorFlow 2.21 installed.

One is a network of images that has most of the operators which TensorFlow Lite has for int16 activations; the other is
like a piece of an audio codec, with convolutions of one dimension. Their weights are random.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "int16"
LAYERS = tf.keras.layers
SAMPLES = 64


def convert(model: tf.keras.Model) -> bytes:
    """``model`` with int8 weights and int16 activations, inputs and outputs too."""
    shape = tuple(model.inputs[0].shape[1:])
    samples = np.random.default_rng(0).normal(size=(SAMPLES, *shape)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    data: bytes = converter.convert()
    return data


def image() -> tf.keras.Model:
    """Convolutions of every kind, pooling, curves, a classifier."""
    source = LAYERS.Input((12, 16, 2), batch_size=1)
    x = LAYERS.Conv2D(8, 3, strides=2, padding="same", activation="relu")(source)
    y = LAYERS.DepthwiseConv2D(3, padding="same")(x)
    y = LAYERS.LeakyReLU(negative_slope=0.3)(y)
    x = LAYERS.Add()([x, y])
    z = LAYERS.Conv2DTranspose(6, 3, strides=2, padding="same")(x)
    z = LAYERS.MaxPool2D(2)(z)
    x = LAYERS.Activation("tanh")(LAYERS.Concatenate()([x, z]))
    x = LAYERS.Multiply()([x, LAYERS.Conv2D(14, 1, activation="sigmoid")(x)])
    x = LAYERS.ZeroPadding2D(1)(LAYERS.AveragePooling2D(2)(x))
    x = LAYERS.Conv2D(5, (3, 2), activation="relu6")(x)
    x = LAYERS.Dense(7)(LAYERS.GlobalAveragePooling2D()(x))
    return tf.keras.Model(source, LAYERS.Softmax()(x))


def audio() -> tf.keras.Model:
    """Strided, dilated and transposed convolutions along time, a piece of it cut out."""
    source = LAYERS.Input((40, 3), batch_size=1)
    x = LAYERS.Conv1D(6, 5, strides=2, padding="same")(source)
    x = LAYERS.LeakyReLU(negative_slope=0.1)(x)
    x = LAYERS.Conv1D(6, 3, dilation_rate=2, padding="causal")(x)
    x = LAYERS.Conv1DTranspose(4, 4, strides=2, padding="same")(x)
    x = LAYERS.Conv1D(5, 3, activation="relu")(x[:, 1:-2, :])
    return tf.keras.Model(source, LAYERS.Dense(4)(x))


def main() -> None:
    """Writes the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for make in (image, audio):
        tf.keras.utils.set_random_seed(7)
        path = FOLDER / f"{make.__name__}.tflite"
        path.write_bytes(convert(make()))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
