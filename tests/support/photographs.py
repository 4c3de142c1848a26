"""Crops of the photographs that scikit-image and scikit-learn carry in their packages: real images with no download."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest


@functools.cache
def photographs() -> tuple[Any, ...]:
    """[height, width, 3] uint8 each; skips the test where a package is missing."""
    data = pytest.importorskip("skimage.data")
    datasets = pytest.importorskip("sklearn.datasets")
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return (*(np.asarray(getattr(data, name)()) for name in names), *datasets.load_sample_images().images)


def crops(count: int, size: int, seed: int) -> Any:
    """Squares of at least 96 pixels, scaled to ``size``: float32 [count, 1, size, size, 3] with values 0 to 255."""
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        photograph = photographs()[number % len(photographs())]
        height, width = photograph.shape[:2]
        side = int(random.integers(96, min(height, width) + 1))
        top, left = int(random.integers(0, height - side + 1)), int(random.integers(0, width - side + 1))
        square = image.fromarray(photograph[top : top + side, left : left + side])
        made.append(np.asarray(square.resize((size, size), image.Resampling.BILINEAR), np.float32))
    return np.stack(made)[:, None]
