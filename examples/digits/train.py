"""Trains the sample network on scikit-learn's 8x8 digits and quantizes it to int8.

Needs ``pip install tensorflow-cpu==2.21.0 scikit-learn``; microgen itself needs neither. Writes two files
beside this script: ``digits_int8.tflite`` (the model, int8 in and out) and ``digits_test.npz`` (the held-back
samples: ``x`` int8 [N, 8, 8, 1], quantized as the model's input demands; ``y`` uint8 [N], the digits they show).

The held-back quarter is chosen first and is used for nothing but the last line that this script prints:
training and calibration see the other three quarters only.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN's kernels add in an order that varies with the machine
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 7
EPOCHS = 60
BATCH = 32


def network(batch: int | None = None) -> tf.keras.Model:
    """[batch, 8, 8, 1] in 0..1 to [batch, 10]: convolution, depthwise convolution, pooling, dense, softmax."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((8, 8, 1), batch_size=batch, name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="edges"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu", name="strokes"),
            layers.Conv2D(32, 1, activation="relu", name="mix"),
            layers.MaxPooling2D(2, name="halve"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="shapes"),
            layers.AveragePooling2D(2, name="smooth"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.3, name="dropout"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def shifted_and_scaled(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to one pixel, with its contrast changed and a little noise added."""
    out = np.empty_like(images)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for i in range(len(images)):
        # half of the images stay where they are: the data set's digits are centred
        row, column = rng.integers(0, 3, 2) if rng.random() < 0.5 else (1, 1)
        out[i] = padded[i, row : row + 8, column : column + 8]
    contrast = rng.uniform(0.85, 1.15, (len(images), 1, 1, 1))
    noise = rng.normal(0, 0.03, images.shape)
    return np.clip(out * contrast + noise, 0, 1).astype(np.float32)


def train(x: np.ndarray, y: np.ndarray) -> tf.keras.Model:
    """Fits the network to x [N, 8, 8, 1] in 0..1 with digits y [N]."""
    rng = np.random.default_rng(SEED)
    model = network()
    steps = EPOCHS * -(-len(x) // BATCH)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss=tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
    )
    targets = tf.keras.utils.to_categorical(y, 10)
    for _ in range(EPOCHS):
        history = model.fit(shifted_and_scaled(x, rng), targets, batch_size=BATCH, verbose=0)
    print(f"accuracy on the last epoch's augmented training samples: {history.history['accuracy'][-1]:.4f}")
    return model


def quantize(model: tf.keras.Model, calibration: np.ndarray) -> bytes:
    """Full-integer quantization after training, int8 in and out; calibration is training data."""
    deployed = network(batch=1)  # with a free batch, Flatten would work its shape out at run time
    deployed.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(deployed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def main() -> None:
    """Trains, quantizes, writes the two files, and prints the accuracy on the held-back samples."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()

    data = load_digits()  # 1,797 images whose pixels are counts of 0..16
    images = (data.images[..., None] / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(
        images, data.target, test_size=0.25, stratify=data.target, random_state=SEED
    )
    model = train(x_train, y_train)
    blob = quantize(model, x_train)
    (HERE / "digits_int8.tflite").write_bytes(blob)

    interpreter = tf.lite.Interpreter(
        model_content=blob, experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = source["quantization"]
    x = np.clip(np.round(x_test / scale) + zero_point, -128, 127).astype(np.int8)
    np.savez_compressed(HERE / "digits_test.npz", x=x, y=y_test.astype(np.uint8))

    hits = 0
    for sample, digit in zip(x, y_test, strict=True):
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        hits += int(interpreter.get_tensor(sink["index"])[0].argmax() == digit)
    print(f"model: {len(blob)} bytes, {model.count_params()} parameters")
    print(f"int8 accuracy on the {len(x)} held-back samples: {hits}/{len(x)} = {hits / len(x):.4f}")


if __name__ == "__main__":
    main()
