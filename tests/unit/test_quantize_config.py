"""Configurations of the quantizer: from Python and from YAML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgen.errors import InputError
from microgen.quantize import Granularity, Method, Ports, Preprocess, QuantConfig, Scheme, load_config
from microgen.quantize.settings import parse_config

FULL = """\
# everything at once
method: kl
weights: per_tensor
scheme: weights_only
io: float
equalize: true
bias_correction: true
percentile: 99.9
momentum: 0.5
samples: 100
weight_bits: 8
skip:
  layers: [conv_*, "dense"]
  operators: [Softmax]
preprocess:
  resize: [96, 64]
  crop: none
  channels: bgr
  scale: 0.5
  mean: [1, 2, 3]
  std: 2
  layout: nchw
  sample_rate: 16000
  window: 400
  hop: 160
"""


def test_every_key_of_a_file_is_read() -> None:
    assert parse_config(FULL, "q.yaml") == QuantConfig(
        method=Method.KL,
        weights=Granularity.PER_TENSOR,
        scheme=Scheme.WEIGHTS_ONLY,
        io=Ports.FLOAT,
        skip_layers=("conv_*", "dense"),
        skip_operators=("Softmax",),
        equalize=True,
        bias_correction=True,
        percentile=99.9,
        momentum=0.5,
        samples=100,
        preprocess=Preprocess((96, 64), "none", "bgr", 0.5, (1.0, 2.0, 3.0), (2.0,), "nchw", 16000, 400, 160),
    )


def test_an_empty_file_is_the_default() -> None:
    assert parse_config("# nothing\n", "q.yaml") == QuantConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: kl\nmetod: mse\n", "q.yaml, line 2: metod: is not a key of the configuration. Did you mean method?"),
        ("skip:\n  layer: []\n", "line 2: skip.layer: is not a key of the configuration. Did you mean layers?"),
        ("a: 1\n", "line 1: a: is not a key of the configuration. Keys are method, "),
        ("\nmethod: best\n", "line 2: method: must be one of min_max, moving_average, percentile, kl, mse, not 'best'"),
        ("method: [kl]\n", "line 1: method: must be one of"),
        ("equalize: 1\n", "line 1: equalize: must be true or false, not 1"),
        ("samples: true\n", "line 1: samples: must be an integer, not True"),
        ("samples: 0\n", "line 1: samples: must be positive, not 0"),
        ("percentile: .nan\n", "line 1: percentile: must be a finite number"),
        ("percentile: 40\n", "line 1: percentile: must be above 50"),
        ("momentum: 1\n", "momentum: must be at least 0 and below 1"),
        ("skip: [Softmax]\n", "line 1: skip: must hold keys (layers, operators)"),
        ("skip:\n  operators: Softmax\n", "line 2: skip.operators: must be a list of names"),
        ("preprocess:\n  resize: 96\n", "line 2: preprocess.resize: must be [height, width]"),
        ("preprocess:\n  resize: [0, 5]\n", "preprocess.resize: must be [height, width], each 1 to 8192"),
        ("preprocess:\n  channels: cmyk\n", "preprocess.channels: must be one of rgb, bgr, gray, not 'cmyk'"),
        ("preprocess:\n  std: [1, 0]\n", "std must not be 0"),
        ("- method\n", "must hold keys and values"),
        ("method: [kl\n", "is not YAML"),
        ("method: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("samples: 2001-99-99\n", "is not a configuration"),
        ("[" * 30000, "is not"),
    ],
)
def test_what_is_not_understood_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(text, "q.yaml")
    assert message in str(caught.value) and str(caught.value).startswith("q.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00method")
    (tmp_path / "large.yaml").write_bytes(b"#" * 70_000)
    for name, message in (
        ("missing", "cannot be read"),
        ("binary.yaml", "UTF-8"),
        ("large.yaml", "64 KB"),
        (".", "64"),
    ):
        with pytest.raises(InputError, match=message):
            load_config(tmp_path / name)
    (tmp_path / "good.yaml").write_text("method: mse\n")
    assert load_config(tmp_path / "good.yaml").method is Method.MSE
