"""Writes tests/data/recurrent: Keras recurrent classifiers as TensorFlow's converter saves them, unrolled and as loops.

Needs TensorFlow 2.21 with Keras 3: ``python tools/make_recurrent_models.py``. TensorFlow's converter cannot quantize
loops, so that int8 models are unrolled ones; it can end the process when it is used twice, so that each model has one
of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

OUT = Path(__file__).resolve().parent.parent / "tests" / "data" / "recurrent"
STEPS, FEATURES, UNITS, CLASSES = 8, 5, 6, 3
#: Name, layer, whether it is unrolled, whether all steps are returned, whether it is quantized.
MODELS = (
    ("lstm_loop", "LSTM", False, False, False),
    ("lstm_unrolled", "LSTM", True, False, False),
    ("lstm_unrolled_int8", "LSTM", True, False, True),
    ("gru_loop", "GRU", False, False, False),
    ("gru_unrolled", "GRU", True, False, False),
    ("gru_unrolled_int8", "GRU", True, False, True),
    ("rnn_loop_sequence", "SimpleRNN", False, True, False),
)


def model(layer: str, unroll: bool, sequence: bool, quantize: bool) -> bytes:
    """One model as the bytes of a .tflite file."""
    keras = tf.keras
    keras.utils.set_random_seed(3)
    recurrent = getattr(keras.layers, layer)(UNITS, unroll=unroll, return_sequences=sequence)
    top = keras.layers.Dense(CLASSES, activation="softmax")
    network = keras.Sequential([keras.Input((STEPS, FEATURES), batch_size=1), recurrent, top])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if quantize:
        chance = np.random.default_rng(1)
        samples = [[chance.standard_normal((1, STEPS, FEATURES)).astype(np.float32)] for _ in range(20)]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter(samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def results(model: bytes) -> dict[str, np.ndarray]:
    """What TensorFlow Lite computes, where TensorFlow Lite Micro's interpreter does not end."""
    interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    given = np.random.default_rng(2).standard_normal((1, STEPS, FEATURES)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    return {"input": given, "output": interpreter.get_tensor(interpreter.get_output_details()[0]["index"])}


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name, *what in MODELS:
        if sys.argv[1:] == [name]:
            written = model(*what)
            (OUT / f"{name}.tflite").write_bytes(written)
            if "sequence" in name:
                np.savez(OUT / f"{name}.npz", **results(written))
        elif not sys.argv[1:]:
            subprocess.run([sys.executable, __file__, name], check=True)
