"""Networks that an NPU computes in part: layers that it does not have stand between layers that it has."""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest

from microgen.frontends import nchw
from microgen.mindir import Graph
from microgen.quantize import quantize_graph
from tests.support.networks import OPS, Net


def need_vela() -> None:
    """Skip the test without the package ethos-u-vela; in CI, where nothing may be missing, fail it."""
    if importlib.util.find_spec("ethosu") is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("the package ethos-u-vela is not installed (CI is set: nothing may be missing)", pytrace=False)
        pytest.skip('the package ethos-u-vela is not installed; pip install "microgen[npu]"')


def alternating() -> Graph:
    """Convolutions around a Logistic and a Tanh, which stay on the core; a skip connection around both; two outputs."""
    n = Net(7)
    x = n.input(1, 4, 12, 12)
    first = n.relu(n.conv(x, 8))
    gate = n.add(OPS.Logistic(), n.conv(first, 8))
    mixed = n.conv(n.add(OPS.Mul(), gate, first), 8)
    bent = n.add(OPS.Tanh(), mixed)
    joined = n.add(OPS.Add(), n.relu(n.conv(bent, 8)), first)
    scores = n.dense(n.flat(n.conv(joined, 4, stride=2)), 5)
    return quantized(n.graph(scores, bent))


def branches() -> Graph:
    """Two branches of one input, the one through a layer that stays on the core, that meet on the NPU."""
    n = Net(9)
    x = n.input(1, 4, 8, 8)
    left = n.relu(n.conv(x, 8))
    right = n.add(OPS.Logistic(), x)
    return quantized(n.graph(n.add(OPS.Add(), left, n.conv(right, 8))))


def quantized(graph: Graph, samples: int = 8) -> Graph:
    """``graph``, which has one input, in int8, calibrated with normal numbers."""
    generator = np.random.default_rng(3)
    (port,) = graph.inputs
    return quantize_graph(graph, generator.normal(size=(samples, *port.shape)).astype(np.float32)).graph


def tall_windows() -> Graph:
    """A maximum over more rows than Vela takes, between convolutions."""
    n = Net(11)
    x = n.relu(n.conv(n.input(1, 4, 300, 2), 8, kernel=1))
    pooled = nchw.max_pool(n.b, x, kernel=(290, 1), stride=(1, 1))
    return quantized(n.graph(n.conv(pooled, 4)))
