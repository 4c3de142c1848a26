"""Accuracy, confusion, ROC: against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import metrics

SEEDS = st.integers(0, 1000)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 7), st.integers(1, 60))
def test_figures_of_classes_are_scikit_learns(seed: int, classes: int, count: int) -> None:
    measure = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    labels, predicted = random.integers(0, classes, (2, count))
    matrix = metrics.confusion(labels, predicted, classes)
    np.testing.assert_array_equal(matrix, measure.confusion_matrix(labels, predicted, labels=range(classes)))
    figures = metrics.per_class(matrix)
    precision, recall, _, support = measure.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    np.testing.assert_allclose([f.precision for f in figures], precision)
    np.testing.assert_allclose([f.recall for f in figures], recall)
    assert [f.support for f in figures] == support.tolist()
    assert sum(f.predicted for f in figures) == count


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(1, 40), st.integers(2, 30))
def test_the_area_is_scikit_learns(seed: int, normal: int, odd: int, values: int) -> None:
    measure = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat([0, 1], [normal, odd]))
    scores = random.integers(0, values, len(labels)).astype(np.float64)  # with ties
    assert metrics.area_under_curve(labels, scores) == pytest.approx(measure.roc_auc_score(labels, scores))


def test_of_equal_scores_the_first_is_taken() -> None:
    scores = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    assert metrics.ranked(scores, 3).tolist() == [[1, 2, 3], [0, 1, 2]]
    assert metrics.predictions(scores).tolist() == [1, 0]
    assert metrics.predictions(np.array([[0.5], [0.75]])).tolist() == [0, 1]


def test_errors_are_of_samples() -> None:
    found, wanted = np.array([[1.0, 2.0], [3.0, 3.0]]), np.array([[0.0, 0.0], [3.0, 5.0]])
    assert metrics.mean_squared(found, wanted).tolist() == [2.5, 2.0]
    assert metrics.mean_absolute(found, wanted).tolist() == [1.5, 1.0]
